"""Who played which clip how often: a table with the columns `user`, `path` and perhaps `count`."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from earwitness.errors import InputError


def read_plays(path: str) -> pd.DataFrame:
    """The table of a file of plays: columns `user`, `path` and perhaps `count`, CSV or Parquet."""
    try:
        return pd.read_parquet(path) if path.endswith(".parquet") else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as a table of plays ({error}); give a CSV with user,path,count"
        ) from error


def plays_matrix(table: pd.DataFrame, plays: pd.DataFrame) -> sp.csr_matrix:
    """(users, clips) counts of the plays that are of one of the clips."""
    for column in ("user", "path"):
        if column not in plays:
            raise InputError(f"the plays have no column {column!r}; they have {', '.join(map(str, plays.columns))}")
    counts = pd.to_numeric(plays["count"], errors="coerce") if "count" in plays else pd.Series(1.0, plays.index)
    place = _places(table, plays["path"].astype(str))
    good = (place >= 0) & (counts > 0).to_numpy() & plays["user"].notna().to_numpy()
    if not good.any():
        raise InputError(
            f"none of the {len(plays)} plays is of one of the clips (the plays' first: {plays['path'].iloc[0]!r}); "
            "let the column `path` hold the clips' ids or paths"
            if len(plays)
            else "the table of plays is empty"
        )
    users = pd.factorize(plays["user"][good])[0]
    weights = counts[good].to_numpy(float)
    return sp.csr_matrix((weights, (users, place[good])), shape=(users.max() + 1, len(table)))


def _places(table: pd.DataFrame, names: Iterable[str]) -> NDArray[np.int64]:
    """The row of each name: a clip's id, its path, or the end of its path; -1 where there is none."""
    rows: dict[str, int] = {}
    for row, path in enumerate(table["path"].astype(str)):
        parts = path.replace("\\", "/").split("/")
        for start in range(len(parts)):
            rows.setdefault("/".join(parts[start:]), row)
    rows |= {str(clip): row for row, clip in enumerate(table["clip"])}
    return np.array([rows.get(str(name).strip(), -1) for name in names], np.int64)
