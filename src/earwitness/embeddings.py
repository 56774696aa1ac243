"""Embeddings: a matrix of vectors, one row a clip, with the table of the clips beside it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from earwitness.audio import PerturbationRecord
from earwitness.errors import InputError

METADATA_KEY = b"earwitness"
"""Key of the JSON in which a Parquet file keeps encoder, revision, data set, perturbation and skipped clips."""


@dataclass(frozen=True)
class Embeddings:
    """Vectors of one encoder over one collection of clips, under one perturbation or none.

    Attributes
    ----------
    vectors : (n, d) float32 array
    clips
        Table with one row a vector: `clip` (unique id), then whatever columns the source had.
    encoder, revision
        Name and revision of what made them.
    dataset
        Name of the collection.
    perturbation
        What was done to the sound before, or None.
    skipped
        Clips that have no vector: `file`, `reason`.
    """

    vectors: NDArray[np.float32]
    clips: pd.DataFrame
    encoder: str
    revision: str = ""
    dataset: str = ""
    perturbation: PerturbationRecord | None = None
    skipped: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"file": [], "reason": []}, dtype=object))

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.clips):
            raise InputError(
                f"embeddings need one vector a clip: {self.vectors.shape} vectors for {len(self.clips)} clips"
            )
        if "clip" not in self.clips or self.clips["clip"].duplicated().any():
            raise InputError("the table of clips needs a column `clip` without repetitions")

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def size(self) -> int:
        """Dimensions of one vector, d."""
        return self.vectors.shape[1]

    def column(self, name: str) -> NDArray[Any]:
        """One column of the clip table.

        Raises
        ------
        InputError
            If there is none of that name; the message lists those there are.
        """
        if name not in self.clips:
            raise InputError(f"the clips have no column {name!r}; they have {', '.join(map(str, self.clips.columns))}")
        return self.clips[name].to_numpy()

    def where(self, **values: Any) -> "Embeddings":
        """The clips whose columns have these values."""
        keep = np.ones(len(self), bool)
        for name, value in values.items():
            keep &= self.column(name) == value
        return self.take(np.flatnonzero(keep))

    def take(self, index: NDArray[np.intp]) -> "Embeddings":
        """The rows at these positions, in this order."""
        return replace(self, vectors=self.vectors[index], clips=self.clips.iloc[index].reset_index(drop=True))

    def aligned_with(self, clips: NDArray[Any]) -> "Embeddings":
        """The rows of these clip ids, in this order.

        Raises
        ------
        InputError
            If one of them has no vector here.
        """
        position = pd.Index(self.clips["clip"]).get_indexer(pd.Index(clips))
        if (position < 0).any():
            missing = np.asarray(clips)[position < 0]
            raise InputError(f"{len(missing)} clips have no embedding of {self.encoder}, the first is {missing[0]!r}")
        return self.take(position)

    def joined_with(self, other: "Embeddings") -> "Embeddings":
        """The clips of both, those of `other` behind; columns that one lacks are blank.

        Raises
        ------
        InputError
            If they are of different encoders or perturbations, or a clip is in both.
        """
        mine, theirs = ((e.encoder, e.revision, e.size, e.perturbation and e.perturbation.label) for e in (self, other))
        if mine != theirs:
            raise InputError(f"embeddings of {mine} and of {theirs} cannot be joined: embed both in the same way")
        both = set(self.clips["clip"]) & set(other.clips["clip"])
        if both:
            raise InputError(f"{len(both)} clips are in both tables, the first is {min(both)!r}: rename them")
        return replace(
            self,
            vectors=np.concatenate([self.vectors, other.vectors]),
            clips=pd.concat([self.clips, other.clips], ignore_index=True),
            dataset=" + ".join(filter(None, dict.fromkeys([self.dataset, other.dataset]))),
            skipped=pd.concat([self.skipped, other.skipped], ignore_index=True),
        )

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write one row a clip, the vector as a fixed-size list of float32 in the column `vector`."""
        table = pa.Table.from_pandas(self.clips, preserve_index=False)
        flat = pa.array(np.ascontiguousarray(self.vectors, dtype=np.float32).ravel())
        table = table.append_column("vector", pa.FixedSizeListArray.from_arrays(flat, self.size))
        about = {
            "encoder": self.encoder,
            "revision": self.revision,
            "dataset": self.dataset,
            "perturbation": asdict(self.perturbation) if self.perturbation else None,
            "skipped": self.skipped.to_dict("list"),
        }
        metadata = {**(table.schema.metadata or {}), METADATA_KEY: json.dumps(about).encode()}
        pq.write_table(table.replace_schema_metadata(metadata), str(path))

    @classmethod
    def from_parquet(cls, path: str | PathLike[str], *, vector: str = "vector") -> "Embeddings":
        """Read embeddings, of Earwitness or of any program that writes a list column of numbers.

        Parameters
        ----------
        path
            A Parquet file with one row a clip.
        vector
            Name of the list column. Without a column `clip` the rows are numbered.

        Raises
        ------
        InputError
            If the file is not Parquet, has no such column, or its vectors differ in length.
        """
        try:
            table = pq.read_table(str(path))
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{path}: not a readable Parquet file ({error})") from error
        if vector not in table.column_names:
            raise InputError(f"{path}: no column {vector!r} of vectors; it has {', '.join(table.column_names)}")
        rows = table.column(vector).to_pylist()
        if not rows or any(row is None or len(row) != len(rows[0]) for row in rows):
            raise InputError(f"{path}: the vectors of column {vector!r} are empty or differ in length")
        about: Mapping[str, Any] = json.loads((table.schema.metadata or {}).get(METADATA_KEY, b"{}"))
        clips = table.drop_columns([vector]).to_pandas()
        if "clip" not in clips:
            clips.insert(0, "clip", [f"row-{i:06d}" for i in range(len(clips))])
        record = about.get("perturbation")
        return cls(
            vectors=np.asarray(rows, dtype=np.float32),
            clips=clips,
            encoder=about.get("encoder", str(path)),
            revision=about.get("revision", ""),
            dataset=about.get("dataset", ""),
            perturbation=PerturbationRecord(**record) if record else None,
            skipped=pd.DataFrame(about.get("skipped", {"file": [], "reason": []}), dtype=object),
        )
