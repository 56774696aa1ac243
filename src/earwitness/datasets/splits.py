"""Whether a split leaks: the same artist, track or score on both sides of it."""

import warnings

import pandas as pd

from earwitness.errors import InputError

GROUP_COLUMNS = ("group", "artist", "artist_id", "album", "album_id", "track", "track_id", "song", "song_id", "score")


def group_overlap(table: pd.DataFrame, split: str, group: str) -> pd.DataFrame:
    """The groups of which a split has clips in more than one part.

    Parameters
    ----------
    table
        One row a clip.
    split, group
        Columns: the part of the split (train, test), and what must not be in two of them (artist, track).

    Returns
    -------
    DataFrame
        `group`, `parts` (joined by "|"), `clips` (how many); no rows if nothing overlaps. Clips without a part or a
        group are left out.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> table = pd.DataFrame({"artist": ["a", "a", "b"], "split": ["train", "test", "test"]})
    >>> group_overlap(table, "split", "artist")
      group       parts  clips
    0     a  test|train      2
    """
    for column in (split, group):
        if column not in table:
            raise InputError(f"the clips have no column {column!r}; they have {', '.join(map(str, table.columns))}")
    known = table[[split, group]].dropna().astype(str)
    found = {name: (sorted(set(parts)), len(parts)) for name, parts in known.groupby(group, sort=True)[split]}
    rows = [(name, "|".join(parts), clips) for name, (parts, clips) in found.items() if len(parts) > 1]
    return pd.DataFrame(rows, columns=["group", "parts", "clips"])


def require_separate_groups(table: pd.DataFrame, split: str, group: str) -> None:
    """Refuse a split that has one group in two of its parts.

    Raises
    ------
    InputError
        If groups overlap; the message counts them and names the first.
    """
    overlap = group_overlap(table, split, group)
    if len(overlap):
        raise InputError(_sentence(overlap, split, group) + "; split by this column, or take these clips out")


def warn_of_overlap(table: pd.DataFrame, name: str) -> None:
    """Warn where a collection comes with a column `split` that one of the usual group columns crosses."""
    if "split" not in table:
        return
    for group in GROUP_COLUMNS:
        if group in table and len(overlap := group_overlap(table, "split", group)):
            warnings.warn(f"{name}: " + _sentence(overlap, "split", group), UserWarning, stacklevel=5)


def _sentence(overlap: pd.DataFrame, split: str, group: str) -> str:
    first = overlap.iloc[0]
    return (
        f"{len(overlap)} values of {group!r} occur in more than one part of {split!r} "
        f"(the first: {first['group']!r} in {first['parts'].replace('|', ' and ')})"
    )
