"""Corrections at the size of Wang et al. (2023): ten classes, two domains, 1,024 dimensions, 8,192 kernel features.

    python -m benchmarks.correction

The clips are made up, their numbers are those of the paper: the positives of each class that it prints, the same in
both data sets, and 337 negatives, those of the cello. Every method is fitted on each class's clips and applied to 2,700
others, about as many as are tested on.
Then one discriminant on the kernel features of the cello is fitted with scikit-learn's solver "eigen", the way that was
published, beside ours; for ten classes its time is scaled by ten. `cpu` is processor time over all threads.
"""

import resource
import time
from collections.abc import Callable
from multiprocessing import get_context

import numpy as np
import pandas as pd

POSITIVES = (288, 221, 177, 578, 290, 551, 476, 427, 385, 358)  # cello, clarinet, flute, guitar, organ, piano, …, voice
NEGATIVES = 337
SIZE, FEATURES = 1024, 8192
APPLIED = 2700


def clips(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 1024) correlated, non-negative, mostly near zero, of unlike spreads: as an embedding after a ReLU."""
    factors = rng.normal(size=(n, 64)) @ np.random.default_rng(0).normal(size=(64, SIZE))
    spread = 10.0 ** np.random.default_rng(1).uniform(-3, 0.5, SIZE)
    return np.asarray(np.maximum(factors / 8 + rng.normal(size=(n, SIZE)), 0) * spread, dtype=np.float32)


def sample(label: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips of one class of both data sets, with the data set and one of four genres of each."""
    rng = np.random.default_rng(label)
    n = POSITIVES[label] + NEGATIVES
    domain = np.repeat(["IRMAS", "OpenMIC"], n)
    X = clips(2 * n, rng)
    X[n:] *= 1 + 0.2 * np.random.default_rng(2).normal(size=SIZE).astype(np.float32)
    return X, domain, rng.integers(0, 4, 2 * n)


def one_method(method: str) -> dict[str, object]:
    """Fit on each class, apply to others."""
    from earwitness.correction import make_correction

    fit = applied = cpu = 0.0
    removed = []
    others = clips(APPLIED, np.random.default_rng(99))
    of = np.repeat(["IRMAS", "OpenMIC"], APPLIED // 2)
    for label in range(len(POSITIVES)):
        X, domain, genre = sample(label)
        correction = make_correction(method)
        begin, used = time.perf_counter(), time.process_time()
        correction.fit(X, sample_domain=domain, strata=genre)
        middle = time.perf_counter()
        correction.transform(others, sample_domain=of)
        fit, applied = fit + middle - begin, applied + time.perf_counter() - middle
        cpu += time.process_time() - used
        removed.append(getattr(correction, "n_removed_", 0))
    return {
        "method": method,
        "fit (s)": fit,
        "apply (s)": applied,
        "cpu": cpu,
        "removed": f"{min(removed)}-{max(removed)}",
    }


def one_discriminant(who: str) -> dict[str, object]:
    """The direction between the data sets on the cello's kernel features."""
    from earwitness.correction import lda_direction, make_correction

    X, domain, _ = sample(0)
    F = make_correction("k", n_features=FEATURES).fit_transform(X.astype(float), sample_domain=domain)
    begin = time.perf_counter(), time.process_time()
    if who == "earwitness":
        w = lda_direction(F, domain)
    else:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        w = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(F, domain).coef_[0]
    seconds, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
    return {"who": who, "seconds": seconds, "cpu": cpu, "direction": w}


def _alone(task: tuple[Callable[[str], dict[str, object]], str]) -> dict[str, object]:
    function, argument = task
    found = function(argument)
    return {**found, "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def alone(function: Callable[[str], dict[str, object]], argument: str) -> dict[str, object]:
    """In a process of its own, so that its peak memory is its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.map(_alone, [(function, argument)])[0]


def main() -> None:
    """Print the tables."""
    from earwitness.correction import METHODS

    begin = time.perf_counter()
    table = pd.DataFrame([alone(one_method, method) for method in METHODS])
    print(f"\nTen classes, {SIZE} dimensions ({FEATURES} kernel features); each applied to {APPLIED} clips ten times")
    print(table.to_string(index=False, float_format=lambda x: f"{x:.1f}"))
    print(f"all: {time.perf_counter() - begin:.0f} s")
    ours, theirs = (alone(one_discriminant, who) for who in ("earwitness", "scikit-learn"))
    directions = [np.asarray(each.pop("direction")) for each in (ours, theirs)]
    units = [w / np.linalg.norm(w) for w in directions]
    print(f"\nOne discriminant, {2 * (POSITIVES[0] + NEGATIVES)} clips, {FEATURES} features")
    print(pd.DataFrame([ours, theirs]).to_string(index=False, float_format="{:.2f}".format))
    ratio, ratio_cpu = (float(theirs[key]) / float(ours[key]) for key in ("seconds", "cpu"))  # type: ignore[arg-type]
    apart = np.abs(units[0] - units[1]).max()
    print(f"{ratio:.0f} x as fast ({ratio_cpu:.0f} x by processor time); unit directions differ by {apart:.1e} at most")
    print(f"ten classes the published way, scaled from this one: {10 * float(theirs['seconds']):.0f} s")  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
