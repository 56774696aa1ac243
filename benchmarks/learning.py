"""Training beside its own ceiling: chunks a second through the whole loop, and through the network alone.

The ceiling is forward and backward of the same network on a batch that lies in memory, without reading, drawing,
optimiser, checkpoints or logs. On a processor: one thread, CPU time. On a graphics processor: wall time, the frames in
its memory. The two take turns, and medians over the rounds are shown.

python -m benchmarks.learning
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch

from earwitness.datasets import load_clips
from earwitness.learning import SCALES, MultiSourceNetwork, Scale, Schedule, Source, SpectrogramCache, train
from earwitness.learning.loop import threads
from earwitness.learning.multi_source_task import MultiSourceTask, Sampling, divergence, parts_of
from earwitness.learning.sources import LabelModel
from earwitness.learning.spectrograms import FrontEnd

RATE, CLIPS, SECONDS, OUTPUTS = 22050, 256, 6, 50
ROUNDS = 5
STEPS = {"desk": 20, "full": 3}
STRATEGIES = ("ss-r", "ms-cr@2")


def _collection(folder: Path, scale: Scale) -> SpectrogramCache:
    rng = np.random.default_rng(0)
    for number in range(CLIPS):
        soundfile.write(folder / f"{number}.wav", 0.1 * rng.standard_normal(RATE * SECONDS), RATE)
    return SpectrogramCache(load_clips(folder), FrontEnd(scale.channels))


def _sources() -> list[Source]:
    rng = np.random.default_rng(1)
    names = tuple(map(str, range(OUTPUTS)))
    return [
        Source(
            name,
            "distribution",
            rng.dirichlet(np.ones(OUTPUTS), CLIPS).astype(np.float32),
            names,
            LabelModel("classes"),
        )
        for name in ("tags", "genre")
    ]


def _seconds(job: Callable[[], object], place: torch.device) -> float:
    clock = time.process_time if place.type == "cpu" else time.perf_counter
    start = clock()
    job()
    if place.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def _measure(name: str, strategy: str, place: torch.device, folder: Path) -> tuple[float, float]:
    """Seconds a chunk: of training, and of the network alone."""
    scale, steps = SCALES[name], STEPS[name] * (1 if place.type == "cpu" else 50)
    cache = _collection(folder, scale)
    everyone = np.ones(CLIPS, bool)
    sources = _sources()[: 1 if strategy == "ss-r" else 2]
    frames = cache if place.type == "cpu" else cache.on_device(place)
    bands = cache.band_statistics(everyone)
    task = MultiSourceTask(frames, sources, everyone, ~everyone, bands, Sampling(scale.batch))
    network = MultiSourceNetwork(parts_of(sources), strategy, scale.size).draw_weights(0)
    network.to(place, memory_format=torch.channels_last)
    path = network.of_source("tags").train()
    shape = (scale.batch, scale.channels, 216, 128)
    batch = torch.randn(shape, device=place).contiguous(memory_format=torch.channels_last)
    targets = torch.full((scale.batch, OUTPUTS), 1 / OUTPUTS, device=place)

    def alone() -> None:
        for _ in range(steps):
            network.zero_grad(set_to_none=True)
            with torch.autocast(place.type, torch.bfloat16, enabled=place.type == "cuda"):
                loss = divergence(path(batch), targets, "batchmean").sum()
            loss.backward()

    def whole(number: int) -> None:
        schedule = Schedule(steps, validate_every=steps, checkpoint_every=100)
        train(network, task, schedule, folder / f"run-{number}", device=str(place))
        path.train()

    alone()  # to warm up
    turns = [(_seconds(lambda n=n: whole(n), place), _seconds(alone, place)) for n in range(ROUNDS)]
    chunks = steps * scale.batch
    trained, ceiling = (statistics.median(column) / chunks for column in zip(*turns, strict=True))
    return trained, ceiling


def main() -> None:
    """Print chunks a second of training and of the network alone, and their ratio."""
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    unit = "CPU second" if place.type == "cpu" else "second"
    print(f"{CLIPS} clips of {SECONDS} s, {place}; chunks a {unit}, medians of {ROUNDS} rounds")
    print(f"{'scale':8}{'strategy':12}{'training':>10}{'network alone':>15}{'ratio':>8}")
    with threads(1):
        for name in STEPS:
            for strategy in STRATEGIES:
                with tempfile.TemporaryDirectory() as folder:
                    trained, ceiling = _measure(name, strategy, place, Path(folder))
                print(
                    f"{name:8}{strategy:12}{1 / trained:10.0f}{1 / ceiling:15.0f}{ceiling / trained:8.2f}", flush=True
                )


if __name__ == "__main__":
    main()
