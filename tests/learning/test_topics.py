"""Heads of a learned encoder say what they were taught, in the words of their source."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from earwitness.charts import save
from earwitness.charts.topics import charts, word_places
from earwitness.encoders import load_encoder
from earwitness.errors import EncoderError, InputError
from earwitness.learning import LabelOptions, Scale, learn, make_sources
from earwitness.learning.topic_result import topics_result
from earwitness.learning.topics import head_answers, same_clip_probability
from earwitness.results import AuditResult

_SPEC = importlib.util.spec_from_file_location("small_sounds", Path(__file__).with_name("small_sounds.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
LONGER = Scale(channels=1, width=0.125, features=16, batch=16, epochs=16, learning_rate=0.005)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A folder of an encoder that learnt kind, pitch and self, and clips it has not heard."""
    root = tmp_path_factory.mktemp("topics")
    clips = _MODULE.sounds(root, 48, seed=0).assign(split=["train"] * 36 + ["validation"] * 12)
    unheard = _MODULE.sounds(root, 24, seed=1)
    clips = clips.assign(year=(1900 + clips.table["pitch"] / 30).round())
    options = LabelOptions(components=4, least_clips=10)
    training = clips.table["split"].to_numpy() == "train"
    years = make_sources(clips, ["year"], training=training, options=options)[0]
    sources = [_MODULE.classes(clips, "kind"), years, _MODULE.pairs(clips)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARWITNESS_CACHE", str(root / "cache"))
        folder = learn(clips, out=root / "model", sources=sources, strategy="ms-cr@6", scale=LONGER)
    return folder, unheard


def test_the_strongest_output_is_what_the_clip_is(learnt):
    folder, unheard = learnt
    answers = head_answers(unheard, f"learned:{folder}", jobs=1)
    first = answers.strongest(1)
    said = first[first["source"] == "kind"].set_index("clip")["output"].loc[unheard.table["clip"]]
    assert np.mean(said.to_numpy() == unheard.table["kind"].to_numpy()) >= 0.9
    assert answers.learnt["kind"]["learned"] == "yes"
    assert set(first["source"]) == {"kind", "year"}  # pairs have no topics


def test_shares_are_the_softmax_of_the_head_averaged_over_chunks(learnt):
    folder, unheard = learnt
    encoder = load_encoder(f"learned:{folder},device=cpu")
    answers = head_answers(unheard, f"learned:{folder}", jobs=1)
    chunks = encoder.answers(unheard[3].load(22050))
    block = torch.from_numpy(chunks[:, :16]).float()
    with torch.no_grad():
        by_hand = encoder.network.heads[0](block).double().softmax(1).mean(0).numpy()
    np.testing.assert_allclose(answers.shares["kind"][3], by_hand, atol=1e-6)
    for z in answers.shares.values():
        np.testing.assert_allclose(z.sum(1), 1, atol=1e-9)
    np.testing.assert_array_equal(answers.vectors[3], encoder.encode(unheard[3].load(22050)[None])[0])


def test_labels_are_shares_times_terms_and_numbers_expected_values(learnt):
    folder, unheard = learnt
    answers = head_answers(unheard, f"learned:{folder}", jobs=1)
    labels = answers.labels(2)
    assert set(labels["source"]) == {"kind"}
    assert labels.groupby("clip")["probability"].sum().to_numpy() == pytest.approx(1)
    numbers = answers.numbers().set_index("clip")
    year = answers.sources[1]
    expected = answers.shares["year"] @ year.model.arrays["means"]
    np.testing.assert_allclose(numbers.loc[unheard.table["clip"], "value"], expected)
    pitch = unheard.table["pitch"].to_numpy()
    assert np.corrcoef(expected, pitch)[0, 1] > 0.8


def test_one_clip_is_told_from_two(learnt):
    folder, unheard = learnt
    sound = unheard[0].load(22050)
    kinds = unheard.table["kind"].to_numpy()
    other = next(k for k in range(24) if kinds[k] != kinds[0])
    same = same_clip_probability(f"learned:{folder}", sound, sound)
    different = same_clip_probability(f"learned:{folder}", sound, unheard[other].load(22050))
    assert 0 <= different < same <= 1


def test_workers_do_not_change_answers(learnt):
    folder, unheard = learnt
    one, two = (head_answers(unheard, f"learned:{folder}", jobs=jobs) for jobs in (1, 2))
    for source in one.shares:
        np.testing.assert_array_equal(one.shares[source], two.shares[source])


def test_the_map_says_how_far_its_words_can_be_believed(learnt, tmp_path):
    folder, unheard = learnt
    result = topics_result(head_answers(unheard, f"learned:{folder}", jobs=1), label="kind")
    again = AuditResult.from_json(result.to_json())
    assert next(verdict.status for verdict in again.verdicts) == "holds"
    own = again.estimate("divergence", source="kind")
    control = again.estimate("divergence of the mean target", source="kind")
    assert own.high < control.value
    assert again.items["topics:kind"].str.contains(r"pulsed \(\d+ %\); steady").any()
    drawn = charts([again])
    assert next(iter(drawn)) == f"What learned:{folder.name} hears, by “kind”"
    save(next(iter(drawn.values())), tmp_path / "map.svg")
    assert "pulsed" in (tmp_path / "map.svg").read_text()


def test_words_on_a_map_stand_apart_and_stay_inside():
    rng = np.random.default_rng(0)
    crowd = pd.DataFrame({"x": rng.normal(0, 0.1, 60), "y": rng.normal(0, 0.1, 60), "shown": ["a", "b", "c"] * 20})
    ends = pd.DataFrame({"x": [-5.0, 5.0], "y": [-5.0, 5.0], "shown": ["rare", "rare"]})
    rows = pd.concat([crowd, ends], ignore_index=True)
    long = dict.fromkeys("abc", "as long as a word can be on such a map") | {"rare": "rare"}
    alone = word_places(rows, long)
    assert list(alone) == ["a"]  # three words as long as that have no room in one small crowd; "rare" has two clips
    assert rows["shown"][alone["a"]] == "a"
    apart = rows.assign(x=rows["x"] + rows["shown"].map({"a": -3.0, "b": 0.0, "c": 3.0, "rare": 0.0}))
    assert set(word_places(apart, dict.fromkeys("abc", "word"))) == {"a", "b", "c"}


def test_what_has_no_topics_is_said_in_a_sentence(learnt, tmp_path):
    folder, unheard = learnt
    with pytest.raises(EncoderError, match="mfcc has no heads of learning sources"):
        head_answers(unheard, "mfcc")
    alone = learn(unheard, out=tmp_path / "self", sources=[_MODULE.pairs(unheard)], strategy="ss-r", scale=_MODULE.TINY)
    with pytest.raises(EncoderError, match="learnt from self alone, which has no topics"):
        head_answers(unheard, f"learned:{alone}")
    answers = head_answers(unheard, f"learned:{folder}", jobs=1)
    with pytest.raises(InputError, match="--label mood: the clips have no such column"):
        topics_result(answers, label="mood")
    with pytest.raises(InputError, match="no map 'PCA': choose t-SNE or UMAP"):
        topics_result(answers, projection="PCA")
    with pytest.raises(InputError, match="a map needs four clips or more"):
        topics_result(head_answers(unheard[:3], f"learned:{folder}", jobs=1))
    with pytest.raises(EncoderError, match="did not learn from the source self"):
        same_clip_probability("mfcc", np.zeros(10, np.float32), np.zeros(10, np.float32))
