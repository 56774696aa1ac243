"""From noise to a sound with a given embedding, by gradients: tensors in, arrays out, and no file or device named here.

Conventions: a sound is float32 `[samples]` from -1 to 1. The loss is the mean squared difference of embedding and
target; what is minimised, the objective, is the loss and the penalties, if any, in units of the loss at the start. The
sound of a descent is that of its lowest objective. A descent is a sequence of courses, each of which holds all that
the next depends on; random draws come from the seed and the number of the step. So it can be stopped after any step and
taken up again, and ends with the same sound.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from earwitness.audits._descent_penalties import mean_power, shifted, total_variation
from earwitness.errors import EncoderError, InputError
from earwitness.store import content_hash

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float32]
Hear = Callable[["Tensor"], "Tensor"]  # [1, samples] to [1, d]
Optimiser = Literal["adam", "gradient-descent"]

RATES: dict[str, float] = {"adam": 1e-3, "gradient-descent": 1e-2}
"""Learning rates that suit taggers' embeddings; a gradient descent on others may need a quite different one."""

PENALTIES: dict[str, float] = {"total_variation": 200.0, "power": 300.0, "jitter": 64}
"""Of a regularised descent: see `Descent`."""

CHECKPOINT = 20
"""Steps between two courses that are kept."""

_NO_GRADIENT = (
    "gradients do not reach the sound through this encoder: inversion needs one whose `embed_tensor` is differentiable"
)


@dataclass(frozen=True)
class Descent:
    """How a sound is sought.

    Attributes
    ----------
    steps
        At most.
    optimiser
        "adam" or "gradient-descent".
    rate
        Learning rate; None: that of `RATES`.
    start_std
        Standard deviation of the Gaussian noise that it starts from. Silence would not do: below the floor of a
        logarithm there is no gradient.
    patience, tolerance
        It stops early once the objective has not fallen by this part of itself within so many steps.
    total_variation, power
        Weights of two penalties: the mean change of the spectrogram's magnitudes from bin to bin and from frame to
        frame, and the mean square of the samples (L2). Both in units of the loss at the start.
    jitter
        Samples by which the sound is turned round at random, at most, before each step hears it.
    """

    steps: int = 1000
    optimiser: Optimiser = "adam"
    rate: float | None = None
    start_std: float = 0.01
    patience: int = 100
    tolerance: float = 0.01
    total_variation: float = 0.0
    power: float = 0.0
    jitter: int = 0

    def regularised(self, **penalties: float) -> "Descent":
        """The same with the penalties of `PENALTIES`, or with others in the place of some."""
        unknown = sorted(set(penalties) - set(PENALTIES))
        if unknown:
            raise InputError(f"there is no penalty {unknown[0]!r}: there are {', '.join(PENALTIES)}")
        chosen = {**PENALTIES, **penalties}
        return replace(
            self,
            total_variation=chosen["total_variation"],
            power=chosen["power"],
            jitter=int(chosen["jitter"]),
        )

    def __post_init__(self) -> None:
        if self.optimiser not in get_args(Optimiser):
            raise InputError(f"there is no optimiser {self.optimiser!r}: choose {' or '.join(get_args(Optimiser))}")
        for name in ("steps", "patience", "start_std", "learning_rate"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"the inversion's {name.replace('_', ' ')} is {value}: it must be above 0")
        for name in ("tolerance", "total_variation", "power", "jitter"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"the inversion's {name.replace('_', ' ')} is {value}: it must be 0 or more")

    @property
    def learning_rate(self) -> float:
        """The rate that is used."""
        return RATES[self.optimiser] if self.rate is None else self.rate

    @property
    def key(self) -> str:
        """All that the course depends on; more steps, or less patience, end the same course elsewhere."""
        penalties = (self.total_variation, self.power, self.jitter)
        return repr((self.optimiser, float(self.learning_rate), float(self.start_std), *map(float, penalties)))


@dataclass(frozen=True)
class Course:
    """A descent up to some step.

    Attributes
    ----------
    key
        Of what it is a descent.
    sound
        The samples that the next step hears.
    best
        The samples of the lowest objective so far.
    losses, objectives
        Of the samples that each step heard, before it changed them.
    memory
        The optimiser's own arrays.
    """

    key: str
    sound: Floats
    best: Floats
    losses: Floats
    objectives: Floats
    memory: dict[str, Floats]

    @property
    def steps(self) -> int:
        """Steps done."""
        return len(self.losses)

    @property
    def best_step(self) -> int:
        """The step that heard `best`."""
        return int(self.objectives.argmin())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays, to be kept."""
        own = {name: getattr(self, name) for name in ("sound", "best", "losses", "objectives")}
        key = np.frombuffer(self.key.encode(), np.uint8)
        return {"key": key, **own, **{f"memory.{name}": array for name, array in self.memory.items()}}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> "Course":
        """The course that was kept.

        Raises
        ------
        InputError
            If an array is missing, or is not what a course has there.
        """
        try:
            key = arrays["key"].tobytes().decode()
            sound, best, losses, objectives = (
                np.array(arrays[name], np.float32) for name in ("sound", "best", "losses", "objectives")
            )
        except (KeyError, ValueError) as error:
            raise InputError(f"a checkpoint of an inversion lacks its {error}: remove it to start anew") from error
        memory = {n.removeprefix("memory."): np.array(a) for n, a in arrays.items() if n.startswith("memory.")}
        if sound.shape != best.shape or losses.shape != objectives.shape or sound.ndim != 1:
            raise InputError("a checkpoint of an inversion has arrays that do not fit together: remove it")
        return cls(key, sound, best, losses, objectives, memory)


def course_key(descent: Descent, target: Floats, samples: int, seed: int, *encoder: str) -> str:
    """What tells one descent from all others, whatever its number of steps."""
    return content_hash(*encoder, descent.key, str(samples), str(seed), np.ascontiguousarray(target).tobytes())


def is_over(course: Course, descent: Descent) -> bool:
    """Whether all steps are done, or the objective has stopped falling."""
    return course.steps >= descent.steps or _Patience(descent, course).is_out(course.steps)


class _Patience:
    """Watches for an objective that has stopped falling: a rule of the objectives alone, wherever a run was cut."""

    def __init__(self, descent: Descent, course: Course) -> None:
        self.descent, self.anchor, self.since = descent, math.inf, 0
        for step, objective in enumerate(course.objectives.tolist()):
            self.saw(step, objective)

    def saw(self, step: int, objective: float) -> None:
        if objective < self.anchor * (1 - self.descent.tolerance):
            self.anchor, self.since = objective, step

    def is_out(self, step: int) -> bool:
        return step - self.since > self.descent.patience


def start(key: str, samples: int, descent: Descent, seed: int) -> Course:
    """The course before its first step: noise."""
    noise = np.random.default_rng([seed, 0]).normal(0, descent.start_std, samples)
    sound = np.clip(noise, -1, 1).astype(np.float32)
    none = np.empty(0, np.float32)
    return Course(key, sound, sound, none, none, {})


def descend(
    hear: Hear, target: Floats, course: Course, descent: Descent, seed: int, *, steps: int, device: Any = "cpu"
) -> Course:
    """The course some steps on, or at its end.

    Parameters
    ----------
    hear
        From a tensor [1, samples] to its embedding [1, d], differentiable.
    target : (d,) array
        The embedding that is wanted.
    course
        Where it stands.
    descent, seed
        How the sound is sought, and the source of its draws.
    steps
        To go at most.
    device
        Where `hear` wants its tensors.

    Raises
    ------
    EncoderError
        If no gradient reaches the sound.
    InputError
        If the loss is not finite.
    """
    import torch

    sound = torch.tensor(course.sound, device=device, requires_grad=True)
    aim = torch.tensor(target, dtype=torch.float32, device=device)
    optimiser = _optimiser(sound, course, descent)
    best, lowest = course.best, float(course.objectives.min(initial=math.inf))
    watch = _Patience(descent, course)
    losses, objectives = course.losses.tolist(), course.objectives.tolist()
    for step in range(course.steps, min(course.steps + steps, descent.steps)):
        if watch.is_out(step):
            break
        optimiser.zero_grad()
        loss = (hear(shifted(sound, descent.jitter, seed, step)[None])[0] - aim).square().mean()
        unit = losses[0] if losses else float(loss.detach())
        objective = loss + unit * _penalties(sound, descent)
        _differentiate(objective, sound, step, descent)
        losses.append(float(loss.detach()))
        objectives.append(float(objective.detach()))
        if objectives[-1] < lowest:
            best, lowest = sound.detach().cpu().numpy().copy(), objectives[-1]
        watch.saw(step, objectives[-1])
        optimiser.step()
        with torch.no_grad():
            sound.clamp_(-1, 1)
    memory = {name: value.cpu().numpy().copy() for name, value in optimiser.state[sound].items() if value is not None}
    last = sound.detach().cpu().numpy().copy()
    return Course(course.key, last, best, np.array(losses, np.float32), np.array(objectives, np.float32), memory)


def _optimiser(sound: "Tensor", course: Course, descent: Descent) -> Any:
    """Torch's own, with the memory that it had."""
    import torch

    rate = descent.learning_rate
    found: Any
    if descent.optimiser == "adam":
        found = torch.optim.Adam([sound], lr=rate, foreach=False)
    else:
        found = torch.optim.SGD([sound], lr=rate, foreach=False)
    for name, array in course.memory.items():
        # The count of steps is kept on the processor, as Adam itself does.
        found.state[sound][name] = torch.tensor(array, device="cpu" if name == "step" else sound.device)
    return found


def _penalties(sound: "Tensor", descent: Descent) -> "Tensor | float":
    penalties: Tensor | float = 0.0
    if descent.total_variation:
        penalties = penalties + descent.total_variation * total_variation(sound)
    if descent.power:
        penalties = penalties + descent.power * mean_power(sound)
    return penalties


def _differentiate(objective: "Tensor", sound: "Tensor", step: int, descent: Descent) -> None:
    """Fill in the gradient, and see that it is one."""
    if not math.isfinite(float(objective.detach())):
        raise InputError(
            f"the inversion's loss is not finite at step {step + 1}: take a smaller rate than {descent.learning_rate:g}"
        )
    if not objective.requires_grad:
        raise EncoderError(_NO_GRADIENT)
    objective.backward()
    if sound.grad is None or (step == 0 and objective > 0 and not sound.grad.any()):
        raise EncoderError(_NO_GRADIENT)
