"""What is drawn for a step, and what its loss is."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from earwitness.errors import InputError
from earwitness.learning.multi_source_task import (
    MultiSourceTask,
    Sampling,
    divergence,
    draw_pairs,
    draw_starts,
    parts_of,
)
from earwitness.learning.networks import MultiSourceNetwork, Part, Size
from earwitness.learning.sources import LabelModel, Source
from earwitness.learning.spectrograms import BandStatistics

FLAT = BandStatistics(np.zeros(128, np.float32), np.ones(128, np.float32))
TINY = Size(1, 0.125, 8)


class Held:
    """Spectrograms in memory, whose frame t of clip i holds i + t / 1000."""

    def __init__(self, lengths: list[int]) -> None:
        self.lengths = np.array(lengths)
        self.usable = np.ones(len(lengths), bool)
        self.asked: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []

    def crops(self, rows: NDArray[np.int64], starts: NDArray[np.int64]) -> torch.Tensor:
        self.asked.append((np.array(rows), np.array(starts)))
        frames = np.asarray(rows)[:, None] + (np.asarray(starts)[:, None] + np.arange(216)) / 1000
        chunks = np.repeat(frames[:, None, :, None], 128, axis=3)
        return torch.from_numpy(chunks.astype(np.float16))


def source(name: str, targets: NDArray[np.float32]) -> Source:
    return Source(name, "distribution", targets, tuple("abcdef"[: targets.shape[1]]), LabelModel("classes"))


def pairs(count: int) -> Source:
    model = LabelModel("pairs", {}, {"usable": np.ones(count, bool)})
    return Source("self", "pairs", np.zeros((count, 0), np.float32), ("no", "yes"), model)


def task_of(sources: list[Source], lengths: list[int], validation: int = 0, **sampling: object) -> MultiSourceTask:
    training = np.arange(len(lengths)) < len(lengths) - validation
    options = Sampling(**({"batch": 4} | sampling))  # type: ignore[arg-type]
    return MultiSourceTask(Held(lengths), sources, training, ~training, FLAT, options)


def test_the_loss_is_the_divergence_from_the_targets_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    targets = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])  # 0 ln 0 = 0
    by_hand = [0.5 * math.log(0.5 / 0.5) + 0.5 * math.log(0.5 / 0.25), math.log(1 / 0.8)]
    np.testing.assert_allclose(divergence(logits, targets, None).numpy(), by_hand, atol=1e-6)
    assert float(divergence(logits, targets, "batchmean").sum()) == pytest.approx(sum(by_hand) / 2, abs=1e-6)
    assert float(divergence(logits, targets, "mean").sum()) == pytest.approx(sum(by_hand) / 6, abs=1e-6)


def test_the_loss_of_pairs_is_cross_entropy() -> None:
    logits = torch.tensor([[0.3, -1.2], [2.0, 0.1]])
    same = torch.tensor([1, 0])
    targets = torch.nn.functional.one_hot(same, 2).float()
    expected = torch.nn.functional.cross_entropy(logits, same, reduction="none")
    assert torch.allclose(divergence(logits, targets, None), expected, atol=1e-6)


@given(frames=st.integers(216, 240), seed=st.integers(0, 5))
def test_starts_reach_the_first_and_the_last_place_and_no_further(frames: int, seed: int) -> None:
    last = np.full(4000, frames - 216)
    starts = draw_starts(last, np.random.default_rng(seed))
    assert set(starts.tolist()) == set(range(frames - 216 + 1))


@given(st.integers(2, 40), st.integers(2, 64), st.integers(0, 10_000))
def test_half_of_the_pairs_are_of_one_clip_and_no_clip_is_first_twice(clips: int, batch: int, seed: int) -> None:
    rows = np.arange(clips) * 3
    left, right, starts, same = draw_pairs(
        rows, Sampling(batch=batch), lambda chosen: np.full(len(chosen), 7), np.random.default_rng(seed)
    )
    assert len(left) == min(clips, batch) == len(set(left.tolist()))
    assert abs(2 * same.sum() - len(left)) <= len(left) % 2
    np.testing.assert_array_equal(left == right, same)
    assert set(right.tolist()) <= set(rows.tolist())
    assert all(0 <= start.min() <= start.max() <= 7 for start in starts)


def test_partners_of_other_clips_are_uniform_over_all_others() -> None:
    rng, counts = np.random.default_rng(0), np.zeros((5, 5))
    for _ in range(4000):
        left, right, _, same = draw_pairs(np.arange(5), Sampling(batch=5), lambda rows: np.zeros_like(rows), rng)
        np.add.at(counts, (left[~same], right[~same]), 1)
    assert not counts.diagonal().any()
    others = counts[~np.eye(5, dtype=bool)]
    assert others.sum() > 8000
    np.testing.assert_allclose(others / others.mean(), 1, atol=5 / np.sqrt(others.mean()))  # five standard errors


def test_chunks_of_one_clip_keep_the_gap_or_lie_as_far_apart_as_they_can() -> None:
    rng = np.random.default_rng(0)
    gap = math.ceil(1.0 / (256 / 22050))
    for last, least in ((400, gap), (50, 25)):
        for _ in range(50):
            _, _, (first, second), same = draw_pairs(
                np.arange(8), Sampling(batch=8, least_gap_s=1.0), lambda rows, last=last: np.full(len(rows), last), rng
            )
            distance = np.abs(first - second)[same]
            assert distance.min() >= least
            assert max(first.max(), second.max()) <= last
            assert second.min() >= 0


def test_a_step_draws_sources_evenly_and_only_clips_that_have_its_label() -> None:
    targets = np.eye(2, dtype=np.float32)[np.arange(10) % 2]
    holes = targets.copy()
    holes[:4] = np.nan
    task = task_of([source("full", targets), source("holes", holes), pairs(10)], [230] * 10, batch=4)
    network = MultiSourceNetwork(parts_of(task.sources), "ms-cr@4", TINY).draw_weights(0)
    drawn, rows = [], {"full": set(), "holes": set(), "self": set()}
    for step in range(90):
        held = task.spectrograms.asked  # type: ignore[attr-defined]
        held.clear()
        name, loss = task.loss(network, step, np.random.default_rng([0, step]))
        assert loss.ndim == 0
        drawn.append(name)
        for chosen, _ in held:
            rows[name] |= set(chosen.tolist())
            assert len(chosen) == 4
        assert len(held) == (2 if name == "self" else 1)
    counts = [drawn.count(name) for name in rows]
    assert min(counts) > 15  # of 90, three standard deviations below a third
    assert rows == {"full": set(range(10)), "holes": set(range(4, 10)), "self": set(range(10))}


def test_intersection_draws_every_source_from_the_clips_that_have_every_label() -> None:
    targets = np.eye(2, dtype=np.float32)[np.arange(10) % 2]
    first, second = targets.copy(), targets.copy()
    first[:4], second[8:] = np.nan, np.nan
    sources = [source("first", first), source("second", second)]
    available, common = (task_of(sources, [230] * 10, coverage=way) for way in ("available", "intersection"))
    assert [rows.tolist() for rows in available.training_rows] == [list(range(4, 10)), list(range(8))]
    assert [rows.tolist() for rows in common.training_rows] == [list(range(4, 8))] * 2
    assert common.of([sources[1]]).training_rows[0].tolist() == list(range(4, 8))


def test_a_step_moves_the_drawn_branch_and_the_trunk_only() -> None:
    """Weights and the statistics of batch normalisation: of all else nothing changes (spec, section 6)."""
    targets = np.eye(2, dtype=np.float32)[np.arange(8) % 2]
    task = task_of([source("a", targets), source("b", targets), pairs(8)], [230] * 8)
    network = MultiSourceNetwork(parts_of(task.sources), "ms-cr@4", TINY).draw_weights(0).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01, weight_decay=0.1)
    for step in range(12):
        before = {name: value.clone() for name, value in network.state_dict().items()}
        optimiser.zero_grad(set_to_none=True)
        name, loss = task.loss(network, step, np.random.default_rng([1, step]))
        loss.backward()
        optimiser.step()
        place = [part.name for part in network.parts].index(name)
        for key, value in network.state_dict().items():
            active = key.startswith(("trunk.", f"branches.{place}.", f"heads.{place}."))
            if not active:
                assert torch.equal(value, before[key]), (name, key)
        for key in ("trunk.0.0.weight", f"branches.{place}.0.1.running_mean", f"heads.{place}.0.weight"):
            assert not torch.equal(network.state_dict()[key], before[key]), (name, key)


def test_validation_is_the_mean_over_the_first_middle_and_last_chunk() -> None:
    targets = np.eye(2, dtype=np.float32)[np.arange(8) % 2]
    task = task_of([source("a", targets)], [230, 216, 300, 230, 230, 230, 240, 216], validation=2)
    network = MultiSourceNetwork([Part("a", 2)], "ss-r", TINY).draw_weights(0).eval()
    held: Held = task.spectrograms  # type: ignore[assignment]
    held.asked.clear()
    losses = task.clip_losses(network, "a")
    assert [starts.tolist() for _, starts in held.asked] == [[0, 0], [12, 0], [24, 0]]
    with torch.no_grad():
        logits = [network.of_source("a")(held.crops(np.array([6]), np.array([at])).float()) for at in (0, 12, 24)]
    by_hand = [float(torch.nn.functional.cross_entropy(row, torch.tensor([0]))) for row in logits]
    assert losses[0] == pytest.approx(np.mean(by_hand), abs=1e-6)
    assert task.validate(network) == {"a": pytest.approx(losses.mean())}


def test_the_control_always_gives_the_mean_target_of_the_training_clips() -> None:
    targets = np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 0, 1]]  # trained on 3 to 1
    task = task_of([source("a", targets), pairs(6)], [230] * 6, validation=2)
    np.testing.assert_allclose(task.references("a"), [math.log(4 / 3), math.log(4)], atol=1e-5)
    np.testing.assert_allclose(task.references("self"), [math.log(2)] * 2, atol=1e-12)


def test_too_few_labels_and_unknown_ways_are_refused_in_a_sentence() -> None:
    targets = np.full((6, 2), np.nan, np.float32)
    targets[0] = 1, 0
    with pytest.raises(InputError, match="the source a has a label for 1 of the 6 training clips"):
        task_of([source("a", targets)], [230] * 6)
    with pytest.raises(InputError, match="no coverage 'some': there are available and intersection"):
        Sampling(coverage="some")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a batch of 1"):
        Sampling(batch=1)
