"""What the transfer audit says in plain words; the rule is in the notes of `earwitness.audits.transfer`."""

from collections.abc import Sequence
from typing import Literal

from earwitness.audits import _words as words
from earwitness.audits._tables import estimates
from earwitness.results import AuditResult, Verdict
from earwitness.stats import Estimate

HEADLINE = {"classes": "ROC-AUC", "tags": "ROC-AUC", "number": "R2"}
"""The measure that verdicts speak of, by task."""


def verdicts(result: AuditResult, controls: Sequence[AuditResult]) -> tuple[Verdict, ...]:
    """One sentence about the label, with what the controls reach."""
    measure = HEADLINE[result.parameters["task"]]
    score, chance = result.estimate(measure), result.estimate("chance", of=measure).value
    differences = {row["control"]: d for row, d in estimates(result, "difference", of=measure)}
    status = _status(score, chance, list(differences.values()))
    label, encoder = result.parameters["label"], result.encoder
    if score.low > chance:
        text = f"“{label}” is read off {encoder} with {measure} **{words.number(score.value)}** {words.interval(score)}"
        text += f"{_beside(differences)}; chance is {words.number(chance)}."
    else:
        text = (
            f"No effect found: “{label}” cannot be read off {encoder} better than by chance, {measure} "
            f"**{words.number(score.value)}** {words.interval(score)} where chance is {words.number(chance)}."
        )
    text += _weakest(result) + _left_out(result)
    others = [
        words.beside(control.encoder, control.estimate(measure).value, differences[control.encoder])
        for control in controls
    ]
    return (Verdict(status, "Transfer", text, " · ".join(others)),)


def _status(score: Estimate, chance: float, differences: list[Estimate]) -> Literal["holds", "breaks", "open"]:
    if any(difference.high < 0 for difference in differences):
        return "breaks"
    return "holds" if score.low > chance and all(difference.low > 0 for difference in differences) else "open"


def _beside(differences: dict[str, Estimate]) -> str:
    above = [name for name, d in differences.items() if d.low > 0]
    below = [name for name, d in differences.items() if d.high < 0]
    level = [name for name in differences if name not in above + below]
    phrases = [
        f"{how} {words.listed(names)}"
        for how, names in (("better than by", above), ("worse than by", below), ("no different from", level))
        if names
    ]
    return f", {'; '.join(phrases)}" if phrases else ""


def _weakest(result: AuditResult) -> str:
    """The class that is told worst, where there are several."""
    rows = result.rows("class ROC-AUC").dropna(subset=["value"])
    if len(rows) < 3:
        return ""
    worst = rows.sort_values("value", kind="stable").iloc[0]
    return f" Hardest is “{worst['class']}” ({words.number(worst['value'])})."


def _left_out(result: AuditResult) -> str:
    parts = [f"{words.counted(count, 'clip')} {reason}" for reason, count in result.parameters["left out"].items()]
    return f" Left out: {words.listed(parts)}." if parts else ""
