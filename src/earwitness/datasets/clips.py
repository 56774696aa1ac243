"""Clips: an immutable table with one row a clip, and the sound behind each row."""

import hashlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from earwitness.audio import read
from earwitness.datasets.content import content_hash_of_file
from earwitness.errors import ClipError, InputError

OWN_COLUMNS = ("clip", "path", "start", "duration")
SILENCE = 10 ** (-90 / 20)  # -90 dBFS: one step of 16-bit sound
_LAZY_COPIES = int(pd.__version__.split(".")[0]) >= 3


def skipped_table(skipped: Sequence[tuple[str, str]] = ()) -> pd.DataFrame:
    """Table of what cannot be used: `file`, `reason`."""
    return pd.DataFrame(list(skipped), columns=["file", "reason"], dtype=object)


@dataclass(frozen=True)
class Clip:
    """One clip: a file, the excerpt of it that is meant, and what is known about it.

    Attributes
    ----------
    clip
        Id, unique in its collection.
    path
        Where the file lies: a local path or a URL, as text that can be encoded.
    start, duration
        The excerpt, in seconds. Without a duration it runs to the end.
    metadata
        Every other column of the table.
    name
        The file as the user knows it (relative to the folder or manifest); errors name it so.
    file
        What is opened. It differs from `path` only if the file's name is no valid text.
    to_end
        Whether the excerpt runs to the end of the file, whatever `duration` the header promised.
    """

    clip: str
    path: str
    start: float = 0.0
    duration: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    file: str = ""
    to_end: bool = False

    def load(self, sample_rate: int | None = None, mono: bool = True) -> NDArray[np.float32]:
        """The sound of the clip.

        Parameters
        ----------
        sample_rate
            In hertz; None keeps the file's own.
        mono
            Mix all channels down to one.

        Returns
        -------
        (samples,) or (channels, samples) float32 array
            The second form only for files of several channels, with `mono=False`.

        Raises
        ------
        ClipError
            If the file cannot be read, is empty, truncated, silent, or has samples that are not finite.
        """
        return self._read(sample_rate, mono)[0]

    def audio(self) -> tuple[NDArray[np.float32], int]:
        """The sound mixed to mono at the file's own sample rate, and that rate in hertz. Raises as `load`."""
        return self._read(None, mono=True)

    def content_key(self) -> str:
        """Text that names what is heard: a hash of the file's bytes, and the excerpt.

        It stays the same when the file is renamed, moved or copied.

        Raises
        ------
        ClipError
            If the file cannot be read.
        """
        end = "end" if self._asked is None else f"{self.start + self._asked:.6f}"
        try:
            digest = content_hash_of_file(self._opened)
        except OSError as error:
            raise ClipError(self._shown, f"cannot be read ({error.strerror or error})") from error
        return hashlib.sha256(f"{digest}:{self.start:.6f}:{end}".encode()).hexdigest()

    @property
    def _opened(self) -> str:
        return self.file or self.path

    @property
    def _shown(self) -> str:
        return self.name or self.path

    @property
    def _asked(self) -> float | None:
        return None if self.to_end else self.duration

    def _read(self, sample_rate: int | None, mono: bool) -> tuple[NDArray[np.float32], int]:
        try:
            audio, rate = read(self._opened, start=self.start, duration=self._asked, sample_rate=sample_rate, mono=mono)
        except ClipError as error:
            raise ClipError(self._shown, error.reason) from error
        if np.abs(audio).max(initial=0.0) < SILENCE:
            raise ClipError(self._shown, "silent: an embedding of silence has no direction")
        return audio, rate


class Clips:
    """An immutable collection of clips.

    Parameters
    ----------
    table
        One row a clip: `clip` (unique id), `path`, optionally `start` and `duration` in seconds, then metadata.
    name
        Of the collection; results are filed under it.
    root
        Folder or URL that the files lie under.
    skipped
        What could not be used: `file`, `reason`.
    files
        What is opened for each row, where that differs from `path`.
    to_end
        For each row, whether it runs to the end of its file. Default: where no duration is given.

    Raises
    ------
    InputError
        If there is no column `clip` or `path`, or an id repeats.
    """

    __slots__ = ("_files", "_name", "_root", "_rows", "_skipped", "_table", "_to_end")

    def __init__(
        self,
        table: pd.DataFrame,
        *,
        name: str = "clips",
        root: str = "",
        skipped: pd.DataFrame | None = None,
        files: Sequence[str] | None = None,
        to_end: ArrayLike | None = None,
    ) -> None:
        self._table = _with_own_columns(table)
        self._rows: list[dict[Hashable, Any]] | None = None
        self._name = name
        self._root = root
        self._skipped = skipped_table() if skipped is None else skipped.reset_index(drop=True)
        self._files = tuple(self._table["path"] if files is None else files)
        self._to_end = np.array(self._table["duration"].isna() if to_end is None else to_end, dtype=bool)

    @property
    def table(self) -> pd.DataFrame:
        """A copy of the table: `clip`, `path`, `start`, `duration` (seconds), then whatever the source had."""
        return self._table.copy(deep=not _LAZY_COPIES)

    @property
    def name(self) -> str:
        """Name of the collection."""
        return self._name

    @property
    def root(self) -> str:
        """Folder or URL that the files lie under."""
        return self._root

    @property
    def skipped(self) -> pd.DataFrame:
        """What could not be used, one row a file: `file`, `reason`."""
        return self._skipped.copy(deep=not _LAZY_COPIES)

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        columns = ", ".join(map(str, self._table.columns[len(OWN_COLUMNS) :])) or "no metadata"
        return f"<Clips {self._name}: {len(self)} clips ({columns}), {len(self._skipped)} files skipped>"

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> "Clips": ...
    def __getitem__(self, index: int | slice) -> "Clip | Clips":
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self._clip(range(len(self))[index])

    def __iter__(self) -> Iterator[Clip]:
        return map(self._clip, range(len(self)))

    def _clip(self, place: int) -> Clip:
        if self._rows is None:  # made once: to take a row out of a table takes a millisecond
            self._rows = self._table.to_dict("records")
        row = self._rows[place]
        path, duration = str(row["path"]), float(row["duration"])
        return Clip(
            clip=str(row["clip"]),
            path=path,
            start=float(row["start"]),
            duration=None if np.isnan(duration) else duration,
            metadata={str(key): value for key, value in row.items() if key not in OWN_COLUMNS},
            name=path.removeprefix(self._root).lstrip("/\\") if self._root else path,
            file=self._files[place],
            to_end=bool(self._to_end[place]),
        )

    def where(self, **values: Any) -> "Clips":
        """The clips whose columns have these values: `clips.where(label="cello", domain="recorded")`.

        Raises
        ------
        InputError
            If there is no column of that name; the message lists those there are.
        """
        keep = np.ones(len(self), dtype=bool)
        for column, value in values.items():
            if column not in self._table:
                raise InputError(
                    f"{self._name}: the clips have no column {column!r}; they have {', '.join(self._table.columns)}"
                )
            keep &= (self._table[column] == value).to_numpy(dtype=bool, na_value=False)
        return self.take(np.flatnonzero(keep))

    def take(self, index: ArrayLike) -> "Clips":
        """The clips at these positions, in this order."""
        places = np.asarray(index, dtype=np.intp)
        return Clips(
            self._table.iloc[places].reset_index(drop=True),
            name=self._name,
            root=self._root,
            skipped=self._skipped,
            files=[self._files[place] for place in places],
            to_end=self._to_end[places],
        )

    def assign(self, **columns: Any) -> "Clips":
        """The same clips with these columns of metadata, in place of any of the same names; one value a clip.

        Raises
        ------
        InputError
            If a column is one of the clips' own: `clip`, `path`, `start`, `duration`.
        """
        own = [name for name in columns if name in OWN_COLUMNS]
        if own:
            raise InputError(f"the column {own[0]!r} says where a clip lies: load the clips anew to change it")
        return Clips(
            self._table.assign(**columns),
            name=self._name,
            root=self._root,
            skipped=self._skipped,
            files=self._files,
            to_end=self._to_end,
        )

    def lasting(self, seconds: float, reason: str) -> "Clips":
        """The clips of that length or longer (10 ms may be missing); the others are listed as skipped, with the reason.

        A clip whose length is not known is kept.
        """
        short = self._table["duration"].to_numpy(dtype=float) < seconds - 0.01
        names = [clip._shown for clip in self.take(np.flatnonzero(short))]
        skipped = pd.concat([self._skipped, skipped_table([(name, reason) for name in names])], ignore_index=True)
        kept = self.take(np.flatnonzero(~short))
        kept._skipped = skipped
        return kept

    def joined(self, other: "Clips") -> "Clips":
        """These clips, and those of another collection behind them.

        Raises
        ------
        InputError
            If both have a clip of the same id.
        """
        return Clips(
            pd.concat([self._table, other._table], ignore_index=True),
            name=self._name,
            root=self._root,
            skipped=pd.concat([self._skipped, other._skipped], ignore_index=True),
            files=[*self._files, *other._files],
            to_end=[*self._to_end, *other._to_end],
        )

    def sample(self, n: int, seed: int = 0) -> "Clips":
        """A simple random sample of `n` clips without repetition, in the order of the table; all, if there are fewer.

        A clip is drawn by a hash of the seed and its id: the sample does not depend on the order of the table, and
        a smaller sample is part of a larger one with the same seed.

        Raises
        ------
        InputError
            If `n` is below one.
        """
        if n < 1:
            raise InputError(f"a sample needs one clip or more, but {n} were asked for")
        lots = [hashlib.sha256(f"{seed}:{clip}".encode()).digest() for clip in self._table["clip"]]
        return self.take(sorted(sorted(range(len(self)), key=lots.__getitem__)[:n]))

    def excerpt(self, seconds: float, place: Literal["centre", "start"] = "centre") -> "Clips":
        """The same clips, none longer than so many seconds, cut from the centre or the start.

        Raises
        ------
        InputError
            If `seconds` is not positive or `place` is unknown.
        """
        if not seconds > 0:
            raise InputError(f"an excerpt needs a length above 0 seconds, but {seconds} was asked for")
        if place not in ("centre", "start"):
            raise InputError(f"an excerpt is cut from the 'centre' or the 'start', not from {place!r}")
        before = self._table["duration"].to_numpy(dtype=float)
        cut = before > seconds
        length = np.where(cut, seconds, before)
        shift = (before - length) / 2 if place == "centre" else np.zeros(len(before))
        shift = np.where(cut, shift, 0.0)
        table = self._table.assign(start=self._table["start"] + shift, duration=length)
        to_end = self._to_end & ~cut
        return Clips(table, name=self._name, root=self._root, skipped=self._skipped, files=self._files, to_end=to_end)


def _with_own_columns(table: pd.DataFrame) -> pd.DataFrame:
    for column in ("clip", "path"):
        if column not in table:
            raise InputError(f"a table of clips needs a column {column!r}; it has {', '.join(map(str, table.columns))}")
    repeated = table["clip"][table["clip"].duplicated()]
    if len(repeated):
        raise InputError(f"clip ids must be unique, but {repeated.iloc[0]!r} occurs twice; rename one")
    start = table["start"] if "start" in table else pd.Series(0.0, index=table.index)
    duration = table["duration"] if "duration" in table else pd.Series(np.nan, index=table.index)
    others = table.drop(columns=list(OWN_COLUMNS), errors="ignore")
    own = pd.DataFrame(
        {"clip": table["clip"], "path": table["path"], "start": start.astype(float), "duration": duration.astype(float)}
    )
    return pd.concat([own, others], axis=1).reset_index(drop=True)
