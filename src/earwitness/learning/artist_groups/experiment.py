"""The experiment of Kim (2021), chapter 3: networks for every combination of tasks, and how well each tells genres.

Everything that is finished is kept in the folder: a network is trained once, whatever uses it, and an interrupted run
goes on where it stopped, bit for bit.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from earwitness import engine
from earwitness.datasets import Clips
from earwitness.datasets.content import content_hash_of_file
from earwitness.errors import InputError
from earwitness.learning.artist_groups.networks import (
    HIDDEN,
    ArtistGroupNetwork,
    Shape,
    Task,
    TransferClassifier,
    Variant,
    parameters,
)
from earwitness.learning.artist_groups.plan import LETTERS, SOURCES, Case, Network, cases, networks
from earwitness.learning.artist_groups.segments import STEP, SegmentFrontEnd, cut, starts
from earwitness.learning.artist_groups.tasks import Blocks, GroupTask, TransferTask, probabilities
from earwitness.learning.loop import Schedule, train
from earwitness.learning.model_folder import FACTS, write_model
from earwitness.learning.sources import LabelOptions, Source, make_sources
from earwitness.learning.spectrograms import BandStatistics, SpectrogramCache
from earwitness.store import ArrayFiles, content_hash, whole_file

Floats = NDArray[np.float32]

LEAST_CLIPS = 8
"""Clips of a genre, so that at least one of them is held out and others are left to learn from."""

_AT_ONCE = 64


@dataclass(frozen=True)
class Settings:
    """How much of the experiment is done; the defaults are the published size.

    Attributes
    ----------
    width, variant
        Of the networks; see `Shape`.
    epochs
        Passes over the training clips for each task; an MTN of N tasks has N times as many updates.
    mtn_epochs
        Updates of an MTN in passes, whatever N; None: `epochs` times N. The thesis says 1,000 for every N, as 200
        times the number of tasks, which it is for five.
    transfer_epochs, hidden
        Of the classifier.
    batch, learning_rate, weight_decay
        Of both.
    step
        Frames from one segment to the next; 21 overlaps by half, 43 not at all.
    share
        Of the clips that are held out.
    tasks, which
        See `cases`.
    """

    width: float = 1.0
    variant: Variant = "table"
    epochs: int = 200
    mtn_epochs: int | None = None
    transfer_epochs: int = 50
    hidden: int = HIDDEN
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-6
    step: int = STEP
    share: float = 0.15
    tasks: str = LETTERS
    which: Literal["all", "genre"] = "all"


@dataclass(frozen=True, eq=False)
class Material:
    """What every network is trained on.

    Attributes
    ----------
    cache, bands
        Frames, and what standardises them.
    targets
        By letter of the task.
    genres
        Names.
    truth : (clips,) int array
        Place of each clip's genre; -1 where it has none.
    training, held : (clips,) bool arrays
    sources
        What the targets were made by, by letter.
    notes
        What is to be said of it, in sentences.
    """

    cache: SpectrogramCache
    bands: BandStatistics
    targets: dict[str, Floats]
    genres: tuple[str, ...]
    truth: NDArray[np.int64]
    training: NDArray[np.bool_]
    held: NDArray[np.bool_]
    sources: dict[str, Source]
    notes: tuple[str, ...]

    @property
    def letters(self) -> str:
        """Of the tasks there are."""
        return "".join(self.targets)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a classifier says of the clips that were held out.

    Attributes
    ----------
    case
        Of which representation.
    probabilities : (held clips, genres) array
    parameters
        Of the networks together.
    """

    case: Case
    probabilities: NDArray[np.float64]
    parameters: int


def prepare(
    clips: Clips,
    *,
    genre: str = "genre",
    options: LabelOptions,
    settings: Settings,
    seed: int = 0,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: engine.Progress | None = None,
) -> Material:
    """Split the clips, make the targets of every task, and the spectrograms.

    Parameters
    ----------
    clips
        With a column of genres, and for artist groups one of artists.
    genre
        The column.
    options
        Of the artist groups; see `LabelOptions`.
    settings
        Of the experiment.
    seed
        Of the split and of the targets.
    jobs, cluster, progress
        As in `engine.map`.

    Raises
    ------
    InputError
        If there are not two genres with enough clips.
    """
    if genre not in clips.table:
        raise InputError(
            f"{clips.name} has no column {genre!r} of genres; name one with --label (there are "
            f"{', '.join(map(str, clips.table.columns))})"
        )
    workers: dict[str, Any] = {"jobs": jobs, "cluster": cluster, "progress": progress}
    cache = SpectrogramCache(clips, SegmentFrontEnd(), **workers)
    genres, truth, notes = _genres(clips, genre, cache.usable)
    held = _held_out(truth, settings.share, seed)
    training = (truth >= 0) & ~held
    one_hot = np.full((len(clips), len(genres)), np.nan, np.float32)
    one_hot[truth >= 0] = np.eye(len(genres), dtype=np.float32)[truth[truth >= 0]]
    targets, sources = {"g": one_hot} if "g" in settings.tasks else {}, {}
    for letter, name in SOURCES.items():
        if letter not in settings.tasks:
            continue
        try:
            made = make_sources(clips, [name], training=training, options=options, seed=seed, **workers)[0]
        except InputError as error:
            notes.append(f"Task {letter} is left out: {error}.")
            continue
        targets[letter], sources[letter] = made.targets, made
    if not targets:
        raise InputError(f"{clips.name}: none of the tasks {settings.tasks} can be made: {' '.join(notes)}")
    bands = cache.band_statistics(training)
    return Material(cache, bands, targets, genres, truth, training, held, sources, tuple(notes))


def _genres(
    clips: Clips, column: str, usable: NDArray[np.bool_]
) -> tuple[tuple[str, ...], NDArray[np.int64], list[str]]:
    """Names of genres with enough clips, each clip's place among them, and which were left out."""
    cells = clips.table[column]
    known = cells.notna().to_numpy() & usable
    named = cells.astype(str).str.strip().to_numpy(dtype=object)
    counts = {str(name): int((known & (named == name)).sum()) for name in np.unique(named[known].astype(str))}
    kept = tuple(name for name, count in counts.items() if count >= LEAST_CLIPS)
    if len(kept) < 2:
        raise InputError(
            f"{clips.name}: fewer than two genres in {column!r} have {LEAST_CLIPS} clips or more that can be used "
            f"({counts}); name another column with --label"
        )
    rare = [name for name in counts if name not in kept]
    notes = [f"{len(rare)} genres with fewer than {LEAST_CLIPS} clips are left out: {', '.join(rare)}."] if rare else []
    place = {name: number for number, name in enumerate(kept)}
    truth = np.array([place.get(str(name), -1) if there else -1 for name, there in zip(named, known, strict=True)])
    return kept, truth, notes


def _held_out(truth: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """A share of each genre's clips, at least one, drawn by the seed."""
    held = np.zeros(len(truth), bool)
    rng = np.random.default_rng([seed, 15])
    for genre in range(int(truth.max()) + 1):
        rows = rng.permutation(np.flatnonzero(truth == genre))
        held[rows[: max(1, round(share * len(rows)))]] = True
    return held


def run(
    material: Material,
    folder: Path,
    settings: Settings,
    *,
    seed: int = 0,
    device: str | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: engine.Progress | None = None,
) -> list[Outcome]:
    """Train the networks and the classifiers, as far as that was not done.

    Parameters
    ----------
    material
        From `prepare`.
    folder
        Where networks, representations and answers are kept.
    settings, seed
        Of everything.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    jobs, cluster, progress
        As in `engine.map`; a unit of work is one network, or one classifier.

    Returns
    -------
    list of Outcome
        One a case, in the order of `cases`.
    """
    planned = cases(material.letters, which=settings.which)
    trainer = Trainer(material, folder, settings, seed, device)
    workers: dict[str, Any] = {"jobs": jobs, "cluster": cluster, "progress": progress}
    # The largest first, so that no worker is left alone with it at the end.
    order = sorted(networks(planned), key=lambda network: -len(network.tasks) * network.width)
    engine.map(trainer.represent, order, stage=f"training {len(order)} networks", **workers)
    return engine.map(trainer.classify, planned, stage=f"classifying by {len(planned)} representations", **workers)


@dataclass(frozen=True, eq=False)
class Trainer:
    """Trains one network, or one classifier, into the folder; what is there is left as it is."""

    material: Material
    folder: Path
    settings: Settings
    seed: int
    device: str | None = None

    def _features(self, planned: Network) -> Path:
        return self.folder / "features" / f"{planned.name}.npy"

    @property
    def _answers(self) -> ArrayFiles:
        return ArrayFiles(self.folder / "answers")

    def represent(self, planned: Network) -> None:
        """Train a network, keep it as a model that `learned:` loads, and the representation of every segment."""
        if self._features(planned).exists():
            return
        with engine.one_thread():
            place = self.folder / "networks" / planned.name
            network = self.network(planned)
            if planned.kind != "untrained":
                self._learn(network, planned, place)
                self._keep(network, planned, place)
            self._represent(network, planned)

    def network(self, planned: Network) -> ArtistGroupNetwork:
        """As it is before training."""
        tasks = [Task(letter, self.material.targets[letter].shape[1]) for letter in planned.tasks]
        shape = Shape(self.settings.width * planned.width, self.settings.variant)
        seed = self.seed + 1_000_003 if planned.kind == "untrained" else self.seed
        network = ArtistGroupNetwork(tasks, shape).draw_weights(seed)
        import torch

        return network.to(memory_format=torch.channels_last)  # a step takes two thirds of the time

    def _learn(self, network: ArtistGroupNetwork, planned: Network, place: Path) -> None:
        at, material = self.settings, self.material
        task = GroupTask(material.cache, material.bands, material.targets, material.training, material.held, at.batch)
        updates = -(-int(material.training.sum()) // at.batch)
        passes = at.epochs * len(planned.tasks)
        if planned.kind == "MTN" and at.mtn_epochs is not None:
            passes = at.mtn_epochs
        schedule = self._schedule(passes * updates)
        train(network, task, schedule, place, seed=self.seed, device=self.device, about=self._about(planned.tasks))

    def _schedule(self, steps: int) -> Schedule:
        at = self.settings
        return Schedule(
            steps,
            learning_rate=at.learning_rate,
            weight_decay=at.weight_decay,
            validate_every=max(1, steps // 10),
            checkpoint_every=min(500, max(1, steps // 4)),
        )

    def _about(self, tasks: str) -> dict[str, Any]:
        """What makes this run this run."""
        targets = [self.material.targets[letter].tobytes() for letter in dict.fromkeys(tasks)]
        rows = self.material.training.tobytes()
        return {"tasks": tasks, "batch": self.settings.batch, "data": content_hash(rows, *targets)}

    def _keep(self, network: ArtistGroupNetwork, planned: Network, place: Path) -> None:
        if (place / FACTS).exists():
            return
        arrays = {f"network.{name}": value.cpu().numpy() for name, value in network.state_dict().items()}
        bands = self.material.bands
        arrays |= {"bands.mean": bands.mean, "bands.deviation": bands.deviation}
        facts = {
            "network": network.describe(),
            "step": self.settings.step,
            "planned": asdict(planned),
            "seed": self.seed,
            "genres": list(self.material.genres),
            "training_clips": int(self.material.training.sum()),
        }
        write_model(place, "artist-groups", facts, arrays)

    def _represent(self, network: ArtistGroupNetwork, planned: Network) -> None:
        """Write the representation of every segment, some at a time."""
        import torch

        clip, begins = self._segments()
        device = next(network.parameters()).device
        network.eval()
        with whole_file(self._features(planned)) as draft, torch.no_grad():
            shape = (len(clip), network.embedding_size)
            rows = np.lib.format.open_memmap(draft, mode="w+", dtype=np.float32, shape=shape)
            for first in range(0, len(clip), _AT_ONCE):
                part = slice(first, first + _AT_ONCE)
                segments = cut(self.material.cache, self.material.bands, clip[part], begins[part])
                rows[part] = network(segments.to(device)).cpu().numpy()
            rows.flush()

    def _segments(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The clip and the first frame of every segment of the clips that have a genre."""
        rows = np.flatnonzero(self.material.truth >= 0)
        begins = [starts(int(self.material.cache.lengths[row]), self.settings.step) for row in rows]
        return np.repeat(rows, [len(part) for part in begins]), np.concatenate(begins)

    def classify(self, case: Case) -> Outcome:
        """Learn genres from the representation of a case, on training clips only, and answer for those held out."""
        size = sum(parameters(self.network(network)) for network in case.networks)
        if case.name not in self._answers:
            with engine.one_thread():
                self._answers[case.name] = {"probabilities": self._answer(case)}
        return Outcome(case, self._answers[case.name]["probabilities"], size)

    def _answer(self, case: Case) -> NDArray[np.float64]:
        material, at = self.material, self.settings
        files = [self._features(network) for network in case.networks]
        features = Blocks(tuple(np.load(file, mmap_mode="r", allow_pickle=False) for file in files))
        clip, _ = self._segments()
        task = TransferTask(
            features,
            material.truth[clip],
            np.flatnonzero(material.training[clip]),
            np.flatnonzero(material.held[clip]),
            at.batch,
        )
        hidden = max(1, round(at.hidden * at.width))
        classifier = TransferClassifier(features.width, len(material.genres), hidden).draw_weights(self.seed)
        steps = at.transfer_epochs * -(-len(task.training) // at.batch)
        place = self.folder / "transfer" / case.name
        about = {"features": [content_hash_of_file(str(file)) for file in files]}
        train(classifier, task, self._schedule(steps), place, seed=self.seed, device=self.device, about=about)
        classifier.eval()
        return probabilities(classifier, features, clip, np.flatnonzero(material.held).tolist())
