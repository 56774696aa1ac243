"""The perturb-and-embed stage: what a second worker brings, and the memory that 2,000 ten-second clips take.

python -m benchmarks.main_job
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import psutil
import soundfile

RATE = 22_050
ENCODERS = ("musicnn-msd", "mfcc", "random")


def long_recording(folder: Path, minutes: float) -> Path:
    """A FLAC file of decaying notes over noise: cheap to make, and no two seconds alike."""
    rng = np.random.default_rng(0)
    path = folder / "long.flac"
    with soundfile.SoundFile(path, "w", RATE, 1) as out:
        for _ in range(int(minutes * 60)):
            time_s = np.arange(RATE) / RATE
            notes = sum(np.sin(2 * np.pi * f * time_s) for f in rng.uniform(100, 2000, 4)) * np.exp(-3 * time_s)
            out.write(0.1 * notes + rng.normal(0, 0.01, RATE))
    return path


def manifest(folder: Path, clips: int, seconds: float = 10.0) -> Path:
    """Overlapping excerpts of one recording: so many clips, each of its own content."""
    starts = np.linspace(0, 60 * 20 - seconds - 1, clips).round(3)
    table = pd.DataFrame({"path": "long.flac", "start": starts, "duration": seconds})
    table["clip"] = [f"clip-{i}" for i in range(clips)]
    table.to_csv(folder / f"{clips}.csv", index=False)
    return folder / f"{clips}.csv"


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The largest sum of the proportional set sizes of this process and its workers, in GB."""
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        me = psutil.Process()
        while not stop.wait(0.2):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            peak[0] = max(peak[0], total / 1e9)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def main() -> None:
    """Print both tables."""
    from earwitness.audio.perturbations import PinkNoise, PitchShift
    from earwitness.datasets import load_clips
    from earwitness.extraction import embed_all

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        long_recording(folder, 20)
        few = load_clips(manifest(folder, 96))
        changes = [PitchShift(25.0), PinkNoise(30.0)]
        print("perturb and embed, 96 clips of 10 s, pitch +25 cents and pink noise 30 dB, three encoders")
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for repeat in range(3):
            for jobs in (1, 2):
                os.environ["EARWITNESS_CACHE"] = str(folder / f"cache-{repeat}-{jobs}")
                embed_all(few.take(np.arange(16)), ENCODERS, [None], jobs=jobs)  # workers up, weights read
                before = time.perf_counter()
                embed_all(few, ENCODERS, changes, jobs=jobs)
                seconds[jobs].append(time.perf_counter() - before)
        one, two = median(seconds[1]), median(seconds[2])
        print(f"  one worker {one:.1f} s, two {two:.1f} s: {one / two:.2f} times (median of 3)")

        os.environ["EARWITNESS_CACHE"] = str(folder / "cache-memory")
        many = load_clips(manifest(folder, 2000))
        before = time.perf_counter()
        with peak_memory() as peak:
            embed_all(many, ENCODERS, [None], jobs=2)
        print(f"2,000 clips of 10 s, three encoders, two workers: {time.perf_counter() - before:.0f} s,", end=" ")
        print(f"peak memory {peak[0]:.2f} GB over all processes")


if __name__ == "__main__":
    main()
