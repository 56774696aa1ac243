"""What the robustness audit says in plain words; the rules are in the notes of `earwitness.audits.robustness`."""

from collections.abc import Sequence
from typing import Any, Literal

from earwitness.audits import _words as words
from earwitness.audits._tables import estimates
from earwitness.results import AuditResult, Verdict

Status = Literal["holds", "breaks", "open"]

HEADLINE = "cosine"
"""The distance of the verdicts; the table has the Euclidean too."""

FEW_CLIPS = 10
"""Below this many originals a verdict warns that chance alone finds the own one often."""

ENOUGH = 0.95
"""An encoder holds where hardly audible changes leave at least this share of clips with their own original."""


def verdicts(result: AuditResult, controls: Sequence[AuditResult]) -> tuple[Verdict, ...]:
    """The headline, the controls, breaking points, agreement with sound, probes, and warnings."""
    return (
        _headline(result, controls),
        *_beside(result),
        *_breaking(result),
        *_sound(result),
        *_task(result),
        *_moving(result),
        *_warning(result),
        *_few(result),
    )


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


def _breaking(result: AuditResult) -> list[Verdict]:
    """From which magnitude on fewer than nine in ten clips are nearest to their own original."""
    found = estimates(result, "breaking point", distance=HEADLINE, of="0.9")
    if not found:
        return []
    reached = [(row, point) for row, point in found if row["reached"] is True]
    phrases = [f"{_branch(row)} from **{_magnitude(row, row['value'])}** on" for row, _ in reached]
    steady = [_branch(row) for row, _ in found if row["reached"] is not True]
    text = (
        f"Fewer than 90 % of clips are nearest to their own original under {words.listed(phrases)}" if phrases else ""
    )
    if steady:
        text += "; not at all" if text else "At least 90 % of clips stay nearest to their own original"
        text += f" under {words.listed(steady)}, as far as was tried"
    heard = {row["audible"] for row, _ in reached}
    status: Status = "breaks" if "hardly" in heard else ("open" if "perhaps" in heard else "holds")
    return [Verdict(status, "Breaking points", f"{text}.", "hardly audible steps decide: see the green band")]


def _branch(row: Any) -> str:
    return f"{row['family']} {row['direction']}".strip()


def _magnitude(row: Any, value: float) -> str:
    """With its unit, as a person says it."""
    if row["family"] == "tempo":
        return f"{100 * (value - 1):+.0f} %"
    sign = "+" if row["family"] == "pitch" else ""
    return f"{value:{sign}.0f} {row['unit']}".strip()


def _sound(result: AuditResult) -> list[Verdict]:
    """Whether sound and embedding agree, by each reference."""
    rhos = estimates(result, "mean rank correlation", distance=HEADLINE)
    if not rhos:
        return []
    differences = estimates(result, "difference", of="mean rank correlation", distance=HEADLINE)
    said = [f"{row['reference']} **{words.number(rho.value)}** {words.interval(rho)}" for row, rho in rhos]
    above = {row["reference"] for row, _ in rhos} - {row["reference"] for row, d in differences if d.low <= 0}
    below = {row["reference"] for row, d in differences if d.high < 0}
    text = (
        f"Distances in the embedding order clips as distances in sound do with rank correlation {words.listed(said)}."
    )
    status: Status = "open"
    if differences:
        # Disagreeing is no fault: an encoder that hears meaning need not order clips as their sound does.
        status = "holds" if len(above) == len(rhos) else "open"
        if above:
            text += f" It agrees better than every control by {words.listed(sorted(above))}."
        if below:
            text += f" It agrees worse than a control by {words.listed(sorted(below))}."
    note = "a reference made of MFCCs favours an encoder made of MFCCs: look at the others too"
    return [Verdict(status, "Agreement with sound", text, note)]


def _task(result: AuditResult) -> list[Verdict]:
    """What hardly audible changes do to the task."""
    if "label" in result.parameters["not read"]:
        why = result.parameters["not read"]["label"]
        return [Verdict("open", "Task on changed clips", f"It was not measured: {why}.")]
    found = [(row, d) for row, d in estimates(result, "task change") if row["imperceptible"] is True]
    if not found:
        return []
    worst, change = min(found, key=lambda pair: pair[1].value)
    lost = [row["perturbation"] for row, d in found if d.high < 0]
    status: Status = "breaks" if lost else "holds"
    text = (
        f"Of the hardly audible changes {worst['perturbation']} costs “{result.parameters['label']}” most: "
        f"{worst['of']} changes by **{change.value:+.3f}** [{change.low:+.3f}, {change.high:+.3f}]."
    )
    if lost:
        text += f" The score falls under {words.listed(lost)}."
    return [Verdict(status, "Task on changed clips", text, "the probe never heard a changed clip, nor its group")]


def _moving(result: AuditResult) -> list[Verdict]:
    """Whether pitch and tempo move as they should."""
    said = []
    for name in ("pitch", "tempo"):
        if name in result.parameters["not read"]:
            why = result.parameters["not read"][name]
            said.append(Verdict("open", f"Does {name} move with the sound?", f"It was not measured: {why}."))
        column = result.parameters[name]
        for row, found in estimates(result, "equivariance", of=column) if column else []:
            keys = not result.rows("key moved rightly", of=column).empty
            status: Status = "open" if found.low <= 0 <= found.high else ("breaks" if found.high < 0 else "holds")
            what = "of keys are read as far away as they moved" if keys else "of the change is found in what is read"
            share = f"**{words.percent(found.value)}** {what} {words.percent_interval(found)}"
            text = f"Under a change of {row['family']}, {share}."
            kept = result.rows("label kept", family=row["family"])["value"]
            if len(kept):
                text += f" “{result.parameters['label']}” is read as before for {words.percent(kept.mean())} of clips."
            said.append(Verdict(status, f"Does {name} move with the sound?", text, "100 % is as it should be"))
    return said


def _few(result: AuditResult) -> list[Verdict]:
    clips = result.parameters["clips"]
    if clips >= FEW_CLIPS:
        return []
    text = (
        f"There are only **{words.counted(clips, 'clip')}**: by chance alone {words.percent(1 / clips)} of them are "
        "nearest to their own original, and intervals are rough. Give ten or more, better a hundred."
    )
    return [Verdict("open", "Few clips", text)]


def _warning(result: AuditResult) -> list[Verdict]:
    repeated = result.parameters["repeated clips"]
    if not repeated:
        return []
    text = (
        f"**{words.counted(repeated, 'clip')}** have the very vector of another: they tie with it even when nothing is "
        "changed, so consistency cannot reach 1. Are they copies of one recording?"
    )
    return [Verdict("open", "Repeated recordings", text)]
