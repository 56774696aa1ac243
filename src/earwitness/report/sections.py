"""What the page says, part by part, before it is laid out."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from earwitness.report.drawings import Drawing
from earwitness.report.listening import Example
from earwitness.report.tables import Table, headlines, side_by_side
from earwitness.report.words import LISTEN, QUESTIONS, WORST, counted, duration, in_words, is_control, is_group, names
from earwitness.results import AuditResult, Verdict


@dataclass(frozen=True)
class Section:
    """One audit.

    Attributes
    ----------
    audit, title, question
        Its name, its heading, and what it asks.
    findings
        Encoder (and data set, where there are several; "" for a group of models) and verdict, for the verdicts that are
        not on the cards.
    drawings
        Its charts.
    short, full
        Its numbers.
    worst
        Examples by encoder.
    listen
        Their heading.
    """

    audit: str
    title: str
    question: str
    findings: tuple[tuple[str, Verdict], ...]
    drawings: tuple[Drawing, ...]
    short: Table
    full: Table
    worst: tuple[tuple[str, tuple[Example, ...]], ...]
    listen: str


def section(
    results: Sequence[AuditResult],
    audited: Sequence[str],
    drawings: Sequence[Drawing],
    examples: Sequence[Example],
    rows: int,
) -> Section:
    """The section of one audit.

    Parameters
    ----------
    results
        Of this audit, in the order of the columns.
    audited
        Encoders that the report is about.
    drawings
        Its charts.
    examples
        Of any audit.
    rows
        Of its full table at most.
    """
    audit = results[0].audit
    full = side_by_side(results, rows)
    by_encoder = {name: tuple(e for e in examples if (e.audit, e.encoder) == (audit, name)) for name in audited}
    return Section(
        audit=audit,
        title=title(audit),
        question=QUESTIONS.get(audit, ""),
        findings=tuple(
            ("" if is_group(r) else name, v)
            for name, r in zip(names(results), results, strict=True)
            if r.encoder in audited
            for v in r.verdicts[1:]
        ),
        drawings=tuple(drawings),
        short=headlines(full),
        full=full,
        worst=tuple((name, found) for name, found in by_encoder.items() if found),
        listen=LISTEN.get(audit, WORST),
    )


def title(audit: str) -> str:
    """An audit's name as a heading."""
    words = in_words(audit)
    return words[:1].upper() + words[1:]


def audited_encoders(results: Sequence[AuditResult]) -> tuple[str, ...]:
    """Names of the encoders that a report is about: the controls only where there is nothing else."""
    names = [result.encoder for result in results if not is_control(result)]
    return tuple(dict.fromkeys(names or [result.encoder for result in results]))


def question(encoders: Sequence[str]) -> str:
    """The page's heading."""
    if len(encoders) == 1:
        return f"Can {encoders[0]} be believed?"
    return f"Can {', '.join(encoders[:-1])} and {encoders[-1]} be believed?"


def facts(results: Sequence[AuditResult]) -> list[str]:
    """What was measured, for the line below the heading: data set, clips, labels, domains, intervals."""
    said = [", ".join(dict.fromkeys(result.dataset for result in results if result.dataset))]
    clips = {str(clip) for result in results if "clip" in result.items for clip in result.items["clip"]}
    said.append(counted(len(clips), "clip") if clips else "")
    said.append(_labels(results))
    said.append(_domains(results))
    groups = dict.fromkeys(str(r.parameters["group"]) for r in results if r.parameters.get("group"))
    said.append(
        f"95 % intervals over {' and '.join(_units(results))}" + (f", grouped by {', '.join(groups)}" if groups else "")
    )
    return [text for text in said if text]


def _units(results: Sequence[AuditResult]) -> list[str]:
    """What intervals resample: runs of an experiment, users, clips."""
    # An experiment has a row a run; clips stand in the items of an audit, beside users in none.
    by_column = {"run": "runs", "clip": "clips", "user": "users"}
    first = [next((c for c in by_column if c in result.items), "") for result in results]
    return [unit for column, unit in by_column.items() if column in first] or ["clips"]


def _labels(results: Sequence[AuditResult]) -> str:
    for result in results:
        for column in ("truth", "label"):
            if column in result.items and result.parameters.get("label"):
                values = result.items[column].dropna()
                name = in_words(str(result.parameters["label"]))
                if pd.api.types.is_numeric_dtype(values):
                    return f"{name} as a number"
                return f"{counted(values.nunique(), 'label')}" + (f" ({name})" if name != "label" else "")
    return ""


def _domains(results: Sequence[AuditResult]) -> str:
    for result in results:
        for column in ("domain", "by"):
            if result.parameters.get(column) and column in result.items:
                names = sorted(map(str, result.items[column].dropna().unique()))
                listed = f" ({', '.join(names)})" if len(names) <= 4 else ""
                return counted(len(names), "domain") + listed
    return ""


def skipped(results: Sequence[AuditResult]) -> list[tuple[str, str]]:
    """Every file that could not be used, once: the file and why."""
    found: dict[tuple[str, str], None] = {}
    for result in results:
        found |= dict.fromkeys(zip(result.skipped["file"].map(str), result.skipped["reason"].map(str), strict=True))
    return list(found)


def reasons(files: Sequence[tuple[str, str]]) -> list[tuple[str, int]]:
    """How many files were skipped for each reason, numbers in the reasons aside; the most frequent first."""
    # "decodes 1.2 s of 7.9 s" and "decodes 3.0 s of 9.9 s" are one reason.
    plain = [re.sub(r"\d+", "#", reason) for _, reason in files]
    shown = {key: reason for key, (_, reason) in zip(plain, files, strict=True)}
    return [(shown[key], count) for key, count in Counter(plain).most_common()]


def made(results: Sequence[AuditResult], command: str) -> list[tuple[str, list[str]]]:
    """How the report was made: a term and what is to be said of it."""
    told: dict[str, dict[str, None]] = {}

    def tell(term: str, text: Any) -> None:
        if text not in (None, "", {}, []):
            told.setdefault(term, {})[str(text)] = None

    tell("command", command)
    for result in results:
        versions = dict(result.provenance.get("versions", {}))
        tell("versions", " · ".join(f"{package} {release}" for package, release in versions.items()))
        if result.provenance.get("seed") is not None:
            tell("seed", result.provenance["seed"])
        if result.provenance.get("revision"):
            tell("revisions of the encoders", f"{result.encoder}: {result.provenance['revision']}")
        for name in sorted(set(result.provenance) - _TOLD_APART):
            tell(
                "hash of the inputs" if name == "inputs" else in_words(name),
                f"{result.audit}, {result.encoder}: {result.provenance[name]}",
            )
    seconds = [float(r.provenance["seconds"]) for r in results if r.provenance.get("seconds") is not None]
    tell("time", f"{duration(sum(seconds))} for the audits, without the encoders" if seconds else "")
    return [(term, list(texts)) for term, texts in told.items()]


_TOLD_APART = {"versions", "seed", "revision", "seconds"}


def options(results: Sequence[AuditResult]) -> list[tuple[str, str]]:
    """Every option that the numbers depend on: the audit with its encoder, and the options in words."""
    return [
        (
            f"{result.audit}, {called}",
            "; ".join(f"{in_words(name)}: {_short(value)}" for name, value in result.parameters.items()),
        )
        for called, result in zip(names(results), results, strict=True)
    ]


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        value = [f"{in_words(str(name))} {entry}" for name, entry in value.items()]
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 300 else text[:299] + "…"
