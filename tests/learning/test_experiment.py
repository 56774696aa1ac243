"""The experiment is the same with any number of workers, from the start or from what was kept of it."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earwitness.encoders import load_encoder
from earwitness.errors import InputError
from earwitness.extraction import embed
from earwitness.learning.baselines import baseline_scores
from earwitness.learning.design import Run, make_design
from earwitness.learning.experiment import Experiment, place_of, run_experiment, seed_of, side_by_side
from earwitness.learning.probes import Probe
from earwitness.learning.targets import column_target

_SPEC = importlib.util.spec_from_file_location("small_sounds", Path(__file__).with_name("small_sounds.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An experiment of three sources, its design of eleven runs, and its scores."""
    root = tmp_path_factory.mktemp("experiment")
    learning, asked = _MODULE.sounds(root / "sounds", 24, seed=0), _MODULE.sounds(root / "sounds", 20, seed=1)
    learning = learning.assign(split=["train"] * 18 + ["validation"] * 6)
    sources = (_MODULE.pairs(learning), _MODULE.classes(learning, "kind"), _MODULE.classes(learning, "register"))
    targets = tuple(column_target(asked.table, name, group="song", repeats=2) for name in ("kind", "pitch"))
    experiment = Experiment(
        learning, sources, asked, targets, _MODULE.TINY, root / "runs", Probe((8,), 20), single_repeats=1
    )
    design = make_design(experiment.names, mixed=3, single_repeats=1, all_repeats=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARWITNESS_CACHE", str(root / "cache"))
        return experiment, design, run_experiment(experiment, design, jobs=1)


def test_every_run_is_asked_for_every_target(whole):
    experiment, design, scores = whole
    assert len(scores) == 11 * 2
    assert set(scores["run"]) == {run.name for run in design.runs}
    assert np.isfinite(scores[["score", "low", "high", "equal"]].to_numpy()).all()
    of_accuracy = scores[scores["target"] == "kind"]
    assert (of_accuracy["low"] <= of_accuracy["score"]).all()
    assert (of_accuracy["score"] <= of_accuracy["high"]).all()
    one = 2 * experiment.scale.features
    shared = scores["strategy"].isin(["ss-r", "ms-sr@fc"])
    assert (scores[shared]["dimension"] == one).all()
    assert (scores[~shared]["dimension"] == one * scores[~shared]["n"]).all()
    # As many dimensions as one source: nothing is taken out.
    assert (scores[shared]["equal"] == scores[shared]["score"]).all()


def test_mss_cr_is_the_networks_of_single_sources_side_by_side(whole):
    experiment, _, scores = whole
    identity = experiment.identity()
    run = Run("mss-cr", experiment.names)
    vectors, parameters = [], 0
    for name in experiment.names:
        encoder = load_encoder(f"learned:{place_of(experiment, identity, Run('ss-r', (name,))).network}")
        vectors.append(embed(experiment.asked, encoder, jobs=1).vectors)
        parameters += sum(value.numel() for value in encoder.network.parameters())
    mine = scores[scores["run"] == run.name]
    assert (mine["parameters"] == parameters).all()
    together = side_by_side(vectors)
    d = experiment.scale.features
    np.testing.assert_array_equal(together[:, d : 2 * d], vectors[1][:, :d])
    np.testing.assert_array_equal(together[:, 4 * d : 5 * d], vectors[1][:, d:])
    assert not (place_of(experiment, identity, run).folder / "network").exists()


def test_what_is_finished_is_not_made_again_and_what_is_missing_comes_back_the_same(whole):
    experiment, design, scores = whole
    identity = experiment.identity()
    kept = [place_of(experiment, identity, run) for run in design.runs]
    before = {place.scores: place.scores.stat().st_mtime_ns for place in kept}
    lost = [kept[1], kept[-1]]
    for place in lost:
        place.scores.unlink()
        for file in sorted(place.network.rglob("*"), reverse=True):  # as if it had been killed before the first step
            file.unlink() if file.is_file() else file.rmdir()
    again = run_experiment(experiment, design, jobs=2)
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), scores.drop(columns="seconds"))
    for place in kept:
        assert (place.scores.stat().st_mtime_ns == before[place.scores]) == (place not in lost)


def test_runs_of_other_options_are_kept_apart_and_seeds_are_runs_own(whole):
    experiment, design, _ = whole
    run = design.runs[0]
    for other in (
        replace(experiment, seed=1),
        replace(experiment, probe=Probe((9,), 20)),
        replace(experiment, scale=replace(experiment.scale, epochs=3)),
        replace(experiment, sources=experiment.sources[:2]),
        replace(experiment, targets=experiment.targets[:1]),
    ):
        assert other.identity() != experiment.identity()
    seeds = [seed_of(experiment, each) for each in design.runs]
    assert len(set(seeds)) == len(seeds)
    assert seed_of(replace(experiment, seed=1), run) != seed_of(experiment, run)


def test_untrained_networks_are_measured_one_by_one_and_side_by_side(whole):
    experiment, _, _ = whole
    scores, notes = baseline_scores(experiment, encoders=("mfcc-120", "no-such-encoder"), seeds=2, jobs=1)
    assert scores["baseline"].unique().tolist() == ["mfcc-120", "untrained", "untrained x 2", "untrained x 3"]
    own = scores[scores["target"] == "kind"].set_index(["baseline", "seed"])["dimension"]
    assert own["mfcc-120", 0] == 120
    assert own["untrained", 1] == 16
    assert own["untrained x 3", 0] == 48
    assert len(notes) == 1
    assert notes[0].startswith("The baseline no-such-encoder is not measured: no encoder")


def test_a_damaged_file_and_a_source_that_is_not_there_are_said_in_a_sentence(whole):
    experiment, design, _ = whole
    place = place_of(experiment, experiment.identity(), design.runs[0])
    text = place.scores.read_text()
    assert json.loads(text)[0]["run"] == design.runs[0].name
    place.scores.write_text(text[:-20])
    with pytest.raises(InputError, match=r"scores\.json is damaged: remove it, and the run is made anew"):
        run_experiment(experiment, design, jobs=1)
    place.scores.write_text(text)
    with pytest.raises(InputError, match="the design has the source 'tempo', which the experiment has not"):
        run_experiment(experiment, make_design(("self", "kind", "tempo"), mixed=0), jobs=1)
