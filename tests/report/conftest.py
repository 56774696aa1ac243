"""Clips with hostile names, results of the real audits on planted embeddings, and the report made of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile

from earwitness import audits, load_clips, report
from earwitness.audio.perturbations import IMPERCEPTIBLE, PinkNoise
from earwitness.embeddings import Embeddings

SCRIPT = "<script>alert(1)</script>"  # as a folder "<script>alert(1)<" with a file "script>.wav" in it
NOTES_HZ = (220, 330, 440)
RATE = 22050


def tone(pitch_hz, seed):
    """Two seconds of a tone with a little noise, so that no two clips are the same."""
    rng = np.random.default_rng(seed)
    t = np.arange(2 * RATE) / RATE
    return (0.3 * np.sin(2 * np.pi * pitch_hz * t) + 0.01 * rng.standard_normal(len(t))).astype(np.float32)


@pytest.fixture(scope="session")
def music(tmp_path_factory):
    """A manifest of 18 clips of three labels; ids and labels that want to be code, a line break and a table cell."""
    folder = tmp_path_factory.mktemp("music")
    names = [f"clip-{i:02d}" for i in range(16)] + [SCRIPT, 'a "quoted"\n| clip & <b>bold</b>']
    labels = [("low", "<i>middle</i>", "high|</td>")[i % 3].replace("|", "/") for i in range(18)]
    for i in range(18):
        soundfile.write(folder / f"{i}.wav", tone(NOTES_HZ[i % 3], i), RATE)
    table = pd.DataFrame({"clip": names, "path": [f"{i}.wav" for i in range(18)], "label": labels})
    table["group"] = [f"g{i // 2}" for i in range(18)]
    table.to_csv(folder / "clips.csv", index=False)
    return load_clips(folder / "clips.csv")


def planted(clips, name, noise, moved=()):
    """Embeddings of the clips as they are and under every hardly audible change (and a grave one).

    Labels are told apart; `moved` names clips that pitch +25 cents puts onto another clip.
    """
    table = clips.table
    rng = np.random.default_rng(1)
    centres = {label: rng.normal(size=8) for label in sorted(set(table["label"]))}
    original = np.stack([centres[label] for label in table["label"]]) + rng.normal(size=(len(table), 8)) * 0.6
    skipped = pd.DataFrame({"file": ["broken <img src=x onerror=alert(2)>.mp3"], "reason": ["cannot be decoded"]})

    def embeddings(vectors, record=None):
        return Embeddings(vectors.astype(np.float32), table, name, "revision-1", clips.name, record, skipped)

    changed = []
    for change in (*IMPERCEPTIBLE, PinkNoise(0)):
        vectors = original + rng.normal(size=original.shape) * (noise if change.imperceptible else 2.0)
        for clip, onto in moved:
            if change.label == "pitch +25 cents":
                vectors[list(table["clip"]).index(clip)] = original[list(table["clip"]).index(onto)]
        changed.append(embeddings(vectors, change.record()))
    return embeddings(original), changed


@pytest.fixture(scope="session")
def results(music):
    """Audits of one encoder that is moved by hardly audible changes, beside a control that is not."""
    control, control_changed = planted(music, "mfcc", 0.001)
    ours, changed = planted(music, "my-model", 0.25, moved=[(SCRIPT, "clip-01"), ("clip-03", "clip-04")])
    labels = {"label": "label", "group": "group", "n_resamples": 50}
    probe = audits.transfer(control, role="control", **labels)
    ranks = audits.robustness(control, control_changed, role="control", n_resamples=50)
    groups = audits.structure(control, label="label", role="control", ks=range(2, 4), seeds=2)
    found = [
        probe,
        audits.transfer(ours, controls=[probe], **labels),
        ranks,
        audits.robustness(ours, changed, controls=[ranks], n_resamples=50),
        groups,
        audits.structure(ours, label="label", controls=[groups], ks=range(2, 4), seeds=2),
    ]
    made = {"excerpt_s": 5.0}
    return [replace(result, parameters={**result.parameters, **made}) for result in found]


@pytest.fixture(scope="session")
def written(results, music, tmp_path_factory):
    """A folder with a report in it."""
    folder = tmp_path_factory.mktemp("report")
    report.write(results, folder, clips=music, command="earwitness audit clips.csv -e <my> model")
    return folder
