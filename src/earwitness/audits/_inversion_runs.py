"""The descents of an inversion: which there are, and how they are carried out side by side and taken up again."""

from collections.abc import Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earwitness import engine
from earwitness.audits._aims import Aim
from earwitness.audits._descent import CHECKPOINT, Course, Descent, Hear, course_key, descend, is_over, start
from earwitness.embeddings import Embeddings
from earwitness.encoders import Encoder
from earwitness.errors import EncoderError, InputError

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float32]
Kept = MutableMapping[str, dict[str, NDArray[Any]]]

AGREEMENT = 0.01
"""How far `embed_tensor` may lie from `encode`, over the length of the vector: rounding, not another function."""


@dataclass(frozen=True)
class Listener:
    """An encoder, and the real clips as it hears them.

    Attributes
    ----------
    encoder
        Anything with the protocol.
    embeddings
        Its vectors of the same clips as every other listener has, cut to the same length.
    """

    encoder: Encoder
    embeddings: Embeddings


@dataclass(frozen=True)
class Run:
    """One descent.

    Attributes
    ----------
    name
        "class", "clip" or "other" after its aim; "class-2" from the second start; "regularised"; "untrained".
    aim, target
        Where it is to come, and that as a vector.
    through
        Whose gradients are followed.
    descent, seed
        How, and from which noise.
    """

    name: str
    aim: Aim
    target: Floats
    through: Listener
    descent: Descent
    seed: int

    @property
    def title(self) -> str:
        """The sound as the page calls it."""
        start = self.name.partition("-")[2]
        extra = {"regularised": ", regularised", "untrained": ", untrained network"}.get(self.name, "")
        return f"made for {self.aim.words}{extra}" + (f", start {start}" if start else "")


def carry_out(
    runs: Iterable[Run], seconds: float, kept: Kept, jobs: int, progress: engine.Progress | None
) -> dict[str, Course]:
    """The courses at their ends, by name.

    Each computes on one thread, so that its sums keep their order whatever runs beside it.
    """
    stop = Event()
    with engine.one_thread(), ThreadPoolExecutor(jobs) as pool:
        waiting = {run.name: pool.submit(_carry_out, run, seconds, kept, progress, stop) for run in runs}
        try:
            return {name: future.result() for name, future in waiting.items()}
        except BaseException:
            stop.set()  # the others keep what they have, and leave
            pool.shutdown(cancel_futures=True)
            raise


def _carry_out(run: Run, seconds: float, kept: Kept, progress: engine.Progress | None, stop: Event) -> Course:
    encoder = run.through.encoder
    samples = samples_of(encoder, seconds)
    hear, device = hearing(encoder), getattr(encoder, "device", "cpu")
    key = course_key(run.descent, run.target, samples, run.seed, encoder.name, encoder.revision)
    course = start(key, samples, run.descent, run.seed)
    _check_agreement(encoder, hear, course.sound, device)
    before = kept.get(run.name)
    if before is not None:
        gone = Course.from_arrays(before)
        course = gone if gone.key == key else course
    stage = f"descent “{run.name}”"
    while not is_over(course, run.descent) and not stop.is_set():
        steps = CHECKPOINT - course.steps % CHECKPOINT
        course = descend(hear, run.target, course, run.descent, run.seed, steps=steps, device=device)
        kept[run.name] = course.arrays()
        if progress is not None:
            progress(course.steps, run.descent.steps, stage)
    if progress is not None:
        progress(run.descent.steps, run.descent.steps, stage)
    return course


def samples_of(encoder: Encoder, seconds: float) -> int:
    """Samples of a sound of that length at the encoder's rate, in whole windows where it has windows.

    Raises
    ------
    InputError
        If no window fits into it.
    """
    if encoder.window is None:
        samples = round(seconds * encoder.sample_rate)
        if samples < 1:
            raise InputError(f"a sound of {seconds:g} s has no sample at {encoder.sample_rate} Hz: make it longer")
        return samples
    window = round(encoder.window * encoder.sample_rate)
    count = int(seconds * encoder.sample_rate + 0.5) // window
    if count < 1:
        raise InputError(
            f"a sound of {seconds:g} s is shorter than the window of {encoder.name}: make it {encoder.window:g} s or "
            "longer"
        )
    return count * window


def hearing(encoder: Encoder) -> Hear:
    """From a tensor [1, samples] to its embedding [1, d], the mean over the windows where there are windows.

    Raises
    ------
    EncoderError
        If the encoder has no gradients.
    """
    embed: Callable[[Tensor], Tensor] | None = getattr(encoder, "embed_tensor", None)
    if embed is None:
        raise EncoderError(
            f"{encoder.name} has no gradients (no `embed_tensor`), and inversion follows gradients: take a network of "
            "torch, such as musicnn-msd or random"
        )
    if encoder.window is None:
        return embed
    window = round(encoder.window * encoder.sample_rate)
    return lambda audio: embed(audio.reshape(-1, window)).mean(0, keepdim=True)


def _check_agreement(encoder: Encoder, hear: Hear, sound: Floats, device: Any) -> None:
    """Refuse a way for gradients that does not lead to the encoder's own vectors."""
    import torch

    from earwitness.extraction import embed_sound

    with torch.no_grad():
        ours = hear(torch.from_numpy(sound[None]).to(device))[0].cpu().numpy().astype(np.float64)
    theirs = embed_sound(encoder, sound, encoder.sample_rate).astype(np.float64)
    if ours.shape != theirs.shape or not np.linalg.norm(ours - theirs) <= AGREEMENT * np.linalg.norm(theirs) + 1e-6:
        raise EncoderError(
            f"`embed_tensor` of {encoder.name} does not give what its `encode` gives for the same noise: mend it, "
            "since a descent along it would lead elsewhere"
        )


def plan(
    aims: list[Aim],
    listener: Listener,
    labels: NDArray[np.object_] | None,
    descent: Descent,
    penalties: Descent | None,
    untrained: Listener | None,
    starts: int,
    seed: int,
) -> list[Run]:
    """The runs: the first aim from several starts, and what stands beside it.

    Parameters
    ----------
    aims
        The one that was asked for, first.
    descent
        Of all runs but the regularised one.
    penalties
        Of the regularised one; None: there is none.
    untrained
        The network with weights that were never trained; None: no such run.
    """

    def run(name: str, aim: Aim, through: Listener, how: Descent, k: int = 0) -> Run:
        target = aim.target(through.embeddings, labels).astype(np.float32)
        return Run(name, aim, target, through, how, seed + k)

    first = aims[0]
    runs = [run(first.kind if k == 0 else f"{first.kind}-{k + 1}", first, listener, descent, k) for k in range(starts)]
    if penalties is not None:
        runs.append(run("regularised", first, listener, penalties))
    runs += [run(aim.kind, aim, listener, descent) for aim in aims[1:]]
    if untrained is not None:
        runs.append(run("untrained", first, untrained, descent))
    return runs
