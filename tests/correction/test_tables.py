"""Tables of embeddings: streaming gives what is got in memory, and everything but the vectors stays."""

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from planted_domains import planted

from earwitness.correction import Fitted, apply_table, fit_table, make_correction, tables
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError


def clips(n: int = 300, d: int = 6) -> Embeddings:
    rng = np.random.default_rng(0)
    X, domain = planted(d).draw(n, rng)
    table = pd.DataFrame(
        {
            "clip": [f"clip-{i}" for i in range(n)],
            "dataset": np.array(["IRMAS", "OpenMIC"])[(domain == "b").astype(int)],
            "genre": np.array(["x", "y", None], dtype=object)[rng.integers(0, 3, n)],
            "year": rng.integers(1990, 2020, n),
        }
    )
    skipped = pd.DataFrame({"file": ["bad.wav"], "reason": ["it is empty"]})
    return Embeddings(X.astype(np.float32), table, "enc", "7", "both", skipped=skipped)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of seven rows or fewer, so that a test's table has many."""
    monkeypatch.setattr(tables, "_NUMBERS_A_BATCH", 42)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("method", ["lda", "mlda", "klda", "leace", "coral", "zscore"])
@pytest.mark.parametrize("row_group", [5, 1000])
def test_streaming_equals_in_memory(method: str, row_group: int, tmp_path: Path) -> None:
    embeddings = clips()
    embeddings.to_parquet(tmp_path / "in.parquet")
    pq.write_table(pq.read_table(tmp_path / "in.parquet"), tmp_path / "in.parquet", row_group_size=row_group)
    fitted = fit_table(tmp_path / "in.parquet", domain="dataset", strata="genre", method=method)
    domain, genre = embeddings.column("dataset"), embeddings.column("genre")
    memory = make_correction(method).fit(embeddings.vectors, sample_domain=domain, strata=genre)
    expected = memory.transform(embeddings.vectors, sample_domain=domain)
    steps: list[tuple[int, int, str]] = []
    shape = apply_table(
        fitted, tmp_path / "in.parquet", tmp_path / "out.parquet", progress=lambda *step: steps.append(step)
    )
    assert shape == expected.shape
    assert steps[-1] == (300, 300, "correcting")
    assert len(steps) >= 300 / 7
    corrected = Embeddings.from_parquet(tmp_path / "out.parquet")
    # Rows may meet others in a product of matrices, which may round the last bit of float32 the other way.
    np.testing.assert_allclose(corrected.vectors, expected, rtol=3e-7, atol=1e-6)
    pd.testing.assert_frame_equal(corrected.clips, Embeddings.from_parquet(tmp_path / "in.parquet").clips)
    assert corrected.encoder == f"enc+{method}"
    assert corrected.revision not in ("", "7")
    assert corrected.dataset == "both"
    assert corrected.skipped["file"].tolist() == ["bad.wav"]


def test_the_revision_tells_corrections_apart(tmp_path: Path) -> None:
    clips().to_parquet(tmp_path / "in.parquet")
    revisions = []
    for options in ({}, {}, {"shrinkage": 0.5}, {"standardize": "none"}):
        fitted = fit_table(tmp_path / "in.parquet", domain="dataset", options=options)
        apply_table(fitted, tmp_path / "in.parquet", tmp_path / "out.parquet")
        revisions.append(Embeddings.from_parquet(tmp_path / "out.parquet").revision)
    assert revisions[0] == revisions[1]
    assert len(set(revisions)) == 3


def test_a_sample_of_each_domain_is_drawn_the_same_whatever_the_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips().to_parquet(tmp_path / "in.parquet")
    found = []
    for numbers in (42, 6 * 64, 10**6):
        monkeypatch.setattr(tables, "_NUMBERS_A_BATCH", numbers)
        fitted = fit_table(tmp_path / "in.parquet", domain="dataset", clips_per_domain=40, seed=3)
        assert fitted.about["clips"] == {"IRMAS": 40, "OpenMIC": 40}
        found.append(fitted.correction.components_)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    other = fit_table(tmp_path / "in.parquet", domain="dataset", clips_per_domain=40, seed=4)
    assert not np.array_equal(other.correction.components_, found[0])  # type: ignore[attr-defined]


def test_memory_is_bounded_by_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = clips(n=8_000, d=64)  # 2 MB of vectors in one row group, and 16 MB out
    embeddings.to_parquet(tmp_path / "in.parquet")
    monkeypatch.setattr(tables, "_NUMBERS_A_BATCH", 2**15)
    fitted = fit_table(
        tmp_path / "in.parquet", domain="dataset", method="k", clips_per_domain=100, options={"sigma": 10.0}
    )
    tracemalloc.start()
    apply_table(fitted, tmp_path / "in.parquet", tmp_path / "out.parquet")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A batch is 64 rows of 512 numbers; a dozen copies of it in float64, no more.
    assert peak < 12 * 8 * 2**15


def test_tables_of_other_programs_and_numbers_as_domains(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, domain = planted(4).draw(60, rng)
    years = [None if i % 20 == 0 else 1990.0 + (name == "b") for i, name in enumerate(domain)]
    table = pa.table({"vector": pa.array(X.tolist(), pa.list_(pa.float64())), "year": years})
    pq.write_table(table, tmp_path / "other.parquet")
    fitted = fit_table(tmp_path / "other.parquet", domain="year", method="mean")
    assert fitted.about["without_domain"] == 3
    assert list(fitted.about["clips"]) == ["1990", "1991"]
    apply_table(fitted, tmp_path / "other.parquet", tmp_path / "out.parquet")
    corrected = Embeddings.from_parquet(tmp_path / "out.parquet")
    assert corrected.encoder == "other+mean"
    known = np.array([year is not None for year in years])
    expected = make_correction("mean").fit(X[known].astype(np.float32), sample_domain=domain[known])
    np.testing.assert_allclose(corrected.vectors, expected.transform(X.astype(np.float32)), atol=1e-5)
    needs = fit_table(tmp_path / "other.parquet", domain="year", method="zscore")
    with pytest.raises(InputError, match="3 clips or more have no year"):
        apply_table(needs, tmp_path / "other.parquet", tmp_path / "out2.parquet")
    assert not (tmp_path / "out2.parquet").exists()


def test_a_correction_that_needs_the_domain_reads_the_column_it_was_fitted_on_or_another(tmp_path: Path) -> None:
    embeddings = clips()
    embeddings.to_parquet(tmp_path / "in.parquet")
    fitted = fit_table(tmp_path / "in.parquet", domain="dataset", method="zscore")
    renamed = Embeddings(embeddings.vectors, embeddings.clips.rename(columns={"dataset": "source"}), "enc")
    renamed.to_parquet(tmp_path / "renamed.parquet")
    with pytest.raises(InputError, match="no column 'dataset'; it has"):
        apply_table(fitted, tmp_path / "renamed.parquet", tmp_path / "out.parquet")
    assert apply_table(fitted, tmp_path / "renamed.parquet", tmp_path / "out.parquet", domain="source") == (300, 6)
    with pytest.raises(InputError, match="name its column with --domain"):
        apply_table(Fitted(fitted.correction, {}), tmp_path / "in.parquet", tmp_path / "out.parquet")


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (pa.array([[1.0, 2], [1.0]]), "differ in length"),
        (pa.array([[1.0, 2], None]), "differ in length"),
        (pa.array([["a"], ["b"]]), "a list of numbers is wanted"),
        (pa.array([1.0, 2.0]), "a list of numbers is wanted"),
        (pa.array([[1.0, 2], [1.0, float("nan")]]), "NaN"),
    ],
)
def test_tables_that_cannot_be_used_are_said_in_one_sentence(vectors: pa.Array, words: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"vector": vectors, "dataset": ["x", "y"]}), tmp_path / "in.parquet")
    with pytest.raises(InputError, match=words) as caught:
        fit_table(tmp_path / "in.parquet", domain="dataset", method="mean")
    assert "\n" not in str(caught.value)


def test_wrong_files_and_columns_are_said_in_one_sentence(tmp_path: Path) -> None:
    clips().to_parquet(tmp_path / "in.parquet")
    clips(d=5).to_parquet(tmp_path / "five.parquet")
    (tmp_path / "text.parquet").write_text("words")
    with pytest.raises(InputError, match="no column 'data_set'; it has"):
        fit_table(tmp_path / "in.parquet", domain="data_set")
    with pytest.raises(InputError, match="no column 'style'"):
        fit_table(tmp_path / "in.parquet", domain="dataset", strata="style")
    for name, words in {"text.parquet": "not a readable Parquet file", "missing.parquet": "no such file"}.items():
        with pytest.raises(InputError, match=f"{name}: .*{words}"):
            fit_table(tmp_path / name, domain="dataset")
    pq.write_table(pq.read_table(tmp_path / "in.parquet").slice(0, 0), tmp_path / "none.parquet")
    with pytest.raises(InputError, match="it has no rows"):
        fit_table(tmp_path / "none.parquet", domain="dataset")
    fitted = fit_table(tmp_path / "in.parquet", domain="dataset")
    with pytest.raises(InputError, match="have 5 dimensions, and the correction was fitted on 6"):
        apply_table(fitted, tmp_path / "five.parquet", tmp_path / "out.parquet")
    with pytest.raises(InputError, match="write to another file"):
        apply_table(fitted, tmp_path / "in.parquet", tmp_path / "in.parquet")
    with pytest.raises(InputError, match="needs strata"):
        fit_table(tmp_path / "in.parquet", domain="dataset", method="mlda")
