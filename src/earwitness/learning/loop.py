"""The loop that trains a network: whatever is learnt, one step at a time, and exactly resumable.

Everything random about step k (which source, which clips, which crops, dropout) comes from the seed and k alone. So
the state of a run is its weights, its optimiser and k, and a run that was killed ends with the weights of one that was
not, bit for bit on a processor with as many threads.

References
----------
Kim (2021), Algorithm 1.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from earwitness.encoders.devices import pick_device
from earwitness.engine import Progress
from earwitness.errors import InputError
from earwitness.learning.checkpoints import State, read_state, write_state
from earwitness.learning.interruption import finish_step_first
from earwitness.learning.losses import EventFiles, Losses

STAGE = "training"


class Task(Protocol):
    """What is learnt, from which data.

    A task calls the network as a function, so that `every_gpu` can spread it; parts of it that a step does not use get
    no gradient (None), and are then not moved.
    """

    def loss(self, network: nn.Module, step: int, rng: np.random.Generator) -> tuple[str, Tensor]:
        """The name of the part that was drawn for this step (a source), and its loss, a scalar.

        Parameters
        ----------
        network
            In training mode.
        step
            From 0.
        rng
            Of this step alone. Torch's own generator is seeded for the step too.
        """
        ...

    def validate(self, network: nn.Module) -> dict[str, float]:
        """The loss of each part on validation clips; {} where there are none. The network is in evaluation mode."""
        ...


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network is trained, by Adam.

    Attributes
    ----------
    steps
        Updates of the weights.
    learning_rate, weight_decay
        Adam's step and coupled L2 penalty, on every parameter.
    amsgrad
        Adam with the largest second moment there was.
    validate_every, checkpoint_every
        Steps from one validation (one row of the log a part), and from one checkpoint to the next; both also at the
        end. At most so much work is lost where a run is killed.
    """

    steps: int
    learning_rate: float = 0.00025
    weight_decay: float = 1e-6
    amsgrad: bool = False
    validate_every: int = 500
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        for name in ("steps", "validate_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: a schedule needs 1 step or more")
        if not 0 < self.learning_rate < math.inf or not 0 <= self.weight_decay < math.inf:
            raise InputError(
                f"a learning rate is above 0 and a weight decay not below, but they are {self.learning_rate:g} and "
                f"{self.weight_decay:g}"
            )


def train(
    network: nn.Module,
    task: Task,
    schedule: Schedule,
    folder: Path | str,
    *,
    seed: int = 0,
    device: str | None = None,
    about: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    stage: str = STAGE,
) -> pd.DataFrame:
    """Train a network in place, from where an earlier run into the same folder stopped.

    Ctrl-C ends the run after the step at hand, and nothing is lost. On a graphics processor losses are computed under
    bfloat16 autocast, and on as many as there are where the task uses `every_gpu`.

    Parameters
    ----------
    network
        With its starting weights; ends on `device`, with its last weights, in evaluation mode.
    task
        What it learns.
    schedule
        How long and how fast. A finished run goes on if it is given more steps.
    folder
        Gets `checkpoint.pt`, `losses.csv` and, for TensorBoard, `events/`.
    seed
        Of every random draw.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    about
        What else makes this run this run (sources, clips): a checkpoint whose record differs is refused. JSON values.
    progress, stage
        Told after each step.

    Returns
    -------
    DataFrame
        `step`, `part`, `training` (mean loss of the part's steps since the row before; NaN where there was none),
        `validation` (NaN where there is none). The first rows, of step 0, are of the untrained network.

    Raises
    ------
    InputError
        If the checkpoint in the folder is of another architecture or another run, or a loss is not finite.
    """
    folder, place = Path(folder), pick_device(device)
    network.to(place)
    optimiser = _adam(network, schedule)
    run = {"seed": seed, **_lasting(schedule), **(about or {})}
    state = read_state(folder, network, optimiser, run, schedule.steps)
    losses = Losses(state.rows, state.sums)
    with (
        EventFiles(folder / "events", purge_from=state.step + 1) as events,
        torch.random.fork_rng(_gpus(place)),
        finish_step_first() as stopped,
    ):
        if state.step == 0 and not losses.rows:
            events.write(losses.close(0, _validation(network, task, seed, 0)))
        for step in range(state.step, schedule.steps):
            part, loss = one_step(network, task, optimiser, seed, step)
            losses.add(part, loss)
            done = step + 1
            if done % schedule.validate_every == 0 or done == schedule.steps:
                events.write(losses.close(done, _validation(network, task, seed, done)))
            if done % schedule.checkpoint_every == 0 or done == schedule.steps or stopped():
                write_state(folder, network, optimiser, run, State(done, losses.rows, losses.sums))
                losses.to_csv(folder / "losses.csv")
            if progress is not None:
                progress(done, schedule.steps, stage)
            if stopped():
                raise KeyboardInterrupt
    network.eval()
    return losses.table()


def one_step(
    network: nn.Module, task: Task, optimiser: torch.optim.Optimizer, seed: int, step: int
) -> tuple[str, float]:
    """Draw, differentiate, move: the name of what was drawn, and its loss before the move.

    Raises
    ------
    InputError
        If the loss is not finite.
    """
    network.train()
    place = next(network.parameters()).device
    torch.manual_seed(int(np.random.SeedSequence([seed, step, 1]).generate_state(1, np.uint64)[0] >> 1))
    optimiser.zero_grad(set_to_none=True)  # zeros in place of None would let momentum move what was not drawn
    with torch.autocast(place.type, torch.bfloat16, enabled=place.type == "cuda"):
        part, loss = task.loss(network, step, np.random.default_rng([seed, step]))
    value = float(loss.detach())
    if not math.isfinite(value):
        raise InputError(
            f"the loss of {part} is {value} at step {step + 1}: a smaller learning rate may help, else look for values "
            "that are not finite in its targets"
        )
    loss.backward()
    optimiser.step()
    return part, value


def seconds_a_step(
    network: nn.Module, task: Task, schedule: Schedule, *, seed: int = 0, device: str | None = None, steps: int = 4
) -> float:
    """How long one step takes, in seconds: the mean of a few on a copy of the network, after one to warm up."""
    trial = deepcopy(network).to(pick_device(device))
    optimiser = _adam(trial, schedule)
    with torch.random.fork_rng(_gpus(pick_device(device))):
        one_step(trial, task, optimiser, seed, 0)
        start = perf_counter()
        for step in range(1, steps + 1):
            one_step(trial, task, optimiser, seed, step)
        return (perf_counter() - start) / steps


def every_gpu(module: nn.Module, *inputs: Tensor) -> Tensor:
    """`module(*inputs)`, the rows of the inputs shared out among all graphics processors if there are several.

    Give it only the modules that a step uses, since the gradients of all of them are filled in.
    """
    several = inputs[0].is_cuda and torch.cuda.device_count() > 1 and len(inputs[0]) >= torch.cuda.device_count()
    if not several:
        answer: Tensor = module(*inputs)
        return answer
    spread: Tensor = nn.parallel.data_parallel(module, inputs)
    return spread


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Torch on so many processor threads inside; None changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _adam(network: nn.Module, schedule: Schedule) -> torch.optim.Adam:
    return torch.optim.Adam(
        network.parameters(),
        lr=schedule.learning_rate,
        weight_decay=schedule.weight_decay,
        amsgrad=schedule.amsgrad,
    )


def _lasting(schedule: Schedule) -> dict[str, Any]:
    """What of a schedule changes the weights, other than its length."""
    return {name: getattr(schedule, name) for name in ("learning_rate", "weight_decay", "amsgrad")}


def _validation(network: nn.Module, task: Task, seed: int, step: int) -> dict[str, float]:
    network.eval()
    torch.manual_seed(int(np.random.SeedSequence([seed, step, 2]).generate_state(1, np.uint64)[0] >> 1))
    with torch.no_grad():
        return task.validate(network)


def _gpus(place: torch.device) -> list[int]:
    """The graphics processors whose generators are put back afterwards."""
    return list(range(torch.cuda.device_count())) if place.type == "cuda" else []
