"""What the structure audit says in plain words; the rules are in the notes of `earwitness.audits.structure`."""

from collections.abc import Sequence
from typing import Literal

from earwitness.audits import _words as words
from earwitness.audits._tables import estimates
from earwitness.results import AuditResult, Verdict

Status = Literal["holds", "breaks", "open"]

SIGNIFICANT = 0.05
STABLE = 0.8
METHOD = "k-means"


def verdicts(result: AuditResult, controls: Sequence[AuditResult]) -> tuple[Verdict, ...]:
    """How many groups there are, whether they are those of the labels, and whether artists pass for labels."""
    return (_groups(result, controls), *_labels(result, controls), *_same_group(result, controls))


def _groups(result: AuditResult, controls: Sequence[AuditResult]) -> Verdict:
    k = int(result.estimate("natural k").value)
    stability = result.estimate("stability").value
    found = result.estimate("silhouette", method=METHOD, data="clips", k=k)
    cloud = result.estimate("silhouette", method=METHOD, data="cloud", k=k)
    status: Status = "open"
    if not stand_out(result):
        text = (
            f"No groups found: with {k}, where it stands out most, the silhouette is **{words.number(found.value)}**, "
            f"and that of a cloud without groups {words.number(cloud.value)} {words.interval(cloud)}."
        )
    else:
        text = (
            f"Left alone it forms **{k}** groups (as in {words.percent(stability)} of subsamples; silhouette "
            f"{words.number(found.value)}, a cloud without groups {words.number(cloud.value)} {words.interval(cloud)})"
            f"{_matching(result, k)}."
        )
        status = "holds" if stability >= STABLE else "open"
    if result.parameters["clips"] < result.parameters["of clips"]:
        text += f" A sample of {result.parameters['clips']:,} of {result.parameters['of clips']:,} clips was looked at."
    text += _warning(result)
    return Verdict(status, "Structure", text, " · ".join(_short(control) for control in controls))


def _warning(result: AuditResult) -> str:
    """What else must be known: that clips are there twice, or that there was no label."""
    said = ""
    twins = int(result.estimate("repeated clips").value)
    if twins:
        first = result.parameters["repeated"][0]
        said += (
            f" {words.counted(twins, 'clip')} may be repeated recordings, the nearest {first}: leave one of each out."
        )
    if result.parameters["label"] is None:
        said += " No label was named, so the groups are not compared with any."
    return said


def _same_group(result: AuditResult, controls: Sequence[AuditResult]) -> list[Verdict]:
    """A warning where neighbours are of one artist more often than by chance."""
    found = estimates(result, "nearest clip of the same group")
    if not found:
        return []
    share, luck = found[0][1], result.estimate("the same by chance")
    if not share.low > luck.high:
        return []
    name, label = result.parameters["group"], result.parameters["label"]
    among = (
        f"a random other clip of the same “{label}”"
        if label and not result.parameters["not compared"]
        else ("a random other clip")
    )
    text = (
        f"The nearest clip is of the same “{name}” for **{words.percent(share.value)}** "
        f"{words.percent_interval(share)}, where {among} would be for {words.percent(luck.value)}: groups may be those "
        f"of “{name}”."
    )
    others = []
    for control in controls:
        theirs = estimates(control, "nearest clip of the same group")
        others += [f"{control.encoder} {words.percent(theirs[0][1].value)}"] if theirs else []
    return [Verdict("open", "Neighbours of one group", text, " · ".join(others))]


def stand_out(result: AuditResult) -> bool:
    """Whether any groups stand out from a cloud."""
    return result.estimate("p").value <= SIGNIFICANT


def _matching(result: AuditResult, k: int) -> str:
    if result.parameters["not compared"]:
        return ""
    accuracy = result.estimate("accuracy", method=METHOD, k=k)
    ceiling = result.estimate("ceiling", method=METHOD, k=k).value
    score = f"{words.number(accuracy.value)} {words.interval(accuracy)}"
    return f" that match {score} of “{result.parameters['label']}”, ceiling {words.number(ceiling)}"


def _short(control: AuditResult) -> str:
    count = f"{control.estimate('natural k').value:.0f} groups" if stand_out(control) else "no groups"
    asked = control.parameters["labels"]
    if asked is None:
        return f"{control.encoder} {count}"
    return f"{control.encoder} {count}, {words.number(_asked_accuracy(control))} at {asked}"


def _asked_accuracy(result: AuditResult) -> float:
    """With as many clusters as this result has labels."""
    return result.estimate("accuracy", method=METHOD, k=result.parameters["labels"]).value


def _labels(result: AuditResult, controls: Sequence[AuditResult]) -> list[Verdict]:
    """Whether as many groups as labels are the labels."""
    label, reason = result.parameters["label"], result.parameters["not compared"]
    if label is None:
        return []
    title = "Groups and labels"
    if reason:
        return [Verdict("open", title, f"The groups are not compared with labels: {reason}.")]
    asked = result.parameters["labels"]
    accuracy = result.estimate("accuracy", method=METHOD, k=asked)
    luck = result.estimate("chance", method=METHOD, k=asked)
    p = result.estimate("agreement p", method=METHOD, k=asked).value
    differences = {row["control"]: d for row, d in estimates(result, "difference", of="accuracy")}
    score = f"**{words.number(accuracy.value)}** {words.interval(accuracy)} of the clips"
    by_luck = f"shuffled labels give {words.number(luck.value)} {words.interval(luck)}"
    if p <= SIGNIFICANT:
        text = f"Made to form {asked} groups, as many as “{label}” has, it puts {score} with their label; {by_luck}."
    else:
        text = f"No effect found: {asked} groups put {score} with “{label}”, and {by_luck}."
    status: Status = "open"
    if any(d.high < 0 for d in differences.values()):
        status = "breaks"
    elif p <= SIGNIFICANT and all(d.low > 0 for d in differences.values()):
        status = "holds"
    others = [
        words.beside(control.encoder, _asked_accuracy(control), differences[control.encoder])
        for control in controls
        if control.encoder in differences
    ]
    return [Verdict(status, title, text, " · ".join(others))]
