"""A number and how far to trust it."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval over n items (clips, groups, runs).

    `low` and `high` are NaN where no interval can be given; `note` then says why.
    """

    value: float
    low: float
    high: float
    n: int
    note: str = ""

    def to_frame(self, **factors: Any) -> pd.DataFrame:
        """One row of an audit's tidy table: value, low, high, n, note, then the factors."""
        return pd.DataFrame([{**asdict(self), **factors}])

    def __str__(self) -> str:
        if self.low != self.low:
            return f"{self.value:.2f} (no interval: {self.note or 'not computed'}, n={self.n})"
        return f"{self.value:.2f} (95% {self.low:.2f} to {self.high:.2f}, n={self.n})"
