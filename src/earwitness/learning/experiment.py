"""The experiment: every run of a design learnt, embedded and asked for every target; kept run by run, and resumable.

A run's folder is named by a hash of all that its numbers depend on, and its scores are one file, whole or absent. So a
run that was killed is taken up where it stopped, one that is finished is never repeated, and a run's numbers are the
same with any number of workers. Networks of a single source serve MSS-CR too, which is those networks side by side.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness import engine
from earwitness.datasets import Clips
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.extraction import content_keys, embed
from earwitness.learning.design import SINGLE, Design, Run
from earwitness.learning.probes import Probe, reduced
from earwitness.learning.scale import Scale
from earwitness.learning.sources import Source
from earwitness.learning.targets import Target, target_score
from earwitness.store import content_hash, whole_file

ASSEMBLED = "mss-cr"
RANDOM_SEEDS = 5
_LAYOUT = "1"  # raised whenever the way from a run to its scores changes
_SCORES, _NETWORK = "scores.json", "network"


@dataclass(frozen=True, eq=False)
class Experiment:
    """What all runs have in common.

    Attributes
    ----------
    learning
        Clips to learn from, with a column `split`.
    sources
        A row for each of these clips.
    asked
        Clips that the targets are asked about.
    targets
        Over the rows of `asked`.
    scale
        Of the networks and their training.
    folder
        Where runs are kept.
    probe
        Of the targets.
    seed
        Of all runs.
    single_repeats
        Networks that there are of each single source.
    """

    learning: Clips
    sources: tuple[Source, ...]
    asked: Clips
    targets: tuple[Target, ...]
    scale: Scale
    folder: Path
    probe: Probe = Probe()
    seed: int = 0
    single_repeats: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Of the sources."""
        return tuple(source.name for source in self.sources)

    def identity(self) -> str:
        """A hash of all that the numbers of a run depend on, other than the run."""
        parts: list[str | bytes] = [_LAYOUT, str(self.seed), repr(self.scale), repr(self.probe)]
        for clips in (self.learning, self.asked):
            keys, _ = content_keys(clips)
            parts += [f"{clip}={keys.get(clip, '')}" for clip in clips.table["clip"]]
        parts += ["split", *self.learning.table["split"].astype(str)]
        for source in self.sources:
            parts += [source.name, source.kind, np.ascontiguousarray(source.targets).tobytes()]
        for target in self.targets:
            parts += [target.name, target.measure, repr(target.penalties), repr(target.cold)]
            truth = target.truth if target.plays is None else target.plays.toarray()
            parts += [np.asarray(truth, str).tobytes(), target.train.tobytes(), target.test.tobytes()]
            parts += [target.units.tobytes()]
        return content_hash(*parts)


@dataclass(frozen=True)
class Place:
    """Where a run is kept: `folder` / its hash."""

    folder: Path

    @property
    def scores(self) -> Path:
        """The file that says that a run is finished."""
        return self.folder / _SCORES

    @property
    def network(self) -> Path:
        """For `learned:<folder>`."""
        return self.folder / _NETWORK

    def read(self) -> list[dict[str, Any]] | None:
        """Its rows, or None where it is not finished.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        if not self.scores.is_file():
            return None
        try:
            rows = json.loads(self.scores.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{self.scores} is damaged: remove it, and the run is made anew") from error
        return list(rows)


def run_experiment(
    experiment: Experiment,
    design: Design,
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: engine.Progress | None = None,
) -> pd.DataFrame:
    """Make every run of a design that is not made yet.

    Parameters
    ----------
    experiment
        What to learn from, and what to ask.
    design
        Which runs.
    jobs, cluster, progress
        As in `engine.map`. On a cluster `experiment.folder` and the sound must be reachable from every worker.

    Returns
    -------
    DataFrame
        A row for each run and target: run, phase, strategy, n, repeat, each source (0 or 1), dimension, parameters,
        target, measure, score, low, high, and `equal`, the score with as many principal components as one source has
        values.

    Raises
    ------
    InputError
        If sources or targets do not fit, in one sentence.
    """
    missing = sorted(set(design.sources) - set(experiment.names))
    if missing:
        raise InputError(f"the design has the source {missing[0]!r}, which the experiment has not")
    identity = experiment.identity()
    work = partial(_made, experiment, identity)
    singles, others = design.single, (*design.every, *design.mixed)
    found: list[list[dict[str, Any]]] = []
    total = len(design.runs)
    for runs, before in ((singles, 0), (others, len(singles))):
        found += engine.map(
            work, runs, jobs=jobs, cluster=cluster, progress=_shifted(progress, before, total), stage="runs"
        )
    scores = pd.DataFrame([row for rows in found for row in rows])
    columns = design.to_frame()
    return columns.merge(scores, on="run", how="left", validate="one_to_many")


def _shifted(progress: engine.Progress | None, before: int, whole: int) -> engine.Progress | None:
    """One bar for both halves of the runs."""
    if progress is None:
        return None
    told = progress

    def show(done: int, total: int, stage: str) -> None:
        del total  # of this half alone
        told(before + done, whole, f"{stage} of the experiment")

    return show


def place_of(experiment: Experiment, identity: str, run: Run) -> Place:
    """Where a run is kept."""
    return Place(experiment.folder / content_hash(identity, run.name)[:16])


def seed_of(experiment: Experiment, run: Run) -> int:
    """A run's own seed, from the experiment's and what the run is."""
    return int(content_hash(str(experiment.seed), run.name)[:8], 16)


def _made(experiment: Experiment, identity: str, run: Run) -> list[dict[str, Any]]:
    """One run, from its file or from the start."""
    place = place_of(experiment, identity, run)
    known = place.read()
    if known is not None:
        return known
    started = perf_counter()
    with engine.one_thread():
        if run.strategy == ASSEMBLED:
            vectors, parameters = _assembled(experiment, identity, run)
        else:
            _learnt(experiment, run, place.network)
            vectors, parameters = _vectors(experiment, place.network)
        rows = [
            {
                "run": run.name,
                "dimension": vectors.shape[1],
                "parameters": parameters,
                "folder": place.folder.name,
                **scored,
            }
            for scored in ask_targets(experiment, vectors)
        ]
    seconds = round(perf_counter() - started, 2)
    rows = [row | {"seconds": seconds} for row in rows]
    with whole_file(place.scores) as draft:
        draft.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return rows


def _learnt(experiment: Experiment, run: Run, folder: Path) -> None:
    from earwitness.learning.model_folder import FACTS
    from earwitness.learning.multi_source import Method, Resources, learn

    if (folder / FACTS).is_file():
        return
    sources = {source.name: source for source in experiment.sources}
    learn(
        experiment.learning,
        out=folder,
        sources=[sources[name] for name in run.sources],
        strategy=run.strategy,
        scale=experiment.scale,
        method=Method(coverage="intersection"),  # so that sources are compared on the same clips
        seed=seed_of(experiment, run),
        resources=Resources(jobs=1),
    )


def _vectors(experiment: Experiment, folder: Path) -> tuple[NDArray[np.float32], int]:
    """Vectors of the clips that are asked about, and how many numbers the network learnt."""
    from earwitness.encoders import load_encoder

    encoder: Any = load_encoder(f"learned:{folder}")
    parameters = sum(values.numel() for values in encoder.network.parameters())
    return _aligned(experiment, embed(experiment.asked, encoder, jobs=1)), parameters


def _aligned(experiment: Experiment, embeddings: Embeddings) -> NDArray[np.float32]:
    return embeddings.aligned_with(experiment.asked.table["clip"].to_numpy()).vectors


def _assembled(experiment: Experiment, identity: str, run: Run) -> tuple[NDArray[np.float32], int]:
    """MSS-CR: one network of each source, drawn from its repeats by the run's seed."""
    rng = np.random.default_rng(seed_of(experiment, run))
    parts = []
    for name in run.sources:
        single = Run(SINGLE, (name,), int(rng.integers(experiment.single_repeats)))
        place = place_of(experiment, identity, single)
        _learnt(experiment, single, place.network)
        parts.append(_vectors(experiment, place.network))
    return side_by_side([vectors for vectors, _ in parts]), sum(parameters for _, parameters in parts)


def side_by_side(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Vectors of several networks as those of one: all means, then all deviations."""
    halves = [np.split(part, 2, axis=1) for part in parts]
    return np.hstack([means for means, _ in halves] + [deviations for _, deviations in halves])


def ask_targets(experiment: Experiment, vectors: NDArray[Any]) -> list[dict[str, Any]]:
    """The score of vectors on every target, and that of as many components as a single source has values."""
    one = 2 * experiment.scale.features
    rows = []
    for target in experiment.targets:
        found = target_score(target, vectors, experiment.probe, seed=experiment.seed)
        equal = found
        if vectors.shape[1] > one:
            equal = target_score(target, reduced(vectors, one), experiment.probe, seed=experiment.seed)
        estimate = {name: value for name, value in asdict(found.estimate).items() if name in ("low", "high")}
        rows.append(
            {"target": target.name, "measure": found.measure, "score": found.estimate.value, **estimate}
            | {"equal": equal.estimate.value}
        )
    return rows
