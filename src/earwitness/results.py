"""What an audit returns: a tidy table, sentences, per-clip items, and how it was made.

The table has one number a row: `measure`, `value`, `low`, `high`, `n`, `note`, then the factors that tell the
rows apart (family, magnitude, class, control, ...). `items` has one row a clip (or clip and condition), so that two
encoders can be compared in pairs on the same clips.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from earwitness.errors import InputError
from earwitness.stats import Estimate

__all__ = ["FORMAT", "AuditResult", "Estimate", "Verdict", "charts_of"]

FORMAT = 1
_CHARTS = {
    "transfer": "earwitness.charts.transfer:charts",
    "robustness": "earwitness.charts.robustness:charts",
    "structure": "earwitness.charts.structure:charts",
    "placement": "earwitness.charts.placement:charts",
    "linear_maps": "earwitness.charts.linear_maps:charts",
    "inversion": "earwitness.charts.inversion:charts",
    "bias": "earwitness.charts.bias:charts",
    "correction": "earwitness.charts.correction:charts",
    "explanation": "earwitness.charts.explanation:charts",
    "artist_groups": "earwitness.charts.artist_groups:charts",
    "explanation_model": "earwitness.charts.explanation_model:charts",
    "topics": "earwitness.charts.topics:charts",
    "learning_experiment": "earwitness.charts.learning_experiment:charts",
}


@dataclass(frozen=True)
class Verdict:
    """One plain sentence about the encoder, with the number, its interval and the controls'.

    `text` and `controls` are plain text, in which **two stars** mark the number that matters.
    """

    status: Literal["holds", "breaks", "open"]
    title: str
    text: str
    controls: str = ""

    def __post_init__(self) -> None:
        if self.status not in ("holds", "breaks", "open"):
            raise InputError(f"a verdict holds, breaks or is open, and not {self.status!r}")


def _no_rows(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({column: pd.Series(dtype=object) for column in columns})


@dataclass(frozen=True)
class AuditResult:
    """What one audit found about one encoder on one collection of clips.

    Attributes
    ----------
    audit, encoder, dataset
        Names: of the audit, of the encoder, and of the clips it was measured on.
    table
        Tidy: `measure`, `value`, `low`, `high`, `n`, `note`, then factors. Intervals are at 95 %.
    verdicts
        Plain sentences; the first is the headline.
    parameters
        Every option that the numbers depend on.
    provenance
        Versions, seed, seconds, hashes of the inputs, encoder revision.
    items
        Per-clip scores with a column `clip`.
    skipped
        Files that could not be used: `file`, `reason`.
    details
        What pictures show and no table holds, such as a loss curve or a spectrogram; only what JSON holds.
    """

    audit: str
    encoder: str
    dataset: str
    table: pd.DataFrame
    verdicts: tuple[Verdict, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    items: pd.DataFrame = field(default_factory=lambda: _no_rows("clip"))
    skipped: pd.DataFrame = field(default_factory=lambda: _no_rows("file", "reason"))
    details: dict[str, Any] = field(default_factory=dict)

    def rows(self, measure: str, **factors: Any) -> pd.DataFrame:
        """The rows of the table with this measure and these values of its factors."""
        keep = self.table["measure"] == measure
        for name, value in factors.items():
            keep &= self.table[name] == value
        return self.table[keep]

    def estimate(self, measure: str, **factors: Any) -> Estimate:
        """The one number with this measure and these factors.

        Raises
        ------
        InputError
            If no row, or more than one, fits.
        """
        rows = self.rows(measure, **factors)
        if len(rows) != 1:
            raise InputError(f"{len(rows)} rows of the {self.audit} table fit {measure!r} {factors}; name one")
        row = rows.iloc[0]
        return Estimate(float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"]), str(row["note"]))

    def charts(self) -> dict[str, Any]:
        """Altair charts by title; save one with `earwitness.charts.save(chart, "figure.pdf")`."""
        return charts_of([self])

    def to_json(self, path: str | Path | None = None) -> str:
        """The whole result as JSON text, also written to `path` where one is given."""
        record = {
            "format": FORMAT,
            "audit": self.audit,
            "encoder": self.encoder,
            "dataset": self.dataset,
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
            "table": _columns(self.table),
            "parameters": self.parameters,
            "provenance": self.provenance,
            "skipped": _columns(self.skipped),
            "items": _columns(self.items),
            **({"details": self.details} if self.details else {}),
        }
        text = json.dumps(record, indent=1, allow_nan=False, default=_plain)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    @classmethod
    def from_json(cls, source: str | Path) -> "AuditResult":
        """Read a result back, from a path or from the text itself.

        Raises
        ------
        InputError
            If it is not a result of Earwitness, or of a newer version.
        """
        text = source if isinstance(source, str) and source.lstrip().startswith("{") else _read(Path(source))
        try:
            record = json.loads(text)
            if record["format"] > FORMAT:
                raise InputError(
                    f"this result has format {record['format']} and this Earwitness reads up to {FORMAT}: upgrade it"
                )
            return cls(
                audit=record["audit"],
                encoder=record["encoder"],
                dataset=record["dataset"],
                table=_frame(record["table"]),
                verdicts=tuple(Verdict(**verdict) for verdict in record["verdicts"]),
                parameters=record["parameters"],
                provenance=record["provenance"],
                items=_frame(record["items"]),
                skipped=_frame(record["skipped"]),
                details=record.get("details", {}),
            )
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            name = "this text" if text is source else str(source)
            raise InputError(f"{name} is not a result of `earwitness audit`: {error!r}") from error


def charts_of(results: Sequence[AuditResult]) -> dict[str, Any]:
    """Altair charts by title, of results of one audit; none where the audit has no pictures."""
    if results[0].audit not in _CHARTS:
        return {}
    module, name = _CHARTS[results[0].audit].split(":")
    found: dict[str, Any] = getattr(import_module(module), name)(results)
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the result {path}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return _number(value.item())
    if isinstance(value, np.ndarray):
        return [_number(entry) for entry in value.tolist()]
    if isinstance(value, Path):
        return value.name
    raise TypeError(f"a result cannot hold a {type(value).__name__}: {value!r}")


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Column by column, with null for what is missing: JSON has no NaN."""
    return {
        str(name): [None if pd.isna(value) else value for value in column.tolist()] for name, column in frame.items()
    }


def _frame(columns: dict[str, list[Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    for name in ("value", "low", "high"):
        if name in frame:
            frame[name] = frame[name].astype(float)
    return frame
