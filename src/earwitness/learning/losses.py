"""The losses of a run: a table, a CSV file, and event files for TensorBoard."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from earwitness.errors import MissingExtraError
from earwitness.store import whole_file

COLUMNS = ("step", "part", "training", "validation")
Row = tuple[int, str, float, float]


class Losses:
    """Rows of the log, and the losses since the last of them.

    Parameters
    ----------
    rows
        Step, part, mean training loss, validation loss.
    sums
        By part: how many steps since the last rows, and the sum of their losses.
    """

    def __init__(self, rows: Iterable[Row] = (), sums: Mapping[str, tuple[int, float]] | None = None) -> None:
        self.rows = [tuple(row) for row in rows]
        self.sums = {part: tuple(value) for part, value in (sums or {}).items()}

    def add(self, part: str, loss: float) -> None:
        """One step of a part."""
        count, total = self.sums.get(part, (0, 0.0))
        self.sums[part] = (count + 1, total + loss)

    def close(self, step: int, validation: Mapping[str, float]) -> list[Row]:
        """End the interval at this step: one new row a part, and the sums begin anew."""
        rows = []
        for part in sorted({*self.sums, *validation}):
            count, total = self.sums.get(part, (0, 0.0))
            rows.append((step, part, total / count if count else math.nan, float(validation.get(part, math.nan))))
        self.rows += rows
        self.sums = {}
        return rows

    def table(self) -> pd.DataFrame:
        """`step`, `part`, `training`, `validation`."""
        return pd.DataFrame(self.rows, columns=list(COLUMNS))

    def to_csv(self, path: Path) -> None:
        """Write the table, whole or not at all."""
        with whole_file(path) as draft:
            self.table().to_csv(draft, index=False)


class EventFiles:
    """The same rows for TensorBoard: `training/PART` and `validation/PART` by step.

    Parameters
    ----------
    folder
        Gets one more event file each time a run goes on.
    purge_from
        TensorBoard forgets what an earlier file says of this step and later ones.
    """

    def __init__(self, folder: Path, *, purge_from: int) -> None:
        self.folder, self.purge_from = folder, purge_from
        self._writer: Any = None

    def __enter__(self) -> "EventFiles":
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise MissingExtraError("training an encoder", "learn") from error
        self._writer = SummaryWriter(str(self.folder), purge_step=self.purge_from)
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, rows: Iterable[Row]) -> None:
        """Write these rows, and hand them to the disk."""
        for step, part, training, validation in rows:
            for kind, value in (("training", training), ("validation", validation)):
                if not math.isnan(value):
                    self._writer.add_scalar(f"{kind}/{part}", value, step)
        self._writer.flush()
