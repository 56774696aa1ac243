"""Inversion of encoders in which it is known what a sound must be, beside real clips whose losses are known."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from earwitness import audits
from earwitness.audits import Descent, Listener
from earwitness.embeddings import Embeddings
from earwitness.encoders.mfcc import MFCC
from earwitness.errors import EncoderError, InputError

RATE, SAMPLES = 16000, 64
SECONDS = SAMPLES / RATE
FALL = Descent(steps=300, optimiser="gradient-descent", rate=0.5, patience=50)


class Linear:
    """An encoder whose vector is a matrix times the samples."""

    kind, revision, sample_rate, window = "network", "1", RATE, SECONDS

    def __init__(self, name: str, matrix: np.ndarray) -> None:
        self.name, self.matrix = name, matrix.astype(np.float32)
        self.embedding_size = len(matrix)

    def encode(self, audio: np.ndarray) -> np.ndarray:
        return audio @ self.matrix.T

    def embed_tensor(self, audio: torch.Tensor) -> torch.Tensor:
        return audio @ torch.from_numpy(self.matrix).T


class Tagging(Linear):
    tag_names = ("low", "high", "loud")

    def tags(self, audio: np.ndarray) -> np.ndarray:
        return np.tile(np.array([[0.1, 0.7, 0.4]], np.float32), (len(audio), 1))


def projection(samples: slice, seed: int, dims: int = 6) -> np.ndarray:
    matrix = np.zeros((dims, SAMPLES))
    width = len(range(SAMPLES)[samples])
    matrix[:, samples] = np.linalg.qr(np.random.default_rng(seed).normal(size=(width, dims)))[0].T
    return matrix


FIRST, SECOND = slice(0, 32), slice(32, 64)
INVERTED = Linear("inverted", projection(FIRST, 0))
HEARS_THE_SAME = Linear("hears the same", projection(FIRST, 1))
HEARS_THE_REST = Linear("hears the rest", projection(SECOND, 2))


def sounds_of(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Classes differ in both halves of the sound; in the second, class b is near to silence and the others are not."""
    rng = np.random.default_rng(seed)
    names = sorted(set(labels))
    centre = 0.3 * rng.normal(size=(len(names), SAMPLES))
    centre[names.index("b"), SECOND] = 0
    return (centre[[names.index(x) for x in labels]] + 0.01 * rng.normal(size=(len(labels), SAMPLES))).astype(
        np.float32
    )


LABELS = np.array([*"aaaaaaaaaaaaaaaaaaaa", *"bbbbbbbbbbbbbbb", *"cccccccccccc", *"dddddddddd"], dtype=object)
SOUNDS = sounds_of(LABELS)


def embedded(encoder: Any, sounds: np.ndarray = SOUNDS, labels: np.ndarray = LABELS) -> Embeddings:
    clips = pd.DataFrame({"clip": [f"clip-{i}" for i in range(len(sounds))], "label": labels})
    return Embeddings(encoder.encode(sounds), clips, encoder.name, "1", "planted")


def heard_by(encoder: Any) -> Listener:
    return Listener(encoder, embedded(encoder))


@pytest.fixture(scope="module")
def result():
    return audits.inversion(
        embedded(INVERTED),
        INVERTED,
        "a",
        seconds=SECONDS,
        descent=FALL,
        untrained=heard_by(Linear("untrained", projection(FIRST, 7))),
        listeners=[heard_by(HEARS_THE_SAME), heard_by(HEARS_THE_REST)],
        n_resamples=200,
    )


def test_a_sound_is_found_whose_vector_is_the_mean_of_the_class(result):
    for run in ("class", "class-2", "class-3", "other", "clip", "untrained"):
        assert result.estimate("loss", run=run).value < 1e-6
        assert result.estimate("real clips nearer", run=run, among="all clips").value == 0
    # With no clip nearer among 57 the exact limit stands: 1 - 0.025^(1/57).
    found = result.estimate("real clips nearer", run="class", among="all clips")
    assert (found.low, found.n) == (0, 57)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 57))


def test_the_losses_of_real_clips_are_those_that_one_computes_by_hand(result):
    V = INVERTED.encode(SOUNDS).astype(float)
    mean = V[LABELS == "a"].mean(0)
    by_hand = ((V - mean) ** 2).mean(1)
    assert result.estimate("random clip's loss", run="class").value == pytest.approx(by_hand.mean(), rel=1e-5)
    assert result.estimate("nearest clip's loss", run="class").value == pytest.approx(by_hand.min(), rel=1e-4)
    items = result.items[result.items["run"] == "class"]
    np.testing.assert_allclose(items["loss"], by_hand, rtol=1e-4)
    low, high = result.rows("random clip's loss", run="class")[["low", "high"]].iloc[0]
    assert low < by_hand.mean() < high


def test_a_clip_that_is_aimed_at_is_not_one_to_compare_with(result):
    V = INVERTED.encode(SOUNDS).astype(float)
    here = np.flatnonzero(LABELS == "a")
    typical = here[((V[here] - V[here].mean(0)) ** 2).sum(1).argmin()]
    items = result.items[result.items["run"] == "clip"]
    assert items["target"].to_numpy().nonzero()[0].tolist() == [typical]
    others = np.delete(((V - V[typical]) ** 2).mean(1), typical)
    assert result.estimate("nearest clip's loss", run="clip").value == pytest.approx(others.min(), rel=1e-4)
    assert result.estimate("random clip's loss", run="clip").n == 56


def test_the_other_class_is_the_one_that_lies_farthest(result):
    V = INVERTED.encode(SOUNDS).astype(float)
    means = {name: V[name == LABELS].mean(0) for name in "abcd"}
    farthest = max("bcd", key=lambda name: ((means[name] - means["a"]) ** 2).sum())
    assert result.details["titles"]["other"] == f"made for the mean of “{farthest}”"


def test_the_gap_of_a_mean_that_cannot_be_reached_is_reported():
    """Vectors are (s, s²): no sound has the mean of s² without the mean of s, and the least loss is known."""

    class Curved(Linear):
        def encode(self, audio: np.ndarray) -> np.ndarray:
            return self.embed_tensor(torch.from_numpy(audio)).numpy()

        def embed_tensor(self, audio: torch.Tensor) -> torch.Tensor:
            s = audio @ torch.from_numpy(self.matrix[:1]).T
            return torch.cat([s, s.square()], dim=1)

    curved = Curved("curved", projection(slice(0, 64), 4, 2))
    s = np.array([-0.5, 0.5, -0.4, 0.4, 0.1, 0.2, 0.3, 0.15])
    sounds = (s[:, None] * curved.matrix[0]).astype(np.float32)
    labels = np.array([*"aaaabbbb"], dtype=object)
    clips = embedded(curved, sounds, labels)
    found = audits.inversion(clips, curved, "a", seconds=SECONDS, descent=FALL, controls=False, starts=1)
    # Of the mean (0, 0.205) the least of (s² + (s² - 0.205)²) / 2 is at s = 0: 2 s (1 + 2 s² - 0.41) > 0 for s > 0.
    least = 0.205**2 / 2
    assert found.estimate("loss", run="class").value == pytest.approx(least, rel=1e-3)
    random = ((clips.vectors - clips.vectors[:4].mean(0)) ** 2).mean()
    assert found.estimate("relative loss", run="class").value == pytest.approx(least / random, rel=1e-3)


def test_a_listener_that_hears_the_same_recognises_the_sounds_and_the_verdict_holds(result):
    found = result.estimate("recognised", listener="hears the same")
    assert (found.value, found.n) == (1, 3)
    assert found.low == pytest.approx(0.025 ** (1 / 3))
    assert result.estimate("chance").value == 0.25
    assert result.verdicts[0].status == "holds"
    assert "3 of 3 such sounds" in result.verdicts[0].text


def test_a_listener_that_hears_the_rest_does_not_and_the_verdict_breaks(result):
    assert result.estimate("recognised", listener="hears the rest").value == 0
    assert result.estimate("real clips recognised", listener="hears the rest").value == 1
    turned = audits.inversion(
        embedded(INVERTED),
        INVERTED,
        "a",
        seconds=SECONDS,
        descent=FALL,
        listeners=[heard_by(HEARS_THE_REST)],
        n_resamples=100,
    )
    assert turned.verdicts[0].status == "breaks"


def test_without_a_listener_nothing_is_said_of_others():
    found = audits.inversion(embedded(INVERTED), INVERTED, "a", seconds=SECONDS, descent=FALL, controls=False, starts=1)
    assert found.verdicts[0].status == "open"
    assert "No second encoder" in found.verdicts[0].text
    assert set(found.table["run"]) == {"class", "thresholded", ""}


def test_the_clip_itself_can_be_the_target():
    found = audits.inversion(embedded(INVERTED), INVERTED, "clip-25", seconds=SECONDS, descent=FALL, starts=2)
    assert found.parameters["target"] == "the clip “clip-25”"
    assert found.estimate("loss", run="clip").value < found.estimate("nearest clip's loss", run="clip").value
    assert found.details["titles"]["class"] == "made for the mean of “b”"
    alone = audits.inversion(
        embedded(INVERTED), INVERTED, "clip-25", seconds=SECONDS, descent=FALL, starts=1, label=None
    )
    assert {"class", "other"}.isdisjoint(alone.table["run"])


def test_tags_of_the_sound_stand_beside_those_of_the_class():
    tagger = Tagging("tagger", INVERTED.matrix)
    probabilities = np.random.default_rng(0).random((57, 3)).astype(np.float32)
    tags = Embeddings(probabilities, embedded(tagger).clips, "tagger,tags")
    found = audits.inversion(
        embedded(tagger), tagger, "a", seconds=SECONDS, descent=FALL, controls=False, starts=1, tags=tags
    )
    assert found.estimate("tag", tag="high").value == pytest.approx(0.7)
    real = found.estimate("tag of real clips", tag="high")
    assert real.value == pytest.approx(probabilities[:20, 1].mean())
    assert real.low < real.value < real.high


class Cut(MutableMapping):
    """What was kept, until the run is killed at its n-th write."""

    def __init__(self, kept: dict, writes: int) -> None:
        self.kept, self.left = kept, writes

    def __setitem__(self, name: str, arrays: dict) -> None:
        self.kept[name] = {key: array.copy() for key, array in arrays.items()}
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def __getitem__(self, name: str) -> dict:
        return self.kept[name]

    def __delitem__(self, name: str) -> None:
        del self.kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)


@pytest.mark.parametrize("writes", [1, 3, 7])
@pytest.mark.parametrize("jobs", [1, 3])
def test_killed_and_started_again_it_ends_with_the_same_sounds_bit_for_bit(writes, jobs):
    options = {"seconds": SECONDS, "descent": Descent(steps=70), "n_resamples": 50}
    whole, again, kept = {}, {}, {}
    straight = audits.inversion(embedded(INVERTED), INVERTED, "a", sounds=whole, **options)
    with pytest.raises(KeyboardInterrupt):
        audits.inversion(embedded(INVERTED), INVERTED, "a", kept=Cut(kept, writes), jobs=jobs, **options)
    assert kept
    resumed = audits.inversion(embedded(INVERTED), INVERTED, "a", kept=kept, sounds=again, jobs=jobs, **options)
    assert whole.keys() == again.keys()
    for name, sound in whole.items():
        np.testing.assert_array_equal(again[name], sound, err_msg=name)
    pd.testing.assert_frame_equal(resumed.table, straight.table)


def test_what_was_kept_of_another_target_is_not_taken_up():
    kept: dict = {}
    options = {"seconds": SECONDS, "descent": FALL, "controls": False, "starts": 1, "n_resamples": 50}
    audits.inversion(embedded(INVERTED), INVERTED, "a", kept=kept, **options)
    after = audits.inversion(embedded(INVERTED), INVERTED, "b", kept=kept, **options)
    alone = audits.inversion(embedded(INVERTED), INVERTED, "b", **options)
    pd.testing.assert_frame_equal(after.table, alone.table)


def refuses(words: str, target: str = "a", encoder: Any = INVERTED, clips: Embeddings | None = None, **options: Any):
    with pytest.raises((InputError, EncoderError), match=words):
        audits.inversion(clips or embedded(encoder), encoder, target, **{"seconds": SECONDS, **options})


def test_bad_input_is_one_sentence():
    silent = np.zeros((4, 8000), np.float32)
    silent[:, ::100] = np.arange(1, 5)[:, None]
    mfcc = embedded(MFCC(), silent, np.array([*"aabb"], dtype=object))
    refuses("mfcc has no gradients", encoder=MFCC(), clips=mfcc)
    refuses("no label and no clip is called 'clip-9x'. Did you mean 'clip-9'", target="clip-9x")
    refuses("no column 'genre'", label="genre")
    refuses("shorter than the window of inverted", seconds=SECONDS / 2)
    refuses("one start or more", starts=0)
    same = embedded(INVERTED, np.repeat(SOUNDS[:1], 57, axis=0))
    refuses("all 57 clips have the same vector", clips=same)
    single = LABELS.copy()
    single[0] = "solo"
    refuses("'solo' has one clip, .* give the target 'clip-0'", target="solo", clips=embedded(INVERTED, labels=single))
    short = embedded(HEARS_THE_SAME)
    other = Listener(HEARS_THE_SAME, short.take(np.arange(9)))
    refuses("hears the same has other clips than inverted", listeners=[other])


def test_gradients_that_lead_elsewhere_are_refused():
    class Astray(Linear):
        def embed_tensor(self, audio: torch.Tensor) -> torch.Tensor:
            return super().embed_tensor(audio) * 1.5

    refuses("`embed_tensor` of astray does not give what its `encode` gives", encoder=Astray("astray", INVERTED.matrix))


def test_a_result_survives_its_way_through_json(result):
    again = type(result).from_json(result.to_json())
    assert again.to_json() == result.to_json()
    assert again.details["titles"] == result.details["titles"]
    assert len(again.charts()) == 5


@pytest.mark.slow
def test_a_tagger_takes_a_sound_made_of_noise_for_a_clip(tmp_path):
    """The check of the paper's experiment: the sound is nearer to a clip than the nearest other real clip."""
    from earwitness.datasets import load_clips
    from earwitness.inverting import Wish, invert
    from earwitness.pipeline import Workers

    clips = load_clips("demo").where(domain="rendered")
    target = clips[0].clip
    wish = Wish(target, label="label", descent=Descent(steps=60), starts=1, controls=False)
    found, _ = invert(clips, "musicnn-msd,device=cpu", wish, tmp_path, Workers(jobs=1))
    loss = found.estimate("loss", run="clip").value
    assert loss < found.estimate("nearest clip's loss", run="clip").value
    assert loss == pytest.approx(float(min(found.details["curves"]["clip"]["loss"])), rel=0.02)
