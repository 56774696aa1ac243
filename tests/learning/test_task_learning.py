"""Training the four task encoders: what is learnt, what is kept, what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from earwitness.audio.perturbations import PinkNoise, TempoShift
from earwitness.datasets import Clips, load_clips
from earwitness.encoders import check_encoder, load_encoder
from earwitness.errors import EncoderError, InputError
from earwitness.learning.model_folder import read_model
from earwitness.learning.tasks.batches import aligned, cut
from earwitness.learning.tasks.encoding import network_of
from earwitness.learning.tasks.examples import classes_asked, tags_asked
from earwitness.learning.tasks.gathering import Question, gather
from earwitness.learning.tasks.learn import SIZES, Making, Size, learn_task
from earwitness.learning.tasks.mixtures import Parts, at_level
from earwitness.learning.tasks.sound import keep_sounds
from earwitness.learning.tasks.training import Consistency

RATE = 22050
TINY = Size(0.125, 8, 4, 4)
Make = Callable[..., Clips]


def tone(hertz: float, seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    time = np.arange(round(seconds * RATE)) / RATE
    return 0.3 * np.sin(2 * np.pi * hertz * time + rng.uniform(0, 6)) + 0.01 * rng.normal(size=len(time))


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Clips of tones, low and high in turn, with further columns."""

    def made(n: int = 8, seconds: float = 2.5, **columns: list[object]) -> Clips:
        rng = np.random.default_rng(0)
        names = [f"{number}.wav" for number in range(n)]
        for number, name in enumerate(names):
            soundfile.write(tmp_path / name, tone(300 if number % 2 else 3000, seconds, rng), RATE, subtype="FLOAT")
        table = pd.DataFrame({"path": names, "label": ["high", "low"] * (n // 2), **columns})
        table.to_csv(tmp_path / "clips.csv", index=False)
        return load_clips(str(tmp_path / "clips.csv"))

    return made


def bands(folder: Path, songs: int, seconds: float = 2.5, sum_file: bool = True) -> Clips:
    """Songs whose voice lies below 2 kHz and whose backing lies above 5 kHz."""
    rows = []
    for song in range(songs):
        rng = np.random.default_rng(song)
        spectra = np.fft.rfft(rng.normal(0, 0.2, (2, round(seconds * RATE))))
        hertz = np.fft.rfftfreq(round(seconds * RATE), 1 / RATE)
        voice, backing = np.fft.irfft(spectra * np.stack([hertz < 2000, hertz > 5000]))
        kinds = {"voice": voice, "backing": backing} | ({"mixture": voice + backing} if sum_file else {})
        for part, sound in kinds.items():
            soundfile.write(folder / f"{song}-{part}.wav", sound, RATE, subtype="FLOAT")
            rows.append({"path": f"{song}-{part}.wav", "part": part, "song": f"song {song}"})
    pd.DataFrame(rows).to_csv(folder / "songs.csv", index=False)
    return load_clips(str(folder / "songs.csv"))


SEPARATION = Question("separation", parts=Parts("part", "voice", song="song"))


def test_kept_sound_is_that_of_the_clip_to_a_16_bit_step(make: Make) -> None:
    clips = make(2)
    kept, skipped = keep_sounds(clips, jobs=1)
    assert not skipped
    again, _ = keep_sounds(clips, jobs=1)
    assert again == kept
    from earwitness.learning.tasks.sound import Sounds

    sounds = Sounds.of([kept[clip.clip] for clip in clips])
    whole = clips[1].load(RATE)
    assert sounds.lengths.tolist() == [len(whole)] * 2
    step = np.abs(whole).max() / 32767
    np.testing.assert_allclose(sounds.crop(1, 100, 5000), whole[100:5100], atol=step)
    beyond = sounds.crop(1, len(whole) - 10, 30)
    assert not beyond[10:].any()
    np.testing.assert_allclose(beyond[:10], whole[-10:], atol=step)


def test_a_copy_at_another_tempo_is_cut_around_the_same_moment() -> None:
    assert aligned(1000, 200, 10_000, 10_000) == 1000
    assert aligned(1000, 200, 10_000, 5_000) == 450  # 1100 -> 550, minus 100
    assert aligned(0, 200, 10_000, 5_000) == 0
    assert aligned(9800, 200, 10_000, 20_000) == 19_700
    assert aligned(0, 200, 10_000, 100) == 0


def test_copies_are_of_the_same_clips_and_moments(make: Make) -> None:
    perturbations = (PinkNoise(60), TempoShift(0.8))
    found = gather(make(), Question("autoencoder"), samples=44100, perturbations=perturbations, jobs=1).examples
    assert len(found.copies) == 2
    quiet = replace(found, copies=found.copies[:1])
    rows = np.array([0, 1, 4])
    batch = cut(quiet, rows, [0, 500, 3000], 44100, np.random.default_rng(0))
    assert batch.copies is not None
    # Noise 60 dB below leaves the samples where they were.
    np.testing.assert_allclose(batch.copies.numpy(), batch.audio.numpy(), atol=0.005)
    assert (found.copies[1].lengths == np.round(found.sounds.lengths / 0.8)).all()


def test_a_songs_mixture_is_its_target_and_its_accompaniment(tmp_path: Path) -> None:
    for name, whole in (("with", True), ("without", False)):
        (tmp_path / name).mkdir()
        found = gather(bands(tmp_path / name, 5, sum_file=whole), SEPARATION, samples=44100, jobs=1).examples
        assert len(found.names) == 5
        batch = cut(found, np.array([2]), [700], 44100, np.random.default_rng(0))
        voice, _ = soundfile.read(tmp_path / name / "2-voice.wav")
        backing, _ = soundfile.read(tmp_path / name / "2-backing.wav")
        np.testing.assert_allclose(batch.asked[0, 0], voice[700:44800], atol=1e-4)
        np.testing.assert_allclose(batch.asked[0, 1], backing[700:44800], atol=1e-4)
        np.testing.assert_allclose(batch.audio[0], (voice + backing)[700:44800], atol=1e-4)


def test_made_mixtures_have_the_level_that_was_asked_for_and_stay_on_their_side(make: Make) -> None:
    parts = Parts("label", "low", levels_db=(6.0, 6.0))
    found = gather(make(20), Question("separation", parts=parts), samples=44100, jobs=1).examples
    target, other = cut(found, np.array([0]), [0], 44100, np.random.default_rng(0)).asked[0].double()
    assert 10 * float(torch.log10(target.square().mean() / other.square().mean())) == pytest.approx(6, abs=1e-3)
    inside, outside = (
        {row for number in np.flatnonzero(side) for row in found.mixer.accompaniments[number]}  # type: ignore[union-attr]
        for side in (found.training, found.validation)
    )
    assert inside
    assert outside
    assert not inside & outside
    silence = np.zeros(10, np.float32)
    np.testing.assert_array_equal(at_level(silence, np.ones(10, np.float32), 3), np.ones(10, np.float32))


def test_tags_are_counted_and_what_all_clips_have_is_none(make: Make) -> None:
    tags = ["all|a|b", "all|a", "all|c:0.5", "all", "all|a|c", "all|b", "all|a", "all|d"]
    asked = tags_asked(make(8, 0.1, tags=tags), "tags", top=3)
    assert asked.outputs == ("a", "b", "c")
    assert asked.targets.tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 1], [1, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert asked.clips.table["path"].str.contains("[01245 6].wav").all()


@pytest.mark.parametrize("how", [None, "augment", "loss"])
def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(
    make: Make, tmp_path: Path, how: str | None
) -> None:
    clips = make()
    consistency = None if how is None else Consistency(how, (PinkNoise(12),))  # type: ignore[arg-type]
    making = Making(Question("instruments"), TINY, consistency=consistency)
    whole = read_model(learn_task(clips, making, tmp_path / "whole", seed=3, jobs=1))
    half = replace(making, size=replace(TINY, steps=2))
    learn_task(clips, half, tmp_path / "halves", seed=3, jobs=1)
    halves = read_model(learn_task(clips, making, tmp_path / "halves", seed=3, jobs=1))
    assert whole.arrays.keys() == halves.arrays.keys()
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(halves.arrays[name], values)
    other = read_model(learn_task(clips, making, tmp_path / "other", seed=4, jobs=1))
    assert any((other.arrays[name] != values).any() for name, values in whole.arrays.items())


@pytest.mark.parametrize("task", ["autoencoder", "tagging", "instruments", "separation"])
@pytest.mark.parametrize("inputs", ["spectrogram", "mfcc"])
def test_every_task_trains_into_a_folder_that_is_an_encoder(make: Make, tmp_path: Path, task: str, inputs: str) -> None:
    if task == "separation":
        clips, question = bands(tmp_path, 5), SEPARATION
    else:
        clips, question = make(8, tags=["a", "b", "a|c", "c", "a", "b|c", "a", "c"]), Question(task)  # type: ignore[arg-type]
    making = Making(question, replace(TINY, steps=2), inputs=inputs)  # type: ignore[arg-type]
    folder = learn_task(clips, making, tmp_path / "model", jobs=1)
    encoder = load_encoder(f"learned:{folder}")
    assert check_encoder(encoder).passed
    assert encoder.embedding_size == (144 if inputs == "mfcc" else 8)
    scores = pd.read_csv(folder / "scores.csv")
    assert scores["what"].tolist()[::2] == ["network", "difference"]
    assert scores["value"].notna().all()
    difference = scores["value"][0] - scores["value"][1]
    assert scores["value"][2] == pytest.approx(difference, abs=1e-6)
    assert set(pd.read_csv(folder / "training_points.csv")["use"]) == {"training", "validation"}
    card = (folder / "model-card.md").read_text()
    assert "How well it learnt its task" in card
    assert len(pd.read_csv(folder / "losses.csv")) >= 2


def test_what_is_loaded_answers_as_what_was_trained(make: Make, tmp_path: Path) -> None:
    clips = make(8, 4.0)
    folder = learn_task(clips, Making(Question("instruments"), TINY, mulaw=256), tmp_path / "model", jobs=1)
    network = network_of(read_model(folder))
    sound = clips[0].load(RATE)
    halves = torch.from_numpy(np.stack([sound[:44100], sound[44100:]]))
    with torch.no_grad():
        representation, logits, _ = network(halves)
    encoder = load_encoder(f"learned:{folder}")
    np.testing.assert_allclose(encoder.encode(sound[None])[0], representation.mean(0), atol=1e-6)
    assert encoder.tag_names == ("high", "low")
    np.testing.assert_allclose(encoder.tags(sound[None])[0], logits.softmax(1).mean(0), atol=1e-6)
    central = load_encoder(f"learned:{folder},span=central").encode(sound[None])[0]
    with torch.no_grad():
        middle, _, _ = network(torch.from_numpy(sound[None, 22050:66150]))
    np.testing.assert_allclose(central, middle[0], atol=1e-6)
    assert load_encoder(f"learned:{folder},layer=gap").embedding_size == 32
    gradient = torch.from_numpy(sound[None]).requires_grad_()
    encoder.embed_tensor(gradient).sum().backward()
    assert gradient.grad is not None
    assert gradient.grad.abs().sum() > 0


def test_a_separator_learns_to_part_two_bands(tmp_path: Path) -> None:
    making = Making(SEPARATION, Size(0.125, 16, 4, 25), learning_rate=5e-3)
    folder = learn_task(bands(tmp_path, 10), making, tmp_path / "model", jobs=1)
    scores = pd.read_csv(folder / "scores.csv").set_index("what")
    assert scores.loc["difference", "low"] > 3  # decibels above the mixture itself


def test_bad_input_is_told_in_one_sentence(make: Make, tmp_path: Path) -> None:
    clips = make(8, tags=["a"] + [None] * 7, one=["x"] * 8, half=["x"] * 4 + ["y"] * 4)
    refused = {
        Question("tagging"): "column 'tags' of .* is empty for 7 of 8 clips",
        Question("tagging", tags="word"): "no column 'word' of tags",
        Question("tagging", tags="one"): "has 0 tags that some clips have and others lack",
        Question("instruments", label="one"): "has one class only, 'x'",
        Question("separation"): "which clips are of the target",
        Question("separation", parts=Parts("label", "voice", song="one")): "no clip of .* has 'voice'",
        Question("separation", parts=Parts("label", "low", song="clip")): "neither a 'mixture' nor another part",
        Question("separation", parts=Parts("one", "x", levels_db=(0, 0))): "nothing can accompany it",
        Question("separation", parts=Parts("part", "x", song="one")): "no column 'part'",
        Question("separation", parts=Parts("label", "low", song="half")): "more than one 'low'",
    }
    for question, words in refused.items():
        with pytest.raises(InputError, match=words):
            learn_task(clips, Making(question, TINY), tmp_path / "model", jobs=1)
    with pytest.raises(InputError, match="songs with their parts"):
        Parts("label", "voice")
    with pytest.raises(InputError, match="from a lower to a higher number"):
        Parts("label", "voice", levels_db=(3, -3))


def test_clips_shorter_than_what_a_network_hears_are_listed_or_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of the 8 clips can be used.*shorter than the 2.0 s"):
        learn_task(make(8, 1.0), Making(Question("autoencoder"), TINY), tmp_path / "model", jobs=1)


def test_a_checkpoint_of_another_network_is_refused(make: Make, tmp_path: Path) -> None:
    clips = make()
    learn_task(clips, Making(Question("autoencoder"), TINY), tmp_path / "model", jobs=1)
    wider = Making(Question("autoencoder"), replace(TINY, width=0.25))
    with pytest.raises(InputError, match=r"holds another run \(width was 0\.125 and is now 0\.25"):
        learn_task(clips, wider, tmp_path / "model", jobs=1)
    faster = Making(Question("autoencoder"), TINY, learning_rate=0.1)
    with pytest.raises(InputError, match=r"learning_rate was 0\.001 and is now 0\.1"):
        learn_task(clips, faster, tmp_path / "model", jobs=1)


def test_a_folder_with_foreign_weights_is_refused(make: Make, tmp_path: Path) -> None:
    from earwitness.learning.model_folder import write_model

    folder = learn_task(make(), Making(Question("autoencoder"), TINY), tmp_path / "model", jobs=1)
    model = read_model(folder)
    facts = {k: v for k, v in model.facts.items() if k not in ("kind", "format", "earwitness", "weights_sha256")}
    write_model(folder, "task", facts, {name: v for name, v in model.arrays.items() if name != "front.mean"})
    with pytest.raises(EncoderError, match=r"of another network \(front\.mean is absent"):
        load_encoder(f"learned:{folder}")
    write_model(folder, "task", {**facts, "network": {"task": "autoencoder"}}, model.arrays)
    with pytest.raises(EncoderError, match="does not describe a network"):
        load_encoder(f"learned:{folder}")


def test_consistency_needs_mixtures_that_stay(tmp_path: Path) -> None:
    parts = Parts("part", "voice", levels_db=(0, 0))
    making = Making(Question("separation", parts=parts), TINY, consistency=Consistency("loss", (PinkNoise(12),)))
    with pytest.raises(InputError, match="the same at every step"):
        learn_task(bands(tmp_path, 6), making, tmp_path / "model", jobs=1)


def test_both_published_sizes_are_a_number_away() -> None:
    assert SIZES["full"] == Size(1.0, 256, 24)
    assert SIZES["desk"].width < 1


def test_classes_of_some_clips_are_enough(make: Make) -> None:
    asked = classes_asked(make(8, 0.1, kind=["a", "b", None, "a", "b", "b", "a", None]), "kind")
    assert asked.outputs == ("a", "b")
    assert asked.targets.tolist() == [0, 1, 0, 1, 1, 0]
