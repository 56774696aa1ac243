"""What the placement audit says in plain words; the rules are in the notes of `earwitness.audits.placement`."""

from collections.abc import Sequence
from typing import Literal

from earwitness.audits import _words as words
from earwitness.audits._tables import estimates
from earwitness.results import AuditResult, Verdict

SURE = 0.95
Status = Literal["holds", "breaks", "open"]


def verdicts(result: AuditResult, controls: Sequence[AuditResult]) -> tuple[Verdict, ...]:
    """Whether new groups are groups, where they lie, and whether they lie between what was asked."""
    asked = [_between(result, *triple) for triple in result.parameters["between"]]
    return (_groups(result, controls), _nearest(result), *asked)


def _groups(result: AuditResult, controls: Sequence[AuditResult]) -> Verdict:
    new = result.parameters["new"]
    own = [name for name in new if is_group(result, name)]
    said = "; ".join(_company(result, name) for name in new)
    if len(own) == len(new):
        text = f"Each new group is one of its own: {said}."
    elif own:
        are = "is a group of its own" if len(own) == 1 else "are groups of their own"
        text = f"{words.listed(own)} {are}, of the others this cannot be said: {said}."
    else:
        text = f"No effect found: no new group is surely one of its own: {said}."
    others = []
    for control in controls:
        shares = [
            f"{row['of']} {control.estimate('own neighbours', of=row['of']).value:.2f} "
            f"(difference {d.value:+.2f} {words.interval(d)})"
            for row, d in estimates(result, "difference", control=control.encoder)
        ]
        others.append(f"{control.encoder}: {', '.join(shares)}")
    status: Status = "holds" if len(own) == len(new) else "open"
    return Verdict(status, "New groups", text, " · ".join(others))


def is_group(result: AuditResult, name: str) -> bool:
    """Whether a label keeps together more than shuffled labels would."""
    own, luck = result.estimate("own neighbours", of=name), result.estimate("own neighbours by chance", of=name)
    width, shuffled = result.estimate("silhouette", of=name), result.estimate("silhouette by chance", of=name)
    return own.low > luck.value and width.value > shuffled.high


def _company(result: AuditResult, name: str) -> str:
    own, luck = result.estimate("own neighbours", of=name), result.estimate("own neighbours by chance", of=name)
    return (
        f"of the nearest clips of “{name}” **{words.percent(own.value)}** {words.percent_interval(own)} are of it "
        f"(chance {words.percent(luck.value)}; silhouette {words.number(result.estimate('silhouette', of=name).value)})"
    )


def _nearest(result: AuditResult) -> Verdict:
    said, sure = [], True
    for name in result.parameters["new"]:
        near = [(row["to"], share.value) for row, share in estimates(result, "nearest in resamples", of=name)]
        near.sort(key=lambda pair: -pair[1])
        (first, share), rest = near[0], [f"{to} {words.percent(s)}" for to, s in near[1:3] if s >= 0.01]
        sure &= share >= SURE
        also = f", {', '.join(rest)}" if rest else ""
        said.append(f"“{name}” lies nearest to **{first}** (in {words.percent(share)} of the resamples{also})")
    return Verdict("holds" if sure else "open", "Where new groups lie", "; ".join(said) + ".")


def _between(result: AuditResult, c: str, a: str, b: str) -> Verdict:
    where = {"of": c, "to": f"{a} – {b}"}
    t, off = result.estimate("betweenness", **where), result.estimate("off-line distance", **where)
    luck = result.estimate("off-line distance by chance", **where)
    status: Status = "open"
    if t.high < 0 or t.low > 1:
        status, said = "breaks", f"“{c}” does not lie between “{a}” and “{b}”"
    elif t.low >= 0 and t.high <= 1 and off.high < luck.low:
        status, said = "holds", f"“{c}” lies between “{a}” and “{b}”"
    else:
        said = f"Whether “{c}” lies between “{a}” and “{b}” cannot be said"
    text = (
        f"{said}: its centre is **{words.number(t.value)}** {words.interval(t)} of the way from the one to the other, "
        f"and {words.number(off.value)} {words.interval(off)} of their distance off the line (as many random clips "
        f"{words.number(luck.value)} {words.interval(luck)})."
    )
    return Verdict(status, f"{c} between {a} and {b}", text)
