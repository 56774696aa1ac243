"""The options of `earwitness learn --task …`, and what is done with them."""

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earwitness.cli import options

if TYPE_CHECKING:
    from earwitness.datasets import Clips
    from earwitness.learning.tasks.learn import Making

PANEL = "With --task"


class TaskChoice(StrEnum):
    """The four tasks of Kim (2021), chapter 4."""

    autoencoder = "autoencoder"
    tagging = "tagging"
    instruments = "instruments"
    separation = "separation"


class ConsistencyChoice(StrEnum):
    """What is done with changed copies."""

    augment = "augment"
    loss = "loss"


class DistanceChoice(StrEnum):
    """How far a copy's representation is."""

    relative = "relative"
    cosine = "cosine"


class LayerChoice(StrEnum):
    """What the encoder returns."""

    post_fc = "post_fc"
    gap = "gap"


class ShapeChoice(StrEnum):
    """The size of the spectrogram."""

    default = "default"
    table41 = "table41"


class InputsChoice(StrEnum):
    """What the network hears."""

    spectrogram = "spectrogram"
    mfcc = "mfcc"


class UnpoolingChoice(StrEnum):
    """How a decoder undoes pooling."""

    repeat = "repeat"
    indices = "indices"


class LossChoice(StrEnum):
    """Whose form of a loss."""

    code = "code"
    text = "text"


def _option(text: str, **more: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=PANEL, **more)


Task = Annotated[
    TaskChoice | None,
    _option("Train for one task of Kim (2021), chapter 4, in place of sources: any sound, tags, classes, or parts."),
]
Label = Annotated[str, _option("Column of classes, for `instruments`.", metavar="COL")]
Tags = Annotated[str, _option("Column of tags (`a|b`), for `tagging`.", metavar="COL")]
TopTags = Annotated[int, _option("How many of the most frequent tags are learnt.", min=2)]
Part = Annotated[str, _option("Column that says which part of a song a clip is, for `separation`.", metavar="COL")]
Target = Annotated[str | None, _option("The part to separate, such as `vocals`.", metavar="VALUE")]
Mixture = Annotated[str, _option("What whole mixtures are called in that column.", metavar="VALUE")]
Song = Annotated[str | None, _option("Column of the song that parts belong to.", metavar="COL")]
MixDb = Annotated[
    tuple[float, float] | None,
    _option(
        "In place of songs: mix clips of the target with others, the target louder by a level drawn from this range.",
        metavar="LOW HIGH",
    ),
]
Steps = Annotated[int | None, _option("Steps of training, in place of epochs.", min=1)]
Layer = Annotated[LayerChoice, _option("Values after the dense layer, or the mean over frequency and time.")]
Shape = Annotated[ShapeChoice, _option("513 bins x 173 frames (2 s), or the 512 x 128 of Table 4.1.")]
Inputs = Annotated[InputsChoice, _option("`mfcc`: the baseline, which learns only what follows the 144 statistics.")]
Unpooling = Annotated[UnpoolingChoice, _option("Repeat maxima, or put them where the encoder had found them.")]
Loss = Annotated[
    LossChoice,
    _option("As in the published code, or as printed: an L2 norm (autoencoder), the target's part alone (separator)."),
]
Mulaw = Annotated[int, _option("Hear sound through mu-law of so many levels (the published code: 256); 0: do not.")]
ConsistencyHow = Annotated[
    ConsistencyChoice | None,
    _option("Train with changed copies: in place of half of the clips, or near their originals by the loss."),
]
ConsistencyWeight = Annotated[float, _option("Of the copies' distance in the loss.", min=0)]
ConsistencyDistance = Annotated[
    DistanceChoice, _option("Squared distance in units of that between clips, or the cosine distance.")
]
Perturb = Annotated[
    list[str] | None,
    _option("A change that copies get, as in `earwitness perturb`; again for more. By default pitch, noise and MP3."),
]


_OF_SOURCES = (
    "sources",
    "strategy",
    "list_sources",
    "channels",
    "components",
    "least_clips",
    "listening",
    "coverage",
    "joint",
    "cluster",
)


@dataclass(frozen=True)
class Asked:
    """The options above, as they came."""

    task: TaskChoice
    label: str
    tags: str
    top_tags: int
    part: str
    target: str | None
    mixture: str
    song: str | None
    mix_db: tuple[float, float] | None
    layer: LayerChoice
    shape: ShapeChoice
    inputs: InputsChoice
    unpooling: UnpoolingChoice
    loss: LossChoice
    mulaw: int
    consistency: ConsistencyChoice | None
    consistency_weight: float
    consistency_distance: DistanceChoice
    perturb: list[str] | None


def check_given(context: typer.Context, task: TaskChoice | None) -> None:
    """Refuse options that were given and would be without effect.

    Raises
    ------
    InputError
        If an option of tasks is given without a task, or one of sources with it.
    """
    from earwitness.errors import InputError

    idle = _OF_SOURCES if task else ("steps", *(field.name for field in fields(Asked)))
    given = [name for name in idle if str(context.get_parameter_source(name)).endswith("COMMANDLINE")]
    if given:
        option = "--" + given[0].replace("_", "-")
        mend = f"leave it out, or leave out --task {task.value}" if task else "name a --task, or leave it out"
        raise InputError(f"{option} has no effect {'with' if task else 'without'} --task: {mend}")


def making(asked: Asked, scale: str, changed: dict[str, Any], group: str | None, validation: float) -> "Making":
    """The task, the network and its training.

    Parameters
    ----------
    asked
        Options of this file.
    scale, changed
        "desk" or "full", and what is to differ from it: width, features, batch, steps, epochs, learning_rate.
    group, validation
        As in `earwitness learn`.
    """
    from earwitness.audio.perturbations import parse
    from earwitness.errors import InputError
    from earwitness.learning.tasks.gathering import Question
    from earwitness.learning.tasks.learn import SIZES, Making
    from earwitness.learning.tasks.mixtures import Parts
    from earwitness.learning.tasks.training import TRAINED_ON, Consistency

    if scale not in SIZES:
        raise InputError(f"no scale {scale!r}: there are {' and '.join(SIZES)}")
    rate = {"learning_rate": changed.pop("learning_rate")} if "learning_rate" in changed else {}
    if "epochs" in changed and "steps" not in changed:
        changed["steps"] = None
    parts = None
    if asked.task == TaskChoice.separation and asked.target is not None:
        parts = Parts(asked.part, asked.target, asked.mixture, asked.song, asked.mix_db)
    copies = tuple(parse(text) for text in asked.perturb) if asked.perturb else TRAINED_ON
    consistency = None
    if asked.consistency is not None:
        consistency = Consistency(
            asked.consistency.value, copies, asked.consistency_weight, asked.consistency_distance.value
        )
    question = Question(asked.task.value, asked.label, asked.tags, asked.top_tags, parts, group, validation)
    return Making(
        question,
        replace(SIZES[scale], **changed),
        shape=asked.shape.value,
        inputs=asked.inputs.value,
        layer=asked.layer.value,
        unpooling=asked.unpooling.value,
        mulaw=asked.mulaw,
        reconstruction="norm" if asked.loss == LossChoice.text else "mean square",
        separated="target" if asked.loss == LossChoice.text else "both",
        consistency=consistency,
        **rate,
    )


def train(
    clips: "Clips", wanted: "Making", out: Path, *, seed: int, device: str | None, jobs: int | None, progress: Any
) -> Path:
    """Train, and say how it went."""
    from earwitness.learning.tasks.learn import learn_task

    return learn_task(clips, wanted, out, seed=seed, device=device, jobs=jobs, progress=progress)


def show(folder: Path, as_json: bool) -> None:
    """The scores of a trained encoder."""
    import json

    import pandas as pd

    facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    scores = pd.read_csv(folder / "scores.csv")
    if as_json:
        print(
            json.dumps(
                {"folder": str(folder), "task": facts["task"], "scores": json.loads(scores.to_json(orient="records"))},
                indent=1,
            )
        )
        return
    for row in scores.to_dict("records"):
        interval = (
            f"95 % {row['low']:.3f} to {row['high']:.3f}" if row["low"] == row["low"] else f"no interval: {row['note']}"
        )
        print(options.printable(f"{row['measure']}, {row['what']}: {row['value']:.3f} ({interval}, n={row['n']})"))
    print(options.printable(f"{folder}: audit it with `earwitness audit SOURCE -e learned:{folder}`"))
