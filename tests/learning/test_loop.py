"""The training loop: what it computes is Adam, and a run that was killed ends as one that was not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from earwitness.errors import InputError
from earwitness.learning.loop import Schedule, seconds_a_step, train

# Two branches on a shared layer, with everything that carries state or draws: batch normalisation, dropout.
TOY = """
import numpy as np, torch
from torch import nn

class Branches(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        torch.manual_seed(5)
        self.shared = nn.Linear(4, width)
        self.branches = nn.ModuleDict({
            name: nn.Sequential(nn.Linear(width, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.3), nn.Linear(5, 3))
            for name in ("tags", "year")
        })
    def forward(self, rows, name):
        return self.branches[name](self.shared(rows))

class Toy:
    def loss(self, network, step, rng):
        name = ("tags", "year")[rng.integers(2)]
        rows = torch.from_numpy(rng.normal(size=(8, 4)).astype(np.float32))
        return name, network(rows, name).square().mean()
    def validate(self, network):
        rows = torch.from_numpy(np.random.default_rng(9).normal(size=(5, 4)).astype(np.float32))
        return {name: float(network(rows, name).square().mean()) for name in ("tags", "year")}
"""
space: dict = {}
exec(TOY, space)  # the same text runs in this process and in those that are killed
Branches, Toy = space["Branches"], space["Toy"]


def state_of(network: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in network.state_dict().items()}


KILLED = (
    TOY
    + """
import os, signal, sys
from pathlib import Path
from earwitness.learning.loop import Schedule, train

torch.set_num_threads(1)
folder, schedule = Path(sys.argv[1]), Schedule(9, 0.01, validate_every=4, checkpoint_every=2)

def run(name, kill_at=None):
    class Killed(Toy):
        def loss(self, network, step, rng):
            if step == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().loss(network, step, rng)
    network = Branches()
    log = train(network, Killed(), schedule, folder / name, seed=3, device="cpu")
    return network.state_dict(), log

whole, log = run("whole")
for step in range(9):
    child = os.fork()
    if child == 0:
        run(f"killed-{step}", kill_at=step)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    again, log_again = run(f"killed-{step}")
    assert all(torch.equal(whole[name], again[name]) for name in whole), step
    assert log.equals(log_again), step
    csv = (folder / f"killed-{step}" / "losses.csv").read_bytes()
    assert csv == (folder / "whole" / "losses.csv").read_bytes(), step
print("the same")
"""
)


def test_a_run_killed_at_any_step_ends_with_the_weights_and_the_log_of_one_that_was_not(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], check=False, capture_output=True, text=True, timeout=300
    )
    assert done.stdout == "the same\n", done.stderr


def test_a_run_that_is_given_more_steps_ends_where_a_longer_one_does(tmp_path: Path) -> None:
    networks = [Branches(), Branches()]
    train(networks[0], Toy(), Schedule(20, 0.01), tmp_path / "long", device="cpu")
    train(networks[1], Toy(), Schedule(7, 0.01), tmp_path / "short", device="cpu")
    train(networks[1], Toy(), Schedule(20, 0.01), tmp_path / "short", device="cpu")
    for name, value in state_of(networks[0]).items():
        np.testing.assert_array_equal(value, state_of(networks[1])[name])


def test_adam_with_absent_gradients_is_one_adam_a_part(tmp_path: Path) -> None:
    """And zeros in their place are not: momentum and decay then move what was not drawn (spec, section 6)."""
    schedule = Schedule(40, 0.01, weight_decay=0.01)
    network = Branches()
    train(network, Toy(), schedule, tmp_path, seed=1, device="cpu")
    apart, zeros = Branches(), Branches()
    for twin, separate in ((apart, True), (zeros, False)):
        parts = {"shared": twin.shared.parameters()} | {k: b.parameters() for k, b in twin.branches.items()}
        options = {"lr": 0.01, "weight_decay": 0.01}
        if separate:
            optimisers = {name: torch.optim.Adam(values, **options) for name, values in parts.items()}
        else:
            everything = torch.optim.Adam(twin.parameters(), **options)
        for step in range(40):
            twin.zero_grad(set_to_none=separate)
            torch.manual_seed(int(np.random.SeedSequence([1, step, 1]).generate_state(1, np.uint64)[0] >> 1))
            name, loss = Toy().loss(twin.train(), step, np.random.default_rng([1, step]))
            loss.backward()
            for optimiser in (optimisers["shared"], optimisers[name]) if separate else (everything,):
                optimiser.step()
    for name, value in state_of(network).items():
        np.testing.assert_array_equal(value, state_of(apart)[name])
    assert any(np.abs(value - state_of(zeros)[name]).max() > 1e-3 for name, value in state_of(network).items())


def test_a_step_moves_nothing_of_the_branch_that_was_not_drawn(tmp_path: Path) -> None:
    class OnlyTags(Toy):  # type: ignore[misc,valid-type]
        def loss(self, network: nn.Module, step: int, rng: np.random.Generator) -> tuple[str, Tensor]:
            del step
            rows = torch.from_numpy(rng.normal(size=(8, 4)).astype(np.float32))
            return "tags", network(rows, "tags").square().mean()

    network = Branches()
    before = state_of(network)
    train(network, OnlyTags(), Schedule(5, 0.01, weight_decay=0.1), tmp_path, device="cpu")
    for name, value in state_of(network).items():
        moved = not np.array_equal(value, before[name])
        assert moved == (not name.startswith("branches.year")), name


def test_the_log_holds_the_mean_loss_of_each_part_between_validations(tmp_path: Path) -> None:
    class Counting:
        def loss(self, network: nn.Module, step: int, rng: np.random.Generator) -> tuple[str, Tensor]:
            del rng
            return ("even", "odd")[step % 2], network.weight.sum() * 0 + step

        def validate(self, network: nn.Module) -> dict[str, float]:
            del network
            return {"even": 0.5}

    log = train(nn.Linear(1, 1), Counting(), Schedule(6, validate_every=4), tmp_path, device="cpu")
    rows = log.set_index(["step", "part"])
    assert rows.loc[(4, "even"), "training"] == (0 + 2) / 2
    assert rows.loc[(4, "odd"), "training"] == (1 + 3) / 2
    assert rows.loc[(6, "even"), "training"] == 4
    assert np.isnan(rows.loc[(4, "odd"), "validation"])
    assert rows.loc[(0, "even"), "validation"] == 0.5
    assert len(list((tmp_path / "events").iterdir())) == 1


def test_timing_a_few_steps_changes_nothing() -> None:
    network = Branches()
    before, generator = state_of(network), torch.get_rng_state()
    assert seconds_a_step(network, Toy(), Schedule(10), device="cpu") > 0
    assert torch.equal(generator, torch.get_rng_state())
    for name, value in state_of(network).items():
        np.testing.assert_array_equal(value, before[name])


def test_ctrl_c_ends_after_the_step_and_loses_nothing(tmp_path: Path) -> None:
    class Interrupted(Toy):  # type: ignore[misc,valid-type]
        def loss(self, network: nn.Module, step: int, rng: np.random.Generator) -> tuple[str, Tensor]:
            if step == 3 and not (tmp_path / "stopped" / "checkpoint.pt").exists():
                os.kill(os.getpid(), signal.SIGINT)
            return super().loss(network, step, rng)  # type: ignore[no-any-return]

    schedule = Schedule(6, 0.01)
    network, whole = Branches(), Branches()
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(network, Interrupted(), schedule, tmp_path / "stopped", device="cpu")
    assert signal.getsignal(signal.SIGINT) is handler
    assert torch.load(tmp_path / "stopped" / "checkpoint.pt", weights_only=True)["step"] == 4
    train(network, Interrupted(), schedule, tmp_path / "stopped", device="cpu")
    train(whole, Toy(), schedule, tmp_path / "whole", device="cpu")
    for name, value in state_of(network).items():
        np.testing.assert_array_equal(value, state_of(whole)[name])


@pytest.mark.parametrize(
    ("width", "options", "message"),
    [
        (7, {}, "checkpoint of another architecture .shared.weight is 6 x 4 in it and 7 x 4 in this network"),
        (6, {"seed": 1}, "of another run .seed was 0 and is now 1"),
        (6, {"about": {"sources": ["tags"]}}, "sources was null and is now ..tags"),
    ],
)
def test_another_network_or_run_is_refused_in_one_sentence(
    tmp_path: Path, width: int, options: dict, message: str
) -> None:
    train(Branches(), Toy(), Schedule(2), tmp_path, device="cpu")
    with pytest.raises(InputError, match=message):
        train(Branches(width), Toy(), Schedule(2), tmp_path, device="cpu", **options)


def test_a_broken_checkpoint_fewer_steps_and_infinite_losses_are_refused_in_words(tmp_path: Path) -> None:
    train(Branches(), Toy(), Schedule(3), tmp_path, device="cpu")
    with pytest.raises(InputError, match="has already taken 3 steps and 2 are asked for"):
        train(Branches(), Toy(), Schedule(2), tmp_path, device="cpu")
    file = tmp_path / "checkpoint.pt"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(InputError, match=r"checkpoint.pt is no checkpoint that can be read"):
        train(Branches(), Toy(), Schedule(3), tmp_path, device="cpu")

    class Infinite(Toy):  # type: ignore[misc,valid-type]
        def loss(self, network: nn.Module, step: int, rng: np.random.Generator) -> tuple[str, Tensor]:
            name, loss = super().loss(network, step, rng)
            return name, loss / 0

    with pytest.raises(InputError, match=r"the loss of (tags|year) is inf at step 1"):
        train(Branches(), Infinite(), Schedule(3), tmp_path / "other", device="cpu")
