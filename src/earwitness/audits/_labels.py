"""What a column of labels holds: one class a clip, several tags a clip, or a number."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.embeddings import Embeddings
from earwitness.errors import InputError

Task = Literal["classes", "tags", "number"]
SEPARATOR = "|"
MOST_NUMERIC_CLASSES = 20


@dataclass(frozen=True)
class Labels:
    """The labels of all clips.

    Attributes
    ----------
    task
        What they are.
    values : (n,) array
        Text for classes and tags ("a|b"), float64 for numbers; "" or NaN where a clip has none.
    present : (n,) bool array
        Which clips have one.
    """

    task: Task
    values: NDArray[Any]
    present: NDArray[np.bool_]


def read_labels(embeddings: Embeddings, column: str, task: str = "auto") -> Labels:
    """The labels in a column of the clip table.

    Parameters
    ----------
    embeddings
        Their clips have the column.
    column
        A missing, empty or blank cell is "no label".
    task
        "classes", "tags" (several values a cell, separated by "|"), "number", or "auto": numbers are *numbers* where
        more than 20 of them, or more than half, differ, and else classes; text is *tags* where a cell holds a "|".

    Raises
    ------
    InputError
        If there is no such column or task, or a cell is not a number where numbers are asked for.
    """
    raw = pd.Series(embeddings.column(column))
    chosen = _task_of(raw) if task == "auto" else task
    if chosen not in ("classes", "tags", "number"):
        raise InputError(f"task is {task!r}: choose 'auto', 'classes', 'tags' or 'number'")
    if chosen == "number":
        values = _numbers(raw, column)
        return Labels("number", values, np.isfinite(values))
    text = read_texts(embeddings, column)
    if chosen == "tags":
        text = np.array([SEPARATOR.join(split_tags(cell)) for cell in text], dtype=object)
    return Labels("tags" if chosen == "tags" else "classes", text, text != "")


def read_groups(embeddings: Embeddings, column: str | None) -> NDArray[Any] | None:
    """The group of each clip as text, or None without a column; a clip without a group is one of its own."""
    if column is None:
        return None
    cells = zip(embeddings.column(column), embeddings.column("clip"), strict=True)
    # The line break keeps the stand-in apart from any group of that name.
    return np.array([_text(group) or f"\n{clip}" for group, clip in cells], dtype=object)


def read_texts(embeddings: Embeddings, column: str) -> NDArray[Any]:
    """A column as text, "" where a cell is missing or blank."""
    return np.array([_text(value) for value in embeddings.column(column)], dtype=object)


def split_tags(cell: str) -> list[str]:
    """The different tags of a cell, in order."""
    return sorted({tag.strip() for tag in cell.split(SEPARATOR)} - {""})


def _task_of(raw: pd.Series) -> Task:
    if pd.api.types.is_numeric_dtype(raw) and not pd.api.types.is_bool_dtype(raw):
        found = raw.dropna()
        many = found.nunique() > min(MOST_NUMERIC_CLASSES, len(found) / 2)
        return "number" if many else "classes"
    return "tags" if any(SEPARATOR in _text(value) for value in raw) else "classes"


def _numbers(raw: pd.Series, column: str) -> NDArray[np.float64]:
    blank = np.array([_text(value) == "" for value in raw])
    numbers = pd.to_numeric(raw.where(~blank), errors="coerce").to_numpy(float, na_value=np.nan)
    wrong = ~blank & ~np.isfinite(numbers)
    if wrong.any():
        raise InputError(
            f"column {column!r} holds {str(raw[wrong.argmax()])!r}, which is not a number: mend it, or ask for "
            "task='classes'"
        )
    return numbers


def _text(value: Any) -> str:
    """A cell as text; 3.0 is "3", as a column of whole numbers with a gap is read as floats."""
    if value is None or value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()
