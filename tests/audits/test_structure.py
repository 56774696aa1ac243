"""Statements about groups that were planted, and about none."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    normalized_mutual_info_score,
    silhouette_samples,
)

from earwitness.audits import structure
from earwitness.audits._agreement import accuracy_of, agreement
from earwitness.audits._clustering import distances, indices, k_means, rand_index, silhouettes
from earwitness.audits._company import repeated
from earwitness.audits._resamples import Resamples
from earwitness.audits._space import principal_space
from earwitness.audits.assignments import assignments
from earwitness.errors import InputError
from earwitness.report.foreign import foreign_clips
from earwitness.results import AuditResult
from earwitness.stats import assignment_accuracy

FEW = {"ks": range(2, 6), "seeds": 2, "n_resamples": 200, "thorough": False}
WHOLE = FEW | {"thorough": True}
NAMES = np.array(["dub", "<i>fado</i>", "raga", "samba"])


@pytest.fixture
def four_groups(embed_rows, planted_groups):
    """Four groups of unequal sizes, well apart, each with a name of its own."""
    vectors, member = planted_groups((20, 25, 35, 40), apart=12)
    return embed_rows(vectors, label=NAMES[member], artist=[f"a{i % 24}" for i in range(120)])


@pytest.fixture
def shapeless(embed_rows):
    """One cloud, longer than wide, with names that mean nothing."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(120, 7)) @ rng.normal(size=(7, 7)) + 2
    return embed_rows(vectors, encoder="cloud", label=NAMES[rng.permutation(np.arange(120) % 4)])


def test_planted_groups_are_counted_and_named(four_groups):
    result = structure(four_groups, label="label", **FEW)
    assert result.estimate("natural k").value == 4
    assert result.estimate("stability").value == 1
    assert result.estimate("p").value == 0.05  # above all of 19 clouds
    for method in ("k-means", "Gaussian mixture"):
        assert result.estimate("accuracy", method=method, k=4).value == 1
        assert result.estimate("ARI", method=method, k=4).value == 1
        assert result.estimate("ceiling", method=method, k=4).value == 1
        best = result.rows("silhouette", method=method, data="clips")
        assert best.loc[best["value"].idxmax(), "k"] == 4
    bic = result.rows("BIC", method="Gaussian mixture", data="clips")
    assert bic.loc[bic["value"].idxmin(), "k"] == 4
    assert [verdict.status for verdict in result.verdicts] == ["holds", "holds"]
    assert "**4** groups" in result.verdicts[0].text
    assert (result.items["match"] == result.items["label"]).all()
    assert result.estimate("trustworthiness").value > 0.9


def test_no_groups_are_found_where_there_are_none(shapeless):
    result = structure(shapeless, label="label", **FEW)
    assert result.estimate("p").value > 0.05
    assert result.verdicts[0].text.startswith("No groups found")
    assert result.estimate("agreement p", method="k-means", k=4).value > 0.05
    assert result.verdicts[1].text.startswith("No effect found")
    assert [verdict.status for verdict in result.verdicts] == ["open", "open"]


@pytest.mark.parametrize("k", [3, 7, 10])
def test_the_number_of_groups_that_was_planted_is_found(embed_rows, k):
    rng = np.random.default_rng(k)
    member = np.arange(24 * k) % k
    centres = 8 * np.linalg.qr(rng.normal(size=(12, 12)))[0][:k]
    clips = embed_rows(rng.normal(size=(24 * k, 12)) + centres[member])
    result = structure(clips, ks=range(2, k + 4), seeds=2, n_resamples=50)
    assert result.estimate("natural k").value == k
    assert result.estimate("stability").value == 1
    assert f"forms **{k}** groups" in result.verdicts[0].text
    same, cloud = (result.rows("partition stability", data=data).set_index("k")["value"] for data in ("clips", "cloud"))
    assert same[k] > 0.95  # two subsamples agree about the groups that are there
    assert same[k] >= same.max()
    assert same[k] > cloud[k] + 0.1
    bare = result.estimate("k of the bare index", of="BIC", data="clips", method="Gaussian mixture")
    assert bare.value == k


def test_accuracy_equals_the_best_of_all_permutations():
    rng = np.random.default_rng(0)
    for n_labels, n_clusters in ((2, 2), (3, 5), (5, 3), (4, 4), (6, 2)):
        labels = np.array(list("abcdef"))[rng.integers(0, n_labels, 40)]
        clusters = rng.integers(0, n_clusters, 40)
        names, numbers = sorted(set(labels)), sorted(set(clusters))
        few, many = sorted((names, numbers), key=len)
        best = max(
            sum(((labels == a) & (clusters == b)).sum() if few is names else ((clusters == a) & (labels == b)).sum()
                for a, b in zip(few, chosen, strict=True))
            for chosen in permutations(many, len(few))
        )  # fmt: skip
        assert accuracy_of(labels, clusters) == best / 40
        assert assignment_accuracy(labels, clusters).accuracy == best / 40


def test_seven_of_ten_equal_labels_reach_seven_tenths(embed_rows):
    rng = np.random.default_rng(0)
    member = np.arange(200) % 10
    vectors = rng.normal(size=(200, 12)) + 12 * np.eye(12)[member]
    clips = embed_rows(vectors, label=[f"g{m}" for m in member])
    result = structure(clips, label="label", ks=[7, 10], compare_at=[7], seeds=2, n_resamples=50)
    at_7 = {"method": "k-means", "k": 7}
    assert result.estimate("ceiling", **at_7).value == pytest.approx(0.7)
    assert result.estimate("accuracy", **at_7).value == pytest.approx(0.7)
    assert result.estimate("share of the ceiling", **at_7).value == pytest.approx(1)
    assert result.estimate("accuracy by seed", **at_7).value <= 0.7
    assert (result.items["at7_match"] == result.items["label"]).mean() == pytest.approx(0.7)
    runs = assignments(clips, label="label", seeds=2)
    assert runs.groupby("k")["ceiling"].first().tolist() == pytest.approx([0.7, 1.0])
    assert runs[runs["k"] == 10]["accuracy"].tolist() == [1, 1, 1, 1]


def test_clips_among_strangers_are_named(embed_rows, planted_groups):
    vectors, member = planted_groups((25, 30, 35), apart=12)
    label = NAMES[member]
    label[0] = next(name for name in NAMES[:3] if name != label[0])  # in the heart of another group
    result = structure(embed_rows(vectors, label=label), label="label", **FEW)
    found = foreign_clips(result.items)
    assert set(found["clip"]) == {"clip-0000"}
    near = found[found["why"] == "near the centre of another label's group"].iloc[0]
    assert near["label"] == label[0]
    assert near["company"] == NAMES[member[0]]
    other = found[found["why"] == "nearer to another label"].iloc[0]
    assert (other["of"], other["company"]) == (label[0], NAMES[member[0]])
    assert other["score"] < 0
    assert len(foreign_clips(structure(embed_rows(vectors), **FEW).items)) == 0


def test_labels_have_a_silhouette_beside_shuffled_ones(four_groups, shapeless):
    found = structure(four_groups, label="label", **FEW)
    D = cdist(*2 * [principal_space(four_groups.vectors, "x").points])
    expected = silhouette_samples(D, four_groups.column("label").astype(str), metric="precomputed")
    assert found.estimate("label silhouette", of="").value == pytest.approx(expected.mean())
    for name in NAMES:
        mine = found.estimate("label silhouette", of=name)
        assert mine.value == pytest.approx(expected[four_groups.column("label") == name].mean())
    assert found.estimate("label silhouette p").value == 0.01  # above all of 99 shuffles
    none = structure(shapeless, label="label", **FEW)
    assert none.estimate("label silhouette p").value > 0.05
    low, high = (getattr(none.estimate("label silhouette by chance"), side) for side in ("low", "high"))
    assert low < none.estimate("label silhouette", of="").value < high


def test_repeated_recordings_are_warned_of_and_others_are_not(four_groups):
    assert structure(four_groups, **FEW).estimate("repeated clips").value == 0
    vectors = four_groups.vectors.copy()
    vectors[7] = vectors[3] + 1e-3  # a copy in another format
    result = structure(replace(four_groups, vectors=vectors), **FEW)
    assert result.estimate("repeated clips").value == 2
    assert result.parameters["repeated"] == ["clip-0003 = clip-0007"]
    assert "2 clips may be repeated recordings, the nearest clip-0003 = clip-0007" in result.verdicts[0].text


def test_different_recordings_are_not_taken_for_one_in_any_dimension():
    rng = np.random.default_rng(0)
    for dims in (1, 2, 5, 20):
        found = [len(repeated(distances(rng.normal(size=(150, dims))))) for _ in range(40)]
        assert np.mean(found) < 0.5  # 0.05 expected; twins of density vary
    twice = np.repeat(rng.normal(size=(30, 6)), 2, axis=0) + 1e-6 * rng.normal(size=(60, 6))
    assert sorted(repeated(distances(twice))) == [(i, i + 1) for i in range(0, 60, 2)]


def test_neighbours_of_one_artist_are_warned_of_and_by_chance_they_are_not(embed_rows):
    rng = np.random.default_rng(0)
    artist = np.arange(96) % 24
    label = NAMES[artist % 4]
    alike = rng.normal(size=(24, 8))[artist] + 0.3 * rng.normal(size=(96, 8))
    columns = {"label": label, "artist": [f"a{a}" for a in artist]}
    found = structure(embed_rows(alike, **columns), label="label", group="artist", **FEW)
    assert found.estimate("nearest clip of the same group").low > 0.5
    assert found.estimate("the same by chance").value == pytest.approx(3 / 23)  # three of 23 others of the label
    assert found.verdicts[-1].title == "Neighbours of one group"
    apart = structure(embed_rows(rng.normal(size=(96, 8)), **columns), label="label", group="artist", **FEW)
    assert apart.estimate("nearest clip of the same group").low < 3 / 23
    assert "Neighbours of one group" not in {verdict.title for verdict in apart.verdicts}


def test_the_quick_way_leaves_out_what_takes_long(four_groups):
    quick, full = structure(four_groups, label="label", **FEW), structure(four_groups, label="label", **WHOLE)
    assert "accuracy by seed" not in set(quick.table["measure"])
    assert quick.rows("partition stability", data="cloud").empty
    for measure in ("natural k", "stability", "p"):
        assert quick.estimate(measure).value == full.estimate(measure).value


def test_the_map_is_coloured_by_any_column(four_groups):
    clips = replace(four_groups, clips=four_groups.clips.assign(tempo=np.arange(120.0)))
    result = structure(clips, label="label", colour=["artist", "tempo"], **FEW)
    assert result.items["column:tempo"].tolist() == list(range(120))
    drawn = result.charts()
    numbers = drawn["Map of the clips in planted, by “tempo”"].to_dict()
    assert numbers["encoding"]["color"]["type"] == "quantitative"
    artists = drawn["Map of the clips in planted, by “artist”"].to_dict()  # 24 of them: the commonest 19, and others
    assert artists["encoding"]["color"]["scale"]["domain"][-1] == "(other)"
    assert len(artists["encoding"]["color"]["scale"]["domain"]) == 20


@pytest.mark.slow
def test_the_map_is_drawn_by_umap(four_groups):
    pytest.importorskip("umap")
    first, second = (structure(four_groups, label="label", projection="UMAP", **FEW) for _ in range(2))
    assert first.estimate("trustworthiness", method="UMAP").value > 0.9
    pd.testing.assert_frame_equal(first.items, second.items)
    assert any("UMAP" in chart.to_dict()["description"] for chart in first.charts().values())


def test_fewer_groups_than_labels_have_a_ceiling(embed_rows, planted_groups):
    vectors, member = planted_groups((30, 30), apart=12)
    label = np.array(["a1", "a2", "b1", "b2"])[2 * member + np.arange(60) % 2]  # two names for each group
    result = structure(embed_rows(vectors, label=label), label="label", **FEW)
    assert result.estimate("natural k").value == 2
    ceiling = result.estimate("ceiling", method="k-means", k=2).value
    assert ceiling == pytest.approx(pd.Series(label).value_counts()[:2].sum() / 60)
    assert result.estimate("accuracy", method="k-means", k=2).value <= ceiling < 0.6


def test_groups_beat_controls_on_the_same_clips_and_tie_with_themselves(four_groups, shapeless):
    blind = structure(replace(shapeless, clips=four_groups.clips), label="label", role="control", **FEW)
    result = structure(four_groups, label="label", controls=[AuditResult.from_json(blind.to_json())], **FEW)
    assert result.estimate("difference", of="accuracy", control="cloud").low > 0.3
    assert "cloud no groups" in result.verdicts[0].controls
    assert result.verdicts[1].status == "holds"
    same = structure(four_groups, label="label", controls=[replace(result, encoder="twin")], **FEW)
    difference = same.estimate("difference", of="accuracy", control="twin")
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)
    assert same.verdicts[1].status == "open"
    worse = structure(
        replace(shapeless, clips=four_groups.clips), label="label", controls=[replace(result, encoder="good")], **FEW
    )
    assert worse.verdicts[1].status == "breaks"


def test_the_same_inputs_and_seed_give_the_same_result(shapeless):
    first, second = (structure(shapeless, label="label", seed=3, **FEW) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, second.table)
    pd.testing.assert_frame_equal(first.items, second.items)


def test_scale_and_shift_of_a_dimension_do_not_matter(four_groups):
    stretched = replace(four_groups, vectors=four_groups.vectors * np.float32(64) - np.float32(8))
    plain, other = structure(four_groups, **FEW), structure(stretched, **FEW)
    assert plain.items["cluster"].tolist() == other.items["cluster"].tolist()


def test_clips_without_a_label_are_grouped_but_not_compared(four_groups):
    label = four_groups.column("label").copy()
    label[:10] = None
    result = structure(replace(four_groups, clips=four_groups.clips.assign(label=label)), label="label", **FEW)
    assert len(result.items) == 120
    assert result.items["match"][:10].tolist() == [""] * 10
    assert result.estimate("accuracy", method="k-means", k=4).n == 110


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (["a|b", "c"] * 60, "several tags"),
        (np.arange(120) / 7, "holds numbers"),
        (["only"] * 120, "has 1 classes for 120 clips"),
    ],
)
def test_what_is_no_class_is_not_compared_and_this_is_said(four_groups, column, reason):
    result = structure(replace(four_groups, clips=four_groups.clips.assign(label=column)), label="label", **FEW)
    assert "accuracy" not in set(result.table["measure"])
    assert reason in result.verdicts[1].text


def test_more_clips_than_asked_for_are_sampled_and_this_is_said(four_groups):
    result = structure(four_groups, max_clips=80, **FEW)
    assert len(result.items) == 80
    assert "A sample of 80 of 120 clips" in result.verdicts[0].text
    assert "No label was named" in result.verdicts[0].text
    assert len(result.verdicts) == 1  # no label, nothing to compare


def test_few_and_repeated_clips_are_grouped_as_far_as_they_go(embed_rows):
    small = structure(embed_rows(np.random.default_rng(0).normal(size=(5, 3))), **FEW)
    assert small.parameters["ks"] == [2]
    assert small.verdicts[0].status == "open"
    twice = structure(embed_rows(np.repeat([[0.0, 1.0], [5.0, 2.0]], 10, axis=0)), **FEW)
    assert twice.parameters["ks"] == [2]


def test_bad_input_is_said_in_a_sentence(embed_rows, four_groups):
    with pytest.raises(InputError, match="there are 3: give four or more"):
        structure(embed_rows(np.eye(3)))
    with pytest.raises(InputError, match="all 9 clips the same vector"):
        structure(embed_rows(np.full((9, 3), 0.1)))
    with pytest.raises(InputError, match="lies between 2 and 60"):
        structure(four_groups, ks=[90])
    with pytest.raises(InputError, match="no column 'genre'"):
        structure(four_groups, label="genre")
    with pytest.raises(InputError, match="120 clips cannot be put into 121 groups"):
        structure(four_groups, label="label", compare_at=[121], **FEW)
    with pytest.raises(InputError, match="there is no map 'PCA': choose t-SNE or UMAP"):
        structure(four_groups, projection="PCA")
    with pytest.raises(InputError, match="120 clips cannot be put into 200 groups"):
        assignments(four_groups, label="label", ks=[200])
    with pytest.raises(InputError, match="no clip has a label in column 'blank'"):
        assignments(replace(four_groups, clips=four_groups.clips.assign(blank="")), label="blank")
    with pytest.raises(InputError, match="not finite"):
        structure(embed_rows(np.where(np.eye(6) > 0, np.nan, 1.0)))


def test_indices_equal_scikit_learn():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(70, 4))
    labels = np.array([7, 2, 2, 9])[rng.integers(0, 4, 70)]
    labels[0] = 4  # a cluster of one
    D = cdist(points, points)
    np.testing.assert_allclose(silhouettes(D, labels), silhouette_samples(points, labels), atol=1e-12)
    found, none = indices(points, D, [labels, np.zeros(70, int)])
    assert found["Calinski-Harabasz"] == pytest.approx(calinski_harabasz_score(points, labels))
    assert found["Davies-Bouldin"] == pytest.approx(davies_bouldin_score(points, labels))
    assert np.isnan(list(none.values())).all()


def test_agreement_equals_scikit_learn_and_its_intervals_hold_the_value():
    rng = np.random.default_rng(3)
    labels = np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, 90)]
    clusters = np.where(
        rng.random(90) < 0.6, np.unique(labels.astype(str), return_inverse=True)[1], rng.integers(0, 5, 90)
    )
    found = agreement(labels, clusters, None, Resamples.draw(90, None, 500, 0), 0).measures
    assert found["NMI"].value == pytest.approx(normalized_mutual_info_score(labels, clusters))
    assert found["ARI"].value == pytest.approx(adjusted_rand_score(labels, clusters))
    for measure in ("accuracy", "purity", "NMI", "ARI"):
        assert found[measure].low < found[measure].value < found[measure].high


def test_whole_groups_are_shuffled_where_they_share_a_label():
    # Four artists, each a tight cluster: their clips agree with any label that the artists carry.
    artist = np.repeat(np.arange(4), 12)
    labels = np.array(["x", "x", "y", "y"], dtype=object)[artist]
    groups = np.array([f"a{a}" for a in artist])
    resamples = Resamples.draw(48, groups, 100, 0)
    assert agreement(labels, artist // 2, None, resamples, 0).p < 0.01
    assert agreement(labels, artist // 2, groups, resamples, 0).p > 0.2  # one of three ways to pair four artists


def test_the_space_keeps_distances_but_for_the_axes_that_explain_little():
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(40, 3)) * [1, 50, 0.1]).astype("f4")
    space = principal_space(X, "x")
    scaled = (X - X.mean(0)) / X.std(0)
    np.testing.assert_allclose(cdist(space.points, space.points), cdist(scaled, scaled), atol=1e-4)
    twin = np.concatenate([X, X[:, :1]], 1)  # a repeated dimension is one axis
    assert principal_space(twin, "x").points.shape == (40, 3)
    clouds = space.cloud(np.random.default_rng(1))
    assert np.cov(clouds.T).trace() == pytest.approx(np.cov(space.points.T).trace(), rel=0.3)


def test_k_means_is_that_of_scikit_learn():
    points = np.random.default_rng(0).normal(size=(80, 5))
    points -= points.mean(0)
    for k in (2, 5, 11):
        theirs = KMeans(k, n_init=3, random_state=7).fit(points)
        ours = k_means(points, k, 7, restarts=3)
        assert ours.cost == pytest.approx(theirs.inertia_)
        assert adjusted_rand_score(ours.labels, theirs.labels_) == 1


def test_the_rand_index_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 4, 30), rng.integers(0, 6, 30)
        assert rand_index(a, b) == pytest.approx(adjusted_rand_score(a, b))
    assert rand_index(np.zeros(5, int), np.zeros(5, int)) == 1


def test_k_means_finds_two_points():
    found = k_means(np.repeat([[0.0], [9.0]], 5, axis=0), 2, 0)
    assert found.cost == 0
    assert len(set(found.labels[:5])) == 1
