"""Statements about new groups that were planted apart, between others, or nowhere."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.audits import placement
from earwitness.audits._space import principal_space
from earwitness.audits.placement import on_line
from earwitness.errors import InputError
from earwitness.results import AuditResult

CENTRES = {
    "rock": [6, 0, 0, 0],
    "jazz": [0, 6, 0, 0],
    "folk": [0, 0, 6, 0],
    "raga": [0, 5, 5, 8],
    "raga rock": [3, 2.5, 2.5, 4],
    "nowhere": None,
}
NEW = ("raga", "raga rock", "nowhere")
FEW = {"n_resamples": 300}


@pytest.fixture
def world(embed_rows):
    """Three known groups of unequal sizes; a new one apart, one half way to it from rock, and one that is no group."""
    rng = np.random.default_rng(0)
    label = np.repeat(list(CENTRES), [30, 24, 36, 20, 15, 12])
    vectors = 0.7 * rng.normal(size=(len(label), 8))
    for i, name in enumerate(label):
        known = [CENTRES[other] for other in ("rock", "jazz", "folk")]
        vectors[i, :4] += CENTRES[name] if CENTRES[name] else known[rng.integers(3)]
    return embed_rows(vectors, label=label, album=[f"b{i // 3}" for i in range(len(label))])


def test_a_new_group_is_found_to_be_one_and_strays_are_not(world):
    result = placement(world, label="label", new=NEW, **FEW)
    assert result.estimate("own neighbours", of="raga").low > 0.8
    strays = result.estimate("own neighbours", of="nowhere")
    assert strays.low < 0.3
    assert result.estimate("own neighbours by chance", of="nowhere").value == pytest.approx(11 / 136)
    assert result.estimate("silhouette", of="raga").low > result.estimate("silhouette by chance", of="raga").high
    assert result.estimate("silhouette", of="nowhere").value < 0
    assert result.verdicts[0].status == "open"
    assert result.verdicts[0].text.startswith("raga and raga rock are groups of their own")
    alone = placement(world, label="label", new=["raga"], **FEW)
    assert alone.verdicts[0].status == "holds"


def test_a_group_between_two_others_is_found_there_and_not_between_the_wrong_ones(world):
    asked = [("raga rock", "rock", "raga"), ("rock", "raga rock", "raga")]
    result = placement(world, label="label", new=NEW, between=asked, **FEW)
    where = {"of": "raga rock", "to": "rock – raga"}
    t = result.estimate("betweenness", **where)
    assert t.low < 0.5 < t.high
    off, luck = result.estimate("off-line distance", **where), result.estimate("off-line distance by chance", **where)
    assert off.high < luck.low
    statuses = {verdict.title: verdict.status for verdict in result.verdicts}
    assert statuses["raga rock between rock and raga"] == "holds"
    assert statuses["rock between raga rock and raga"] == "breaks"  # it lies at the far end


def test_the_nearest_centres_are_those_that_are_near(world):
    result = placement(world, label="label", new=["raga"], **FEW)
    away = result.rows("centre distance", of="raga")
    points = principal_space(world.vectors, "x").points
    centre = {name: points[world.column("label") == name].mean(0) for name in CENTRES}
    for _, one in away.iterrows():
        expected = np.linalg.norm(centre[one["to"]] - centre["raga"])
        assert one["value"] == pytest.approx(expected)
        assert one["low"] < one["value"] < one["high"]
    shares = result.rows("nearest in resamples", of="raga")
    assert shares["value"].sum() == pytest.approx(1)
    assert set(shares["to"]) == set(CENTRES) - {"raga"}
    assert shares.iloc[0]["to"] == "raga rock"
    assert (result.items["new"] == (result.items["label"] == "raga")).all()


def test_a_dimension_that_hardly_varies_in_known_clips_does_not_throw_new_ones_away(world):
    label = world.column("label")
    unit = np.where(label == "raga", 3.0, 1e-4 * np.random.default_rng(0).normal(size=len(label)))
    awake = replace(world, vectors=np.column_stack([world.vectors, unit]).astype("f4"))
    plain, other = (placement(each, label="label", new=["raga"], **FEW) for each in (world, awake))
    where = {"of": "raga", "to": "jazz"}
    farther = other.estimate("centre distance", **where).value / plain.estimate("centre distance", **where).value
    assert 0.9 < farther < 1.5


def test_encoders_are_compared_clip_by_clip(world):
    rng = np.random.default_rng(1)
    blind = replace(world, vectors=rng.normal(size=world.vectors.shape).astype("f4"), encoder="blind")
    control = AuditResult.from_json(placement(blind, label="label", new=NEW, role="control", **FEW).to_json())
    result = placement(world, label="label", new=NEW, controls=[control], **FEW)
    assert result.estimate("difference", of="raga", control="blind").low > 0.5
    assert "blind: raga" in result.verdicts[0].controls
    with pytest.raises(InputError, match="was measured with new = "):
        placement(world, label="label", new=["raga"], controls=[control])


def test_the_same_seed_gives_the_same_numbers(world):
    first, second = (placement(world, label="label", new=NEW, group="album", seed=2, **FEW) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, second.table)
    pd.testing.assert_frame_equal(first.items, second.items)


def test_pictures_show_new_groups_apart(world):
    result = placement(world, label="label", new=["raga"], **FEW)
    drawn = result.charts()
    points = drawn["New groups on the map of planted"].to_dict()
    rows = next(iter(points["datasets"].values()))
    assert {row["kind"] for row in rows if row["shown"] == "raga"} == {"new"}
    assert len(rows) == len(world)
    assert all(len(chart.to_dict()["description"]) > 40 for chart in drawn.values())


points = st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=3).map(np.array)


@given(points, points, st.floats(-2, 3), st.floats(0.01, 2))
@settings(deadline=None)
def test_a_point_is_found_where_it_was_put_on_the_line(a, way, t, off):
    if np.linalg.norm(way) < 0.1:
        return
    b = a + way
    aside = np.cross(way, [1.0, 0.3, 0.7])
    if np.linalg.norm(aside) < 0.1:
        return
    c = a + t * way + off * np.linalg.norm(way) * aside / np.linalg.norm(aside)
    found, distance = on_line(c[None], a[None], b[None])
    assert found[0] == pytest.approx(t, abs=1e-8)
    assert distance[0] == pytest.approx(off, rel=1e-6)


def test_bad_input_is_said_in_a_sentence(world):
    with pytest.raises(InputError, match="needs the labels that are new"):
        placement(world, label="label", new=[])
    with pytest.raises(InputError, match="no clip has 'gaana' in column 'label'; there are folk, jazz"):
        placement(world, label="label", new=["gaana"])
    with pytest.raises(InputError, match="no clip has 'polka'"):
        placement(world, label="label", new=["raga"], between=[("raga", "rock", "polka")])
    with pytest.raises(InputError, match="names a label twice"):
        placement(world, label="label", new=["raga"], between=[("raga", "rock", "rock")])
    one = world.take([*np.flatnonzero(world.column("label") != "raga").tolist(), 90])
    with pytest.raises(InputError, match="only one clip has 'raga'"):
        placement(one, label="label", new=["raga"])
    with pytest.raises(InputError, match="1 labels of 30 clips are known"):
        placement(world, label="label", new=[name for name in CENTRES if name != "rock"])
    same = np.ones_like(world.vectors)
    with pytest.raises(InputError, match="all 137 clips the same vector"):
        placement(replace(world, vectors=same), label="label", new=list(NEW))


def test_embeddings_of_two_sets_are_joined_only_where_they_belong_together(world):
    rock, jazz = world.where(label="rock"), world.where(label="jazz")
    both = rock.joined_with(jazz)
    assert both.column("clip").tolist() == [*rock.column("clip"), *jazz.column("clip")]
    with pytest.raises(InputError, match="30 clips are in both tables, the first is 'clip-0000'"):
        rock.joined_with(rock)
    with pytest.raises(InputError, match="cannot be joined: embed both in the same way"):
        rock.joined_with(replace(jazz, revision="2"))
