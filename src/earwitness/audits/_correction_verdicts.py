"""What the audit of corrections says in plain words; the rules are in the notes of `earwitness.audits.correction`."""

from collections.abc import Sequence

from earwitness.audits import _words as words
from earwitness.audits._bias_scores import PROBES
from earwitness.audits._corrected import REPRESENTATIONS
from earwitness.audits._tables import estimates
from earwitness.results import AuditResult, Verdict
from earwitness.stats import Estimate

LEVEL = 0.05
GONE = 0.6
"""Below this ROC-AUC of the domain, where 0.5 is chance, it counts as taken out."""

QUARTER = 0.25
_SPOKEN = {"change": {"class": "", "of": "across ROC-AUC"}}


def verdicts(result: AuditResult, controls: Sequence[AuditResult]) -> tuple[Verdict, ...]:
    """Whether a correction helps, and whether one takes the domain out."""
    return (_use(result, controls), _left(result))


def _use(result: AuditResult, controls: Sequence[AuditResult]) -> Verdict:
    changes = {name: one for name, one in changes_of(result).items() if name not in REPRESENTATIONS}
    unlabelled = {name: c for name, (c, how) in changes.items() if how == "clips"}
    oracle = changes_of(result, "oracle")["oracle"][0]
    before = result.estimate("across ROC-AUC", correction="none", train="", **{"class": ""})
    helps = [name for name in changes if _helps(result, name, changes[name][0])]
    if not changes:
        return Verdict("open", "Correction", "No correction could be made: " + _refused(result))
    lead = max(unlabelled or {n: c for n, (c, _) in changes.items()}, key=lambda name: changes[name][0].value)
    could = (
        f"a probe learnt from the tested domain itself would gain {words.number(oracle.value, 3)} {_interval(oracle)}"
    )
    start = f"from {words.number(before.value, 3)} {_interval(before)} across domains"
    if helps:
        helps = sorted(helps, key=lambda name: -changes[name][0].value)
        named = words.listed([_gain(result, name, changes[name]) for name in helps])
        text = f"It can be corrected for: {named}, {start}; {could}. {_cost(result, helps[0])}"
        return Verdict("holds", "Correction", text + _refused(result), _controls(controls))
    text = (
        f"No correction helps here: the best that needs no labels of the tested domain, {lead}, changes ROC-AUC by "
        f"**{_signed(changes[lead][0])}** {start} ({_p(result, lead)}); {could}."
    )
    ruled_out = oracle.low > 0 and all(c.high < QUARTER * oracle.value for c, _ in changes.values())
    return Verdict("breaks" if ruled_out else "open", "Correction", text + _refused(result), _controls(controls))


def changes_of(result: AuditResult, only: str | None = None) -> dict[str, tuple[Estimate, str]]:
    """By correction, its change across domains and what it has seen of the tested one."""
    found = {r["correction"]: (e, r["seen"]) for r, e in estimates(result, "change", **_SPOKEN["change"])}
    return {name: one for name, one in found.items() if (name == "oracle") == (only == "oracle")}


def _helps(result: AuditResult, name: str, change: Estimate) -> bool:
    p = result.estimate("adjusted p", correction=name, of="across ROC-AUC").value
    chance = [e.high for _, e in estimates(result, "random change", correction=name)]
    return change.low > 0 and p <= LEVEL and all(change.value > high for high in chance)


def _gain(result: AuditResult, name: str, change: tuple[Estimate, str]) -> str:
    labels = "" if change[1] == "clips" else ", which needs labels of the tested domain,"
    return f"{name}{labels} gains **{_signed(change[0])}** of ROC-AUC ({_p(result, name)})"


def _p(result: AuditResult, name: str) -> str:
    p = result.estimate("adjusted p", correction=name, of="across ROC-AUC").value
    chance = [e for _, e in estimates(result, "random change", correction=name)]
    beside = f"; as many random directions {chance[0].value:+.4f}" if chance else ""
    return f"p = {p:.2g}, adjusted{beside}"


def _cost(result: AuditResult, name: str) -> str:
    """What the best correction does within a domain."""
    found = [e for _, e in estimates(result, "change", correction=name, of="within ROC-AUC")]
    return f"Within a domain {name} changes it by {_signed(found[0])}."


def _refused(result: AuditResult) -> str:
    parts = [f"{name} ({reason})" for name, reason in result.parameters["not possible"].items()]
    return f" Not possible: {words.listed(parts)}." if parts else ""


def _left(result: AuditResult) -> Verdict:
    measures = [f"domain ROC-AUC, {probe}" for probe in PROBES]
    found = {m: {r["correction"]: e for r, e in estimates(result, m, test="")} for m in measures}
    linear, bent = (found[m] for m in measures)
    gone = [n for n in linear if n != "none" and linear[n].high < GONE]
    both = [n for n in gone if bent[n].high < GONE]
    before = (
        f"before, a linear probe tells it with ROC-AUC {words.number(linear['none'].value)} "
        f"{words.interval(linear['none'])} and a non-linear one with {words.number(bent['none'].value)} "
        f"{words.interval(bent['none'])}"
    )
    kept = [n for n in linear if n != "none" and linear[n].low > GONE]
    title = "What is left of the domain"
    still = f" It can still be told after {words.listed(kept)}." if kept else ""
    if both:
        text = f"The domain can be taken out, for both probes, by {words.listed(both)}; {before}.{still}"
        return Verdict("holds", title, text)
    if gone:
        lowest = min(bent, key=lambda n: bent[n].value)
        text = (
            f"The domain can be taken out for a linear probe only, by {words.listed(gone)}; {before}. After {lowest}, "
            f"the lowest, the non-linear one reaches **{words.number(bent[lowest].value)}** "
            f"{words.interval(bent[lowest])}.{still}"
        )
        return Verdict("open", title, text)
    if linear["none"].high < GONE:
        return Verdict("open", title, f"No effect found: there was no domain to take out; {before}.")
    lowest = min(linear, key=lambda n: linear[n].value)
    text = (
        f"No correction takes the domain out: {before}; after {lowest}, the lowest, the linear one reaches "
        f"**{words.number(linear[lowest].value)}** {words.interval(linear[lowest])}.{still}"
    )
    return Verdict("breaks" if linear[lowest].low > GONE else "open", title, text)


def _controls(controls: Sequence[AuditResult]) -> str:
    parts = []
    for control in controls:
        unlabelled = {
            n: c for n, (c, how) in changes_of(control).items() if how == "clips" and n not in REPRESENTATIONS
        }
        if unlabelled:
            lead = max(unlabelled, key=lambda name: unlabelled[name].value)
            parts.append(f"{control.encoder}: {lead} {_signed(unlabelled[lead])}")
    return " · ".join(parts)


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} {_interval(estimate)}"


def _interval(estimate: Estimate) -> str:
    if estimate.low != estimate.low:
        return "[no interval]"
    return f"[{words.number(estimate.low, 3)}, {words.number(estimate.high, 3)}]"
