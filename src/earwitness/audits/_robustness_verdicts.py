"""What the robustness audit says in plain words; the rules are in the notes of `earwitness.audits.robustness`."""

from collections.abc import Sequence
from typing import Literal

from earwitness.audits import _words as words
from earwitness.audits._tables import estimates
from earwitness.results import AuditResult, Verdict

Status = Literal["holds", "breaks", "open"]

HEADLINE = "cosine"
"""The distance of the verdicts; the table has the Euclidean too."""

ENOUGH = 0.95
"""An encoder holds where hardly audible changes leave at least this share of clips with their own original."""


def verdicts(result: AuditResult, controls: Sequence[AuditResult]) -> tuple[Verdict, ...]:
    """The headline, the comparison with the controls, and a warning of repeated clips."""
    return (_headline(result, controls), *_beside(result), *_warning(result))


def _headline(result: AuditResult, controls: Sequence[AuditResult]) -> Verdict:
    found = estimates(result, "moved", distance=HEADLINE, family="")
    if not found:
        return Verdict("open", "Robustness", "No hardly audible change was tried, so nothing is said about them.")
    [(_, moved)] = found
    text = (
        f"Hardly audible changes move **{words.percent(moved.value)}** of clips {words.percent_interval(moved)} "
        f"nearer to another recording ({HEADLINE} distance, {words.counted(result.parameters['clips'], 'clip')})"
    )
    mild = result.rows("consistency", distance=HEADLINE, imperceptible=True)
    if moved.value > 0 and len(mild) > 1:
        worst = mild.sort_values("value", kind="stable").iloc[0]
        text += f"; {worst['perturbation']} is the worst ({words.percent(1 - worst['value'])})"
    status: Status = "open"
    if 1 - moved.high >= ENOUGH:
        status = "holds"
    elif 1 - moved.low < ENOUGH:
        status = "breaks"
    others = [
        f"{control.encoder} {words.percent(theirs.value)}"
        for control in controls
        for _, theirs in estimates(control, "moved", distance=HEADLINE, family="")
    ]
    return Verdict(status, "Robustness", f"{text}.", " · ".join(others))


def _beside(result: AuditResult) -> list[Verdict]:
    """The paired comparison with the controls."""
    found = estimates(result, "difference", of="moved", distance=HEADLINE)
    if not found:
        return []
    phrases = []
    for row, difference in found:
        how = "about as many clips as"
        if difference.high < 0 or difference.low > 0:
            how = "fewer clips than" if difference.high < 0 else "more clips than"
        points = f"{100 * difference.value:+.0f} points".replace("-0 ", "0 ").replace("+0 ", "0 ")
        phrases.append(f"{how} {row['control']} (**{points}** {words.percent_interval(difference)})")
    differences = [difference for _, difference in found]
    status: Status = "holds" if all(difference.high < 0 for difference in differences) else "open"
    if any(difference.low > 0 for difference in differences):
        status = "breaks"
    text = f"On the same clips, hardly audible changes move {words.listed(phrases)}."
    return [Verdict(status, "Robustness beside the controls", text, "differences are paired, clip by clip")]


def _warning(result: AuditResult) -> list[Verdict]:
    repeated = result.parameters["repeated clips"]
    if not repeated:
        return []
    text = (
        f"**{words.counted(repeated, 'clip')}** have the very vector of another: they tie with it even when nothing is "
        "changed, so consistency cannot reach 1. Are they copies of one recording?"
    )
    return [Verdict("open", "Repeated recordings", text)]
