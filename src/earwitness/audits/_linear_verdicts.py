"""What the audit of linear maps says in plain words; the rules are in the notes of `earwitness.audits.linear_maps`."""

from collections.abc import Sequence
from typing import Literal

from earwitness.audits import _words as words
from earwitness.audits._tables import estimates
from earwitness.results import AuditResult, Verdict

ENOUGH = 0.5
"""Share of the variance that a map must explain to count as one: more than half of what tells clips apart."""


def verdicts(result: AuditResult, controls: Sequence[AuditResult]) -> tuple[Verdict, ...]:
    """One sentence a perturbation."""
    return tuple(_verdict(result, controls, label) for label in result.parameters["perturbations"])


def best_map(result: AuditResult, label: str) -> str:
    """The fitted map with the smallest held-out error."""
    rows = result.rows("MSE", data="held out", perturbation=label)
    fitted = rows[rows["map"] != "identity"]
    return str(fitted["map"].iloc[int(fitted["value"].to_numpy().argmin())])


def _verdict(result: AuditResult, controls: Sequence[AuditResult], label: str) -> Verdict:
    name = best_map(result, label)
    where = {"perturbation": label, "data": "held out"}
    found = result.estimate("R2", map=name, **where)
    still = result.estimate("R2", map="identity", **where)
    gain = result.estimate("R2 above identity", map=name, **where)
    hits = result.estimate("NN accuracy", map=name, **where)
    still_hits = result.estimate("NN accuracy", map="identity", **where)
    luck = result.estimate("chance", of="NN accuracy", perturbation=label).value
    status: Literal["holds", "breaks", "open"] = "open"
    if found.low >= ENOUGH and gain.low > 0:
        status, said = "holds", "A linear map takes unseen clips there"
    elif found.high < ENOUGH:
        status, said = "breaks", "No simple map takes clips there"
    else:
        said = "Whether a simple map takes clips there cannot be said"
    text = (
        f"{said}: the best, {name}, explains **{words.number(found.value)}** {words.interval(found)} of the variance "
        f"(unmoved {words.number(still.value)}{_shuffled(result, name, label)}) and finds "
        f"{words.percent(hits.value)} {words.percent_interval(hits)} of the changed clips (unmoved "
        f"{words.percent(still_hits.value)}, chance {words.percent(luck)}). {_direction(result, label)}"
    )
    others = [
        f"{row['control']} {found_by} (difference {d.value:+.2f} {words.interval(d)})"
        for row, d in estimates(result, "difference", of="R2", perturbation=label)
        for found_by in [_theirs(controls, str(row["control"]), label)]
    ]
    return Verdict(status, f"Linear map of {label}", text, " · ".join(others))


def _shuffled(result: AuditResult, name: str, label: str) -> str:
    found = estimates(result, "R2", map=name, perturbation=label, data="shuffled")
    return f", shuffled pairs {words.number(found[0][1].value)}" if found else ""


def _direction(result: AuditResult, label: str) -> str:
    found = result.estimate("consistency of displacement", data="clips", perturbation=label)
    luck = result.estimate("consistency of displacement", data="shuffled", perturbation=label)
    return (
        f"The ways that clips move agree with their mean by a cosine of {words.number(found.value)} "
        f"{words.interval(found)}, those of shuffled pairs by {words.number(luck.value)}."
    )


def _theirs(controls: Sequence[AuditResult], encoder: str, label: str) -> str:
    control = next(control for control in controls if control.encoder == encoder)
    found = control.estimate("R2", map="ridge affine", data="held out", perturbation=label)
    return f"{words.number(found.value)} by ridge"
