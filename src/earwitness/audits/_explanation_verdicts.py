"""What the numbers of the explanation audit mean, in sentences."""

from typing import Literal

import numpy as np
import pandas as pd

from earwitness.audits._words import interval, number
from earwitness.results import AuditResult, Verdict
from earwitness.stats import Estimate

FAITHFUL = 0.5  # a ranking with tau_ap of one half agrees on three pairs out of four, the top counting most
USELESS = 0.2

Status = Literal["holds", "breaks", "open"]


def verdicts(result: AuditResult) -> tuple[Verdict, ...]:
    """The headline on the best explainer, then complexity and mainstreaminess."""
    fidelity = result.rows("fidelity").dropna(subset=["value"])
    rated = fidelity[fidelity["explainer"] != "random"]
    if rated.empty:
        return (Verdict("open", "Nothing to explain with", "Only random weights were tried; name an explainer."),)
    best = rated.sort_values("value", ascending=False, kind="stable").iloc[0]
    return (_headline(result, best), *_briefly(rated, str(best["explainer"])), *_mainstream(result, best))


def estimate_of(row: pd.Series) -> Estimate:
    """The estimate in a row of an audit's table."""
    return Estimate(float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"]), str(row["note"]))


def _tags(omega: float) -> str:
    return "1 tag" if omega == 1 else f"{omega:.0f} tags"


def _headline(result: AuditResult, best: pd.Series) -> Verdict:
    estimate = estimate_of(best)
    floor = result.rows("fidelity", explainer="random", omega=best["omega"])
    beside = ""
    if len(floor):
        beside = f"random weights {number(floor['value'].iloc[0])} {interval(estimate_of(floor.iloc[0]))}"
    above = not len(floor) or estimate.low > floor["high"].iloc[0]
    status: Status
    if estimate.low >= FAITHFUL and above:
        status, title = "holds", f"{best['explainer']} tells the truth about {result.encoder}"
    elif estimate.high < USELESS or not above:
        status, title = "breaks", f"No explainer tells the truth about {result.encoder}"
    else:
        status, title = "open", f"Explanations of {result.encoder} are half true"
    text = (
        f"With {_tags(best['omega'])} {best['explainer']} ranks items as the recommender does with a rank "
        f"correlation of **{number(estimate.value)}** {interval(estimate)} over {estimate.n} users "
        "(1 is the same order, 0 is none)."
    )
    return Verdict(status, title, text, beside)


def _briefly(rated: pd.DataFrame, explainer: str) -> list[Verdict]:
    """How few tags do nearly as well as the most."""
    curve = rated[rated["explainer"] == explainer].sort_values("omega")
    if len(curve) < 2:
        return []
    top = curve["value"].max()
    enough = curve[curve["value"] >= 0.9 * top].iloc[0]
    first, last = curve.iloc[0], curve.iloc[-1]
    text = (
        f"To reach nine tenths of the best fidelity of {explainer} takes **{_tags(enough['omega'])}**: "
        f"{number(first['value'])} with {_tags(first['omega'])}, "
        f"{number(enough['value'])} with {_tags(enough['omega'])}, {number(last['value'])} with {_tags(last['omega'])}."
    )
    status: Status = "holds" if enough["omega"] <= 8 else "open"
    return [Verdict(status, "How many tags are needed", text)]


def _mainstream(result: AuditResult, best: pd.Series) -> list[Verdict]:
    rows = result.rows("mainstreaminess correlation", explainer=best["explainer"], omega=best["omega"])
    if rows.empty or not np.isfinite(rows["low"].iloc[0]):
        return []
    estimate = estimate_of(rows.iloc[0])
    status: Status = "breaks"
    if estimate.low > 0:
        words = "users with mainstream taste get truer explanations than others"
    elif estimate.high < 0:
        words = "users with a taste of their own get truer explanations than mainstream users"
    else:
        status, words = "open", "no difference between mainstream and other users was found"
    text = f"For {best['explainer']}, {words}: rank correlation **{estimate.value:+.2f}** {interval(estimate)}."
    return [Verdict(status, "Are all users served alike", text)]
