"""Train an encoder on a collection: spectrograms, targets, network, a folder that `learned:<folder>` reads."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from earwitness import engine
from earwitness.datasets import Clips
from earwitness.encoders.chunks import Padding, Power
from earwitness.encoders.devices import pick_device
from earwitness.errors import InputError
from earwitness.learning.checkpoints import steps_done
from earwitness.learning.loop import Schedule, seconds_a_step, threads, train
from earwitness.learning.model_folder import write_model
from earwitness.learning.multi_source_card import learnt_table, training_points, write_card
from earwitness.learning.multi_source_encoder import SOURCES, arrays_of
from earwitness.learning.multi_source_task import Coverage, MultiSourceTask, Reduction, Sampling, parts_of
from earwitness.learning.networks import MultiSourceNetwork, assemble, check_strategy
from earwitness.learning.run_folder import check_folder, claim_folder
from earwitness.learning.scale import Scale, scale_named
from earwitness.learning.sources import LabelOptions, Source, make_sources, source_to_files
from earwitness.learning.spectrograms import CHUNK_S, BandStatistics, FrontEnd, SpectrogramCache
from earwitness.learning.splitting import Split, split_clips
from earwitness.store import content_hash, whole_file

_VALIDATIONS = 20  # in a run


@dataclass(frozen=True)
class Method:
    """Choices of method; the first of each is the specification's, the others are for comparison.

    Attributes
    ----------
    coverage, reduction, least_gap_s
        As in `Sampling`.
    power, pad
        As in `FrontEnd`.
    joint
        Train MSS-CR's networks in one run with random draws, as the published code does; else each by itself.
    """

    coverage: Coverage = "available"
    reduction: Reduction = "batchmean"
    least_gap_s: float = 0.0
    power: Power = 2
    pad: Padding = "minimum"
    joint: bool = False


@dataclass(frozen=True)
class Resources:
    """Where the work runs, and who is told of it.

    Attributes
    ----------
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    jobs, cluster, progress
        As in `engine.map`.
    tell
        Given a sentence now and then, such as how long it will take.
    """

    device: str | None = None
    jobs: int | None = None
    cluster: str | None = None
    progress: engine.Progress | None = None
    tell: Callable[[str], None] = lambda _: None

    @property
    def workers(self) -> dict[str, Any]:
        """Arguments of whatever uses `engine.map`."""
        return {"jobs": self.jobs, "cluster": self.cluster, "progress": self.progress}


@dataclass(frozen=True)
class Prepared:
    """All that is known before the first step."""

    clips: Clips
    split: Split
    cache: SpectrogramCache
    bands: BandStatistics
    task: MultiSourceTask

    @property
    def training(self) -> NDArray[np.bool_]:
        """Which clips are trained on."""
        return self.split.training & self.cache.usable


def learn(
    clips: Clips,
    *,
    out: Path | str,
    sources: Sequence[str | Source] = ("self",),
    strategy: str = "ms-cr@2",
    scale: str | Scale = "desk",
    method: Method | None = None,
    validation: float = 0.1,
    group: str | None = None,
    seed: int = 0,
    labels: LabelOptions | None = None,
    listening: Any = None,
    parts: Path | str | None = None,
    resources: Resources | None = None,
) -> Path:
    """Train an encoder on a collection of clips.

    Run again into the same folder it goes on where it was stopped, and ends with the same weights; with more epochs, it
    is trained further. MSS-CR is put together from networks that are each trained on one source.

    Parameters
    ----------
    clips
        What to learn from. A column `split` is followed, else `validation` of the clips are held out by `group`.
    out
        Folder of the model, for `learned:<out>`.
    sources
        Names as in `offered_sources`, or sources that were made, with a row a clip. Their order is that of the blocks.
    strategy
        How much the sources share: one of `STRATEGIES`.
    scale
        "desk", "full", or numbers of your own.
    method
        Choices of method.
    validation, group
        As in `split_clips`.
    seed
        Of every random draw.
    labels, listening
        For `make_sources`.
    parts
        Folder of the networks of single sources, `PARTS/SOURCE`, that MSS-CR is put together from: those of earlier
        runs (also of ss-r) on the same clips, seed and scale are not trained again. None: within `out`.
    resources
        Where it runs, and who is told.

    Returns
    -------
    Path
        The folder: `model.json`, `weights.safetensors`, `model-card.md`, `training_points.csv`, `losses.csv`, the
        checkpoint, and `events/` for TensorBoard.

    Raises
    ------
    InputError
        In one sentence, if the sources, clips or folder cannot be used.
    """
    out, resources = Path(out), resources or Resources()
    scale = scale_named(scale) if isinstance(scale, str) else scale
    method = method or Method()
    names = [source if isinstance(source, str) else source.name for source in sources]
    check_strategy(strategy, names)
    check_folder(out)
    split = split_clips(clips, share=validation, group=group, seed=seed)
    ready = prepare(clips, split, sources, scale, method, resources, seed=seed, labels=labels, listening=listening)
    run = {
        "strategy": strategy,
        "sources": names,
        "scale": {name: value for name, value in asdict(scale).items() if name != "epochs"},
        "method": asdict(method),
        "seed": seed,
        "validation": validation,
        "group": group,
        "clips_and_targets": _fingerprint(ready, ready.task.sources),
    }
    claim_folder(out, run)
    with threads(scale.threads if pick_device(resources.device).type == "cpu" else None):
        network, log = _trained(ready, out, Path(parts or out / "parts"), scale, run, resources)
        learnt = learnt_table(network, ready.task, ready.split.groups, log, np.random.default_rng([seed, 4]))
    _write(out, network, ready, run | {"epochs": scale.epochs}, learnt, log)
    return out


def prepare(
    clips: Clips,
    split: Split,
    sources: Sequence[str | Source],
    scale: Scale,
    method: Method,
    resources: Resources,
    *,
    seed: int = 0,
    labels: LabelOptions | None = None,
    listening: Any = None,
) -> Prepared:
    """Spectrograms, targets and batches of a collection; the arguments are those of `learn`."""
    cache = SpectrogramCache(clips, FrontEnd(scale.channels, method.power, method.pad), **resources.workers)
    _check_clips(clips, cache, resources.tell)
    training = split.training & cache.usable
    named = [source for source in sources if isinstance(source, str)]
    made = iter(
        make_sources(
            clips, named, training=training, seed=seed, listening=listening, options=labels, **resources.workers
        )
    )
    chosen = [next(made) if isinstance(source, str) else source for source in sources]
    for source in chosen:
        if len(source.targets) != len(clips):
            raise InputError(f"the source {source.name} has {len(source.targets)} rows for {len(clips)} clips")
    bands = cache.band_statistics(training)
    place = pick_device(resources.device)
    sampling = Sampling(scale.batch, method.coverage, method.reduction, method.least_gap_s)
    spectrograms = cache if place.type == "cpu" else cache.on_device(place)
    task = MultiSourceTask(spectrograms, chosen, split.training, split.validation, bands, sampling)
    return Prepared(clips, split, cache, bands, task)


def schedule_of(scale: Scale, sources: int, clips: int) -> Schedule:
    """Steps for so many sources and training clips: epochs x batches x sources (Kim 2021, Algorithm 1)."""
    epoch = -(-clips // scale.batch) * sources
    steps = scale.epochs * epoch
    return Schedule(
        steps,
        scale.learning_rate,
        scale.weight_decay,
        validate_every=max(epoch, steps // _VALIDATIONS),
        checkpoint_every=min(epoch, 100),
    )


def _trained(
    ready: Prepared, out: Path, parts: Path, scale: Scale, run: dict[str, Any], resources: Resources
) -> tuple[MultiSourceNetwork, pd.DataFrame]:
    """The trained network on the processor, and its losses."""
    apart = run["strategy"] == "mss-cr" and not run["method"]["joint"]
    sources = ready.task.sources
    tasks = [ready.task.of([source]) for source in sources] if apart else [ready.task]
    folders = [parts / source.name for source in sources] if apart else [out]
    schedule = schedule_of(scale, len(tasks[0].sources), int(ready.training.sum()))
    networks: list[MultiSourceNetwork] = []
    logs = []
    for task, folder in zip(tasks, folders, strict=True):
        names, strategy = [source.name for source in task.sources], "ss-r" if apart else run["strategy"]
        network = MultiSourceNetwork(parts_of(task.sources), strategy, scale.size)
        network.draw_weights(run["seed"]).to(memory_format=torch.channels_last)
        if not networks:
            left = sum(schedule.steps - steps_done(place) for place in folders)
            _tell_time(network, task, schedule, left, run["seed"], resources)
        logs.append(
            train(
                network,
                task,
                schedule,
                folder,
                seed=run["seed"],
                device=resources.device,
                about={
                    **run,
                    "strategy": strategy,
                    "sources": names,
                    "clips_and_targets": _fingerprint(ready, task.sources),
                },
                progress=resources.progress,
                stage=f"training on {', '.join(names)}",
            )
        )
        networks.append(network.to("cpu"))
    return assemble(networks).eval() if apart else networks[0], pd.concat(logs, ignore_index=True)


def _tell_time(
    network: MultiSourceNetwork, task: MultiSourceTask, schedule: Schedule, left: int, seed: int, resources: Resources
) -> None:
    if left <= 0:
        return
    each = seconds_a_step(network, task, schedule, seed=seed, device=resources.device)
    parameters = sum(value.numel() for value in network.parameters())
    resources.tell(
        f"{parameters:,} parameters, {left} steps of {task.sampling.batch} clips to go: about {duration(left * each)} "
        f"of training ({each:.2f} s a step)"
    )


def duration(seconds: float) -> str:
    """A length of time in words, to one unit."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1, seconds):.0f} seconds"


def _check_clips(clips: Clips, cache: SpectrogramCache, tell: Callable[[str], None]) -> None:
    """Refuse a collection that cannot be learnt from; say what is left out or filled up."""
    usable, short = int(cache.usable.sum()), int(cache.short.sum())
    if not usable:
        first = cache.skipped.iloc[0] if len(cache.skipped) else {"file": clips.name, "reason": "there are no clips"}
        raise InputError(
            f"none of the {len(clips)} clips can be learnt from; the first, {first['file']}: {first['reason']}"
        )
    if 2 * short > usable:
        raise InputError(
            f"{short} of {usable} clips are shorter than a chunk of {CHUNK_S:.2f} s, so most of what is learnt "
            "would be silence: take longer clips"
        )
    if len(cache.skipped):
        first = cache.skipped.iloc[0]
        tell(f"{len(cache.skipped)} of {len(clips)} clips left out; the first, {first['file']}: {first['reason']}")
    if short:
        tell(f"{short} of {usable} clips are shorter than a chunk of {CHUNK_S:.2f} s and are filled up with silence")


def _fingerprint(ready: Prepared, sources: Sequence[Source]) -> str:
    """Text that names the sound, its parts and its targets."""
    files = [file.name if file else "" for file in ready.cache.files]
    targets = [np.ascontiguousarray(source.targets).tobytes() for source in sources]
    masks = [mask.tobytes() for mask in (ready.split.training, ready.split.validation)]
    return content_hash(*files, *masks, *targets)


def _write(
    out: Path,
    network: MultiSourceNetwork,
    ready: Prepared,
    run: dict[str, Any],
    learnt: pd.DataFrame,
    log: pd.DataFrame,
) -> None:
    """The model, its card, what it was trained on, its losses. `model.json` comes last but the card."""
    parts = [source_to_files(source) for source in ready.task.sources]
    arrays = arrays_of(network, ready.bands)
    for facts, values in parts:
        arrays |= {f"{SOURCES}{facts['name']}.{name}": array for name, array in values.items()}
    with whole_file(out / "losses.csv") as draft:
        log.to_csv(draft, index=False)
    points = training_points(ready.clips, ready.split, ready.cache)
    with whole_file(out / "training_points.csv") as draft:
        points.to_csv(draft, index=False)
    facts = {
        "network": network.describe(),
        "front_end": asdict(ready.cache.front_end),
        "sources": [facts for facts, _ in parts],
        "run": run,
        "split": ready.split.how,
        "learnt": json.loads(learnt.to_json(orient="records", double_precision=10)),
    }
    write_model(out, "multi-source", facts, arrays)
    write_card(out, network, facts, points, learnt)
