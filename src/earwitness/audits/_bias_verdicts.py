"""What the audit of bias says in plain words; the rules are in the notes of `earwitness.audits.bias`."""

from collections.abc import Sequence
from typing import Literal

from earwitness.audits import _words as words
from earwitness.audits._bias_scores import PROBES
from earwitness.audits._tables import estimates
from earwitness.results import AuditResult, Verdict
from earwitness.stats import Estimate

Status = Literal["holds", "breaks", "open"]
LEVEL = 0.05
SMALL_DROP = 0.05
SMALL_KNOWLEDGE = 0.6
"""Of the domain's ROC-AUC, where 0.5 is chance."""


def verdicts(result: AuditResult, controls: Sequence[AuditResult]) -> tuple[Verdict, ...]:
    """What is lost across domains, whether the domain can be told, and whether probes lean on it."""
    return (_harm(result, controls), _knowledge(result, controls), _lean(result, controls))


def _harm(result: AuditResult, controls: Sequence[AuditResult]) -> Verdict:
    drop, p = result.estimate("drop", **_WHOLE), adjusted_p(result, "drop")
    within, across = (result.estimate(f"{where} ROC-AUC", **_WHOLE) for where in ("within", "across"))
    label = result.parameters["label"]
    scores = (
        f"ROC-AUC {words.number(within.value)} {words.interval(within)} within a domain and "
        f"{words.number(across.value)} {words.interval(across)} in one that the probe has not learnt from"
    )
    if p <= LEVEL and drop.low > 0:
        status: Status = "breaks"
        text = (
            f"Probes of “{label}” on {result.encoder} lose **{words.number(drop.value)}** {words.interval(drop)} of "
            f"ROC-AUC from one {_name(result)} to another: {scores} ({_p(p)}). {_worst(result)}"
        )
    else:
        status = "holds" if drop.high < SMALL_DROP else "open"
        found = "Not confirmed by its test" if p > LEVEL and drop.low > 0 else _unfound(p)
        text = (
            f"{found}: probes of “{label}” on {result.encoder} lose {words.number(drop.value)} {words.interval(drop)} "
            f"of ROC-AUC from one {_name(result)} to another ({_p(p)}): {scores}."
        )
    text += _left_out(result)
    return Verdict(status, "Bias", text, _beside(result, controls, "drop"))


def _knowledge(result: AuditResult, controls: Sequence[AuditResult]) -> Verdict:
    measures = [f"domain ROC-AUC, {probe}" for probe in PROBES]
    linear, bent = (result.estimate(measure, **_WHOLE) for measure in measures)
    p = min(adjusted_p(result, measure) for measure in measures)
    numbers = (
        f"a linear probe reaches ROC-AUC **{words.number(linear.value)}** {words.interval(linear)}, one with a "
        f"Gaussian kernel {words.number(bent.value)} {words.interval(bent)}"
    )
    if p <= LEVEL:
        status: Status = "breaks"
        within = result.estimate("within ROC-AUC", **_WHOLE)
        better = max(linear.value, bent.value) > within.value
        text = (
            f"{result.encoder} knows the {_name(result)}: {numbers}, more than its labels give away ({_p(p)}). That is "
            f"{'more' if better else 'no more'} than it knows of “{result.parameters['label']}” within one "
            f"({words.number(within.value)})."
        )
    else:
        status = "holds" if max(linear.high, bent.high) < SMALL_KNOWLEDGE else "open"
        text = (
            f"{_unfound(p)}: how well the {_name(result)} can be told from {result.encoder} beyond what labels give "
            f"away; {numbers} ({_p(p)})."
        )
    return Verdict(status, "What it knows of the domain", text, _beside(result, controls, measures[0]))


def _lean(result: AuditResult, controls: Sequence[AuditResult]) -> Verdict:
    found = []
    for space in ("linear", "kernel"):
        for scope in ("global", "class-wise"):
            p = adjusted_p(result, f"cosine, {scope}, {space}")
            value, level, chance = (
                _whole_cosine(result, measure, scope, space)
                for measure in ("cosine", "shuffled cosine", "random cosine")
            )
            found.append((p, scope, space, value, level, chance))
    p, scope, space, value, level, chance = min(found, key=lambda one: (one[0] != one[0], one[0]))
    where = "the direction between domains" if scope == "global" else "the direction between domains within each class"
    if space == "kernel":
        where += " in the space of a Gaussian kernel"
    numbers = (
        f"mean |cosine| **{words.number(value.value, 3)}**, where shuffled domains give {words.number(level.value, 3)} "
        f"and a random direction {words.number(chance.value, 3)} ({_p(p)})"
    )
    if p <= LEVEL:
        text = f"Probes on {result.encoder} lean on {where}: {numbers}."
        return Verdict("breaks", "Direction", text, _cosines(controls, scope, space))
    text = f"{_unfound(p)}: whether probes on {result.encoder} lean on {where} more than by chance; {numbers}."
    return Verdict("open", "Direction", text, _cosines(controls, scope, space))


_WHOLE = {"train": "", "test": "", "class": ""}


def adjusted_p(result: AuditResult, of: str) -> float:
    """p of a test after Holm's correction; NaN where nothing could be shuffled."""
    return result.estimate("adjusted p", of=of).value


def _whole_cosine(result: AuditResult, measure: str, scope: str, space: str) -> Estimate:
    return result.estimate(measure, scope=scope, space=space, train="", **{"class": ""})


def _p(p: float) -> str:
    return "no clips of different domains are alike" if p != p else f"p = {p:.2g}, adjusted"


def _unfound(p: float) -> str:
    """How a sentence begins where a test is not passed, or could not be made."""
    if p != p:
        return "No test could be made"
    return "A small effect at most" if p <= LEVEL else "No effect found"


def _name(result: AuditResult) -> str:
    name = str(result.parameters["domain"])
    return "domain" if name == "domain" else f"“{name}”"


def _worst(result: AuditResult) -> str:
    """The class that loses most between two domains."""
    rows = result.rows("class drop")
    rows = rows[rows["train"] != ""].dropna(subset=["value"])
    if rows["class"].nunique() < 3:
        return ""
    worst = rows.sort_values("value", kind="stable").iloc[-1]
    interval = words.interval(Estimate(worst["value"], worst["low"], worst["high"], int(worst["n"])))
    return (
        f"Worst is “{worst['class']}” from {worst['train']} to {worst['test']} "
        f"({words.number(worst['value'])} {interval} less)."
    )


def _left_out(result: AuditResult) -> str:
    parts = []
    for reason, found in result.parameters["left out"].items():
        if isinstance(found, list):
            parts.append(f"{words.counted(len(found), 'class')} too rare in a domain ({words.listed(found[:5])})")
        elif reason == "drawn":
            parts.append(f"all but {found:,} clips, drawn by the seed")
        else:
            parts.append(f"{words.counted(found, 'clip')} {reason}")
    return f" Left out: {words.listed(parts)}." if parts else ""


def _beside(result: AuditResult, controls: Sequence[AuditResult], measure: str) -> str:
    differences = {r["control"]: d for r, d in estimates(result, "difference", of=measure)}
    return " · ".join(
        words.beside(control.encoder, control.estimate(measure, **_WHOLE).value, differences[control.encoder])
        for control in controls
    )


def _cosines(controls: Sequence[AuditResult], scope: str, space: str) -> str:
    parts = []
    for control in controls:
        value, level = (_whole_cosine(control, measure, scope, space) for measure in ("cosine", "shuffled cosine"))
        parts.append(f"{control.encoder} {words.number(value.value, 3)} (shuffled {words.number(level.value, 3)})")
    return " · ".join(parts)
