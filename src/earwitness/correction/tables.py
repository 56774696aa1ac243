"""Corrections of tables of any size: Parquet files are read, corrected and written batch by batch.

Conventions: a table has one row a clip, the vector in the column `vector` as a list of numbers, and what is known of a
clip in other columns; `Embeddings.to_parquet` writes such tables, and so do other programs.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from earwitness.correction._rows import text_of
from earwitness.correction._sample import Sample
from earwitness.correction.files import Fitted, fingerprint
from earwitness.correction.methods import make_correction
from earwitness.embeddings import METADATA_KEY
from earwitness.engine import Progress
from earwitness.errors import InputError
from earwitness.store import content_hash, whole_file

VECTOR = "vector"
_NUMBERS_A_BATCH = 2**22
_BUFFER = 2**20


def fit_table(
    file: str | PathLike[str],
    *,
    domain: str,
    strata: str | None = None,
    method: str = "lda",
    options: Mapping[str, Any] | None = None,
    clips_per_domain: int = 5000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Fitted:
    """Fit a correction on a table of embeddings.

    The table is read once, batch by batch; what is kept is at most `clips_per_domain` rows of each domain.

    Parameters
    ----------
    file
        Parquet.
    domain, strata
        Columns. Clips without a domain are left out.
    method, options
        See `make_correction`.
    clips_per_domain
        Where a domain has more, as many of its clips are drawn at random; 0 keeps all.
    seed
        Of that draw, and of the method where it draws at random.
    progress
        Told how many rows were read.

    Raises
    ------
    InputError
        If the table cannot be read, lacks a column, or the method cannot be fitted on it.
    """
    given = dict(options or {})
    if "random_state" in make_correction(method).get_params():
        given.setdefault("random_state", seed)
    correction = make_correction(method, **given)
    with _opened(file, [domain, strata]) as source:
        sample = Sample(clips_per_domain, np.random.default_rng(seed))
        columns = [VECTOR, domain] + ([strata] if strata else [])
        for batch in _batches(source, columns, _rows_a_batch(source, file), progress, "reading"):
            labels = batch.column(strata).to_pylist() if strata else None
            sample.add(_vectors(batch, file), batch.column(domain).to_pylist(), labels)
        about = _metadata(source)
    rows, domains, found = sample.rows(file, domain)
    correction.fit(rows, sample_domain=domains, strata=found if strata else None)
    names, counts = np.unique(domains, return_counts=True)
    notes = {
        "method": method,
        "file": Path(file).name,
        "encoder": about.get("encoder", Path(file).stem),
        "domain": domain,
        "strata": strata,
        "clips": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "without_domain": sample.without_domain,
        "seed": seed,
    }
    return Fitted(correction, notes)


def apply_table(
    fitted: Fitted,
    file: str | PathLike[str],
    out: str | PathLike[str],
    *,
    domain: str | None = None,
    progress: Progress | None = None,
) -> tuple[int, int]:
    """Write the table with corrected vectors: its columns, order and metadata stay.

    The encoder becomes "<encoder>+<method>", so that `-e embeddings:OUT` audits the corrected vectors as such.

    Parameters
    ----------
    fitted
        What `fit_table` or `load_with_notes` gave.
    file, out
        Parquet; `out` is whole or absent.
    domain
        Column with the domain, for a correction that needs it; by default the one it was fitted on.
    progress
        Told how many rows were written.

    Returns
    -------
    clips, dimensions

    Raises
    ------
    InputError
        If the table cannot be read, has vectors of another size, lacks the domain, or is the one to be written.
    """
    correction, notes = fitted
    needed = (domain or notes.get("domain")) if correction.needs_domain else None
    if correction.needs_domain and needed is None:
        raise InputError(f"a {type(correction).__name__} needs the domain of each clip: name its column with --domain")
    if Path(out).resolve() == Path(file).resolve():
        raise InputError(f"{out}: is the table to be corrected; write to another file")
    with _opened(file, [needed]) as source:
        width = correction.n_features_out_
        about = _corrected_metadata(_metadata(source), fitted, Path(file))
        schema = _schema(source, width, about)
        with whole_file(out) as draft, pq.ParquetWriter(draft, schema) as writer:
            for batch in _batches(source, None, _rows_a_batch(source, file, width), progress, "correcting"):
                rows = _vectors(batch, file)
                if rows.shape[1] != correction.n_features_in_:
                    raise InputError(
                        f"{file}: its vectors have {rows.shape[1]} dimensions, and the correction was fitted on "
                        f"{correction.n_features_in_}"
                    )
                member = _domains(batch, needed, file) if needed else None
                writer.write_batch(_with_vectors(batch, correction.transform(rows, sample_domain=member), schema))
    return source.metadata.num_rows, width


@contextmanager
def _opened(file: str | PathLike[str], columns: Sequence[str | None]) -> Iterator[pq.ParquetFile]:
    """A Parquet file that has these columns beside that of the vectors."""
    if not Path(file).is_file():
        raise InputError(f"{file}: there is no such file")
    try:
        # Else whole column chunks are read, and a row group may be the whole file.
        source = pq.ParquetFile(str(file), pre_buffer=False, buffer_size=_BUFFER)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{file}: not a readable Parquet file ({error})") from error
    with source:
        names = source.schema_arrow.names
        for column in [VECTOR, *columns]:
            if column is not None and column not in names:
                raise InputError(f"{file}: no column {column!r}; it has {', '.join(names)}")
        yield source


def _batches(
    source: pq.ParquetFile, columns: list[str] | None, rows: int, progress: Progress | None, stage: str
) -> Iterator[pa.RecordBatch]:
    done, total = 0, source.metadata.num_rows
    for batch in source.iter_batches(batch_size=rows, columns=columns):
        yield batch
        done += batch.num_rows
        if progress is not None:
            progress(done, total, stage)


def _rows_a_batch(source: pq.ParquetFile, file: str | PathLike[str], width: int = 0) -> int:
    """As many rows as have some four million numbers, in or out."""
    first = next(source.iter_batches(batch_size=1, columns=[VECTOR]), None)
    if first is None or first.num_rows == 0:
        raise InputError(f"{file}: it has no rows")
    return max(1, _NUMBERS_A_BATCH // max(_vectors(first, file).shape[1], width))


def _vectors(batch: pa.RecordBatch, file: str | PathLike[str]) -> NDArray[np.float32]:
    column = batch.column(VECTOR)
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise InputError(f"{file}: the column {VECTOR!r} holds {kind}, where a list of numbers is wanted")
    values = column.flatten()
    width, rest = divmod(len(values), batch.num_rows)
    lengths = column.value_lengths()
    if column.null_count or rest or width == 0 or not all(length == width for length in lengths.unique().to_pylist()):
        raise InputError(f"{file}: the vectors of column {VECTOR!r} are empty or differ in length")
    try:
        numbers = values.cast(pa.float32()).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"{file}: the column {VECTOR!r} holds {kind}, where a list of numbers is wanted") from error
    return np.asarray(numbers, dtype=np.float32).reshape(-1, width)


def _domains(batch: pa.RecordBatch, column: str, file: str | PathLike[str]) -> NDArray[Any]:
    found = np.array([text_of(value) for value in batch.column(column).to_pylist()], dtype=object)
    if (found == "").any():
        raise InputError(
            f"{file}: {(found == '').sum()} clips or more have no {column}, and this correction treats each domain "
            "in its own way: fill the column in, or leave them out"
        )
    return found


def _metadata(source: pq.ParquetFile) -> dict[str, Any]:
    try:
        found = json.loads((source.schema_arrow.metadata or {}).get(METADATA_KEY, b"{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _corrected_metadata(about: dict[str, Any], fitted: Fitted, file: Path) -> dict[str, Any]:
    method = fitted.about.get("method", type(fitted.correction).__name__.lower())
    return {
        **about,
        "encoder": f"{about.get('encoder', file.stem)}+{method}",
        "revision": content_hash(str(about.get("revision", "")), fingerprint(fitted.correction))[:12],
    }


def _schema(source: pq.ParquetFile, width: int, about: Mapping[str, Any]) -> pa.Schema:
    schema = source.schema_arrow
    vector = pa.field(VECTOR, pa.list_(pa.float32(), width))
    metadata = {**(schema.metadata or {}), METADATA_KEY: json.dumps(about).encode()}
    return schema.set(schema.get_field_index(VECTOR), vector).with_metadata(metadata)


def _with_vectors(batch: pa.RecordBatch, vectors: NDArray[np.float32], schema: pa.Schema) -> pa.RecordBatch:
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    columns = [column if name == VECTOR else batch.column(name) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
