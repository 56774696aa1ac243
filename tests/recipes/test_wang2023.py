"""Wang et al. (2023): its numbers out of its coefficients, its rules, and the whole experiment in miniature."""

import importlib.util
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from earwitness.correction import cosine
from earwitness.datasets.from_mirdata import mirdata_table
from earwitness.errors import InputError
from earwitness.recipes import Options, load_recipe
from earwitness.recipes._wang2023_data import GENRES, INSTRUMENTS, aligned_genre, irmas, openmic, published_vectors
from earwitness.recipes._wang2023_protocol import Choices, experiment, sample, table_one
from earwitness.recipes.wang2023 import published

_SPEC = importlib.util.spec_from_file_location("small_data", Path(__file__).with_name("small_data.py"))
small_data = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small_data)

ORACLE = Path(__file__).parents[1] / "oracles" / "bias_cosine" / "coefficients.npz"
SCOPES = {"global": ("linear", "w_global"), "classwise": ("linear", "w_classwise"),
          "global_kernel": ("kernel", "w_global"), "classwise_kernel": ("kernel", "w_classwise")}  # fmt: skip

# Table 1 as printed: IR-IR, OP-OP, OP-IR, IR-OP, global then class-wise.
PRINTED = {
    ("vggish", "original"): (91.60, 87.95, 82.82, 83.81, 91.60, 87.95, 82.82, 83.81),
    ("vggish", "lda"): (91.60, 87.99, 82.99, 83.82, 91.60, 87.94, 82.93, 83.85),
    ("vggish", "mlda"): (91.45, 87.98, 82.70, 83.30, 91.56, 87.87, 83.13, 83.66),
    ("vggish", "k"): (92.24, 88.08, 82.57, 83.67, 92.24, 88.08, 82.57, 83.67),
    ("vggish", "klda"): (92.24, 88.08, 82.58, 83.67, 92.22, 88.07, 82.70, 83.78),
    ("vggish", "mklda"): (92.22, 88.15, 82.42, 83.70, 92.26, 88.08, 82.70, 83.76),
    ("openl3", "original"): (93.26, 87.16, 80.56, 80.13, 93.26, 87.16, 80.56, 80.13),
    ("openl3", "lda"): (93.26, 87.16, 80.56, 80.15, 93.24, 87.18, 80.59, 80.38),
    ("openl3", "mlda"): (93.11, 87.16, 80.67, 79.93, 93.09, 87.23, 80.57, 80.62),
    ("openl3", "k"): (93.89, 87.91, 79.46, 81.23, 93.89, 87.91, 79.46, 81.23),
    ("openl3", "klda"): (93.89, 87.84, 79.03, 81.23, 93.96, 87.91, 79.99, 81.79),
    ("openl3", "mklda"): (93.88, 87.88, 79.56, 81.20, 94.04, 87.83, 79.97, 81.32),
    ("yamnet", "original"): (94.65, 89.74, 85.01, 85.47, 94.65, 89.74, 85.01, 85.47),
    ("yamnet", "lda"): (94.65, 89.74, 85.01, 85.47, 94.65, 89.74, 85.02, 85.47),
    ("yamnet", "mlda"): (94.65, 89.74, 85.01, 85.47, 94.65, 89.74, 85.02, 85.46),
    ("yamnet", "k"): (93.83, 89.24, 85.87, 84.56, 93.83, 89.24, 85.87, 84.56),
    ("yamnet", "klda"): (93.83, 89.23, 85.87, 84.56, 93.63, 89.24, 86.00, 84.76),
    ("yamnet", "mklda"): (93.79, 89.19, 85.72, 84.43, 93.79, 89.34, 85.53, 84.60),
}
PAIRS = (("irmas", "irmas"), ("openmic", "openmic"), ("openmic", "irmas"), ("irmas", "openmic"))


def test_published_coefficients_give_the_published_cosines():
    stored = published("cosines").set_index(["scope", "embedding", "train_set", "instrument"])["cosine"]
    compared = 0
    with np.load(ORACLE) as oracle:
        for (scope, embedding, train), _ in stored.groupby(level=[0, 1, 2]):
            space, name = SCOPES[scope]
            v, w = (oracle[f"{train}_{embedding}_{space}_{part}"].astype(float) for part in ("v", name))
            instruments = INSTRUMENTS if space == "linear" else INSTRUMENTS[::2]
            found = np.abs(cosine(w, v))
            expected = [stored[scope, embedding, train, instrument] for instrument in instruments]
            np.testing.assert_allclose(found, expected, atol=1e-6)
            compared += len(expected)
    assert compared == 2 * 3 * (2 * 10 + 2 * 5)


def test_published_scores_give_table_1():
    table = table_one(published("roc_auc")).set_index(["scope", "embedding", "method", "train_set", "test_set"])
    for (embedding, method), row in PRINTED.items():
        for place, value in enumerate(row):
            scope, pair = ("global", "classwise")[place // 4], PAIRS[place % 4]
            found = table.loc[(scope, embedding, method, *pair)]
            assert found["mean"] == pytest.approx(value, abs=0.0051), (embedding, method, scope, pair)
            assert found["change"] == pytest.approx(value - PRINTED[embedding, "original"][place], abs=0.0101)
    best = table.loc[("classwise", "openl3", "klda", "irmas", "openmic")]
    assert best["change_low"] < 0 < best["change_high"]  # its +1.66 would not survive an interval over instruments


def test_genres_are_matched_word_by_word():
    assert aligned_genre(["Psych-Rock"]) == "pop_rock"
    assert aligned_genre(["Free-Folk"]) == "country_folk"
    assert aligned_genre(["Blues"]) is None
    assert aligned_genre(["Blues"], "stem") == "jazz_blue"
    assert aligned_genre(["Noise", "20th Century Classical", "Pop"]) == "classical"
    assert aligned_genre([]) is None
    with pytest.raises(InputError, match="'word'"):
        aligned_genre(["Pop"], "letters")


def test_irmas_is_read_from_names_and_split_by_track():
    corpus = irmas(small_data.irmas_keys(), seed=0)
    assert corpus.dropped == {"of another genre": 1}
    assert corpus.truth.sum(0).tolist() == [16] * 10
    assert corpus.test.mean() == pytest.approx(0.25, abs=0.03)
    assert not set(corpus.group[corpus.test]) & set(corpus.group[~corpus.test])
    place = list(corpus.keys).index("[gel][dru][pop_roc]0300__1")
    assert (INSTRUMENTS[corpus.truth[place].argmax()], corpus.genre[place]) == ("guitar", "pop_rock")
    with pytest.raises(InputError, match="no clip has a name like those of IRMAS"):
        irmas(["track 1", "track 2"], seed=0)
    with pytest.raises(InputError, match="cello has 2 tracks"):
        irmas([key for key in small_data.irmas_keys() if not key.startswith("[cel]") or key[-4:-3] in "01"][:], seed=0)


def test_openmic_knows_what_was_asked_and_drops_what_has_no_aligned_genre(tmp_path):
    rows = small_data.openmic_rows()
    small_data.write_openmic(tmp_path, rows, bare=("000004_0",))
    table = mirdata_table(f"mirdata:openmic2018@{tmp_path}")
    corpus = openmic(table, "word")
    assert corpus.dropped == {"of no aligned genre": 2}  # one of noise, one without metadata
    assert set(corpus.genre) == set(GENRES)
    for place, key in enumerate(corpus.keys):
        known = rows[key][2]
        expected = [-1 if name not in known else int(known[name] >= 0.5) for name in INSTRUMENTS]
        assert corpus.truth[place].tolist() == expected
        assert corpus.test[place] == (rows[key][1] == "test")


def test_published_embeddings_are_averaged_over_frames(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        for corpus in ("irmas", "openmic"):
            file[f"{corpus}/vggish/keys"] = ["b", "a", "b"]
            file[f"{corpus}/vggish/features"] = np.array([[1, 2], [5, 6], [3, 6]], np.float16)
    found = {corpus: (keys.tolist(), X.tolist()) for corpus, _, keys, X in published_vectors(tmp_path / "e.h5")}
    assert found["irmas"] == (["a", "b"], [[5, 6], [2, 4]])
    (tmp_path / "no.h5").write_text("no")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        list(published_vectors(tmp_path / "no.h5"))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["irmas/vggish/keys"] = ["a"]
    with pytest.raises(InputError, match="irmas/NAME/features and openmic/NAME/features"):
        list(published_vectors(tmp_path / "other.h5"))


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wang")
    keys, rows = small_data.irmas_keys(), small_data.openmic_rows()
    small_data.write_openmic(folder / "openmic-2018", rows)
    small_data.write_embeddings(folder / "embeddings.h5", keys, rows)
    return folder


def spaces_of(folder):
    table = mirdata_table(f"mirdata:openmic2018@{folder / 'openmic-2018'}")
    vectors = {
        corpus: (keys, X) for corpus, name, keys, X in published_vectors(folder / "embeddings.h5") if name == "vggish"
    }
    corpora = [irmas(list(vectors["irmas"][0]), 0), openmic(table, "word")]
    return corpora, [
        X[pd.Index(keys).get_indexer(pd.Index(c.keys))] for c, (keys, X) in zip(corpora, vectors.values(), strict=True)
    ]


def test_samples_are_equal_and_tests_are_whole(sources):
    corpora, X = spaces_of(sources)
    one = sample(corpora, X, 3, seed=0)
    sizes = [(y.sum(), (~y).sum()) for y in one.y]
    available = [min((c.truth[~c.test, 3] == side).sum() for c in corpora) for side in (1, 0)]
    for size in sizes:
        assert np.all(np.abs(np.subtract(size, available)) <= 4)  # each genre's share is truncated
    assert [len(y) for y in one.y_test] == [(c.test & (c.truth[:, 3] >= 0)).sum() for c in corpora]


def test_one_instrument_has_every_method_and_pair(sources):
    corpora, X = spaces_of(sources)
    scores, cosines = experiment(sample(corpora, X, 0, seed=0), "cello", Choices())
    table = pd.DataFrame(scores)
    assert len(table) == 2 * 6 * 4
    plain = table[table["method"].isin(["original", "k"])].groupby(["method", "train_set", "test_set"])["roc_auc"]
    assert (plain.max() == plain.min()).all()  # nothing removed, so the scope makes no difference
    within = table[(table["train_set"] == table["test_set"]) & (table["method"] == "original")]
    assert (within["roc_auc"] > 0.8).all()  # it was put there
    assert len(cosines) == 2 * 4
    assert all(0 <= row["cosine"] <= 1 for row in cosines)


def test_what_is_missing_is_said(sources, tmp_path):
    run = load_recipe("wang2023")
    with pytest.raises(InputError, match=r"openmic-2018-metadata\.csv in it"):
        run([str(tmp_path)], tmp_path / "out", Options(encoders=("mfcc",)))
    with pytest.raises(InputError, match="an encoder or more"):
        run([str(sources / "openmic-2018")], tmp_path / "out", Options())
    with pytest.raises(InputError, match="a second folder, that of IRMAS"):
        run([str(sources / "openmic-2018")], tmp_path / "out", Options(encoders=("mfcc",)))


@pytest.mark.slow
def test_the_experiment_runs_from_the_published_embeddings(sources, tmp_path):
    run = load_recipe("wang2023")
    page = run([str(sources / "embeddings.h5"), str(sources / "openmic-2018")], tmp_path, Options(jobs=1))
    assert page.stat().st_size < 10_000_000
    table = pd.read_csv(tmp_path / "tables" / "table-1.csv")
    assert set(table["embedding"]) == {"vggish"}
    assert len(table) == 2 * 6 * 4
    assert table["mean_published"].notna().all()
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "figure-1.svg", "figure-1-published.svg", "figure-2.svg", "figure-3.svg", "figure-3-published.svg",
    }  # fmt: skip


@pytest.mark.slow
def test_the_experiment_runs_from_sound(tmp_path):
    small_data.write_openmic(tmp_path / "openmic-2018", small_data.openmic_rows(), sound=True)
    small_data.write_irmas(tmp_path / "IRMAS", small_data.irmas_keys())
    run = load_recipe("wang2023")
    folders = [str(tmp_path / "IRMAS"), str(tmp_path / "openmic-2018")]
    run(folders, tmp_path / "out", Options(jobs=1, encoders=("mfcc",)))
    table = pd.read_csv(tmp_path / "out" / "tables" / "table-1.csv")
    assert set(table["embedding"]) == {"mfcc", "random"}
    assert table[(table["method"] == "original") & (table["train_set"] == "irmas")]["mean"].max() > 80
