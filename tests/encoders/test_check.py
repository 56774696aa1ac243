"""`check_encoder`: planted faults are found, and only they."""

import numpy as np
import pytest

from earwitness.encoders import check_encoder, load_encoder, validate_output
from earwitness.errors import EncoderError


class Energy:
    """Well behaved: mean square in each of eight parts of a sound, after padding it to a second."""

    name, revision, sample_rate, embedding_size, window = "energy", "1", 8000, 8, None

    def encode(self, audio: np.ndarray) -> np.ndarray:
        audio = np.pad(audio, ((0, 0), (0, -audio.shape[1] % 8000)))
        return (audio.reshape(len(audio), 8, -1) ** 2).mean(2).astype(np.float32)


class OverTheBatch(Energy):
    def encode(self, audio: np.ndarray) -> np.ndarray:
        vectors = super().encode(audio)
        return (vectors - vectors.mean(0)) / (vectors.std(0) + 1)


class CountsTheBatch(Energy):
    def encode(self, audio: np.ndarray) -> np.ndarray:
        return super().encode(audio) + np.float32(0.01 * len(audio))


class PadsWithNoise(Energy):
    rng = np.random.default_rng(0)

    def encode(self, audio: np.ndarray) -> np.ndarray:
        noise = self.rng.normal(0, 0.01, (len(audio), -audio.shape[1] % 8000))
        return super().encode(np.concatenate([audio, noise], axis=1))


class LeavesDropoutOn(Energy):
    rng = np.random.default_rng(0)

    def encode(self, audio: np.ndarray) -> np.ndarray:
        return super().encode(audio) * self.rng.integers(0, 2, (1, 8)).astype(np.float32)


class NotANumber(Energy):
    def encode(self, audio: np.ndarray) -> np.ndarray:
        vectors = super().encode(audio)
        vectors[:, 2] = np.nan
        return vectors


class TooWide(Energy):
    def encode(self, audio: np.ndarray) -> np.ndarray:
        return np.repeat(super().encode(audio), 2, axis=1)


class Double(Energy):
    def encode(self, audio: np.ndarray) -> np.ndarray:
        return super().encode(audio).astype(np.float64)


class Deaf(Energy):
    def encode(self, audio: np.ndarray) -> np.ndarray:
        return np.ones((len(audio), 8), np.float32)


class Overwrites(Energy):
    def encode(self, audio: np.ndarray) -> np.ndarray:
        audio *= 0.5
        return super().encode(audio)


class Breaks(Energy):
    def encode(self, audio: np.ndarray) -> np.ndarray:
        raise RuntimeError(f"no weights for {len(audio)} sounds")


class Windowed(Energy):
    window = 1.0

    def encode(self, audio: np.ndarray) -> np.ndarray:
        if audio.shape[1] != 8000:
            raise ValueError("one second, please")
        return super().encode(audio)


class DrawsGlobally(Energy):
    def encode(self, audio: np.ndarray) -> np.ndarray:
        np.random.rand()  # noqa: NPY002  (the fault that is planted)
        return super().encode(audio)


@pytest.mark.parametrize(
    ("encoder", "failing"),
    [
        (OverTheBatch(), {"batch", "batch size"}),
        (CountsTheBatch(), {"batch", "batch size"}),
        (PadsWithNoise(), {"padding"}),
        (LeavesDropoutOn(), {"determinism", "batch", "batch size", "padding"}),
        (NotANumber(), {"finite"}),
        (TooWide(), {"shape"}),
        (Double(), {"dtype"}),
        (Deaf(), {"listens"}),
        (Overwrites(), {"input"}),
        (Breaks(), {"runs"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_planted_fault_is_found_and_named(encoder, failing):
    check = check_encoder(encoder)
    assert {row.check for row in check.failures} == failing
    assert not check.passed


@pytest.mark.parametrize("encoder", [Energy(), Windowed(), DrawsGlobally()], ids=lambda value: type(value).__name__)
def test_nothing_fails_where_nothing_was_planted(encoder):
    check = check_encoder(encoder)
    assert check.passed, str(check)
    warned = {row.check for row in check.rows if row.status == "warn"}
    assert warned == ({"random state"} if isinstance(encoder, DrawsGlobally) else set())


@pytest.mark.parametrize("name", ["mfcc", "mfcc-120", "random", "musicnn-msd"])
def test_the_built_in_encoders_pass(name):
    check = check_encoder(load_encoder(name))
    assert check.passed, str(check)
    assert not [row for row in check.rows if row.status == "warn" and row.check != "real time"]


def test_the_table_has_a_row_a_check_and_the_gain_is_told():
    frame = check_encoder(Energy()).to_frame()
    assert list(frame.columns) == ["check", "status", "value", "tolerance", "sentence"]
    assert frame["check"].is_unique
    gain = frame.set_index("check").loc["gain"]
    assert gain["value"] == pytest.approx(0.75)  # a quarter of the energy is left
    assert gain["status"] == "pass"


def test_what_is_no_encoder_is_said_to_lack_what_it_lacks():
    with pytest.raises(EncoderError, match="lacks name, revision"):
        check_encoder(object())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1.0] * 8], "returned a list where a numpy array"),
        (np.zeros((8, 1), np.float32), r"returned the shape \(8, 1\) for 1 sounds where \(1, 8\) is due"),
        (np.zeros((1, 8)), "returned float64 values where float32 is due"),
        (np.full((1, 8), np.inf, np.float32), "returned NaN or infinity for sound 1 of 1"),
    ],
)
def test_what_the_protocol_forbids_is_said_in_one_sentence(vectors, message):
    with pytest.raises(EncoderError, match=message):
        validate_output(Energy(), vectors, 1)


def test_what_the_protocol_allows_comes_back_as_it_is():
    vectors = np.ones((2, 8), np.float32)
    assert validate_output(Energy(), vectors, 2) is vectors
    assert validate_output(Energy(), vectors * np.nan, 2, finite=False).shape == (2, 8)
