"""The conclusions of Kim (2021), chapter 5, put to one's own results: each holds, does not, or cannot be said."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from earwitness.audits._explanation_verdicts import estimate_of
from earwitness.audits._tables import Row, row
from earwitness.audits._words import interval
from earwitness.results import AuditResult, Verdict
from earwitness.stats import Estimate, paired_difference

ORDER = ("lime", "saliency", "pdp", "random")
LINEAR, OTHERS = ("inn", "unn", "unn-profile"), ("fm", "ncf")
LEVEL = 0.05


def comparisons(data: pd.DataFrame, results: Sequence[AuditResult], seed: int = 0) -> list[Row]:
    """Differences over users within each data set: linear against other recommenders, WRMF against most popular.

    Parameters
    ----------
    data
        Of `explanation_model.stacked`.
    results
        The audits, with those of recommenders without tags.
    seed
        Of the resamples.
    """
    rng = np.random.default_rng([seed, 37])
    rows = []
    for dataset, of in data[data["explainer"] != "random"].groupby("dataset"):
        means = [
            of[of["recommender"].isin(kinds)].groupby("user")["fidelity"].mean().rename(str(place))
            for place, kinds in enumerate((LINEAR, OTHERS))
        ]
        pairs = pd.concat(means, axis=1).dropna()
        if len(pairs) >= 2:
            difference = paired_difference(pairs["0"], pairs["1"], rng=rng)
            rows.append(row("linear minus other recommenders", difference, group=dataset))
    return rows + _accuracies(results, rng)


def _accuracies(results: Sequence[AuditResult], rng: np.random.Generator) -> list[Row]:
    """nDCG of every recommender less that of the most popular items, over the same users."""
    rows = []
    for dataset in dict.fromkeys(result.dataset for result in results):
        known = {r.encoder: r.items for r in results if r.dataset == dataset and "ndcg" in r.items}
        if "most-popular" not in known:
            continue
        floor = known["most-popular"].drop_duplicates("user").set_index("user")["ndcg"]
        for name, items in known.items():
            own = items.drop_duplicates("user").set_index("user")["ndcg"]
            pairs = pd.concat([own.rename("own"), floor.rename("floor")], axis=1).dropna()
            if name != "most-popular" and len(pairs) >= 2:
                difference = paired_difference(pairs["own"], pairs["floor"], rng=rng)
                rows.append(row("nDCG minus most popular", difference, group=dataset, term=name))
    return rows


def conclusions(result: AuditResult) -> tuple[Verdict, ...]:
    """One verdict for each conclusion that the results can speak to."""
    found = [_order(result), _linear(result), _complexity(result), _mainstreaminess(result), _accuracy(result)]
    return tuple(verdict for verdict in found if verdict is not None)


def _contrast(
    result: AuditResult, first: str, second: str, omega: float | None = None
) -> tuple[Estimate, float] | None:
    """First minus second and its adjusted p, at one omega or overall."""
    rows = result.rows("contrast")
    rows = rows[rows["omega"].isna()] if omega is None else rows[rows["omega"] == omega]
    for a, b, sign in ((first, second, 1), (second, first, -1)):
        fitting = rows[(rows["explainer"] == a) & (rows["control"] == b)]
        if len(fitting):
            e, p = estimate_of(fitting.iloc[0]), float(fitting["p value"].iloc[0])
            return (e, p) if sign == 1 else (Estimate(-e.value, -e.high, -e.low, e.n), p)
    return None


def _order(result: AuditResult) -> Verdict | None:
    present = [name for name in ORDER if name in set(result.rows("marginal mean")["explainer"])]
    steps = [(a, b, _contrast(result, a, b)) for a, b in pairwise(present)]
    known = [(a, b, *found) for a, b, found in steps if found is not None]
    if not known:
        return None
    against = [f"{a} over {b}" for a, b, e, p in known if e.value < 0 and p < LEVEL]
    unsure = [f"{a} over {b}" for a, b, _, p in known if p >= LEVEL]
    text = "; ".join(f"{a} - {b} **{e.value:+.3f}** {interval(e)}" for a, b, e, _ in known)
    least = result.table["omega"].min()
    if (one := _contrast(result, "pdp", "random", least)) is not None:
        text += (
            f". With {least:.0f} tag{'s' if least != 1 else ''}, pdp - random {one[0].value:+.3f} {interval(one[0])}"
        )
    tail = (
        f" Not: {', '.join(against)}." if against else f" Cannot be told apart: {', '.join(unsure)}." if unsure else ""
    )
    return Verdict(
        "breaks" if against else "open" if unsure else "holds",
        "LIME is truest, then saliency, then partial dependence, then random weights",
        f"Marginal means: {text}.{tail}",
    )


def _by_sign(rows: pd.DataFrame, title: str, what: str) -> Verdict | None:
    """Holds where every interval is above zero, does not where every one is below, else open."""
    if rows.empty:
        return None
    estimates = [estimate_of(r) for _, r in rows.iterrows()]
    text = "; ".join(
        f"{label} **{e.value:+.3f}** {interval(e)}" for label, e in zip(_labels(rows), estimates, strict=True)
    )
    status = (
        "holds" if all(e.low > 0 for e in estimates) else "breaks" if all(e.high < 0 for e in estimates) else "open"
    )
    return Verdict(status, title, f"{what}: {text}.")  # type: ignore[arg-type]


def _labels(rows: pd.DataFrame) -> list[str]:
    return [" ".join(str(r[name]) for name in ("explainer", "term", "group") if r[name]) for _, r in rows.iterrows()]


def _linear(result: AuditResult) -> Verdict | None:
    return _by_sign(
        result.rows("linear minus other recommenders"),
        "Linear recommenders are easier to explain",
        "Mean fidelity of all but random explainers, iNN and uNN minus FM and NCF, over the same users",
    )


def _complexity(result: AuditResult) -> Verdict | None:
    slopes = result.rows("slope of log omega")
    return _by_sign(
        slopes[slopes["explainer"] != "random"],
        "More tags make explanations truer, but for random weights",
        "Change of fidelity for each unit of log omega",
    )


def _mainstreaminess(result: AuditResult) -> Verdict | None:
    rows = result.rows("mainstreaminess effect")
    kind = rows["group"].astype(str).str.rpartition(":")[2]
    others = [estimate_of(r) for _, r in rows[kind.isin(OTHERS)].iterrows()]
    linear = [estimate_of(r) for _, r in rows[kind.isin(LINEAR)].iterrows()]
    if not others or not linear:
        return None
    as_said = all(e.low > 0 for e in others) and all(e.low <= 0 for e in linear)
    contrary = all(e.high < 0 for e in others) or all(e.low > 0 for e in linear)
    text = "; ".join(
        f"{r['group']} **{r['value']:+.3f}** [{r['low']:+.3f}, {r['high']:+.3f}]" for _, r in rows.iterrows()
    )
    return Verdict(
        "holds" if as_said else "breaks" if contrary else "open",
        "Mainstream users get truer explanations of the non-linear recommenders, not of the linear ones",
        f"Change of fidelity for a standard deviation of mainstreaminess: {text}.",
    )


def _accuracy(result: AuditResult) -> Verdict | None:
    rows = result.rows("nDCG minus most popular")
    return _by_sign(
        rows[rows["term"].str.startswith("wrmf")],
        "WRMF recommends better than the most popular items",
        "nDCG over the same users",
    )
