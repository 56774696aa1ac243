"""Train one of the four task encoders, and write it as a folder that `-e learned:FOLDER` audits."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch

from earwitness.datasets import Clips
from earwitness.encoders.devices import pick_device
from earwitness.engine import Progress
from earwitness.errors import InputError
from earwitness.learning.loop import Schedule, threads, train
from earwitness.learning.model_folder import write_model
from earwitness.learning.run_folder import check_folder, claim_folder
from earwitness.learning.tasks.card import card
from earwitness.learning.tasks.decoder import Unpooling
from earwitness.learning.tasks.encoder import Layer
from earwitness.learning.tasks.encoding import KIND, arrays_of, description
from earwitness.learning.tasks.examples import Examples
from earwitness.learning.tasks.gathering import Gathered, Question, gather
from earwitness.learning.tasks.losses import Reconstruction, Separated
from earwitness.learning.tasks.mfcc import MFCC_SHAPE
from earwitness.learning.tasks.networks import Inputs, TaskName, TaskNetwork
from earwitness.learning.tasks.scores import score
from earwitness.learning.tasks.spectra import SHAPES
from earwitness.learning.tasks.training import Consistency, TaskLearning, learn_front
from earwitness.store import content_hash, whole_file

EPOCHS: dict[TaskName, int] = {"autoencoder": 500, "tagging": 200, "instruments": 500, "separation": 5000}
"""Passes over the training clips, as chosen by hand in Kim (2021), section 4.4."""


@dataclass(frozen=True)
class Size:
    """How much a network is and how long it is trained.

    Attributes
    ----------
    width
        Of 1: a quarter has a quarter of the channels.
    features
        Values of the representation.
    batch
        Clips a step.
    steps
        Of training; None: as many as the epochs take.
    epochs
        Passes over the training clips; None: the published ones, `EPOCHS`.
    """

    width: float
    features: int
    batch: int
    steps: int | None = None
    epochs: int | None = None

    def __post_init__(self) -> None:
        counts = [self.features, self.batch - 1, *(n for n in (self.steps, self.epochs) if n is not None)]
        if not 0 < self.width <= 4 or min(counts) < 1:
            raise InputError(
                f"a network of width {self.width:g} with {self.features} features, in {self.steps} steps or "
                f"{self.epochs} epochs of batches of {self.batch}, cannot be trained: the width lies above 0 and up to "
                "4, a batch has 2 clips or more, and the others are 1 or more"
            )


SIZES = {"desk": Size(0.25, 128, 16, 300), "full": Size(1.0, 256, 24)}
"""Minutes on two cores, and the published size."""


@dataclass(frozen=True)
class Making:
    """Everything about a network and its training but the clips.

    Attributes
    ----------
    question
        The task, and where its answers are.
    size
        How large, how long.
    shape
        "default": 513 bins x 173 frames; "table41": 512 x 128, as printed in Table 4.1.
    inputs
        "spectrogram"; "mfcc": the baseline, a predictor or decoder of the 144 MFCC statistics.
    layer
        What the encoder returns: "post_fc" (as the published code), or "gap" (as the text).
    unpooling, mulaw, reconstruction, separated
        As in `Decoder`, `FrontEnd`, and the losses.
    consistency
        Whether and how changed copies take part.
    learning_rate, weight_decay
        Of Adam (its AMSGrad variant).
    """

    question: Question
    size: Size = SIZES["desk"]
    shape: Literal["default", "table41"] = "default"
    inputs: Inputs = "spectrogram"
    layer: Layer = "post_fc"
    unpooling: Unpooling = "repeat"
    mulaw: int = 0
    reconstruction: Reconstruction = "mean square"
    separated: Separated = "both"
    consistency: Consistency | None = None
    learning_rate: float = 1e-3
    weight_decay: float = 1e-7
    validate_every: int = field(default=100)

    def __post_init__(self) -> None:
        if self.inputs == "mfcc" and self.shape != "default":
            raise InputError("the decoder of MFCCs has one size: leave out the option shape")
        if self.mulaw and not 2 <= self.mulaw <= 65536:
            raise InputError(f"mu-law has 2 to 65536 levels, not {self.mulaw}; the published code has 256")

    def network(self, classes: int, seed: int) -> TaskNetwork:
        """The network with its starting weights, drawn from the seed."""
        size = self.size
        shape = MFCC_SHAPE if self.inputs == "mfcc" else SHAPES[self.shape].scaled(size.width, size.features)
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            network = TaskNetwork(
                self.question.task, shape, classes, inputs=self.inputs, unpooling=self.unpooling, mulaw=self.mulaw
            )
        return network.to(memory_format=torch.channels_last)  # a third faster on processors


def learn_task(
    clips: Clips,
    making: Making,
    out: str | Path,
    *,
    seed: int = 0,
    device: str | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train a task encoder on clips; an interrupted run goes on from its last checkpoint.

    Parameters
    ----------
    clips
        What to learn from: any for the autoencoder; with tags, classes, or parts of songs for the others.
    making
        The task, the network and its training.
    out
        Folder: `model.json`, `weights.safetensors`, `model-card.md`, `losses.csv`, `scores.csv`, `skipped.csv`,
        `training_points.csv`, `checkpoint.pt`, `run.json`, `events/`.
    seed
        Of starting weights, batches, crops, dropout, the split and the copies.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    jobs, progress
        Workers that decode, and who is told how far the work is.

    Returns
    -------
    Path
        Of the folder.

    Raises
    ------
    InputError
        If the clips do not serve the task, or the folder has a checkpoint of another network or run.

    References
    ----------
    Kim (2021), sections 4.2 to 4.4; Kim et al. (2019), Frontiers in Applied Mathematics and Statistics 5:53.
    """
    folder = Path(out)
    check_folder(folder)
    copies = making.consistency.perturbations if making.consistency else ()
    network_samples = making.network(1, seed).shape.samples
    gathered = gather(
        clips,
        making.question,
        samples=network_samples,
        perturbations=copies,
        seed=seed,
        jobs=jobs,
        progress=progress,
    )
    examples = gathered.examples
    network = making.network(len(examples.outputs), seed)
    about = _about(making, examples)
    claim_folder(folder, about | {"seed": seed})
    with threads(1 if _small(making, device) else None):
        learn_front(network, examples, seed)
        log = train(
            network,
            _learning(making, examples),
            _schedule(making, examples),
            folder,
            seed=seed,
            device=device,
            about=about,
            progress=progress,
            stage=f"training: {making.question.task}",
        )
        scores = score(network, examples, seed)
    _write(
        folder, network.cpu(), _facts(making, gathered, network, clips.name, seed, int(log["step"].max())), scores, log
    )
    for name, table in (("skipped", gathered.skipped), ("training_points", gathered.points)):
        with whole_file(folder / f"{name}.csv") as draft:
            table.to_csv(draft, index=False)
    return folder


def _write(folder: Path, network: TaskNetwork, facts: dict[str, Any], scores: pd.DataFrame, log: pd.DataFrame) -> None:
    with whole_file(folder / "scores.csv") as draft:
        scores.to_csv(draft, index=False)
    with whole_file(folder / "model-card.md") as draft:
        draft.write_text(card(folder.resolve().name, facts, scores, log), encoding="utf-8")
    write_model(folder, KIND, facts, arrays_of(network))  # last: a folder with a model is a finished one


def _learning(making: Making, examples: Examples) -> TaskLearning:
    return TaskLearning(examples, making.size.batch, making.reconstruction, making.separated, making.consistency)


def _schedule(making: Making, examples: Examples) -> Schedule:
    size = making.size
    passes = size.epochs or EPOCHS[making.question.task]
    return Schedule(
        size.steps or passes * -(-int(examples.training.sum()) // size.batch),
        learning_rate=making.learning_rate,
        weight_decay=making.weight_decay,
        amsgrad=True,
        validate_every=making.validate_every,
        checkpoint_every=100,
    )


def _about(making: Making, examples: Examples) -> dict[str, Any]:
    """What makes a run this run, beside what the loop knows: the options, and the sounds by content."""
    options = options_of(making)
    for length in ("steps", "epochs"):
        del options["size"][length]
    sounds = [*examples.sounds.files, *(file for copy in examples.copies for file in copy.files)]
    heard = content_hash(*(file.stem for file in sounds), examples.targets.tobytes(), examples.training.tobytes())
    return {"options": options, "sounds": heard}


def options_of(making: Making) -> dict[str, Any]:
    """Every option as JSON values."""
    options = asdict(replace(making, consistency=None))
    if making.consistency is not None:
        kept = making.consistency
        options["consistency"] = {
            "how": kept.how,
            "weight": kept.weight,
            "closeness": kept.closeness,
            "perturbations": [one.label for one in kept.perturbations],
        }
    return options


def _facts(
    making: Making, gathered: Gathered, network: TaskNetwork, source: str, seed: int, steps: int
) -> dict[str, Any]:
    """What the folder says about itself."""
    examples = gathered.examples
    layer = making.layer if network.inputs == "spectrogram" else network.main
    return {
        "task": making.question.task,
        "network": description(network),
        "options": options_of(making),
        "layer": layer,
        "embedding_size": network.encoder.sizes[layer],
        "parameters": sum(value.numel() for value in network.parameters()),
        "outputs": list(examples.outputs),
        "source": source,
        "training_clips": int(examples.training.sum()),
        "validation_clips": int(examples.validation.sum()),
        "skipped_clips": len(gathered.skipped),
        "split": gathered.split,
        "seed": seed,
        "steps": steps,
    }


def _small(making: Making, device: str | None) -> bool:
    """Whether several threads would cost more than they give."""
    return pick_device(device).type == "cpu" and making.size.width < 0.5
