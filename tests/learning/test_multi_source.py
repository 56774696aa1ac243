"""`learn` from end to end: a folder of sounds becomes an encoder that is audited like any other."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from earwitness.datasets import Clips, load_clips
from earwitness.encoders import check_encoder, load_encoder
from earwitness.errors import EncoderError, InputError
from earwitness.learning import LabelOptions, Method, Scale, learn
from earwitness.learning.sources import LabelModel, Source

RATE = 22050
TINY = Scale(channels=1, width=0.125, features=8, batch=4, epochs=2, learning_rate=0.002)


def sounds(folder: Path, count: int = 12, seconds: float = 3.2) -> Clips:
    """Tones of two kinds, each clip with a pitch of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        time_s = np.arange(int(RATE * seconds)) / RATE
        kind = number % 2
        tone = np.sin(2 * np.pi * (220 + 20 * number) * time_s) * (1 if kind else (time_s * 4 % 1 < 0.5))
        soundfile.write(folder / f"{number}.wav", 0.3 * tone + rng.normal(0, 0.01, len(time_s)), RATE)
        rows.append(
            {"path": f"{number}.wav", "kind": "steady" if kind else "pulsed", "artist": f"artist {number // 2}"}
        )
    pd.DataFrame(rows).to_csv(folder / "clips.csv", index=False)
    return load_clips(folder / "clips.csv")


def pulsed(clips: Clips, name: str = "pulsed") -> Source:
    """Whether a clip is pulsed: a label made here."""
    yes = clips.table["kind"].to_numpy() == "pulsed"
    targets = np.stack([yes, ~yes], axis=1).astype(np.float32)
    return Source(
        name, "distribution", targets, ("pulsed", "steady"), LabelModel("classes", {"vocabulary": ["p", "s"]})
    )


def of_self(clips: Clips) -> Source:
    model = LabelModel("pairs", {}, {"usable": np.ones(len(clips), bool)})
    return Source("self", "pairs", np.zeros((len(clips), 0), np.float32), ("of different clips", "of one clip"), model)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sounds")


@pytest.fixture(scope="module")
def clips(folder: Path) -> Clips:
    return sounds(folder)


@pytest.mark.parametrize("strategy", ["ms-cr@4", "mss-cr", "ms-sr@fc"])
def test_what_was_learnt_is_an_encoder_that_keeps_its_word(clips: Clips, tmp_path: Path, strategy: str) -> None:
    out = learn(clips, out=tmp_path / "model", sources=[of_self(clips), pulsed(clips)], strategy=strategy, scale=TINY)
    encoder = load_encoder(f"learned:{out},device=cpu")
    check = check_encoder(encoder)
    assert check.passed, str(check)
    blocks = 1 if strategy == "ms-sr@fc" else 2
    assert encoder.embedding_size == 2 * 8 * blocks
    assert sorted(np.concatenate(list(encoder.blocks.values())).tolist()) == list(range(encoder.embedding_size))
    assert [source.outputs for source in encoder.sources][1] == ("pulsed", "steady")
    twin = encoder.untrained(0)
    sound = clips[0].load(RATE)[None]
    assert np.abs(twin.encode(sound) - encoder.encode(sound)).max() > 1e-3
    with torch.no_grad():
        given = encoder.embed_tensor(torch.from_numpy(sound)).numpy()
    np.testing.assert_allclose(given, encoder.encode(sound), atol=1e-4)
    card = (out / "model-card.md").read_text()
    assert f"strategy {strategy} on self, pulsed" in card
    assert "| self | sound | 2 | 10 |" in card
    assert "| pulsed | targets that were given | 2 | 10 |" in card
    points = pd.read_csv(out / "training_points.csv")
    assert points["use"].value_counts().to_dict() == {"training": 10, "validation": 2}
    assert len(set(points[points["use"] == "validation"]["group"])) == 1  # an artist is on one side


def test_a_vector_is_mean_and_deviation_over_whole_chunks_of_each_block(clips: Clips, tmp_path: Path) -> None:
    out = learn(clips, out=tmp_path / "model", sources=[of_self(clips), pulsed(clips)], strategy="ms-cr@2", scale=TINY)
    encoder = load_encoder(f"learned:{out},device=cpu")
    sound = np.concatenate([clips[0].load(RATE), clips[1].load(RATE)])  # two chunks and a part of one
    each = encoder.answers(sound)
    assert each.shape == (2, 16)
    vector = encoder.encode(sound[None])[0]
    np.testing.assert_allclose(vector[encoder.blocks["pulsed"][:8]], each[:, 8:].mean(0), atol=1e-6)
    np.testing.assert_allclose(vector[encoder.blocks["pulsed"][8:]], each[:, 8:].std(0), atol=1e-6)
    short = encoder.encode(sound[None, : 2 * RATE])[0]
    assert not short[16:].any()  # one chunk, filled up: no deviation, and no NaN
    assert short[:16].any()


def test_run_again_it_gives_the_same_and_with_more_epochs_goes_on(clips: Clips, tmp_path: Path) -> None:
    source = pulsed(clips)
    once = learn(clips, out=tmp_path / "a", sources=[source], strategy="ss-r", scale=TINY)
    before = (once / "weights.safetensors").read_bytes()
    learn(clips, out=tmp_path / "a", sources=[source], strategy="ss-r", scale=TINY)
    assert (once / "weights.safetensors").read_bytes() == before
    longer = Scale(channels=1, width=0.125, features=8, batch=4, epochs=4, learning_rate=0.002)
    learn(clips, out=tmp_path / "a", sources=[source], strategy="ss-r", scale=longer)
    straight = learn(clips, out=tmp_path / "b", sources=[source], strategy="ss-r", scale=longer)
    assert (once / "weights.safetensors").read_bytes() == (straight / "weights.safetensors").read_bytes() != before


def test_networks_of_one_source_are_trained_once_for_all_that_are_put_together_of_them(
    clips: Clips, tmp_path: Path
) -> None:
    single = learn(clips, out=tmp_path / "parts/pulsed", sources=[pulsed(clips)], strategy="ss-r", scale=TINY)
    trained = (single / "checkpoint.pt").stat().st_mtime_ns
    both, parts = [of_self(clips), pulsed(clips)], tmp_path / "parts"
    out = learn(clips, out=tmp_path / "model", sources=both, strategy="mss-cr", scale=TINY, parts=parts)
    assert (single / "checkpoint.pt").stat().st_mtime_ns == trained
    alone, whole = (load_encoder(f"learned:{folder},device=cpu") for folder in (single, out))
    sound = clips[3].load(RATE)[None]
    np.testing.assert_allclose(whole.encode(sound)[:, whole.blocks["pulsed"]], alone.encode(sound), atol=1e-6)
    with pytest.raises(InputError, match=r"is of another run \(seed was 0 and is now 1\)"):
        learn(
            clips,
            out=tmp_path / "other",
            sources=both,
            strategy="mss-cr",
            scale=TINY,
            parts=parts,
            seed=1,
            group="none",
        )


def test_joint_networks_are_unconnected_ones(clips: Clips, tmp_path: Path) -> None:
    out = learn(
        clips,
        out=tmp_path / "model",
        sources=[of_self(clips), pulsed(clips)],
        strategy="mss-cr",
        scale=TINY,
        method=Method(joint=True),
    )
    assert not (out / "parts").exists()
    assert load_encoder(f"learned:{out},device=cpu").embedding_size == 32


def test_the_shared_block_can_be_given_once_a_source(clips: Clips, tmp_path: Path) -> None:
    out = learn(clips, out=tmp_path / "model", sources=[of_self(clips), pulsed(clips)], strategy="ms-sr@fc", scale=TINY)
    once, twice = (load_encoder(f"learned:{out},device=cpu{more}") for more in ("", ",duplicate_shared=true"))
    sound = clips[0].load(RATE)[None]
    a, b = once.encode(sound)[0], twice.encode(sound)[0]
    np.testing.assert_array_equal(b, np.concatenate([a[:8], a[:8], a[8:], a[8:]]))
    assert once.name != twice.name


def test_folders_of_other_runs_and_files_are_refused(clips: Clips, tmp_path: Path) -> None:
    source = pulsed(clips)
    learn(clips, out=tmp_path / "model", sources=[source], strategy="ss-r", scale=TINY)
    with pytest.raises(InputError, match=r"holds another run \(seed was 0 and is now 1\)"):
        learn(clips, out=tmp_path / "model", sources=[source], strategy="ss-r", scale=TINY, seed=1)
    with pytest.raises(InputError, match=r"holds another run \(strategy was"):
        learn(clips, out=tmp_path / "model", sources=[source], strategy="ms-cr@2", scale=TINY)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(InputError, match="holds files that no training left there"):
        learn(clips, out=tmp_path / "photos", sources=[source], strategy="ss-r", scale=TINY)


def test_sources_without_labels_and_of_one_class_are_refused_in_a_sentence(clips: Clips, tmp_path: Path) -> None:
    few = LabelOptions(least_clips=11)
    with pytest.raises(InputError, match=r"the source genre needs 11 training clips with a label, but has 10"):
        learn(clips, out=tmp_path / "m", sources=["genre"], strategy="ss-r", scale=TINY, labels=replace_genre(few))
    with pytest.raises(InputError, match=r"there is no learning source 'tagz'"):
        learn(clips, out=tmp_path / "m", sources=["tagz"], strategy="ss-r", scale=TINY)
    unlabelled = pulsed(clips)
    unlabelled.targets[1:] = np.nan
    with pytest.raises(InputError, match=r"the source pulsed has a label for \d of the 10 training clips"):
        learn(clips, out=tmp_path / "m", sources=[unlabelled], strategy="ss-r", scale=TINY)


def replace_genre(labels: LabelOptions) -> LabelOptions:
    return LabelOptions(least_clips=labels.least_clips, columns={"genre": "kind"})


def test_clips_shorter_than_a_chunk_are_refused_in_a_sentence(tmp_path: Path) -> None:
    clips = sounds(tmp_path / "short", count=4, seconds=1.0)
    with pytest.raises(InputError, match=r"4 of 4 clips are shorter than a chunk of 2\.51 s"):
        learn(clips, out=tmp_path / "m", sources=[pulsed(clips)], strategy="ss-r", scale=TINY)


def test_models_that_are_damaged_or_none_are_refused_in_a_sentence(clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="holds no trained encoder"):
        load_encoder(f"learned:{tmp_path}")
    out = learn(clips, out=tmp_path / "model", sources=[pulsed(clips)], strategy="ss-r", scale=TINY)
    facts = json.loads((out / "model.json").read_text())
    facts["network"]["size"]["width"] = 0.25
    (out / "model.json").write_text(json.dumps(facts))
    with pytest.raises(EncoderError, match=r"of another architecture than its model\.json says"):
        load_encoder(f"learned:{out}")
    (out / "model.json").write_text(json.dumps(facts | {"kind": "oracle"}))
    with pytest.raises(EncoderError, match="a model of the kind 'oracle'"):
        load_encoder(f"learned:{out}")
    weights = out / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(EncoderError, match=r"is not the one that model\.json was written with"):
        load_encoder(f"learned:{out}")


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np, pandas as pd
from earwitness.datasets import load_clips
from earwitness.learning import Resources, Scale, learn
from earwitness.learning.multi_source_task import MultiSourceTask
from earwitness.learning.sources import LabelModel, Source

clips, out, kill_at = load_clips(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
yes = clips.table["kind"].to_numpy() == "pulsed"
sources = [
    Source("pulsed", "distribution", np.stack([yes, ~yes], 1).astype(np.float32), ("p", "s"), LabelModel("classes")),
    Source("self", "pairs", np.zeros((len(clips), 0), np.float32), ("n", "y"),
           LabelModel("pairs", {}, {"usable": np.ones(len(clips), bool)})),
]
count, loss = 0, MultiSourceTask.loss

def deadly(self, *arguments):
    global count
    count += 1
    if count == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return loss(self, *arguments)

MultiSourceTask.loss = deadly
learn(clips, out=out, sources=sources, strategy="mss-cr", scale=Scale(1, 0.125, 8, 4, 3, 0.002),
      resources=Resources("cpu", 1))
"""


@pytest.mark.usefixtures("clips")
@pytest.mark.slow
def test_a_run_killed_in_its_second_network_ends_with_the_model_of_one_that_was_not(
    folder: Path, tmp_path: Path
) -> None:
    def run(name: str, kill_at: int) -> int:
        code = [sys.executable, "-c", KILLED, str(folder / "clips.csv"), str(tmp_path / name), str(kill_at)]
        return subprocess.run(code, check=False, timeout=300).returncode

    assert run("whole", 0) == 0
    assert run("killed", 21) == -signal.SIGKILL  # after 5 trial steps, 9 of the first network and 6 of the second
    assert not (tmp_path / "killed" / "model.json").exists()
    assert run("killed", 0) == 0
    for name in ("weights.safetensors", "model.json", "losses.csv", "training_points.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.slow
def test_heads_answer_nearer_to_the_targets_than_the_mean_target_does(tmp_path: Path) -> None:
    """Pulsed or steady is learnt from 60 synthetic clips; labels that were dealt out at random are not."""
    clips = sounds(tmp_path / "sounds", count=80)
    dealt = pulsed(clips, "dealt")
    dealt.targets[:] = dealt.targets[np.random.default_rng(0).permutation(len(clips))]
    scale = Scale(channels=1, width=0.25, features=32, batch=16, epochs=12, learning_rate=0.002)
    out = learn(
        clips, out=tmp_path / "m", sources=[pulsed(clips), dealt], strategy="mss-cr", scale=scale, validation=0.25
    )
    rows = {row["source"]: row for row in json.loads((out / "model.json").read_text())["learnt"]}
    assert rows["pulsed"]["difference_high"] < -0.3  # of ln 2 = 0.69 nat
    assert rows["pulsed"]["learned"] == "yes"
    assert rows["dealt"]["learned"] in ("no", "uncertain")
