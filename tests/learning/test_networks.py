"""The six strategies have the published shapes and, to the last, the published numbers of parameters."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from earwitness.errors import InputError
from earwitness.learning.networks import STRATEGIES, MultiSourceNetwork, Part, Size, assemble, described

ORACLE = json.loads((Path(__file__).parents[1] / "oracles/multisource/param_counts.json").read_text())
CASES = [
    (strategy, row["n_sources"], with_self, row[key], row["dim_chunk"], row["dim_track"])
    for strategy, rows in ORACLE["architectures"].items()
    for row in rows
    for with_self, key in ((False, "without_self"), (True, "with_self"))
    if row.get(key) is not None
]
DESK = Size(1, 0.25, 128)


def parts(count: int, with_self: bool) -> list[Part]:
    topics = [Part(f"topics-{number}", 50) for number in range(count)]
    return [*topics[1:], Part("self", 2, pairs=True)] if with_self else topics


def parameters(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


@pytest.mark.parametrize(("strategy", "count", "with_self", "expected", "chunk", "track"), CASES)
def test_every_strategy_has_the_published_number_of_parameters(
    strategy: str, count: int, with_self: bool, expected: int, chunk: int, track: int
) -> None:
    with torch.device("meta"):  # counted without being made
        network = MultiSourceNetwork(parts(count, with_self), strategy.lower())
    assert parameters(network) == expected
    assert network.embedding_size == chunk == track // 2


def test_the_counted_cases_are_all_there_are() -> None:
    assert {case[0].lower() for case in CASES} == set(STRATEGIES)
    assert {case[1] for case in CASES if case[0] == "MS-CR@2"} == set(range(1, 9))


@pytest.mark.parametrize(("strategy", "shared"), [("ms-cr@2", 1), ("ms-cr@4", 3), ("ms-cr@6", 5), ("ms-sr@fc", 8)])
def test_stages_are_shared_up_to_where_branches_begin(strategy: str, shared: int) -> None:
    network = MultiSourceNetwork(parts(2, False), strategy)
    counts = list(ORACLE["stages"].values())
    assert [parameters(stage) for stage in network.trunk] == counts[:shared]
    assert [parameters(stage) for stage in network.branches[1]] == counts[shared:]
    assert ORACLE["branch_after_stage"][strategy.upper()] == shared


def test_branches_of_ms_cr_4_take_64_maps_of_13_by_16() -> None:
    network = MultiSourceNetwork(parts(2, False), "ms-cr@4").eval()
    assert network.trunk(torch.zeros(1, 2, 216, 128)).shape == (1, 64, 13, 16)


def test_small_networks_have_the_counts_of_the_small_configuration() -> None:
    sources = [Part("self", 2, pairs=True), Part("tempo", 10), Part("chroma", 12)]
    counts = {"ms-sr@fc": 76_416, "ms-cr@4": 153_504}
    assert {name: parameters(MultiSourceNetwork(sources, name, DESK)) for name in counts} == counts
    assert parameters(MultiSourceNetwork([sources[1]], "ss-r", DESK)) == 41_458


def test_the_representation_is_the_blocks_in_the_order_of_the_sources() -> None:
    network = MultiSourceNetwork(parts(3, True), "ms-cr@4", DESK).draw_weights(0).eval()
    chunks = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 1, 216, 128)).astype(np.float32))
    whole = network(chunks)
    for place, branch in enumerate(network.branches):
        assert torch.equal(whole[:, 128 * place : 128 * (place + 1)], branch(network.trunk(chunks)))


@pytest.mark.parametrize("strategy", ["mss-cr", "ms-cr@6", "ms-sr@fc"])
def test_heads_answer_to_their_own_block_as_in_training(strategy: str) -> None:
    network = MultiSourceNetwork(parts(3, True), strategy, DESK).draw_weights(3).eval()
    left, right = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 2, 1, 216, 128)).astype(np.float32))
    topics = network.of_source("topics-2")(left)
    assert torch.allclose(network.answers("topics-2", network(left)), topics, atol=1e-6)
    pairs = network.of_source("self")(left, right)
    both = torch.cat([network(left), network(right)], dim=1)
    assert torch.allclose(network.answers("self", both), pairs, atol=1e-6)


def test_the_shared_representation_is_as_wide_for_any_number_of_sources() -> None:
    chunk = torch.zeros(1, 2, 216, 128)
    widths = [MultiSourceNetwork(parts(m, False), "ms-sr@fc").eval()(chunk).shape[1] for m in (1, 3)]
    assert widths == [256, 256]


def test_halves_of_pairs_are_normalised_each_by_itself() -> None:
    """A batch beside another one, of another mean, gets the features that it gets alone."""
    path = MultiSourceNetwork([Part("self", 2, pairs=True)], "ss-r", DESK).draw_weights(0).train().of_source("self")
    path.branch[-1][-1].p = 0.0
    seen: list[torch.Tensor] = []
    path.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    left, right = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 6, 1, 216, 128)).astype(np.float32))
    path(left, right + 5)
    path(left, left)
    assert torch.equal(seen[0][:, :128], seen[1][:, :128])
    assert torch.equal(seen[1][:, :128], seen[1][:, 128:])


def test_a_source_begins_from_the_same_weights_by_itself_and_beside_others() -> None:
    both = MultiSourceNetwork([Part("tempo", 10), Part("tags", 20)], "mss-cr", DESK).draw_weights(7)
    alone = MultiSourceNetwork([Part("tags", 20)], "ss-r", DESK).draw_weights(7)
    for mine, other in ((both.branches[1], alone.branches[0]), (both.heads[1], alone.heads[0])):
        for name, value in mine.state_dict().items():
            assert torch.equal(value, other.state_dict()[name])


def test_assembled_networks_answer_as_each_did() -> None:
    singles = [MultiSourceNetwork([Part(name, k)], "ss-r", DESK).draw_weights(k) for name, k in (("a", 3), ("b", 5))]
    whole = assemble(singles).eval()
    chunks = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 1, 216, 128)).astype(np.float32))
    assert torch.equal(whole(chunks), torch.cat([single.eval()(chunks) for single in singles], dim=1))
    assert whole.blocks == ("a", "b")


def test_starting_weights_are_glorot_and_output_layers_those_of_torch() -> None:
    network = MultiSourceNetwork(parts(2, True), "ms-cr@2").draw_weights(0)
    for layer in [*network.trunk.modules(), *network.branches.modules(), network.heads[1][0]]:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            field = layer.weight[0, 0].numel()
            bound = np.sqrt(6 / (field * (layer.weight.shape[0] + layer.weight.shape[1])))
            assert 0.9 * bound < float(layer.weight.detach().abs().max()) <= bound * (1 + 1e-6)
            assert not layer.bias.any()
    output = network.heads[0][0]
    assert 0.99 / 16 < float(output.weight.detach().abs().max()) <= 1 / 16
    assert output.bias.any()


def test_a_description_builds_the_network_again() -> None:
    network = MultiSourceNetwork(parts(3, True), "ms-cr@6", DESK)
    again = described(json.loads(json.dumps(network.describe())))
    assert again.describe() == network.describe()
    assert [tuple(v.shape) for v in again.state_dict().values()] == [
        tuple(v.shape) for v in network.state_dict().values()
    ]


@pytest.mark.parametrize(
    ("names", "strategy", "message"),
    [
        (["a"], "ms-cr@3", "no strategy 'ms-cr@3': did you mean 'ms-cr@"),
        (["a", "b"], "ss-r", "ss-r learns from one source, and 2 are named"),
        (["a", "a"], "mss-cr", "name one of them twice"),
        ([], "mss-cr", "none is named"),
    ],
)
def test_what_no_network_can_be_made_of_is_said_in_words(names: list[str], strategy: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        MultiSourceNetwork([Part(name, 3) for name in names], strategy)
