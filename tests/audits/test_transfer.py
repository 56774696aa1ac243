"""Statements about what a probe can read."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from earwitness.audits import transfer
from earwitness.errors import InputError
from earwitness.results import AuditResult

NAMES = np.array(["<b>cello</b>", "flute", "oud"])
quick = partial(transfer, folds=3, n_resamples=300)


@pytest.fixture
def orchestra(embed_rows, planted_groups):
    """Three classes of unequal sizes, well apart, in nine artists."""
    vectors, member = planted_groups((30, 45, 60), apart=6)
    return embed_rows(vectors, label=NAMES[member], artist=[f"a{i % 9}" for i in range(135)])


@pytest.fixture
def noise(embed_rows):
    """Vectors that know nothing about their labels."""
    rng = np.random.default_rng(11)
    return embed_rows(rng.normal(size=(135, 7)), encoder="noise", label=NAMES[rng.permutation(np.arange(135) % 3)])


def test_planted_labels_are_read(orchestra):
    result = quick(orchestra)
    assert result.estimate("ROC-AUC").value > 0.99
    assert result.estimate("balanced accuracy").value > 0.97
    assert result.verdicts[0].status == "holds"
    assert "“label”" in result.verdicts[0].text
    assert result.items["truth"].tolist() == orchestra.column("label").tolist()
    assert set(result.rows("class ROC-AUC")["class"]) == set(NAMES)  # as they are: data, not markup


def test_shuffled_labels_are_not_read(noise):
    result = quick(noise, seed=3)
    score = result.estimate("ROC-AUC")
    assert score.low < 0.5 < score.high
    accuracy = result.estimate("balanced accuracy")
    assert accuracy.low < result.estimate("chance", of="balanced accuracy").value < accuracy.high
    assert result.estimate("chance", of="balanced accuracy").value == pytest.approx(1 / 3)
    assert result.verdicts[0].status == "open"
    assert result.verdicts[0].text.startswith("No effect found")


@pytest.mark.slow
def test_the_interval_covers_chance_about_as_often_as_it_says(embed_rows):
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        result = quick(embed_rows(rng.normal(size=(90, 5)), label=NAMES[rng.integers(0, 3, 90)]), n_resamples=300)
        score = result.estimate("ROC-AUC")
        covered += score.low <= 0.5 <= score.high
    assert covered >= 33  # of 40 at 95 %: 33 or more with probability 0.99


def test_a_number_is_read_by_regression_and_an_unrelated_one_is_not(embed_rows):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(150, 6))
    clips = embed_rows(vectors, tempo=vectors @ [3, 0, 0, -2, 0, 0] + rng.normal(size=150), other=rng.normal(size=150))
    result = quick(clips, label="tempo")
    assert result.parameters["task"] == "number"
    assert result.estimate("R2").value == pytest.approx(1 - 1 / 14, abs=0.03)  # variance 9 + 4 of signal, 1 of noise
    assert result.verdicts[0].status == "holds"
    unrelated = quick(clips, label="other").estimate("R2")
    assert unrelated.low < 0
    assert unrelated.value < 0.05


def test_tags_are_read_one_by_one(embed_rows):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(160, 6))
    loud, sad, coin = vectors[:, 0] > 0.5, vectors[:, 3] < 0, rng.random(160) < 0.5
    columns = [np.where(has, name, "") for has, name in ((loud, "loud"), (sad, "sad"), (coin, "coin"))]
    clips = embed_rows(vectors, tags=["|".join(cells) for cells in zip(*columns, strict=True)])
    result = quick(clips, label="tags")
    assert result.parameters["task"] == "tags"
    assert result.parameters["left out"] == {"without a label": int((~loud & ~sad & ~coin).sum())}
    assert result.estimate("class ROC-AUC", **{"class": "loud"}).value > 0.95
    assert result.estimate("class ROC-AUC", **{"class": "sad"}).value > 0.95
    luck = result.estimate("class ROC-AUC", **{"class": "coin"})
    assert luck.low < 0.6
    assert result.estimate("chance", of="average precision").value == pytest.approx(
        np.mean([has[loud | sad | coin].mean() for has in (loud, sad, coin)])
    )


def test_a_group_is_never_on_both_sides(embed_rows):
    # Each artist has a place of its own and one label: what is learnt of artists says nothing about the next one.
    rng = np.random.default_rng(2)
    artist = np.repeat(np.arange(40), 5)
    vectors = 8 * rng.normal(size=(40, 60))[artist] + rng.normal(size=(200, 60))
    clips = embed_rows(vectors, label=NAMES[artist % 3], artist=[f"a{a}" for a in artist])
    assert quick(clips).estimate("ROC-AUC").value > 0.9  # leaks
    honest = quick(clips, group="artist").estimate("ROC-AUC")
    assert honest.low < 0.5  # below it even: where an artist is tested, fewer of its label are left to learn from
    assert honest.n == 40


def test_a_given_split_is_used_and_must_not_part_a_group(orchestra):
    split = np.where(np.arange(135) % 3 == 0, "test", np.where(np.arange(135) % 3 == 1, "train", "valid"))
    clips = replace(orchestra, clips=orchestra.clips.assign(split=split))
    result = quick(clips, split="split")
    assert result.items["clip"].tolist() == clips.column("clip")[split == "test"].tolist()
    assert result.estimate("balanced accuracy").value > 0.95
    assert quick(clips, split="split", group="artist").estimate("ROC-AUC").n == 3  # 135 = 9 x 15: split by artist
    mixed = replace(clips, clips=clips.clips.assign(artist=[f"a{i // 20}" for i in range(135)]))
    with pytest.raises(
        InputError, match="7 groups lie on both sides of the split in column 'split', the first is 'a0'"
    ):
        quick(mixed, split="split", group="artist")
    with pytest.raises(InputError, match="'fold 1', which is no split"):
        quick(replace(clips, clips=clips.clips.assign(split="fold 1")), split="split")
    with pytest.raises(InputError, match="has no clip to learn from"):
        quick(replace(clips, clips=clips.clips.assign(split="test")), split="split")


def test_the_difference_to_itself_is_exactly_nothing(orchestra):
    control = quick(orchestra, role="control")
    result = quick(orchestra, controls=[AuditResult.from_json(control.to_json())])
    for measure in ("ROC-AUC", "balanced accuracy"):
        same = result.estimate("difference", of=measure, control="planted")
        assert (same.value, same.low, same.high) == (0, 0, 0)
    assert result.verdicts[0].status == "open"


def test_an_encoder_is_better_or_worse_than_a_control_on_the_same_clips(orchestra, noise):
    blind = replace(noise, clips=orchestra.clips)
    control = quick(blind, role="control")
    result = quick(orchestra, controls=[control])
    difference = result.estimate("difference", of="ROC-AUC", control="noise")
    assert difference.low > 0.3
    assert result.verdicts[0].status == "holds"
    assert "noise 0.5" in result.verdicts[0].controls
    assert quick(blind, controls=[replace(result, encoder="good")]).verdicts[0].status == "breaks"
    # A control that lacks clips is compared on those that both have.
    some = quick(orchestra.take(np.arange(0, 135, 2)), role="control")
    assert quick(orchestra, controls=[some]).estimate("difference", of="ROC-AUC", control="planted").n == 68


def test_scores_within_a_domain_are_those_of_its_clips(orchestra):
    clips = replace(orchestra, clips=orchestra.clips.assign(domain=np.where(np.arange(135) < 50, "lab", "wild")))
    result = quick(clips, by="domain")
    lab = result.items[result.items["by"] == "lab"]
    recalls = [(group["prediction"] == name).mean() for name, group in lab.groupby("truth")]
    assert result.estimate("within", of="balanced accuracy", by="lab").value == pytest.approx(np.mean(recalls))
    assert result.estimate("within", of="balanced accuracy", by="lab").n == 50


def test_the_same_inputs_and_seed_give_the_same_result(noise):
    first, second = quick(noise, seed=5), quick(noise, seed=5)
    pd.testing.assert_frame_equal(first.table, second.table)
    pd.testing.assert_frame_equal(first.items, second.items)


def test_what_cannot_be_asked_is_left_out_counted_and_said(orchestra):
    label = orchestra.column("label").copy()
    label[:4] = ["", None, np.nan, "theremin"]
    result = quick(replace(orchestra, clips=orchestra.clips.assign(label=label)))
    assert result.parameters["left out"] == {"without a label": 3, "alone in their class": 1}
    assert "Left out: 3 clips without a label and 1 clip alone in their class." in result.verdicts[0].text
    assert len(result.items) == 131


def test_fewer_clips_than_folds_give_fewer_folds(embed_rows):
    few = embed_rows(np.random.default_rng(0).normal(size=(6, 3)), label=list("aaabbb"))
    assert transfer(few).parameters["folds"] == 3
    assert quick(few, folds=2).parameters["folds"] == 2


def test_whole_numbers_with_a_gap_are_classes(embed_rows):
    year = np.array([1990.0, 2000.0] * 15)
    year[3] = np.nan
    result = quick(embed_rows(np.random.default_rng(0).normal(size=(30, 3)), year=year), label="year")
    assert set(result.rows("recall")["class"]) == {"1990", "2000"}


def test_bad_input_is_said_in_a_sentence(orchestra, embed_rows):
    def labelled(label):
        return embed_rows(np.random.default_rng(0).normal(size=(len(label), 3)), label=label)

    with pytest.raises(InputError, match="no column 'genre'; they have clip, label, artist"):
        quick(orchestra, label="genre")
    with pytest.raises(InputError, match="two classes or more, and there is only 'oud'"):
        quick(labelled(["oud"] * 9))
    with pytest.raises(InputError, match=r"there are 0 \(3 clips alone in their class were left out\)"):
        quick(labelled(["oud", "flute", "cello"]))
    with pytest.raises(InputError, match="there are 0"):
        quick(labelled([None, "", " "]))
    with pytest.raises(InputError, match="'fast', which is not a number"):
        quick(labelled(["1", "2", "fast", "3"]), task="number")
    with pytest.raises(InputError, match="is 120 for every clip"):
        quick(labelled([120.0] * 8), task="number")
    with pytest.raises(InputError, match="same tags"):
        quick(labelled(["a|b"] * 8))
    with pytest.raises(InputError, match="folds is 1"):
        quick(orchestra, folds=1)
    with pytest.raises(InputError, match="task is 'guess'"):
        quick(orchestra, task="guess")
    with pytest.raises(InputError, match="gives all 12 clips the same vector"):
        quick(embed_rows(np.full((12, 4), 0.1), label=list("abc") * 4))
    with pytest.raises(InputError, match="not finite"):
        quick(embed_rows(np.array([[np.nan, 1], [1, 2], [2, 3], [3, 4]]), label=list("abab")))
    one_group = replace(orchestra, clips=orchestra.clips.assign(artist="all"))
    with pytest.raises(InputError, match="135 clips whose class is in one group only were left out"):
        quick(one_group, group="artist")
    with pytest.raises(InputError, match="was measured with label = 'label' and this encoder with 'artist'"):
        quick(orchestra, label="artist", controls=[quick(orchestra, role="control")])
