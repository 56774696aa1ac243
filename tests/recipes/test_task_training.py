"""Recipes that train encoders: which clips they take, what they compare, and what they say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from earwitness.datasets import Clips
from earwitness.errors import InputError
from earwitness.recipes import Options, load_recipe
from earwitness.recipes.consistency_training import compare, conclusions
from earwitness.recipes.task_training import parted, question_of
from earwitness.results import AuditResult

CHANGES = (("pitch +100 cents", "pitch"), ("tempo -10 %", "tempo"))


def results(encoder: str, ranks: dict[str, list[int]], right: list[bool]) -> list[AuditResult]:
    """What the two audits say of an encoder, with these ranks of each clip's own original under each change."""
    rows = [
        {"clip": f"c{n}", "perturbation": label, "family": family, "imperceptible": False, "distance": d, "rank": rank}
        for label, family in CHANGES
        for n, rank in enumerate(ranks[family])
        for d in ("cosine", "euclidean")
    ]
    probe = [{"clip": f"c{n}", "truth": "a", "prediction": "a" if ok else "b"} for n, ok in enumerate(right)]
    table = pd.DataFrame({"measure": ["x"], "value": [0.0], "low": [0.0], "high": [0.0], "n": [1]})
    about = {"encoder": encoder, "dataset": "d", "table": table, "verdicts": [], "parameters": {}, "provenance": {}}
    return [
        AuditResult(audit="robustness", items=pd.DataFrame(rows), **about),  # type: ignore[arg-type]
        AuditResult(audit="transfer", items=pd.DataFrame(probe), **about),  # type: ignore[arg-type]
    ]


def test_a_gain_is_found_where_it_was_planted_and_nowhere_else() -> None:
    n = 40
    plain = {"pitch": [2] * n, "tempo": [1, 2] * (n // 2)}
    trained = {"pitch": [1] * n, "tempo": [1, 2] * (n // 2)}
    right = [True, False] * (n // 2)
    cast = {"p0": plain, "p1": plain, "a0": trained, "a1": trained}
    heard = [result for name, ranks in cast.items() for result in results(name, ranks, right)]
    found = compare(heard, {"plain": ["p0", "p1"], "augment": ["a0", "a1"]}).set_index("over")
    assert found.loc["kinds trained on", ["plain", "with", "value"]].tolist() == [0, 1, 1]
    assert found.loc["kinds never trained on", ["value", "low", "high"]].tolist() == [0, 0, 0]
    assert found.loc["all changes", "value"] == 0.5
    assert found.loc["originals", ["plain", "with", "value"]].tolist() == [0.5, 0.5, 0]
    said = conclusions(found.reset_index())
    assert "over all changes? yes: 0.250 without, 0.750 with" in said[0]
    assert "no copy had? cannot be said, the interval holds 0" in said[2]
    assert "transfer probe? cannot be said" in said[3]


def test_a_loss_of_accuracy_is_said_to_be_one() -> None:
    same = {"pitch": [1] * 40, "tempo": [1] * 40}
    found = compare(
        [*results("p", same, [True] * 40), *results("l", same, [True] * 10 + [False] * 30)],
        {"plain": ["p"], "loss": ["l"]},
    )
    assert "lower the accuracy of the transfer probe? yes: 1.000 without, 0.250 with" in conclusions(found)[3]


def table(**columns: list[object]) -> Clips:
    n = len(next(iter(columns.values())))
    return Clips(pd.DataFrame({"clip": [f"c{i}" for i in range(n)], "path": [f"{i}.wav" for i in range(n)], **columns}))


def test_no_group_is_on_both_sides_and_a_test_part_is_followed() -> None:
    artists = [f"a{i // 4}" for i in range(40)]
    training, held_out = parted(table(artist=artists), "artist", 0)
    assert len(training) + len(held_out) == 40
    assert not set(training.table["artist"]) & set(held_out.table["artist"])
    _, test = parted(table(split=["train", "test", "Test ", "validation"]), None, 0)
    assert test.table["clip"].tolist() == ["c1", "c2"]
    with pytest.raises(InputError, match="trained with some clips and measured on others"):
        parted(table(split=["test", "test"]), None, 0)


def test_songs_are_parted_by_their_own_mixtures_and_classes_are_mixed() -> None:
    songs = table(label=["mixture", "guitar", "backing", "vocals"], title=["x"] * 4)
    question, _ = question_of("separation", songs, "label", None)
    assert question.parts is not None
    assert (question.parts.target, question.parts.song) == ("vocals", "title")
    question, what = question_of("separation", table(label=["flute", "oboe", "oboe"]), None, None)
    assert question.parts is not None
    assert question.parts.target == "oboe"
    assert "mixtures made at -3 to 6 dB" in what
    with pytest.raises(InputError, match="needs parts of songs"):
        question_of("separation", table(kind=["a"]), None, None)


@pytest.mark.slow
def test_both_recipes_run_from_clips_to_conclusions(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(48):
        time_s = np.arange(3 * 22050) / 22050
        tone = 0.2 * np.sin(2 * np.pi * (250, 900, 3000)[i % 3] * 2 ** rng.uniform(-0.3, 0.3) * time_s)
        soundfile.write(tmp_path / f"{i}.wav", tone + 0.02 * rng.normal(size=len(time_s)), 22050)
        rows.append({"path": f"{i}.wav", "label": "abc"[i % 3]})
    pd.DataFrame(rows).to_csv(tmp_path / "clips.csv", index=False)
    source = [str(tmp_path / "clips.csv")]
    load_recipe("consistency-training")(source, tmp_path / "gains", Options(jobs=1))
    found = pd.read_csv(tmp_path / "gains" / "tables" / "gains.csv")
    assert set(found["training"]) == {"augment", "loss"}
    assert found["value"].between(-1, 1).all()
    assert len((tmp_path / "gains" / "conclusions.txt").read_text().splitlines()) == 8
    load_recipe("kim2019")(source, tmp_path / "chapter", Options(jobs=1, train=True))
    trained = pd.read_csv(tmp_path / "chapter" / "tables" / "trained.csv").set_index("task")
    assert trained["trained"].to_dict() == {
        "autoencoder": True,
        "tagging": False,
        "instruments": True,
        "separation": True,
    }
    order = pd.read_csv(tmp_path / "chapter" / "tables" / "ranking.csv")
    assert {"learned:autoencoder", "learned:instruments", "learned:separation"} <= set(order["encoder"])
