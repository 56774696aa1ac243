"""Distances between sequences beside their peers: the same clips, one process, one thread, CPU time.

python -m benchmarks.distances            # the tables, about three minutes
python -m benchmarks.distances --large    # also the 1,000 x 1,000 matrix: its time and its memory

Clips are two seconds of the demonstration set's music as 24 MFCCs in 173 frames; queries are the same, perturbed.
Peers that are not installed are left out (`pip install 'earwitness[bench]'` brings dtaidistance, fastdtw and librosa).
"""

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

import earwitness as ew
from earwitness.audio import frontends, perturbations
from earwitness.distances import dtw, dtw_matrix, own_nearest, rank_correlation, simple_matrix, simple_profile

Clip = NDArray[np.float32]
Job = Callable[[], Any]

SAMPLE_RATE = 22050
SECONDS = 2.0
ORIGINALS = 258
PERTURBATIONS = (
    *("pink-noise:30", "pink-noise:10", "pink-noise:-3", "pink-noise:-15"),
    *("pitch:+25", "pitch:+100", "pitch:+1200", "tempo:0.98", "tempo:0.7", "tempo:1.5", "tempo:0.3", "mp3:64"),
)


def sound(count: int) -> list[NDArray[np.float32]]:
    """Two-second stretches of the demonstration clips, in a shuffled order that is always the same."""
    stretches: list[NDArray[np.float32]] = []
    size = int(SECONDS * SAMPLE_RATE)
    clips = ew.load_clips("demo")
    for place in np.random.default_rng(0).permutation(len(clips)).tolist():
        audio = clips[place].load(sample_rate=SAMPLE_RATE)
        cut = [audio[start : start + size] for start in range(0, len(audio) - size + 1, size)]
        stretches += [stretch for stretch in cut if np.abs(stretch).max() > 1e-3]
    return stretches[:count]


def frames(audio: NDArray[np.float32]) -> Clip:
    """24 MFCCs (the zeroth left out) every 256 samples, [frames, 24]."""
    coefficients = frontends.mfcc(audio[None], SAMPLE_RATE, n_coefficients=25, n_fft=1024, hop=256)
    return np.ascontiguousarray(coefficients[0, 1:].T)


def perturbed(stretches: Sequence[NDArray[np.float32]], text: str) -> list[Clip]:
    """The frames of each stretch after one perturbation."""
    change = perturbations.parse(text)
    return [frames(change(audio, SAMPLE_RATE, np.random.default_rng(i))) for i, audio in enumerate(stretches)]


def seconds(job: Job) -> float:
    """CPU time of one run."""
    start = time.process_time()
    job()
    return time.process_time() - start


def medians(jobs: dict[str, Job], rounds: int) -> dict[str, float]:
    """CPU seconds of each, taking turns."""
    taken = [{name: seconds(job) for name, job in jobs.items()} for _ in range(rounds)]
    return {name: statistics.median(row[name] for row in taken) for name in jobs}


@njit
def _dependent_steps(n: int) -> int:
    x = 1
    for i in range(n):
        x ^= i
        x += i
    return x


def clock_ghz() -> float:
    """Processor cycles a nanosecond of CPU time: two dependent one-cycle instructions a step."""
    _dependent_steps(10)
    return max(2 * 20_000_000 / seconds(lambda: _dependent_steps(20_000_000)) for _ in range(3)) / 1e9


def fft_profile(a: Clip, b: Clip, m: int) -> NDArray[np.float64]:
    """SiMPle as it is usually written: the first row by FFT, then one row from the other, in float64."""
    first, second = a.astype(np.float64), b.astype(np.float64)
    size = 1 << (len(a) + len(b)).bit_length()

    def products(short: NDArray[np.float64], long: NDArray[np.float64]) -> NDArray[np.float64]:
        spectrum = np.fft.rfft(long, size, axis=0) * np.fft.rfft(short[::-1], size, axis=0)
        return np.fft.irfft(spectrum, size, axis=0).sum(axis=1)[m - 1 : len(long)]

    row, first_column = products(first[:m], second), products(second[:m], first)
    energy, others = (np.convolve((x**2).sum(axis=1), np.ones(m), "valid") for x in (first, second))
    out = np.empty(len(a) - m + 1)
    for i in range(len(out)):
        if i:
            moved = row[:-1] + second[m:] @ first[i + m - 1] - second[: len(b) - m] @ first[i - 1]
            row = np.concatenate([first_column[i : i + 1], moved])
        out[i] = (energy[i] + others - 2 * row).min()
    return out


def window_product(query: Clip, windows: NDArray[np.float32], energies: NDArray[np.float32], m: int) -> Any:
    """Medians of SiMPle profiles by one matrix product of all windows, float32: [candidates]."""
    mine = np.lib.stride_tricks.sliding_window_view(query, m, axis=0).reshape(len(query) - m + 1, -1)
    inner = (mine @ windows.reshape(-1, windows.shape[-1]).T).reshape(len(mine), *energies.shape)
    squared = (mine**2).sum(axis=1)[:, None, None] + energies - 2 * inner
    return np.median(squared.min(axis=2), axis=0)


def warping_table(queries: list[Clip], originals: list[Clip]) -> None:
    """DTW: pairs a CPU second, each program on as many pairs as it can do in a moment."""
    many = [np.asarray(clip, float) for clip in (*queries, *originals)]
    jobs: dict[str, tuple[Job, int]] = {
        "earwitness dtw_matrix": (lambda: dtw_matrix(queries[:16], originals[:64], jobs=1), 16 * 64),
        "earwitness dtw (float64)": (lambda: [dtw(queries[0], o) for o in originals[:64]], 64),
    }
    if find_spec("dtaidistance"):
        matrix = import_module("dtaidistance.dtw_ndim").distance_matrix
        some = [*many[:8], *many[len(queries) : len(queries) + 16]]
        options = {"use_c": True, "inner_dist": "euclidean", "parallel": False}
        jobs["dtaidistance matrix"] = (lambda: matrix(some, block=((0, 8), (8, 24)), **options), 8 * 16)
    if find_spec("tslearn"):
        cdist = import_module("tslearn.metrics").cdist_dtw
        jobs["tslearn cdist_dtw"] = (lambda: cdist(many[:4], many[-16:], n_jobs=1), 4 * 16)
    if find_spec("librosa"):
        sequence = import_module("librosa.sequence")
        jobs["librosa dtw"] = (lambda: [sequence.dtw(many[0].T, o.T, backtrack=False) for o in many[-32:]], 32)
    if find_spec("fastdtw"):
        fast = import_module("fastdtw").fastdtw
        jobs["fastdtw radius 1"] = (lambda: [fast(many[0], o, radius=1, dist=2) for o in many[-4:]], 4)
    for job, _ in jobs.values():
        job()
    taken = medians({name: job for name, (job, _) in jobs.items()}, rounds=5)
    rates = {name: pairs / taken[name] for name, (_, pairs) in jobs.items()}
    ours = rates["earwitness dtw_matrix"]
    cells = np.mean([len(q) for q in queries[:16]]) * np.mean([len(o) for o in originals[:64]])
    exact = np.array([[dtw(q, o) for o in originals[:64]] for q in queries[:4]])
    error = np.abs(dtw_matrix(queries[:4], originals[:64], jobs=1) / exact - 1).max()
    print(f"\nDTW, {cells:.0f} cells a pair\n{'':28}{'pairs a CPU s':>14}{'ours is x':>11}")
    for name, rate in rates.items():
        print(f"{name:28}{rate:14.0f}{ours / rate:11.1f}")
    print(f"cycles a cell {clock_ghz() * 1e9 / ours / cells:.2f}; largest relative error against float64 {error:.1e}")


def simple_table(queries: list[Clip], originals: list[Clip], m: int) -> None:
    """SiMPle: pairs a CPU second."""
    some, few = originals[:64], queries[:8]
    windows = np.stack(
        [np.lib.stride_tricks.sliding_window_view(o, m, axis=0).reshape(len(o) - m + 1, -1) for o in some]
    )
    energies = (windows**2).sum(axis=2)
    jobs: dict[str, tuple[Job, int]] = {
        "earwitness simple_matrix": (lambda: simple_matrix(few, some, m, jobs=1), len(few) * 64),
        "earwitness profile (float64)": (lambda: [simple_profile(few[0], o, m) for o in some[:16]], 16),
        "one window product a query": (lambda: [window_product(q, windows, energies, m) for q in few[:2]], 128),
        "FFT and recurrence": (lambda: [np.median(fft_profile(few[0], o, m)) for o in some[:16]], 16),
    }
    exact = np.array([[np.median(simple_profile(q, o, m)) for o in some] for q in few[:2]])
    error = np.abs(simple_matrix(few[:2], some, m, jobs=1) / exact - 1).max()
    np.testing.assert_allclose(window_product(few[0], windows, energies, m), exact[0], rtol=1e-3)
    np.testing.assert_allclose([np.median(fft_profile(few[0], o, m)) for o in some], exact[0], rtol=1e-9)
    taken = medians({name: job for name, (job, _) in jobs.items()}, rounds=5)
    rates = {name: pairs / taken[name] for name, (_, pairs) in jobs.items()}
    print(f"\nSiMPle, m = {m}\n{'':30}{'pairs a CPU s':>14}{'ours is x':>11}")
    for name, rate in rates.items():
        print(f"{name:30}{rate:14.0f}{rates['earwitness simple_matrix'] / rate:11.1f}")
    print(
        f"largest relative error against float64 {error:.1e}; a clip against itself: "
        f"{np.abs(np.diag(simple_matrix(some[:8], some[:8], m))).max():g}"
    )


def search_table(stretches: list[NDArray[np.float32]], originals: list[Clip]) -> None:
    """own_nearest against the full matrix, per perturbation."""
    own = np.arange(64)
    ratios = []
    print(f"\nown original nearest? 64 queries, {len(originals)} originals")
    print(f"{'':18}{'not nearest':>12}{'same':>6}{'x faster':>10}")
    for text in PERTURBATIONS:
        queries = perturbed(stretches[:64], text)
        D = dtw_matrix(queries, originals, jobs=1)
        mine = D[own, own].copy()
        D[own, own] = np.inf
        expected = mine < D.min(axis=1)
        answer = own_nearest(queries, originals, own, jobs=1)
        taken = medians(
            {
                "full": partial(dtw_matrix, queries, originals, jobs=1),
                "search": partial(own_nearest, queries, originals, own, jobs=1),
            },
            rounds=3,
        )
        ratios.append(taken["full"] / taken["search"])
        same = "yes" if np.array_equal(answer, expected) else "NO"
        print(f"{text:18}{1 - expected.mean():12.2f}{same:>6}{ratios[-1]:10.1f}")
    print(f"median {statistics.median(ratios):.1f} x, least {min(ratios):.1f} x")


def rank_table() -> None:
    """Spearman over a 1,000 x 1,000 matrix without its diagonal."""
    rng = np.random.default_rng(0)
    print(f"\nSpearman, 999,000 values\n{'':12}{'ours ms':>10}{'scipy ms':>10}{'x faster':>10}{'difference':>12}")
    for single in (True, False):
        x = rng.gamma(4, 1000, 999_000)
        y = x + rng.gamma(4, 2000, 999_000)
        pair: tuple[Any, Any] = (x.astype(np.float32), y.astype(np.float32)) if single else (x, y)
        difference = abs(rank_correlation(*pair) - spearmanr(*pair).statistic)
        taken = medians({"ours": partial(rank_correlation, *pair), "scipy": partial(spearmanr, *pair)}, rounds=5)
        ours, theirs = 1e3 * taken["ours"], 1e3 * taken["scipy"]
        name = "float32" if single else "float64"
        print(f"{name:12}{ours:10.0f}{theirs:10.0f}{theirs / ours:10.1f}{difference:12.0e}")


def threads_table(queries: list[Clip], originals: list[Clip]) -> None:
    """One and two threads: wall time, which only a machine at rest tells truly, and CPU time, which must not rise."""
    jobs: dict[str, Callable[[int], Any]] = {
        "dtw_matrix": lambda n: dtw_matrix(queries, originals, jobs=n),
        "simple_matrix": lambda n: simple_matrix(queries, originals, 50, jobs=n),
        "own_nearest": lambda n: own_nearest(queries, originals, np.arange(len(queries)), jobs=n),
    }
    print(f"\ntwo threads against one, best of five; load average {os.getloadavg()[0]:.1f}")
    print(f"{'':18}{'wall x faster':>14}{'CPU x':>8}")
    for name, job in jobs.items():
        clocks = {1: [(np.inf, np.inf)], 2: [(np.inf, np.inf)]}
        for n in (1, 2) * 5:
            wall, cpu = time.perf_counter(), time.process_time()
            job(n)
            clocks[n].append((time.perf_counter() - wall, time.process_time() - cpu))
        (wall_1, cpu_1), (wall_2, cpu_2) = (np.min(clocks[n], axis=0) for n in (1, 2))
        print(f"{name:18}{wall_1 / wall_2:14.2f}{cpu_2 / cpu_1:8.2f}")


def large(originals: list[Clip]) -> None:
    """The 1,000 x 1,000 matrix of one perturbation."""
    rng = np.random.default_rng(1)
    thousand = [originals[i % len(originals)] + rng.normal(size=(1, 24)).astype(np.float32) for i in range(1000)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu = seconds(lambda: dtw_matrix(thousand, thousand))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n1,000 x 1,000 DTW: {cpu:.0f} CPU s; peak memory of the process {after:.0f} MB, {before:.0f} MB before")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Distances between sequences beside their peers.")
    parser.add_argument("--large", action="store_true", help="also the 1,000 x 1,000 matrix")
    options = parser.parse_args(arguments)
    packages = ("numpy", "scipy", "numba", "dtaidistance", "fastdtw", "librosa", "tslearn")
    print(", ".join(f"{name} {version(name)}" for name in packages if find_spec(name)), f"; {clock_ghz():.2f} GHz")
    stretches = sound(ORIGINALS)
    originals = [frames(audio) for audio in stretches]
    queries = perturbed(stretches[:64], "pitch:+100")
    with threadpool_limits(1):  # the peers' matrix products
        warping_table(queries, originals)
        for m in (20, 50):
            simple_table(queries, originals, m)
        search_table(stretches, originals)
        rank_table()
    threads_table(queries, originals)
    if options.large:
        large(originals)


if __name__ == "__main__":
    main()
