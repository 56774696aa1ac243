"""The design of the experiment: which networks are trained, on which sources, by which strategy (Kim 2021, 2.4.3).

Three phases: every source alone, several times; every strategy with all sources, several times; and runs of the pool
(strategies x sets of 2 to m - 1 sources) in the order of Algorithm 2, which keeps levels balanced and main effects
apart, so that it can be stopped anywhere. A longer design begins with a shorter one of the same seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import pandas as pd

from earwitness.errors import InputError
from earwitness.stats import sequential_design
from earwitness.stats.designs import SequentialDesign

SINGLE = "ss-r"
STRATEGIES = ("mss-cr", "ms-cr@2", "ms-cr@4", "ms-cr@6", "ms-sr@fc")
"""Of several sources, from nothing shared to all but the heads."""

SHARING = {SINGLE: 0.0, "ms-sr@fc": 0.2, "ms-cr@6": 0.4, "ms-cr@4": 0.6, "ms-cr@2": 0.8, "mss-cr": 1.0}
"""r* of the second model (equation 2.13): how large a network a strategy makes, from one of a single source."""


@dataclass(frozen=True)
class Run:
    """One network of the experiment: sources in the listed order, a strategy, and the number of its repeat."""

    strategy: str
    sources: tuple[str, ...]
    repeat: int = 0

    @property
    def name(self) -> str:
        """Unique in a design, and fit for a file."""
        return f"{self.strategy}--{'+'.join(self.sources)}--{self.repeat}"

    @property
    def n(self) -> int:
        """Number of sources."""
        return len(self.sources)


@dataclass(frozen=True)
class Design:
    """The runs of an experiment in the order in which to make them.

    `sequential` tells of the third phase: its table, and the unbalance and aliasing after each run.
    """

    sources: tuple[str, ...]
    single: tuple[Run, ...]
    every: tuple[Run, ...]
    mixed: tuple[Run, ...]
    sequential: SequentialDesign

    @property
    def runs(self) -> tuple[Run, ...]:
        """All of them: single sources first, since their networks serve others too."""
        return (*self.single, *self.every, *self.mixed)

    def to_frame(self) -> pd.DataFrame:
        """A row for each run: run, phase, strategy, n, repeat, and each source, 0 or 1."""
        rows = []
        for phase, runs in (("single", self.single), ("all", self.every), ("mixed", self.mixed)):
            rows += [{"run": run.name, "phase": phase, **factors(run, self.sources)} for run in runs]
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        return (
            f"{len(self.runs)} runs: {len(self.single)} of one source, {len(self.every)} of all {len(self.sources)}, "
            f"{len(self.mixed)} between ({self.sequential})"
        )


def factors(run: Run, sources: Sequence[str]) -> dict[str, object]:
    """The levels of a run: strategy, n, repeat, and whether it has each source."""
    present = {source: int(source in run.sources) for source in sources}
    return {"strategy": run.strategy, "n": run.n, "repeat": run.repeat, **present}


def source_sets(sources: Sequence[str]) -> list[tuple[str, ...]]:
    """Every set of two sources or more but not all, in a fixed order; of eight sources 246."""
    return [kept for size in range(2, len(sources)) for kept in combinations(sources, size)]


def pool(sources: Sequence[str]) -> pd.DataFrame:
    """All runs that Algorithm 2 chooses from: strategy, each source (0 or 1), n; of eight sources 1,230."""
    rows = [
        {"strategy": strategy, **{source: int(source in kept) for source in sources}, "n": len(kept)}
        for strategy in STRATEGIES
        for kept in source_sets(sources)
    ]
    return pd.DataFrame(rows)


def make_design(
    sources: Sequence[str],
    *,
    mixed: int = 352,
    single_repeats: int = 6,
    all_repeats: int = 5,
    unbalance: Literal["max", "lexicographic"] = "max",
    seed: int = 0,
) -> Design:
    """The runs of an experiment.

    Parameters
    ----------
    sources
        Names of three learning sources or more.
    mixed
        Runs of the third phase.
    single_repeats, all_repeats
        Of each source alone, and of each strategy with all sources. The published numbers are the defaults: 48 + 25 +
        352 = 425 runs of eight sources.
    unbalance
        As in `earwitness.stats.sequential_design`.
    seed
        Of the draws of Algorithm 2.

    Raises
    ------
    InputError
        If there are fewer than three sources, one is named twice, or more runs are wanted than the pool has.

    References
    ----------
    Kim (2021), doctoral thesis, section 2.4.3, Algorithm 2.
    """
    if len(set(sources)) < len(sources) or len(sources) < 3:
        raise InputError(
            f"a design needs three different learning sources or more, and got {', '.join(sources) or 'none'}: with "
            "two there is nothing between one source and all"
        )
    if single_repeats < 1 or all_repeats < 0:
        raise InputError("a design needs one run or more of each single source, and no negative number of runs")
    table = pool(sources)
    if not 0 <= mixed <= len(table):
        raise InputError(f"{mixed} runs of some sources are wanted, and {len(sources)} sources have {len(table)}")
    sequential = sequential_design(table, mixed, structural=("n",), unbalance=unbalance, seed=seed)
    chosen = tuple(
        Run(str(row["strategy"]), tuple(source for source in sources if row[source]))
        for row in sequential.table.to_dict("records")
    )
    single = tuple(Run(SINGLE, (source,), repeat) for source in sources for repeat in range(single_repeats))
    every = tuple(Run(strategy, tuple(sources), repeat) for strategy in STRATEGIES for repeat in range(all_repeats))
    return Design(tuple(sources), single, every, chosen, sequential)
