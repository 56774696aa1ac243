"""Statements about distances in sound beside those in the embedding, and about where consistency breaks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from earwitness.audio import PerturbationRecord
from earwitness.audio.perturbations import Identity, PitchShift, TempoShift
from earwitness.audio_space import AudioSpace
from earwitness.audits import Reads, robustness
from earwitness.audits._between import agree, kappa, pooled
from earwitness.audits._branches import crossing
from earwitness.audits.consistency import analyse, points, ranking, two_by_two
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.results import AuditResult

RNG = np.random.default_rng


def under(original, record, vectors):
    about = (original.encoder, original.revision, original.dataset)
    return Embeddings(np.asarray(vectors, np.float32), original.clips, *about, record)


def space(original, by_key, name="planted sound"):
    """Euclidean distances of given points, in the place of sound: {key: (changed, originals)}."""
    matrices = {key: np.linalg.norm(a[:, None] - b[None], axis=2).astype(np.float32) for key, (a, b) in by_key.items()}
    return AudioSpace(name, original.column("clip"), matrices)


def pink(snr):
    severity = 10 ** (-snr / 20)
    return PerturbationRecord("pink noise", snr, "dB", severity, f"pink noise {snr:g} dB", f"pn{snr}", snr >= 30)


def test_nothing_changed_is_full_agreement(embed_rows):
    points_ = RNG(0).normal(size=(15, 4))
    original = embed_rows(points_)
    record = Identity().record()
    sound = space(original, {"": (points_, points_), record.key: (points_, points_)})
    result = robustness(original, [under(original, record, points_)], sound=[sound])
    euclidean = {"distance": "euclidean", "reference": "planted sound"}
    assert result.estimate("consistency", distance="euclidean").value == 1
    assert result.estimate("consistency in sound").value == 1
    assert result.estimate("agreement", **euclidean).value == 1
    assert result.estimate("both keep", **euclidean).value == 1
    assert result.estimate("rank correlation", **euclidean).value == pytest.approx(1, abs=1e-9)
    assert result.estimate("rank correlation per query", **euclidean).value == pytest.approx(1, abs=1e-9)
    assert result.estimate("rank correlation of originals", **euclidean).value == pytest.approx(1, abs=1e-9)
    assert result.rows("kappa", **euclidean).empty  # where both always keep, chance agrees as well
    assert result.rows("breaking point").empty


def test_correlations_are_spearmans_without_the_own_original():
    rng = RNG(1)
    sound, latent = rng.random((6, 9)), rng.random((6, 9))
    own = np.array([8, 0, 3, 3, 5, 1])
    found = agree(sound, latent, own, np.arange(6))
    away = np.ones((6, 9), bool)
    away[np.arange(6), own] = False
    assert pooled(found.sums.sum(0, keepdims=True))[0] == pytest.approx(spearmanr(sound[away], latent[away])[0])
    by_hand = [spearmanr(sound[i][away[i]], latent[i][away[i]])[0] for i in range(6)]
    np.testing.assert_allclose(found.rho, by_hand)
    ranks = [1 + sum(sound[i, own[i]] >= sound[i, j] for j in range(9) if j != own[i]) for i in range(6)]
    assert found.sound_rank.tolist() == ranks


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_rank_correlation_does_not_notice_a_rising_change_of_scale(seed):
    rng = RNG(seed)
    sound, latent = rng.random((5, 5)), rng.random((5, 5))
    plain = agree(sound, latent, np.arange(5), np.arange(5))
    bent = agree(np.exp(3 * sound), latent**3, np.arange(5), np.arange(5))
    np.testing.assert_allclose(plain.sums, bent.sums)
    np.testing.assert_allclose(plain.rho, bent.rho)


def test_kappa_is_cohens():
    # Both 20, only one 5, only the other 10, neither 15: the textbook's 0.4.
    cells = np.array([20, 5, 10, 15]) / 50
    assert kappa(*cells) == pytest.approx(0.4)
    assert np.isnan(kappa(*np.array([1.0, 0, 0, 0])))


def test_an_encoder_blind_to_noise_keeps_what_sound_loses(embed_rows):
    rng = RNG(2)
    points_ = rng.normal(size=(40, 3))
    original = embed_rows(points_)
    noisy = points_ + 5 * rng.normal(size=points_.shape)
    record = pink(-6)
    sound = space(original, {"": (points_, points_), record.key: (noisy, points_)})
    result = robustness(original, [under(original, record, points_)], sound=[sound])
    assert result.estimate("consistency", distance="euclidean").value == 1
    assert result.estimate("consistency in sound").value < 0.3
    table = two_by_two(result, record.label, distance="euclidean", reference="planted sound")
    assert table.to_numpy().sum() == pytest.approx(1)
    assert table.loc["sound loses", "embedding keeps"] == 1 - result.estimate("consistency in sound").value
    agreement = result.estimate("agreement", distance="euclidean").value
    assert agreement == pytest.approx(result.estimate("consistency in sound").value)
    assert abs(result.estimate("kappa", distance="euclidean").value) < 1e-9  # no more than by chance


def test_a_changed_clip_without_a_distance_is_left_out_and_counted(embed_rows):
    points_ = RNG(3).normal(size=(12, 3))
    original = embed_rows(points_)
    record = pink(20)
    sound = space(original, {"": (points_, points_), record.key: (points_, points_)})
    sound.matrices[record.key][4] = np.nan
    result = robustness(original, [under(original, record, points_)], sound=[sound])
    row = result.rows("consistency in sound").iloc[0]
    assert row["note"].startswith("1 clips without a distance")
    assert result.items["rho:planted sound"].isna().sum() == 2  # one clip, two distances
    numbers = result.table[result.table["measure"] != "chance"]
    assert numbers[["value", "low", "high"]].notna().all().all()
    assert AuditResult.from_json(result.to_json()).estimate("consistency in sound").value == 1


def test_sound_that_was_not_measured_is_refused(embed_rows):
    points_ = RNG(3).normal(size=(12, 3))
    original = embed_rows(points_)
    sound = space(original, {"": (points_, points_)})
    with pytest.raises(InputError, match="was not measured under"):
        robustness(original, [under(original, pink(20), points_)], sound=[sound])
    few = AudioSpace("planted sound", original.column("clip")[:5], {})
    with pytest.raises(InputError, match="7 clips have no distances in sound"):
        robustness(original, [under(original, pink(20), points_)], sound=[few])


def test_a_curve_crosses_a_level_where_the_line_between_two_steps_does():
    share = np.array([[1.0, 0.8, 0.2], [0.5, 0.4, 0.9], [1.0, 0.95, 0.9]])
    found = crossing(np.array([1.0, 2.0, 4.0]), share, 0.9)
    np.testing.assert_allclose(found, [1.5, 0.2, np.inf])


def losing(n, share, rng):
    """Points of which this share is swapped for another one's."""
    points_ = rng.normal(size=(n, 6))
    moved = points_.copy()
    swapped = np.arange(round(share * n))
    moved[swapped] = points_[np.roll(swapped, 1)] if len(swapped) > 1 else points_[swapped]
    return points_, moved


def test_the_breaking_point_lies_between_the_steps_around_it_in_the_familys_own_unit(embed_rows):
    points_, _ = losing(100, 0, RNG(4))
    original = embed_rows(points_)
    steps = []
    for cents, lost in ((-25, 0.0), (-100, 0.05), (-400, 0.45), (25, 0.0), (100, 0.0), (400, 0.04)):
        moved = points_.copy()
        some = np.arange(round(lost * 100))
        moved[some] = points_[np.roll(some, 1)]
        steps.append(under(original, PitchShift(cents).record(), moved))
    result = robustness(original, steps)
    down = result.rows("breaking point", direction="down", distance="cosine", of="0.9").iloc[0]
    assert down["value"] == pytest.approx(-100 * (1 + 3 * 0.05 / 0.4))  # an eighth of the way from 1 to 4 semitones
    assert down["low"] < down["value"] < down["high"] < 0
    assert (down["audible"], down["reached"], down["unit"]) == ("plainly", True, "cents")
    up = result.rows("breaking point", direction="up", distance="cosine", of="0.9").iloc[0]
    assert (up["reached"], up["value"]) == (False, 400)
    assert up["note"].startswith("not reached")
    verdict = next(v for v in result.verdicts if v.title == "Breaking points")
    assert verdict.status == "holds"
    assert "pitch down from **-13" in verdict.text
    assert "not at all under pitch up" in verdict.text


def test_an_encoder_that_breaks_before_people_hear_anything_is_said_to_break(embed_rows):
    points_ = RNG(4).normal(size=(60, 6))
    original = embed_rows(points_)
    result = robustness(original, [under(original, TempoShift(1.02).record(), np.roll(points_, 1, axis=0))])
    verdict = next(v for v in result.verdicts if v.title == "Breaking points")
    assert verdict.status == "breaks"
    assert result.rows("breaking point", of="0.9", distance="cosine").iloc[0]["audible"] == "hardly"


def test_displacement_that_grows_with_severity_has_rank_correlation_one(embed_rows):
    points_ = RNG(5).normal(size=(20, 4))
    original = embed_rows(points_)
    growing = [under(original, pink(snr), points_ + 10 ** (-snr / 20)) for snr in (30, 20, 10, 0)]
    result = robustness(original, growing)
    found = result.estimate("displacement follows severity", distance="euclidean")
    assert found.value == pytest.approx(1)
    still = robustness(original, [under(original, pink(snr), points_) for snr in (30, 20, 10)])
    assert still.rows("displacement follows severity").empty


def labelled(n, rng):
    label = np.repeat(["a", "b"], n // 2)
    points_ = rng.normal(size=(n, 5)) + np.where(label == "a", 2, -2)[:, None]
    return label, points_


def test_a_task_that_a_change_destroys_falls_to_chance_and_one_it_spares_stays(embed_rows):
    rng = RNG(6)
    label, points_ = labelled(60, rng)
    original = embed_rows(points_, label=label, artist=[f"artist {i % 12}" for i in range(60)])
    spared, destroyed = pink(20), pink(-6)
    changed = [
        under(original, spared, points_ + 0.01),
        under(original, destroyed, rng.normal(size=points_.shape)),
    ]
    result = robustness(original, changed, group="artist", reads=Reads(label="label"))
    assert result.estimate("task score", perturbation="").value == pytest.approx(1, abs=0.01)
    assert result.estimate("task change", perturbation=spared.label).value == pytest.approx(0, abs=0.01)
    assert result.estimate("label kept", perturbation=spared.label).value > 0.95
    gone = result.estimate("task score", perturbation=destroyed.label)
    assert gone.low < 0.5 < gone.high
    assert result.estimate("task change", perturbation=destroyed.label).high < 0


def test_a_clip_is_scored_by_a_probe_that_never_saw_its_group(embed_rows):
    # Labels follow the artist by lot and vectors name the artist: whoever has heard an artist knows, no other can.
    rng = RNG(7)
    artist = np.repeat(np.arange(20), 4)
    label = rng.permutation(np.repeat(["a", "b"], 10))[artist]
    original = embed_rows(np.eye(20)[artist] + 0.01 * rng.normal(size=(80, 20)), label=label, artist=artist.astype(str))
    result = robustness(
        original, [under(original, pink(20), original.vectors)], group="artist", reads=Reads(label="label")
    )
    assert result.estimate("task score", perturbation="").value < 0.65
    alone = robustness(original, [under(original, pink(20), original.vectors)], reads=Reads(label="label"))
    assert alone.estimate("task score", perturbation="").value > 0.95


def test_a_label_that_cannot_be_asked_for_is_said_and_does_not_stop_the_audit(embed_rows):
    original = embed_rows(RNG(8).normal(size=(12, 3)), label=["one"] * 12)
    result = robustness(original, [under(original, pink(20), original.vectors)], reads=Reads(label="label"))
    assert "two classes" in result.parameters["not read"]["label"]
    assert any("was not measured" in verdict.text for verdict in result.verdicts)


@pytest.mark.parametrize(("follows", "slope"), [(1.0, 1.0), (0.0, 0.0)])
def test_what_is_read_as_pitch_moves_as_much_as_the_encoder_lets_it(embed_rows, follows, slope):
    rng = RNG(9)
    pitch = rng.uniform(40, 80, 60)
    mix = rng.normal(size=(1, 6))
    original = embed_rows(pitch[:, None] @ mix + 0.01 * rng.normal(size=(60, 6)), midi=pitch)
    changed = [
        under(original, PitchShift(cents).record(), original.vectors + follows * cents / 100 * mix)
        for cents in (-400, -100, 100, 400)
    ]
    changed.append(under(original, pink(20), original.vectors))
    result = robustness(original, changed, reads=Reads(pitch="midi"))
    found = result.estimate("equivariance", of="midi")
    assert found.value == pytest.approx(slope, abs=0.02)
    assert result.estimate("moved by", perturbation="pink noise 20 dB").value == pytest.approx(0, abs=1e-6)


def test_tempo_is_read_in_octaves(embed_rows):
    rng = RNG(10)
    bpm = rng.uniform(60, 180, 50)
    mix = rng.normal(size=(1, 4))
    original = embed_rows(np.log2(bpm)[:, None] @ mix + 0.001 * rng.normal(size=(50, 4)), bpm=bpm)
    changed = [
        under(original, TempoShift(f).record(), original.vectors + np.log2(f) * mix) for f in (0.7, 0.9, 1.1, 1.3)
    ]
    assert robustness(original, changed, reads=Reads(tempo="bpm")).estimate("equivariance").value == pytest.approx(
        1, abs=0.03
    )


def test_a_key_moves_by_whole_semitones_around_the_circle(embed_rows):
    names = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A minor", "Bb", "B major"]
    tonic = np.repeat(np.arange(12), 5)
    rng = RNG(11)
    original = embed_rows(8 * np.eye(12)[tonic] + rng.normal(size=(60, 12)), key=[names[k] for k in tonic])
    shifted = np.roll(original.vectors, 4, axis=1)
    result = robustness(
        original,
        [under(original, PitchShift(400).record(), shifted), under(original, pink(20), original.vectors)],
        reads=Reads(pitch="key"),
    )
    assert result.estimate("equivariance", of="key").value > 0.95
    assert result.estimate("key moved rightly", perturbation="pink noise 20 dB").value == 1


def test_fewer_than_ten_clips_are_warned_of(embed_rows):
    original = embed_rows(RNG(12).normal(size=(6, 3)))
    result = robustness(original, [under(original, pink(20), original.vectors)])
    assert any(verdict.title == "Few clips" for verdict in result.verdicts)


@pytest.fixture(scope="module")
def cast():
    """Three encoders on the same clips: steady, middling and frail; the frail one loses more, the louder the noise."""
    return [planted_result(name, frailty) for name, frailty in (("steady", 0.0), ("middling", 1.0), ("frail", 4.0))]


def planted_result(name, frailty, n=30):
    rng = RNG(13)
    points_ = rng.normal(size=(n, 8))
    clips = pd.DataFrame({"clip": [f"clip-{i}" for i in range(n)], "label": np.repeat(["a", "b"], n // 2)})
    original = Embeddings(points_.astype(np.float32), clips, name, "1", "test")
    changed, matrices = [], {"": (points_, points_)}
    cents = (-400, -100, -25, 25, 100, 400)
    for record in [*(pink(snr) for snr in (30, 21, 12, 6, 0)), *(PitchShift(each).record() for each in cents)]:
        noise = rng.normal(size=points_.shape)
        changed.append(under(original, record, points_ + frailty * record.severity * noise))
        matrices[record.key] = (points_ + 0.5 * record.severity * noise, points_)
    sound = [space(original, matrices, "mfcc-dtw")]
    return robustness(original, changed, sound=sound, reads=Reads(label="label"), n_resamples=50)


def test_the_analysis_orders_planted_encoders_and_finds_that_they_differ(cast):
    results = cast
    found = analyse(results, "consistency", distance="euclidean")
    means = found.means.set_index("encoder")["estimate"]
    assert means["steady"] > means["middling"] > means["frail"]
    test = found.tests.set_index("term").loc["encoder"]
    assert test["p"] < 1e-3
    assert found.model.r2 > 0.9
    assert "steady" in str(found)
    order = ranking(results)
    mine = order[(order["measure"] == "mean consistency") & (order["distance"] == "euclidean")]
    assert mine["encoder"].tolist() == ["steady", "middling", "frail"]
    assert mine["place"].tolist() == [1, 2, 3]
    strength = points(results, "agreement", distance="cosine", reference="mfcc-dtw")["strength"]
    assert (strength.min(), strength.max()) == (-4, 4)


def test_an_analysis_says_what_it_lacks(cast):
    results = cast
    with pytest.raises(InputError, match="only one"):
        analyse(results[:1])
    with pytest.raises(InputError, match="no consistency in taste"):
        analyse(results, "consistency in taste")
    few = list(results)
    for k, r in enumerate(results):
        keep = ~((r.table["family"] == "pitch") & (r.table["severity"] > 0.5))
        few[k] = AuditResult(r.audit, r.encoder, r.dataset, r.table[keep], (), r.parameters)
    with pytest.raises(InputError, match="standard or the full profile"):
        analyse(few)


@pytest.mark.slow
def test_the_recipe_writes_every_table_and_figure_that_the_results_allow(cast, tmp_path):
    from earwitness.recipes.kim2019 import write_tables

    write_tables(cast, tmp_path)
    figures = {path.stem for path in (tmp_path / "figures").glob("*.svg")}
    assert {"breaking-points", "4.03-magnitudes", "4.04-task-scores", "4.06-consistency-in-sound"} <= figures
    assert {"4.07-consistency-cosine", "4.10-between-mfcc-dtw", "4.12-smallest-changes", "4.13-originals"} <= figures
    assert pd.read_csv(tmp_path / "tables" / "ranking.csv")["place"].max() == 3
    assert "consistency, cosine: R2" in (tmp_path / "analyses.txt").read_text()
