"""A model card for each audited encoder: a header that model hubs read, and a text that people do.

What was not measured is said to be so; nothing is estimated. Header values are written as JSON, of which YAML is a
superset, so that no name from a file can end a line.
"""

import html
import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from earwitness.report.sections import audited_encoders, title
from earwitness.report.tables import headlines, is_detail, records, side_by_side
from earwitness.report.words import (
    QUESTIONS,
    STATUS,
    condition,
    counted,
    factors,
    in_words,
    is_control,
    is_group,
    printable,
)
from earwitness.results import AuditResult

AUDITS = (
    "transfer",
    "robustness",
    "structure",
    "placement",
    "linear_maps",
    "bias",
    "correction",
    "inversion",
    "explanation",
)
_TASKS = {  # audit -> task type, name: what model hubs call it
    "transfer": ("audio-classification", "Transfer: a probe on the embedding"),
    "robustness": ("feature-extraction", "Robustness to perturbation"),
    "structure": ("feature-extraction", "Structure of the embedding"),
    "placement": ("feature-extraction", "Placement of new groups"),
    "linear_maps": ("feature-extraction", "Linear maps of a change of sound"),
}
_METRICS = 40  # of one audit in the header at most
_UNKNOWN = "not disclosed to Earwitness"


def cards(results: Sequence[AuditResult]) -> dict[str, str]:
    """The model card of each audited encoder, by its name; a group of models is none and has none."""
    groups = {result.encoder for result in results if is_group(result)}
    return {name: model_card(results, name) for name in audited_encoders(results) if name not in groups}


def model_card(results: Sequence[AuditResult], encoder: str) -> str:
    """The model card of one encoder, as Markdown with a YAML header.

    Parameters
    ----------
    results
        Of any audits and encoders; those of other encoders with the role "control" are set beside it.
    encoder
        Name of the encoder.

    Returns
    -------
    str
        `huggingface_hub.ModelCard` reads it; its results are under `model-index`.

    References
    ----------
    Mitchell et al. (2019), Model cards for model reporting.
    """
    mine = [result for result in results if result.encoder == encoder]
    header = {
        "library_name": "earwitness",
        "pipeline_tag": "feature-extraction",
        "tags": ["audio", "music", "earwitness"],
        "model-index": [{"name": printable(encoder), "results": list(_entries(mine))}],
    }
    parts = [
        f"---\n{_yaml(header)}---\n",
        f"# {_markdown(encoder)}\n",
        _about(mine),
        _findings(mine),
        *(_section(audit, [r for r in results if r.audit == audit], encoder) for audit in _audits(mine)),
        _limits(mine),
        _method(mine),
    ]
    return "\n".join(parts)


def _audits(mine: Sequence[AuditResult]) -> list[str]:
    return list(dict.fromkeys([*AUDITS, *(result.audit for result in mine)]))


def _entries(mine: Sequence[AuditResult]) -> Iterator[dict[str, Any]]:
    """One entry of the model index an audit: task, data set, and a metric for each number that is finite."""
    for result in mine:
        kind, name = _TASKS.get(result.audit, ("other", title(result.audit)))
        if result.audit == "transfer" and "R2" in set(result.table["measure"]):
            kind = "tabular-regression"
        names = factors(result.table)
        rows = [row for row in records(result) if math.isfinite(row["value"])]
        metrics = [_metric(row, names) for row in rows if not is_detail(row) and row["measure"] != "chance"][:_METRICS]
        if metrics:
            dataset = result.dataset or "unnamed"
            yield {
                "task": {"type": kind, "name": name},
                "dataset": {"type": _slug(dataset), "name": printable(dataset)},
                "metrics": metrics,
            }


def _metric(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    of = condition(row, names)
    arguments = {
        "of": printable(of) or None,
        "ci_low": _finite(row["low"]),
        "ci_high": _finite(row["high"]),
        "level": 0.95 if math.isfinite(row["low"]) else None,
        "n": int(row["n"]),
    }
    return {
        "type": _slug(str(row["measure"])).replace("-", "_"),
        "name": printable(in_words(str(row["measure"])) + (f" ({of})" if of else "")),
        "value": float(row["value"]),
        "args": {key: value for key, value in arguments.items() if value is not None},
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _slug(name: str) -> str:
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())
    return "-".join(filter(None, kept.split("-"))) or "unnamed"


def _yaml(value: Any, indent: str = "") -> str:
    """Block YAML whose every scalar is JSON."""
    if isinstance(value, dict) and value:
        return "".join(f"{indent}{key}:{_under(entry, indent)}" for key, entry in value.items())
    lines = [_yaml(entry, indent + "  ") for entry in value]
    return "".join(f"{indent}- {line[len(indent) + 2 :]}" for line in lines)


def _under(value: Any, indent: str) -> str:
    if isinstance(value, (dict, list)) and value and not isinstance(value[0] if isinstance(value, list) else 0, str):
        return "\n" + _yaml(value, indent + "  ")
    return f" {_scalar(value)}\n"


def _scalar(value: Any) -> str:
    """JSON without the letters that YAML takes for line ends or refuses."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _markdown(text: Any) -> str:
    """Text that Markdown and HTML show as it is.

    Examples
    --------
    >>> print(_markdown("<b>a_b</b> | [c](d)"))
    &lt;b&gt;a\\_b&lt;/b&gt; \\| [c]\\(d)
    """
    shown = re.sub(r"([\\`*_|~])", r"\\\1", html.escape(printable(text), quote=False))
    return re.sub(r"\](?=[(\[:])", r"]\\", shown)


def _bold(text: str) -> str:
    """A verdict's text, its pairs of stars kept."""
    parts = text.split("**")
    return _markdown(text) if len(parts) % 2 == 0 else "**".join(map(_markdown, parts))


def _about(mine: Sequence[AuditResult]) -> str:
    """What is known of the encoder itself: little, as Earwitness hears it from outside."""
    revisions = dict.fromkeys(str(r.provenance["revision"]) for r in mine if r.provenance.get("revision"))
    lines = [
        "## Model\n",
        f"- Revision: {_markdown(', '.join(revisions) or _UNKNOWN)}",
        f"- Licence of the weights: {_UNKNOWN}",
        f"- Training data: not listed; overlap with the clips below: unknown ({_UNKNOWN})",
        "- Intended use, architecture: " + _UNKNOWN,
    ]
    return "\n".join(lines) + "\n"


def _findings(mine: Sequence[AuditResult]) -> str:
    lines = ["## What was found\n"]
    for result in mine:
        for verdict in result.verdicts:
            sign, word = STATUS[verdict.status]
            beside = f" Controls: {_bold(verdict.controls)}." if verdict.controls else ""
            lines.append(f"- {sign} **{_markdown(verdict.title)}** ({word}): {_bold(verdict.text)}{beside}")
    return "\n".join(lines) + "\n"


def _section(audit: str, results: Sequence[AuditResult], encoder: str) -> str:
    """One audit: its question and its main numbers beside the controls', or that it was not measured."""
    head = f"## {title(audit)}\n\n{QUESTIONS.get(audit, '')}\n"
    shown = [r for r in results if r.encoder == encoder] + [
        r for r in results if is_control(r) and r.encoder != encoder
    ]
    if not shown or shown[0].encoder != encoder:
        return f"{head}\nNot measured.\n"
    table = headlines(side_by_side(shown, most=3000))
    names = [_markdown(name) + (" (control)" if control else "") for name, control in table.encoders]
    lines = [f"| measure | {' | '.join(names)} | n |", "|---" * (len(names) + 2) + "|"]
    for row in table.rows:
        cells = [f"{cell.value} {cell.interval}".strip() if cell else "–" for cell in row.cells]
        what = f"{row.measure} ({row.of})" if row.of else row.measure
        lines.append(f"| {_markdown(what)} | {' | '.join(map(_markdown, cells))} | {row.n} |")
    return f"{head}\n" + "\n".join(lines) + "\n"


def _limits(mine: Sequence[AuditResult]) -> str:
    groups = sorted({str(r.parameters["group"]) for r in mine if r.parameters.get("group")})
    grouped = f"clips were kept together by {_markdown(', '.join(groups))}" if groups else "clips were not grouped"
    skipped = len({tuple(row) for r in mine for row in r.skipped.to_numpy(dtype=str).tolist()})
    lines = [
        "## Limits and confounders\n",
        f"- Folds and intervals: {grouped}.",
        f"- {counted(skipped, 'file')} could not be used.",
        "- Overlap of these clips with the encoder's training data: not measured.",
        "- The numbers speak of these clips and conditions, and of no others.",
    ]
    return "\n".join(lines) + "\n"


def _method(mine: Sequence[AuditResult]) -> str:
    lines = ["## How this was measured\n", "Values stand with their 95 % intervals in brackets.\n"]
    for result in mine:
        about = result.provenance
        versions = ", ".join(f"{name} {release}" for name, release in dict(about.get("versions", {})).items())
        facts = {
            "clips": result.dataset,
            "code": versions,
            "seed": about.get("seed"),
            "hash of the inputs": about.get("inputs"),
            "date": about.get("date", "not recorded"),
        }
        told = "; ".join(f"{name}: {_markdown(value)}" for name, value in facts.items() if value not in (None, ""))
        lines.append(f"- {title(result.audit)}: {told}")
    return "\n".join(lines) + "\n"
