"""Does an encoder keep its word? Shape, numbers, determinism, independence of batch and padding, gain, speed.

Every measurement uses the same four sounds, as unlike as can be, drawn from `seed`. The difference of two answers is
their largest absolute difference over their largest absolute value: 0 for the same, 2 at most.
"""

import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from earwitness.encoders.protocol import Audio, Encoder, Vectors, validate_output
from earwitness.errors import EncoderError
from earwitness.store import content_hash

SAME = 1e-5  # two runs of the same sums differ by less, in whatever order a library adds
_WHOLE_CLIP_S = 4.0  # length of sound for an encoder without a window


@dataclass(frozen=True)
class CheckRow:
    """One thing that was measured: its value, what was allowed (NaN: no limit), and a sentence about it."""

    check: str
    status: Literal["pass", "warn", "fail"]
    value: float
    tolerance: float
    sentence: str


@dataclass(frozen=True)
class EncoderCheck:
    """What `check_encoder` found. Warnings are worth reading; a failure makes every audit's numbers doubtful."""

    encoder: str
    revision: str
    rows: tuple[CheckRow, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[CheckRow, ...]:
        """The rows that failed."""
        return tuple(row for row in self.rows if row.status == "fail")

    def to_frame(self) -> pd.DataFrame:
        """One row a check: check, status, value, tolerance, sentence."""
        return pd.DataFrame([asdict(row) for row in self.rows])

    def __str__(self) -> str:
        lines = [f"{row.status:4}  {row.check:14}  {row.sentence}" for row in self.rows]
        return "\n".join([f"{self.encoder}, revision {self.revision}", *lines])


def check_encoder(encoder: Encoder, *, seed: int = 0) -> EncoderCheck:
    """Measure whether an encoder does what audits rely on.

    Parameters
    ----------
    encoder
        What to check. It is run some twenty times on a few seconds of sound.
    seed
        Of the sounds.

    Returns
    -------
    EncoderCheck
        Rows `runs`, `shape`, `dtype`, `finite`, `listens`, `input`, `determinism`, `batch`, `batch size`, `padding`,
        `trailing silence`, `silence`, `gain`, `random state`, `speed`, `real time`. Where one of the
        first four fails, the list ends there.

    Raises
    ------
    EncoderError
        If the encoder lacks an attribute of the protocol, or holds vectors that were computed before.
    """
    missing = [
        name for name in ("name", "revision", "sample_rate", "embedding_size", "window") if not hasattr(encoder, name)
    ]
    if missing or not callable(getattr(encoder, "encode", None)):
        lack = ", ".join(missing) or "encode"
        raise EncoderError(f"{type(encoder).__name__} is no encoder: it lacks {lack}")
    if getattr(encoder, "kind", "") == "precomputed":
        raise EncoderError(f"{encoder.name!r} holds vectors that were computed before: there is nothing to run")
    sounds = make_sounds(encoder, np.random.default_rng(seed))
    return EncoderCheck(encoder.name, encoder.revision, tuple(_rows(encoder, sounds)))


def make_sounds(encoder: Encoder, rng: np.random.Generator) -> Audio:
    """Four unlike sounds of one window each: a chord, loud noise, a quiet low tone, clicks. float32 [4, samples]."""
    samples = round((encoder.window or _WHOLE_CLIP_S) * encoder.sample_rate)
    seconds = np.arange(samples) / encoder.sample_rate
    pitches = rng.uniform(200, 1200, 3)
    chord = sum(np.sin(2 * np.pi * pitch * seconds) for pitch in pitches) * np.exp(-(seconds % 1))
    noise = rng.standard_normal(samples)
    low = np.sin(2 * np.pi * 90 * seconds)
    clicks = (rng.random(samples) < 20 / encoder.sample_rate).astype(float)
    return np.stack([0.2 * chord, 0.3 * noise, 0.01 * low, 0.9 * clicks]).astype(np.float32)


def difference(a: Vectors, b: Vectors) -> float:
    """Largest absolute difference over the largest absolute value; infinite where a value is not finite."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    largest = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    return float(np.abs(a.astype(np.float64) - b).max(initial=0) / largest) if largest else 0.0


def _rows(encoder: Encoder, sounds: Audio) -> Iterator[CheckRow]:
    states = _random_states()
    before = sounds.copy()
    try:
        vectors = encoder.encode(sounds)
    except Exception as error:  # whatever a stranger's code raises is the finding
        yield _row("runs", False, 0, 1, f"encode failed on {len(sounds)} sounds: {type(error).__name__}: {error}")
        return
    yield _row("runs", True, 1, 1, f"encodes {len(sounds)} sounds at a time")
    same_states = all(_random_states()[name] == state for name, state in states.items())
    for form in _form(encoder, vectors, len(sounds)):
        yield form
        if form.status == "fail":
            return
    yield (finite := _finite(vectors))
    if finite.status == "fail":
        return
    yield _listens(vectors)
    yield _limit(
        "input", difference(before, sounds), 0.0, "leaves the sound it is given as it was", "changes its input"
    )
    for check in (_determinism, _batch, _batch_size, _padding, _trailing_silence, _silence, _gain):
        yield check(encoder, before, vectors)
    yield _random_state(same_states)
    yield from _speed(encoder, before)


def _encode(encoder: Encoder, sounds: Audio) -> Vectors:
    """Of a copy: an encoder that changes its input must not change the next measurement."""
    return encoder.encode(sounds.copy())


def _row(check: str, good: bool, value: float, tolerance: float, sentence: str) -> CheckRow:
    return CheckRow(check, "pass" if good else "fail", float(value), float(tolerance), sentence)


def _limit(check: str, value: float, tolerance: float, good: str, bad: str) -> CheckRow:
    passed = value <= tolerance
    return _row(check, passed, value, tolerance, f"{good if passed else bad} (difference {value:.1e})")


def _told(check: str, value: float, sentence: str, *, warn: bool = False) -> CheckRow:
    """A row for the reader's information: it has no limit and cannot fail."""
    return CheckRow(check, "warn" if warn else "pass", float(value), float("nan"), sentence)


def _form(encoder: Encoder, vectors: Any, n: int) -> Iterator[CheckRow]:
    for check, given in (("shape", np.asarray(vectors, np.float32)), ("dtype", vectors)):
        try:
            validate_output(encoder, given, n, finite=False)
        except EncoderError as error:
            yield _row(check, False, 0, 1, str(error))
        else:
            good = f"{n} sounds give {(n, encoder.embedding_size)}" if check == "shape" else "float32"
            yield _row(check, True, 1, 1, good)


def _finite(vectors: Vectors) -> CheckRow:
    wrong = int((~np.isfinite(vectors)).sum())
    return _row(
        "finite", not wrong, wrong, 0, "every value is finite" if not wrong else f"{wrong} values are NaN or infinite"
    )


def _listens(vectors: Vectors) -> CheckRow:
    least = min(difference(a, b) for i, a in enumerate(vectors) for b in vectors[:i])
    sentence = (
        "unlike sounds get unlike vectors" if least > SAME else "two sounds as unlike as can be get the same vector"
    )
    return _row("listens", least > SAME, least, SAME, f"{sentence} (least difference {least:.1e})")


def _determinism(encoder: Encoder, sounds: Audio, vectors: Vectors) -> CheckRow:
    again = max(difference(vectors, _encode(encoder, sounds)) for _ in range(2))
    bad = "the same sound gets another vector each time: is dropout, a random crop or dither left on?"
    return _limit("determinism", again, SAME, "the same sound gets the same vector", bad)


def _batch(encoder: Encoder, sounds: Audio, vectors: Vectors) -> CheckRow:
    alone = max(difference(vectors[i], _encode(encoder, sounds[i : i + 1])[0]) for i in range(len(sounds)))
    bad = "a vector depends on the sounds beside it: is the batch normalised, or a network not in evaluation mode?"
    return _limit("batch", alone, SAME, "a vector does not depend on the sounds beside it", bad)


def _batch_size(encoder: Encoder, sounds: Audio, vectors: Vectors) -> CheckRow:
    many = _encode(encoder, np.repeat(sounds[:1], 7, axis=0))
    among = max(difference(vectors[0], row) for row in many)
    return _limit(
        "batch size", among, SAME, "nor on how many there are", "a vector depends on how many sounds are given at once"
    )


def _padding(encoder: Encoder, sounds: Audio, vectors: Vectors) -> CheckRow:  # noqa: ARG001
    """Sounds of awkward lengths, twice each: what a padding adds must not be random."""
    largest, refused = 0.0, 0
    lengths = [max(round(sounds.shape[1] * part), 1) for part in (0.05, 0.31, 0.62, 0.997)]
    for length in lengths:
        short = sounds[:2, :length]
        try:
            largest = max(largest, difference(_encode(encoder, short), _encode(encoder, short)))
        except Exception:  # refusing is an answer too: whoever has a window is given whole windows only
            refused += 1
    good = "short sounds get the same vector each time"
    if refused:
        good = f"refuses {refused} of {len(lengths)} short lengths; those it takes get the same vector each time"
    return _limit(
        "padding", largest, SAME, good, "a short sound gets another vector each time: is it padded with noise?"
    )


def _trailing_silence(encoder: Encoder, sounds: Audio, vectors: Vectors) -> CheckRow:  # noqa: ARG001
    half = sounds[:1, : sounds.shape[1] // 2]
    padded = np.pad(half, ((0, 0), (0, sounds.shape[1] - half.shape[1])))
    try:
        change = difference(_encode(encoder, half), _encode(encoder, padded))
    except Exception:
        return _told("trailing silence", float("nan"), "not measured: it takes no sound shorter than its window")
    return _told("trailing silence", change, f"as much silence as sound behind it changes the vector by {change:.1%}")


def _silence(encoder: Encoder, sounds: Audio, vectors: Vectors) -> CheckRow:  # noqa: ARG001
    try:
        wrong = int((~np.isfinite(_encode(encoder, np.zeros_like(sounds[:1])))).sum())
    except Exception as error:
        return _told("silence", float("nan"), f"fails on silence: {type(error).__name__}: {error}", warn=True)
    sentence = f"{wrong} values for silence are NaN or infinite" if wrong else "silence gets finite values"
    return _told("silence", wrong, sentence, warn=bool(wrong))


def _gain(encoder: Encoder, sounds: Audio, vectors: Vectors) -> CheckRow:
    quieter = _encode(encoder, (sounds[:1] * 0.5).astype(np.float32))
    change = difference(vectors[:1], quieter)
    return _told("gain", change, f"6 dB less changes the vector by {change:.1%}")


def _random_states() -> dict[str, str]:
    """Global random states, as texts: numpy's, Python's, and torch's where it is loaded."""
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002  (it is read, not used)
    key, place = numpy_state["state"]["key"], numpy_state["state"]["pos"]
    states = {"numpy": content_hash(key.tobytes(), str(place)), "python": repr(random.getstate())}
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = content_hash(torch.get_rng_state().numpy().tobytes())
    return states


def _random_state(same: bool) -> CheckRow:
    sentence = "leaves the global random generators alone" if same else "draws from or seeds a global random generator"
    return _told("random state", float(not same), sentence, warn=not same)


def _speed(encoder: Encoder, sounds: Audio) -> Iterator[CheckRow]:
    seconds = sounds.shape[1] / encoder.sample_rate
    spent = min(_timed(lambda: _encode(encoder, sounds)) for _ in range(3)) / len(sounds)
    yield _told("speed", 1 / spent, f"{1 / spent:.1f} sounds of {seconds:.1f} s in a second")
    slow = seconds < spent
    yield _told("real time", seconds / spent, f"{seconds / spent:.0f} times as fast as it sounds", warn=slow)


def _timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return max(time.perf_counter() - start, 1e-9)
