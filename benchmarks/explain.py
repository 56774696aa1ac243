"""Explanations beside their peers: LIME for many users at once and the `lime` package, tau_ap and its definition.

    python -m benchmarks.explain

Processor seconds of one thread in one process. LIME explains an item neighbourhood of 32 factors over planted data of
the size of Last.fm-2k (2,773 items, 1,564 tags, 18 tags an item); the package gets the same sample and the same scores,
so what is compared is the fitting. Set OMP_NUM_THREADS=1.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.sparse as sp
from numba import njit

from earwitness.datasets.interactions import Interactions
from earwitness.recommend.explainers import LIME
from earwitness.recommend.neighbours import ItemNeighbours
from earwitness.stats import tau_ap

USERS, ITEMS, TAGS, OWN = 1000, 2773, 1564, 18
TARGET_LIME, TARGET_TAU = 150, 100


def planted(seed: int = 0) -> Interactions:
    """Interactions and tags at random, in the sizes of Last.fm-2k."""
    rng = np.random.default_rng(seed)
    R = sp.random(USERS, ITEMS, density=0.014, random_state=rng, format="csr")
    T = sp.random(ITEMS, TAGS, density=OWN / TAGS, random_state=rng, format="csr")
    R.data[:], T.data[:] = 1, 1
    ids = [np.arange(n).astype(str).astype(object) for n in (USERS, ITEMS, TAGS, ITEMS)]
    return Interactions("planted", R, T, *ids)


def cpu(run: Callable[[], object], repeats: int = 3) -> float:
    """Best processor seconds of a few runs, the first of which also compiles."""
    run()
    best = np.inf
    for _ in range(repeats):
        begin = time.process_time()
        run()
        best = min(best, time.process_time() - begin)
    return best


def lime(samples: int = 200, items: int = 20, theirs: int = 20) -> None:
    """A table of milliseconds an explanation, with the largest difference of a weight."""
    data = planted()
    model, users = ItemNeighbours(size=32).fit(data), np.arange(USERS)
    chosen = [item for item in range(200) if len(data.own_tags(item)[0]) > 11][:items]
    print(f"LIME, {samples} samples, {USERS} users x {len(chosen)} items, milliseconds of processor an explanation")
    print(f"{'omega':>6}{'lime':>10}{'ours':>10}{'times':>8}{'largest difference of a weight':>34}")
    for omega in (1, 5, 10):
        explainer = LIME(samples=samples)
        ours = cpu(lambda e=explainer, o=omega: [e.explain(model, users, item, [o]) for item in chosen])
        columns, values = data.own_tags(chosen[0])
        sample = explainer.sample(chosen[0], len(columns))
        scores = np.asarray(model.scored(users, chosen[0], sample.on * values, columns), dtype=float)
        explain = partial(by_package, sample.on, scores, omega)
        package = cpu(lambda e=explain: [e(user) for user in range(theirs)], repeats=2)
        kept, weights = explainer.fit(sample, scores, [omega])[0]
        gap = max(
            abs(explain(user).get(int(tag), np.nan) - weight)
            for user in range(theirs)
            for tag, weight in zip(kept[user], weights[user], strict=True)
        )
        a, b = 1000 * package / theirs, 1000 * ours / (USERS * len(chosen))
        print(f"{omega:>6}{a:>10.3f}{b:>10.4f}{a / b:>8.0f}{gap:>34.1e}   (wanted: {TARGET_LIME} times, 1e-12)")


def by_package(on: np.ndarray, scores: np.ndarray, omega: int, user: int) -> dict[int, float]:
    """Weights by the `lime` package for one user, on this sample and these scores."""
    from lime.lime_base import LimeBase

    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / 25**2)))
    distances = 100 * (1 - np.sqrt(on.sum(1) / on.shape[1]))
    found = base.explain_instance_with_data(on, scores[user][:, None], distances, 0, omega, feature_selection="auto")
    return dict(found[1])


@njit(cache=True)
def by_definition(x: np.ndarray, order: np.ndarray) -> float:
    """tau_ap without ties, a double loop compiled."""
    total = 0.0
    for r in range(1, len(order)):
        above = 0
        for q in range(r):
            above += x[order[q]] > x[order[r]]
        total += above / r
    return 2 * total / (len(order) - 1) - 1


def rank_correlation(n: int = 134_000) -> None:
    """Seconds for one ranking of the largest catalogue of the thesis."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    y = x + rng.normal(size=n)
    by_definition(x[:10], np.argsort(-y[:10]))
    begin = time.process_time()
    direct = by_definition(x, np.argsort(-y))
    slow = time.process_time() - begin
    fast = cpu(lambda: tau_ap(x, y), repeats=5)
    gap = abs(direct - tau_ap(x, y))
    print(f"\ntau_ap, n = {n:,}: definition {slow:.2f} s, ours {fast:.4f} s, difference {gap:.1e}")
    print(f"{slow / fast:.0f} times (wanted: {TARGET_TAU})")


def main() -> None:
    """Both tables."""
    lime()
    rank_correlation()


if __name__ == "__main__":
    main()
