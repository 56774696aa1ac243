"""Statements about distances in sound, on real sound."""

import numpy as np
import pytest
import soundfile

from earwitness import load_clips
from earwitness.audio.chroma import chroma, chroma_filterbank
from earwitness.audio.perturbations import Identity, PinkNoise, TempoShift
from earwitness.audio_space import audio_spaces, middle
from earwitness.audits import robustness
from earwitness.distances import dtw
from earwitness.errors import InputError
from earwitness.extraction import embed, embed_all
from earwitness.references import PASSAGE, REFERENCES, SAMPLE_RATE, reference

RATE = 16_000
NAMES = ("mfcc-dtw", "mfcc-simple", "log-mel-dtw", "chroma-dtw", "stft-dtw")


def tone(semitone, seconds=1.2, level=0.2):
    time_s = np.arange(round(seconds * RATE)) / RATE
    frequency = 220 * 2 ** (semitone / 12)
    return level * sum(np.sin(2 * np.pi * k * frequency * time_s) / k for k in (1, 2, 3))


@pytest.fixture
def folder(tmp_path):
    for semitone in range(0, 12, 2):
        soundfile.write(tmp_path / f"tone-{semitone:02d}.wav", tone(semitone, level=0.05 + 0.02 * semitone), RATE)
    return tmp_path


class Loudness:
    """Hears nothing but how loud a sound is."""

    name, revision, sample_rate, embedding_size, window = "loudness", "1", RATE, 1, None

    def encode(self, audio):
        from earwitness.audio.loudness import integrated_loudness

        return np.array([[integrated_loudness(one, RATE)] for one in audio], np.float32)


class Pitch:
    """Hears nothing but the strongest frequency, in semitones: noise below the tone does not reach it."""

    name, revision, sample_rate, embedding_size, window = "strongest", "1", RATE, 1, None

    def encode(self, audio):
        power = np.abs(np.fft.rfft(audio, n=2**17)) ** 2
        return (12 * np.log2(power.argmax(1) * RATE / 2**17 / 220))[:, None].astype(np.float32)


def test_nothing_changed_is_nearest_to_itself_by_every_reference(folder):
    clips = load_clips(folder)
    for space in audio_spaces(clips, [Identity()], NAMES, jobs=1):
        D, same = space.matrices[""], space.matrices[Identity().key]
        np.testing.assert_array_equal(D, same)
        assert not np.diag(D).any(), space.reference
        away = D + np.where(np.eye(len(D)), np.inf, 0)
        assert (away > 0).all(), space.reference


def test_a_row_holds_the_distances_from_the_changed_clip_to_the_originals(folder):
    clips = load_clips(folder)
    change = TempoShift(0.8)
    [space] = audio_spaces(clips, [change], ["mfcc-dtw"], jobs=1)
    front = reference("mfcc-dtw")
    rng = np.random.default_rng(0)  # a change of tempo draws nothing
    slower = front.frames(change(clips[3].audio()[0], RATE, rng), RATE)
    expected = [dtw(slower, front.frames(clip.audio()[0], RATE)) for clip in clips]
    np.testing.assert_allclose(space.matrices[change.key][3], expected, rtol=1e-5)


def test_a_second_run_computes_nothing(folder, monkeypatch):
    clips = load_clips(folder)
    [first] = audio_spaces(clips, [PinkNoise(10)], ["chroma-dtw"], jobs=1)
    found = first.matrices[PinkNoise(10).key]
    monkeypatch.setattr("earwitness.audio_space._work", None)
    [again] = audio_spaces(clips, [PinkNoise(10)], ["chroma-dtw"], jobs=1)
    np.testing.assert_array_equal(again.matrices[PinkNoise(10).key], found)
    assert len(again.matrices) == 2


def test_clips_shorter_than_a_passage_are_repeated_and_files_that_cannot_be_used_are_listed(folder):
    soundfile.write(folder / "short.wav", tone(1, 0.3), RATE)
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    [space] = audio_spaces(load_clips(folder), [TempoShift(1.3)], ["mfcc-simple"], jobs=1)
    assert len(space.clips) == 7
    assert np.isfinite(space.matrices[TempoShift(1.3).key]).all()
    assert "silent" in " ".join(space.skipped["reason"])
    assert len(REFERENCES["mfcc-simple"].frames(tone(1, 0.3).astype(np.float32), RATE)) == PASSAGE


def test_what_cannot_be_compared_is_said(folder):
    clips = load_clips(folder)
    with pytest.raises(InputError, match="there is no reference 'taste'"):
        audio_spaces(clips, [], ["taste"])
    with pytest.raises(InputError, match="two clips"):
        audio_spaces(clips.take(np.array([0])), [], ["mfcc-dtw"], jobs=1)


def test_the_middle_of_a_slower_sound_is_what_became_of_the_middle():
    assert len(middle(np.arange(100, dtype=np.float32), 10, 4.0, 2.0)) == 80
    np.testing.assert_array_equal(middle(np.arange(10, dtype=np.float32), 10, None), np.arange(10))


def test_an_encoder_that_hears_only_loudness_notices_no_change_because_loudness_is_matched(folder):
    clips = load_clips(folder)
    changes = [PinkNoise(0), TempoShift(0.8)]
    original, *changed = embed_all(clips, [Loudness()], [None, *changes], jobs=1)[0]
    result = robustness(original, changed, sound=audio_spaces(clips, changes, ["mfcc-dtw"], jobs=1))
    assert (result.rows("consistency", distance="euclidean")["value"] == 1).all()
    assert result.estimate("mean consistency", distance="euclidean").value == 1


def test_an_encoder_blind_to_noise_keeps_its_clips_and_one_that_hears_pitch_loses_them_with_pitch(folder):
    from earwitness.audio.perturbations import PitchShift

    clips = load_clips(folder)
    changes = [PinkNoise(6), PitchShift(200)]
    original, *changed = embed_all(clips, [Pitch()], [None, *changes], jobs=1)[0]
    result = robustness(original, changed)
    assert result.estimate("consistency", distance="euclidean", family="pink noise").value == 1
    # A whole tone up lands on the next clip; only the highest has none above it.
    assert result.estimate("consistency", distance="euclidean", family="pitch").value == pytest.approx(1 / 6)


def test_a_change_that_silences_a_clip_is_reported(folder, monkeypatch):
    clips = load_clips(folder)
    first = clips[0].clip

    def apply(self, channels, sample_rate, rng):  # noqa: ARG001
        return channels * (0 if np.abs(channels).max() < 0.1 else 1)

    monkeypatch.setattr(PinkNoise, "apply", apply)
    changed = embed(clips, "mfcc", PinkNoise(20), jobs=1)
    assert first not in changed.column("clip")
    assert changed.skipped["reason"].str.contains("leaves it silent").any()


def test_chroma_names_the_pitch_class_in_any_octave():
    for semitone, name in ((0, 9), (12, 9), (3, 0), (-12, 9)):
        found = chroma(pure(220 * 2 ** (semitone / 12)), SAMPLE_RATE)
        assert (found[:, 5:-5].argmax(0) == name).all()
    np.testing.assert_allclose(np.linalg.norm(found[:, 5:-5], axis=0), 1, rtol=1e-5)


def pure(frequency):
    return np.sin(2 * np.pi * frequency * np.arange(24_000) / SAMPLE_RATE).astype(np.float32)


def test_chroma_shares_every_bin_in_its_range_out_whole():
    total = chroma_filterbank(SAMPLE_RATE, 4096).sum(0)
    frequency = np.fft.rfftfreq(4096, 1 / SAMPLE_RATE)
    inside = (frequency >= 65) & (frequency <= 4000)
    np.testing.assert_allclose(total[inside], 1, rtol=1e-5)
    assert not total[~inside].any()
