"""Artist groups and chapter 3: counts as published, each network once, and nothing learnt from what is held out."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import soundfile as sf
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score, log_loss

from earwitness.datasets import Clips
from earwitness.encoders import load_encoder
from earwitness.errors import EncoderError, InputError
from earwitness.learning.artist_groups import experiment
from earwitness.learning.artist_groups.experiment import Material, Outcome, Settings, Trainer, prepare, run
from earwitness.learning.artist_groups.networks import (
    WSTN_WIDTH,
    ArtistGroupNetwork,
    Shape,
    Task,
    TransferClassifier,
    parameters,
)
from earwitness.learning.artist_groups.plan import Case, Network, cases, networks
from earwitness.learning.artist_groups.scores import Scores, macro_f1
from earwitness.learning.artist_groups.segments import starts
from earwitness.learning.artist_groups.tasks import Blocks, GroupTask, TransferTask
from earwitness.learning.label_factors.artist_groups import fit_artist_groups, quantile_normalised
from earwitness.learning.label_factors.dictionary import count_centres, dictionary_size, fit_dictionary, nearest_centres
from earwitness.learning.sources import LabelOptions, make_sources
from earwitness.learning.sources.listening import read_listening
from earwitness.learning.sources.wide import wide

# Counted on modules built in PyTorch 2 for the specification of chapters 2 and 3; the file describes itself.
COUNTS = json.loads((Path(__file__).parents[1] / "oracles" / "multisource" / "param_counts.json").read_text())
GENRE, GROUPS = Task("g", 16), tuple(Task(letter, 40) for letter in "mdes")
RATE = 22050


def test_one_network_has_as_many_parameters_as_published() -> None:
    told = COUNTS["chapter_3"]
    for task, name in ((GENRE, "STN_genre16"), (GROUPS[0], "STN_agf40")):
        assert parameters(ArtistGroupNetwork([task])) == told[name]["table_3_2"]
        assert parameters(ArtistGroupNetwork([task], Shape(variant="code"))) == told[name]["public_code"]


@pytest.mark.parametrize("told", COUNTS["chapter_3"]["combined"], ids=lambda told: str(told["n_tasks_incl_genre"]))
def test_networks_of_several_tasks_have_as_many_parameters_as_published(told: dict[str, float]) -> None:
    number = int(told["n_tasks_incl_genre"])
    tasks = [GENRE, *GROUPS[: number - 1]]
    assert sum(parameters(ArtistGroupNetwork([task])) for task in tasks) == told["STN_sum"]
    assert parameters(ArtistGroupNetwork(tasks)) == told["MTN"]
    assert WSTN_WIDTH[number] == told["wSTN_width"]
    assert parameters(ArtistGroupNetwork([GENRE], Shape(WSTN_WIDTH[number]))) == told["wSTN_params"]
    assert parameters(TransferClassifier(256 * number, 16)) == told["transfer_mlp"]


def test_maps_after_each_pooling_are_those_of_the_table() -> None:
    network = ArtistGroupNetwork([GENRE]).eval()
    x, found = torch.zeros(1, 1, 128, 43), []
    for layer in [*network.trunk, *network.branches[0]]:
        x = layer(x)
        if isinstance(layer, torch.nn.MaxPool2d):
            found.append(tuple(x.shape[1:]))
    assert found == [(16, 64, 43), (32, 32, 21), (64, 16, 10), (64, 8, 5), (128, 4, 2)]


def test_a_task_begins_from_the_same_branch_alone_and_beside_others() -> None:
    alone, beside = (ArtistGroupNetwork(tasks).draw_weights(3) for tasks in ([GROUPS[1]], [GENRE, GROUPS[1]]))
    for a, b in zip(alone.branches[0].parameters(), beside.branches[1].parameters(), strict=True):
        assert torch.equal(a, b)


def test_every_combination_is_a_case_and_every_network_is_trained_once() -> None:
    planned = cases("gmdes")
    kinds = [case.kind for case in planned]
    assert (kinds.count("STN"), kinds.count("MTN"), kinds.count("wSTN")) == (31, 26, 4)
    assert {case.tasks for case in planned if case.kind == "MTN"} < {c.tasks for c in planned if c.kind == "STN"}
    trained = [network for network in networks(planned) if network.kind != "untrained"]
    assert len(trained) == 5 + 26 + 4
    assert {case.tasks for case in planned} >= {"g", "gsedm", "sdm", "sedm"}  # letters in the order of the tables
    assert [c.tasks for c in cases("gm", which="genre") if c.kind == "MTN"] == ["gm"]
    assert not [c for c in cases("md") if c.kind == "wSTN"]


def test_segments_overlap_by_half_and_never_leave_the_clip() -> None:
    assert starts(43).tolist() == [0]
    assert starts(64).tolist() == [0, 21]
    assert starts(1292)[-1] + 43 <= 1292
    assert starts(100, 43).tolist() == [0, 43]


def test_every_frame_counts_for_its_nearest_centre() -> None:
    rng = np.random.default_rng(0)
    frames, centres = rng.normal(size=(5000, 3)).astype(np.float32), rng.normal(size=(7, 3)).astype(np.float32)
    naive = ((frames[:, None].astype(float) - centres) ** 2).sum(-1).argmin(1)
    np.testing.assert_array_equal(nearest_centres(frames, centres), naive)
    assert count_centres(frames, centres).sum() == 5000
    assert dictionary_size(2048, 1000) == 50
    assert dictionary_size(2048, 10**6) == 2048


def test_a_dictionary_finds_planted_sounds_and_is_the_same_twice() -> None:
    rng = np.random.default_rng(1)
    centres = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    frames = (np.repeat(centres, [50, 200, 400], axis=0) + rng.normal(0, 0.1, (650, 2))).astype(np.float32)
    found = fit_dictionary(frames, 3, seed=2)
    assert {tuple(np.round(row).astype(int)) for row in found} == {(0, 0), (10, 0), (0, 10)}
    np.testing.assert_array_equal(found, fit_dictionary(frames, 3, seed=2))


def test_planted_groups_of_artists_are_found_and_a_new_artist_joins_its_own() -> None:
    rng = np.random.default_rng(0)
    group = np.array([0, 1, 1, 2, 0, 2, 1, 0, 2, 1])
    counts = np.zeros((10, 9))
    for artist, g in enumerate(group):
        counts[artist, 3 * g : 3 * g + 3] = rng.poisson(40, 3)
    counts[5] = 0
    fitted = np.arange(10) < 9
    found = fit_artist_groups(sp.csr_matrix(counts), fitted, 3, seed=0)
    topic = found.artists.argmax(1)
    known = group[np.arange(10) != 5]
    assert len(set(zip(known, topic[np.arange(10) != 5], strict=True))) == 3
    assert np.isnan(found.artists[5]).all()
    np.testing.assert_allclose(np.delete(found.artists, 5, 0).sum(1), 1)
    np.testing.assert_allclose(found.terms.sum(1), 1)


def test_quantiles_become_normal_ones_by_the_training_rows_alone() -> None:
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.exponential(size=2000), np.full(2000, 3.0), rng.normal(size=2000)])
    values[7, 2] = np.nan
    fitted = np.arange(2000) < 1500
    normal = quantile_normalised(values, fitted)
    assert normal.shape == (2000, 1)  # a constant column and one with a missing value are dropped
    assert abs(normal[fitted].mean()) < 0.01
    assert normal[fitted].std() == pytest.approx(1, abs=0.02)
    changed = values.copy()
    changed[~fitted] = 0
    np.testing.assert_array_equal(quantile_normalised(changed, fitted)[fitted], normal[fitted])


def test_the_wide_vector_is_finite_for_noise_silence_with_a_click_and_one_frame() -> None:
    click = np.zeros(RATE, np.float32)
    click[5000] = 0.5
    for sound in (np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32), click, click[4000:6100]):
        vector = wide(sound, RATE)
        assert vector.shape == (973,)
        assert np.isfinite(vector).all()


@pytest.fixture(scope="module")
def instruments(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Two genres, chords and noise, by three artists each, of whom each keeps to its own register."""
    folder = tmp_path_factory.mktemp("instruments")
    rng, rows = np.random.default_rng(0), []
    for i in range(48):
        genre, artist = ("tones", "hiss")[i % 2], i % 6
        t = np.arange(round(1.4 * RATE)) / RATE
        if genre == "tones":
            root = 110 * 2 ** (artist / 2)
            sound = sum(np.sin(2 * np.pi * root * k * t + rng.uniform(0, 6)) for k in (1, 1.25, 1.5)) / 9
        else:
            sound = np.convolve(rng.normal(0, 0.2, len(t)), np.ones(artist + 1) / (artist + 1), "same")
        sf.write(folder / f"{i}.wav", sound, RATE)
        named = {"genre": genre, "artist": f"artist {artist}", "subgenres": f"{genre}|{'ab'[artist % 2]}{artist}"}
        rows.append({"clip": str(i), "path": str(folder / f"{i}.wav"), "start": 0.0, "duration": 1.4, **named})
    return Clips(pd.DataFrame(rows), name="instruments")


OPTIONS = LabelOptions(least_clips=8, codewords=8, frames=2000)
SMALL = Settings(width=0.06, epochs=8, transfer_epochs=20, batch=16, tasks="gm")


def material(clips: Clips) -> Material:
    return prepare(clips, options=OPTIONS, settings=SMALL, jobs=1)


def test_artist_groups_of_sound_put_clips_of_one_artist_together(instruments: Clips) -> None:
    training = np.arange(48) < 36
    names = ["artist_group", "artist_group_delta"]
    for source in make_sources(instruments, names, training=training, options=OPTIONS, jobs=1):
        artists = instruments.table["artist"].to_numpy()
        for artist in np.unique(artists):
            rows = source.targets[artists == artist]
            np.testing.assert_array_equal(rows, rows[:1].repeat(len(rows), 0))
        np.testing.assert_allclose(source.targets.sum(1), 1, rtol=1e-5)
        tones = instruments.table["genre"].to_numpy() == "tones"
        assert set(source.targets[tones].argmax(1)).isdisjoint(source.targets[~tones].argmax(1))


def test_timbre_tells_tones_from_noise(instruments: Clips) -> None:
    clips = instruments.take(np.flatnonzero(instruments.table["artist"].isin(["artist 0", "artist 1"])))
    source = make_sources(clips, ["timbre"], training=np.ones(16, bool), components=2, options=OPTIONS, jobs=1)[0]
    tones = clips.table["genre"].to_numpy() == "tones"
    assert np.abs(source.targets[tones].mean(0) - source.targets[~tones].mean(0)).max() > 0.5


def test_what_is_held_out_reaches_neither_networks_nor_classifier(instruments: Clips) -> None:
    made = material(instruments)
    assert made.letters == "gm"
    assert not (made.training & made.held).any()
    assert [int((made.truth[made.held] == g).sum()) for g in (0, 1)] == [4, 4]  # 15 % of 24, rounded
    task = GroupTask(made.cache, made.bands, made.targets, made.training, made.held, 16)
    for name in "gm":
        assert not made.held[task._rows(name, made.training)].any()
    seen = []

    class Spy(Blocks):
        def rows(self, chosen: NDArray[np.int64]) -> torch.Tensor:
            seen.extend(chosen.tolist())
            return super().rows(chosen)

    features = Spy((np.zeros((10, 3), np.float32),))
    transfer = TransferTask(features, np.zeros(10, np.int64), np.arange(6), np.arange(6, 10), 4)
    for step in range(50):
        transfer.loss(TransferClassifier(3, 2, 4), step, np.random.default_rng(step))
    assert set(seen) == set(range(6))


def test_the_experiment_learns_runs_once_and_its_networks_are_encoders(instruments: Clips, tmp_path: Path) -> None:
    made = material(instruments)
    found = run(made, tmp_path, SMALL, jobs=1)
    scores = Scores(made.truth[made.held], found)
    kinds = {case.name: scores.values("macro F1")[place, 0] for place, case in enumerate(scores.cases)}
    assert len(found) == 3 + 1 + 1 + 2
    assert kinds["stn-g"] == 1.0  # tones and hiss
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}
    again = run(made, tmp_path, SMALL, jobs=1)
    assert files == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
    assert found[0].probabilities.sum(1) == pytest.approx(1)

    encoder = load_encoder(f"learned:{tmp_path / 'networks' / 'mtn-gm'}")
    assert list(encoder.blocks) == ["g", "m"]
    sound = instruments[0].load(RATE)[None]
    vector = encoder.encode(sound)
    assert vector.shape == (1, encoder.embedding_size)
    np.testing.assert_allclose(encoder.embed_tensor(torch.from_numpy(sound)).numpy(), vector, atol=2e-3)
    features = np.load(tmp_path / "features" / "mtn-gm.npy")
    segments = len(starts(int(made.cache.lengths[0])))
    mean = features[:segments].mean(0)
    np.testing.assert_allclose(vector[0, : len(mean)], mean, atol=0.02)  # frames are kept as float16
    (tmp_path / "networks" / "mtn-gm" / "model.json").write_text("{}")
    with pytest.raises(EncoderError, match="not of this version"):
        load_encoder(f"learned:{tmp_path / 'networks' / 'mtn-gm'}")


def test_a_run_that_was_broken_off_ends_with_the_same_answers(instruments: Clips, tmp_path: Path) -> None:
    made = material(instruments)
    only = Network("MTN", "gm")
    whole, broken = (Trainer(made, tmp_path / name, SMALL, 0) for name in ("whole", "broken"))
    whole.represent(only)

    class StopError(Exception):
        pass

    class Stopping(GroupTask):
        def loss(self, network: torch.nn.Module, step: int, rng: np.random.Generator) -> tuple[str, torch.Tensor]:
            if step == 17:
                raise StopError
            return super().loss(network, step, rng)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "GroupTask", Stopping)
        with pytest.raises(StopError):
            broken.represent(only)
    assert not list((tmp_path / "broken").rglob("*.npy"))
    broken.represent(only)
    for name in (whole, broken):
        assert name._features(only).exists()
    np.testing.assert_array_equal(np.load(whole._features(only)), np.load(broken._features(only)))


def test_log_loss_and_f1_are_scikit_learn_s_and_differences_are_paired() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 60)
    answers = [rng.dirichlet(np.ones(5), 60) for _ in range(2)]
    scores = Scores(truth, [Outcome(Case("STN", t, ()), p, 1) for t, p in zip("gm", answers, strict=True)])
    for place, answer in enumerate(answers):
        said = answer.argmax(1)
        assert scores.values("log loss")[place, 0] == pytest.approx(log_loss(truth, answer, labels=range(5)))
        assert scores.values("macro F1")[place, 0] == pytest.approx(f1_score(truth, said, average="macro"))
    same = scores.values("log loss")[:1] - scores.values("log loss")[:1]
    assert scores.estimate(same[0]).high == 0
    one = np.bincount(rng.integers(0, 60, 60), minlength=60)
    drawn = np.repeat(np.arange(60), one)
    said = answers[0].argmax(1)
    expected = f1_score(truth[drawn], said[drawn], average="macro")
    assert macro_f1(truth, said, one[None].astype(float))[0] == pytest.approx(expected)


def test_listeners_of_planted_groups_become_topics(tmp_path: Path) -> None:
    n = 30
    clips = Clips(
        pd.DataFrame({"clip": [f"c{i}" for i in range(n)], "path": [f"{tmp_path}/a/{i}.ogg" for i in range(n)]}),
        root=str(tmp_path),
    )
    rows = [(f"user {i % 3}{k}", f"a/{i}.ogg", 1 + k) for i in range(n) for k in range(4)]
    plays = pd.DataFrame([*rows, ("user 00", "elsewhere.ogg", 5)], columns=["user", "path", "count"])
    options = LabelOptions(least_clips=8)
    training = np.ones(n, bool)
    source = make_sources(clips, ["taste"], training=training, listening=plays, components=3, options=options)[0]
    assert len(set(zip(np.arange(n) % 3, source.targets.argmax(1), strict=True))) == 3
    assert source.model.facts["plays_of_other_files"] == 1
    plays.to_csv(tmp_path / "listening.csv", index=False)
    again = make_sources(
        clips, ["taste"], training=training, listening=tmp_path / "listening.csv", components=3, options=options
    )[0]
    np.testing.assert_array_equal(again.targets, source.targets)
    with pytest.raises(InputError, match="finds none of its 1 files among the clips"):
        make_sources(clips, ["taste"], training=training, listening=plays[-1:], options=options)
    with pytest.raises(InputError, match="needs to know who listens"):
        make_sources(clips, ["taste"], training=training, options=options)


def test_a_playlist_is_a_listener(tmp_path: Path) -> None:
    (tmp_path / "mine.m3u").write_text("#EXTM3U\n#EXTINF:3,A song\na/1.ogg\n\na/2.ogg\n")
    (tmp_path / "yours.m3u8").write_text("\ufeffa/2.ogg\n", encoding="utf-8")
    found = read_listening(tmp_path)
    assert list(found.itertuples(index=False, name=None)) == [
        ("mine", "a/1.ogg", 1.0),
        ("mine", "a/2.ogg", 1.0),
        ("yours", "a/2.ogg", 1.0),
    ]
    with pytest.raises(InputError, match="no column 'user'"):
        read_listening(pd.DataFrame({"path": ["a"]}))
