"""What holds of every perturbation: same loudness, same shape, no side effects, the same numbers everywhere."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import earwitness.audio
from earwitness.audio import PerturbationRecord
from earwitness.audio.loudness import integrated_loudness
from earwitness.audio.perturbations import (
    GRID,
    IMPERCEPTIBLE,
    MP3,
    PROFILES,
    EnvironmentalNoise,
    Identity,
    PinkNoise,
    PitchShift,
    TempoShift,
    clip_generator,
    parse,
)
from earwitness.errors import InputError

STANDARD = PROFILES["standard"]
ONE_OF_EACH = (PitchShift(100), TempoShift(0.9), PinkNoise(10), EnvironmentalNoise(10), MP3(64), Identity())


def by_label(perturbation):
    return perturbation.label


def apply(perturbation, audio, rate=44100, seed=0):
    return perturbation(audio, rate, clip_generator(seed, "clip", perturbation.key))


@pytest.mark.parametrize("perturbation", STANDARD, ids=by_label)
def test_the_result_is_as_loud_as_the_original(perturbation, music):
    changed = apply(perturbation, music)
    assert (changed.dtype, changed.ndim) == (np.float32, 2)
    assert integrated_loudness(changed, 44100) == pytest.approx(integrated_loudness(music, 44100), abs=0.1)


@pytest.mark.parametrize("perturbation", ONE_OF_EACH, ids=by_label)
def test_the_input_is_not_changed_and_not_shared(perturbation, music):
    locked = music.copy()
    locked.setflags(write=False)
    changed = apply(perturbation, locked)
    assert not np.shares_memory(changed, locked)
    np.testing.assert_array_equal(locked, music)


@pytest.mark.parametrize("perturbation", ONE_OF_EACH, ids=by_label)
def test_equal_generators_give_equal_sound_in_any_thread(perturbation, music):
    first = apply(perturbation, music)
    with ThreadPoolExecutor(4) as pool:
        for again in pool.map(lambda _: apply(perturbation, music), range(4)):
            np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize("perturbation", ONE_OF_EACH, ids=by_label)
def test_only_noise_depends_on_the_generator(perturbation, trumpet):
    same = np.array_equal(apply(perturbation, trumpet, 22050, seed=0), apply(perturbation, trumpet, 22050, seed=1))
    assert same == ("noise" not in perturbation.family)


@pytest.mark.parametrize("perturbation", ONE_OF_EACH, ids=by_label)
def test_silence_stays_silence(perturbation):
    silence = np.zeros((2, 30000), np.float32)
    changed = apply(perturbation, silence)
    assert not changed.any()
    assert changed.shape == (2, round(30000 / 0.9) if perturbation.family == "tempo" else 30000)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    perturbation=st.sampled_from(GRID),
    channels=st.sampled_from([None, 1, 2, 3]),
    samples=st.integers(1, 30000),
    rate=st.sampled_from([4000, 8000, 16000, 22050, 44100, 96000]),
    seed=st.integers(0, 2**32 - 1),
)
@example(perturbation=MP3(8), channels=None, samples=1, rate=96000, seed=0)
def test_any_sound_keeps_its_shape_and_stays_finite(perturbation, channels, samples, rate, seed):
    shape = (samples,) if channels is None else (channels, samples)
    audio = (0.2 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)
    changed = apply(perturbation, audio, rate)
    expected = max(round(samples / perturbation.factor), 1) if perturbation.family == "tempo" else samples
    assert (changed.shape, changed.dtype) == ((*shape[:-1], expected), np.float32)
    assert np.isfinite(changed).all()


@pytest.mark.parametrize("nothing", [Identity(), PitchShift(0), TempoShift(1)], ids=by_label)
def test_what_has_no_severity_changes_nothing(nothing, music):
    assert nothing.severity == 0
    changed = apply(nothing, music)
    np.testing.assert_array_equal(changed, music)
    assert not np.shares_memory(changed, music)


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (np.zeros((2, 2, 2), np.float32), 8000, "not an array of shape"),
        (np.zeros(0, np.float32), 8000, "not an array of shape"),
        (np.array([0, np.nan], np.float32), 8000, "finite samples"),
        (np.ones(10, np.float32), 0, "must be positive"),
    ],
)
def test_what_is_no_sound_is_refused(audio, rate, message):
    with pytest.raises(InputError, match=message):
        apply(PinkNoise(10), audio, rate)


def test_the_generator_depends_on_seed_clip_and_perturbation_and_on_nothing_else():
    def draw(*what):
        return clip_generator(*what).integers(2**62)

    assert draw(0, "a", "b") == draw(0, "a", "b") == 4085469564052424677
    assert len({draw(0, "a", "b"), draw(1, "a", "b"), draw(0, "ab", ""), draw(0, "", "ab"), draw(0, "b", "a")}) == 5


def test_the_grid_is_figure_4_3():
    magnitudes = {family: [p.magnitude for p in GRID if p.family == family] for family in {p.family for p in GRID}}
    assert {family: len(levels) for family, levels in magnitudes.items()} == {
        "pitch": 20,
        "tempo": 20,
        "pink noise": 19,
        "environmental noise": 19,
        "mp3": 16,
    }
    assert len(GRID) == 94
    assert magnitudes["pitch"] == [-m for m in reversed(magnitudes["pitch"])]
    assert {-1200, -75, 25, 600} <= set(magnitudes["pitch"])
    assert (min(magnitudes["tempo"]), max(magnitudes["tempo"])) == (0.3, 1.5)
    assert 0 not in magnitudes["pink noise"]
    assert magnitudes["pink noise"] == magnitudes["environmental noise"]


def test_the_smallest_steps_are_those_of_section_4_5_4():
    assert [p.label for p in IMPERCEPTIBLE] == [
        "pitch -25 cents",
        "pitch +25 cents",
        "tempo -2 %",
        "tempo +2 %",
        "pink noise 30 dB",
        "environmental noise 30 dB",
        "MP3 192 kb/s",
    ]
    assert all(p.imperceptible for p in IMPERCEPTIBLE)


def test_each_profile_lies_within_the_next():
    quick, standard, full = (set(PROFILES[name]) for name in ("quick", "standard", "full"))
    assert set(IMPERCEPTIBLE) < quick < standard < full == set(GRID)
    assert (len(quick), len(standard)) == (12, 30)


def test_severity_grows_with_gravity_and_is_least_for_what_is_imperceptible():
    for family in {p.family for p in GRID}:
        levels = sorted((p for p in GRID if p.family == family), key=lambda p: p.severity)
        assert levels[0].severity > 0
        flags = [p.imperceptible for p in levels]
        assert flags == sorted(flags, reverse=True)
        assert any(flags)


def test_keys_tell_all_perturbations_apart_and_equal_ones_together(tmp_path):
    assert len({p.key for p in GRID}) == 94
    assert PitchShift(25).key == PitchShift(25.0).key == parse("pitch:+25").key
    assert PitchShift(25).key != PitchShift(25, engine="rubberband").key
    copy = tmp_path / "copy.ogg"
    copy.write_bytes((Path(earwitness.audio.__file__).parent / "data" / "bar-coffee_shop.ogg").read_bytes())
    same = EnvironmentalNoise(30, str(copy))
    assert same.key == EnvironmentalNoise(30).key
    copy.write_bytes(copy.read_bytes() + b"more")
    assert same.key != EnvironmentalNoise(30).key


@pytest.mark.parametrize("perturbation", ONE_OF_EACH, ids=by_label)
def test_a_perturbation_is_a_value(perturbation):
    assert pickle.loads(pickle.dumps(perturbation)) == perturbation
    assert len({perturbation, type(perturbation)(**asdict(perturbation))}) == 1
    with pytest.raises(FrozenInstanceError):
        perturbation.family_ = "x"
    assert PerturbationRecord(**asdict(perturbation.record())) == perturbation.record()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pitch:+25", PitchShift(25)),
        ("pitch:-1200", PitchShift(-1200)),
        ("tempo:0.98", TempoShift(0.98)),
        ("pink-noise:30", PinkNoise(30)),
        ("environmental-noise:-3", EnvironmentalNoise(-3)),
        ("environmental-noise:30:a:b/street noise.wav", EnvironmentalNoise(30, "a:b/street noise.wav")),
        (" mp3:64 ", MP3(64)),
        ("identity", Identity()),
    ],
)
def test_a_text_names_a_perturbation(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pich:25", "Did you mean 'pitch'"),
        ("", "names no perturbation"),
        ("pitch", "too few or too many parts"),
        ("identity:3", "too few or too many parts"),
        ("tempo:fast", "'fast' is not a number"),
        ("tempo:nan", "a ratio between 1/16 and 16"),
        ("tempo:0", "a ratio between 1/16 and 16"),
        ("pitch:99999", "from -4800 to 4800"),
        ("pink-noise:inf", "finite number of decibels"),
        ("mp3:65", "no constant bit rate of 65 kb/s"),
        ("mp3:64.5", "'64.5' is not a whole number"),
    ],
)
def test_a_text_that_names_none_is_explained(text, message):
    with pytest.raises(InputError, match=message):
        parse(text)
