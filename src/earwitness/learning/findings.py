"""What the thesis found in its experiment, asked of another one: each statement holds, does not, or cannot be said.

Conventions: a statement is a number and a side of zero (or of another bound) on which it must lie. It holds where the
95 % interval lies wholly on that side, does not where it lies wholly on the other, and cannot be said otherwise; also
where the experiment has nothing that could tell. Numbers are standardised scores unless a unit is said.

References
----------
Kim (2021), doctoral thesis, sections 2.5.1 to 2.5.4 and 2.6.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from earwitness.learning.design import SINGLE
from earwitness.learning.scores import Floats, ScoreMatrix, estimate_of, resampled_runs
from earwitness.learning.source_components import share_correlation, single_source_scores, source_variances
from earwitness.learning.strategy_models import resampled_lines, size_effects
from earwitness.stats import Estimate, bootstrap

Answer = Literal["holds", "does not", "cannot be said"]

BRANCHING = ("ms-cr@6", "ms-cr@4", "ms-cr@2", "mss-cr")
SHARED = "ms-sr@fc"
SEMANTIC = ("tag", "tags", "genre", "cdr_tag", "artist", "artist_tags")
TEMPO = ("bpm", "tempo", "tempogram")
DANCE = ("ballroom", "dance", "rhythm", "tempo", "bpm")
TAGGER, CEPSTRA, UNTRAINED = "musicnn-msd", "mfcc-120", "untrained"
"""Baselines; `untrained x m` are m untrained networks side by side."""
_LOW_SPREAD = 0.15


@dataclass(frozen=True)
class Finding:
    """One statement of the thesis: its number in the list, what it says, the number that tells, and the answer."""

    number: str
    statement: str
    estimate: Estimate
    answer: Answer
    told: str

    def __str__(self) -> str:
        return f"{self.number}. {self.statement} {self.answer.capitalize()}: {self.told}"


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that the statements are asked of.

    Attributes
    ----------
    matrix
        Standardised scores.
    equal
        The same with as many components as one source has values, on the scale of `matrix`.
    sources
        Columns of the runs.
    baselines
        Of `baseline_scores`.
    shares
        Of `source_shares`.
    n_resamples, seed
        Of the bootstrap.
    """

    matrix: ScoreMatrix
    equal: ScoreMatrix
    sources: tuple[str, ...]
    baselines: pd.DataFrame
    shares: pd.DataFrame
    n_resamples: int = 1000
    seed: int = 0

    def rng(self, place: int) -> np.random.Generator:
        """A generator of one finding's own."""
        return np.random.default_rng([self.seed, 100, place])

    def baseline(self, name: str) -> Floats:
        """(targets,) mean standardised score of a baseline; NaN where it was not measured."""
        own = self.baselines[self.baselines["baseline"] == name]
        means = own.groupby("target")["score"].mean()
        raw = np.array([means.get(target, np.nan) for target in self.matrix.targets], float)
        return (raw - self.matrix.mean) / self.matrix.deviation


def findings(evidence: Evidence) -> list[Finding]:
    """Every statement of section 17 of the specification, in its order."""
    return [finding for ask in _QUESTIONS for finding in ask(evidence)]


def _asked(
    number: str, statement: str, estimate: Estimate, unit: str = "", *, bound: float = 0.0, above: bool = True
) -> Finding:
    """Which side of the bound the interval lies on."""
    if np.isnan(estimate.value):
        return Finding(number, statement, estimate, "cannot be said", estimate.note)
    told = f"{estimate}{' ' + unit if unit else ''}"
    if np.isnan(estimate.low):
        return Finding(number, statement, estimate, "cannot be said", told)
    right, wrong = (
        (estimate.low > bound, estimate.high < bound) if above else (estimate.high < bound, estimate.low > bound)
    )
    answer: Answer = "holds" if right else "does not" if wrong else "cannot be said"
    return Finding(number, statement, estimate, answer, told)


def _unknown(number: str, statement: str, why: str) -> Finding:
    return Finding(number, statement, Estimate(np.nan, np.nan, np.nan, 0, why), "cannot be said", why)


def _over_sources(evidence: Evidence, values: Floats, place: int, sources: Sequence[str]) -> Estimate:
    """The mean of (sources, targets) values, resampling sources with all their targets."""
    known = np.isfinite(values)
    if not known.any():
        return Estimate(np.nan, np.nan, np.nan, 0, "it was not measured")
    owners = np.repeat(np.array(sources), known.sum(1))
    return bootstrap(values[known], groups=owners, n_resamples=evidence.n_resamples, rng=evidence.rng(place))


def _trained_and_untrained(e: Evidence) -> list[Finding]:
    values = single_source_scores(e.matrix, e.sources) - e.baseline(UNTRAINED)
    found = _over_sources(e, values, 1, e.sources)
    better = f"above it in {int((values > 0).sum())} of {np.isfinite(values).sum()} pairs of source and target"
    return [
        _asked("1", "Networks of one source beat an untrained one on nearly all sources and targets.", found, better)
    ]


def _known_encoders(e: Evidence) -> list[Finding]:
    semantic = [source for source in e.sources if source in SEMANTIC]
    statement = "Networks of tags, genres or artists are at or above a published tagger."
    tagger = e.baseline(TAGGER)
    if not semantic or np.isnan(tagger).all():
        missing = "no source of tags, genres or artists was learnt" if not semantic else f"{TAGGER} was not measured"
        first = _unknown("2a", statement, missing)
    else:
        values = single_source_scores(e.matrix, semantic) - tagger
        first = _asked(
            "2a", statement, _over_sources(e, values, 2, semantic), f"above {TAGGER}, over {', '.join(semantic)}"
        )
    above = e.matrix.Y - e.baseline(CEPSTRA)
    W = resampled_runs(e.matrix.strategies, e.n_resamples, e.rng(3))
    mean = (W @ np.nanmean(above, axis=1)) / W.sum(1) if np.isfinite(above).any() else np.full(len(W), np.nan)
    worse = [t for t, value in zip(e.matrix.targets, above.mean(0), strict=True) if value < 0]
    unit = f"above {CEPSTRA}, over all runs; " + (f"below it on {', '.join(worse)}" if worse else "on every target")
    return [
        first,
        _asked("2b", "Learnt networks beat MFCC on every target but one.", estimate_of(mean, len(above)), unit),
    ]


def _tempo(e: Evidence) -> list[Finding]:
    said = "The source of tempo is by far the best on dance music"
    own = next((source for source in e.sources if source in TEMPO), None)
    dance = [k for k, target in enumerate(e.matrix.targets) if any(word in target.lower() for word in DANCE)]
    if own is None:
        return [_unknown("3", f"{said}, and among the worst elsewhere.", "no source of tempo was learnt")]
    row = e.sources.index(own)
    alone = e.matrix.where(e.matrix.strategies == SINGLE)
    W = resampled_runs(_owners(alone, e.sources), e.n_resamples, e.rng(4))
    means = _means_by_source(alone, e.sources, W)  # (resamples, sources, targets)
    others = np.delete(means, row, axis=1)
    found = []
    if dance:
        lead = (means[:, row, dance] - others[:, :, dance].max(1)).mean(1)
        found.append(_asked("3a", f"{said}.", estimate_of(lead, len(alone.Y)), "above the best other source"))
    else:
        found.append(_unknown("3a", f"{said}.", "no target is about dance, rhythm or tempo"))
    rest = [k for k in range(len(e.matrix.targets)) if k not in dance]
    behind = (means[:, row][:, rest] - others[:, :, rest].mean(1)).mean(1) if rest else np.full(len(W), np.nan)
    statement = "Elsewhere the source of tempo is worse than the others."
    return [
        *found,
        _asked("3b", statement, estimate_of(behind, len(alone.Y)), f"({own}) above their mean", above=False),
    ]


def _owners(alone: ScoreMatrix, sources: Sequence[str]) -> list[str]:
    return [sources[k] for k in alone.runs[list(sources)].to_numpy(int).argmax(1)]


def _means_by_source(alone: ScoreMatrix, sources: Sequence[str], W: Floats) -> Floats:
    member = alone.runs[list(sources)].to_numpy(float)
    sums = np.einsum("bn,ns,nt->bst", W, member, alone.Y, optimize=True)
    return np.asarray(sums / (W @ member)[:, :, None])


def _spread_of_repeats(e: Evidence) -> list[Finding]:
    statement = "Repeats of one network differ by less than 15 % of the spread within a target in half of the cases."
    alone = e.matrix.where(e.matrix.strategies == SINGLE)
    owners = np.array(_owners(alone, e.sources)) if len(alone.Y) else np.zeros(0, str)
    repeated = [source for source in e.sources if (owners == source).sum() > 1]
    if not repeated:
        return [_unknown("4", statement, "no source was learnt twice by itself")]
    ratios = np.array([alone.Y[owners == source].std(0, ddof=1) for source in repeated])  # the spread of y* is 1
    found = bootstrap(
        ratios.ravel(),
        np.median,
        groups=np.repeat(repeated, ratios.shape[1]),
        n_resamples=e.n_resamples,
        rng=e.rng(5),
    )
    ninth = np.quantile(ratios, 0.9)
    told = f"median share of the spread; nine tenths are below {ninth:.2f} (the thesis: 0.30)"
    return [_asked("4", statement, found, told, bound=_LOW_SPREAD, above=False)]


def _strategies(e: Evidence) -> list[Finding]:
    lines = resampled_lines(e.matrix, n_resamples=e.n_resamples, seed=e.seed)
    count = len(e.matrix.Y)
    branching = [lines[name][0] for name in BRANCHING if name in lines]
    found = []

    def ask(number: str, statement: str, draws: Floats, unit: str) -> None:
        found.append(_asked(number, statement, estimate_of(draws, count), unit))

    if SINGLE in lines and SHARED in lines and len(branching) == len(BRANCHING):
        single, shared = lines[SINGLE][0], lines[SHARED][0]
        mean = np.mean(branching, axis=0)
        ask("5a", "A wholly shared network of several sources beats one of a single source.", shared - single, "")
        ask("5b", "Networks with branches beat the wholly shared one.", mean - shared, "")
        ask(
            "5c",
            "Networks apart (MSS-CR) are better than the branching ones.",
            branching[-1] - np.mean(branching[:-1], axis=0),
            "",
        )
    else:
        found.append(_unknown("5", "SS-R < MS-SR@FC < MS-CR and MSS-CR.", "not every strategy was run"))
    slopes = [lines[name][1] for name in BRANCHING if name in lines]
    if slopes:
        mean_slope = np.mean(slopes, axis=0)
        statement = "Every further source helps networks with branches (the thesis: 0.16 in the best)."
        ask("6a", statement, mean_slope, "a source")
        if SHARED in lines:
            statement = "It helps them more than the wholly shared one."
            ask("6b", statement, mean_slope - lines[SHARED][1], "a source")
    effects = size_effects(e.matrix, n_resamples=e.n_resamples, seed=e.seed).set_index("term")
    for number, term in (("6c", "size"), ("6d", "number of sources")):
        value, low, high = effects.loc[[term], ["value", "low", "high"]].to_numpy(float)[0].tolist()
        estimate = Estimate(value, low, high, count, str(effects.loc[term, "note"]))
        found.append(_asked(number, f"In the second model the effect of the {term} is positive.", estimate))
    return found


def _spread_by_number(e: Evidence) -> list[Finding]:
    statement = "The more sources, the less networks differ."
    n = e.matrix.runs["n"].to_numpy(float)
    if len(np.unique(n)) < 3:
        return [_unknown("7", statement, "there are fewer than three numbers of sources")]
    member = (n[:, None] == np.unique(n)).astype(float)
    W = resampled_runs([f"{k:g}" for k in n], e.n_resamples, e.rng(7))
    size = np.maximum(W @ member, 1)
    mean = np.einsum("bn,nk,nt->bkt", W, member, e.matrix.Y, optimize=True) / size[:, :, None]
    square = np.einsum("bn,nk,nt->bkt", W, member, e.matrix.Y**2, optimize=True) / size[:, :, None]
    enough = member.sum(0) > 1
    freed = np.sqrt(np.maximum(square - mean**2, 0) * (size / np.maximum(size - 1, 1))[:, :, None])[:, enough].mean(2)
    x = np.unique(n)[enough] - np.unique(n)[enough].mean()
    if len(x) < 2:
        return [_unknown("7", statement, "too few runs of each number of sources")]
    slope = freed @ x / (x @ x)
    return [_asked("7", statement, estimate_of(slope, len(n)), "deviation a source", above=False)]


def _without_the_best(e: Evidence) -> list[Finding]:
    statement = "Without the best single source the others make up for it."
    alone, several = (e.matrix.where(keep) for keep in (e.matrix.strategies == SINGLE, e.matrix.strategies != SINGLE))
    scores = single_source_scores(e.matrix, e.sources)
    if not len(alone.Y) or np.isnan(scores).any():
        return [_unknown("8", statement, "not every source was learnt by itself")]
    W_alone = resampled_runs(_owners(alone, e.sources), e.n_resamples, e.rng(8))
    W = resampled_runs(several.strategies, e.n_resamples, e.rng(9))
    singles = _means_by_source(alone, e.sources, W_alone)
    gaps, behind = [], []
    for t, target in enumerate(e.matrix.targets):
        best = int(scores[:, t].argmax())
        lacking = (several.runs[e.sources[best]] == 0).to_numpy()
        if lacking.any():
            with np.errstate(divide="ignore", invalid="ignore"):
                gap = (W[:, lacking] @ several.Y[lacking, t]) / W[:, lacking].sum(1) - singles[:, best, t]
            gaps.append(gap)
            behind += [f"{e.sources[best]} on {target}"] if gap[0] < 0 else []
    if not gaps:
        return [_unknown("8", statement, "every run had the best single source")]
    unit = "above the best single source, in runs without it" + (f"; not for {', '.join(behind)}" if behind else "")
    return [_asked("8", statement, estimate_of(np.mean(gaps, axis=0), len(several.Y)), unit)]


def _no_source_for_all(e: Evidence) -> list[Finding]:
    several = e.matrix.where(e.matrix.strategies != SINGLE)
    W = resampled_runs(several.strategies, e.n_resamples, np.random.default_rng([e.seed, 5]))
    winners = source_variances(several, e.sources, W)
    known = np.isfinite(winners).all((1, 2))
    counts = np.array([len(set(draw.argmax(0))) for draw in np.nan_to_num(winners)], float)
    counts[~known] = np.nan
    statement = "No source is the best for every target."
    if len(e.matrix.targets) < 2:
        first = _unknown("9a", statement, "there is one target only")
    else:
        unit = f"different sources with the largest share, of {len(e.matrix.targets)} targets"
        first = _asked("9a", statement, estimate_of(counts, len(several.Y)), unit, bound=1.0)
    correlation = share_correlation(e.matrix, e.sources, e.shares, n_resamples=e.n_resamples, seed=e.seed)
    statement = "Shares follow the scores of single sources, loosely (the thesis: a correlation of 0.38)."
    return [first, _asked("9b", statement, correlation, "correlation")]


def _size(e: Evidence) -> list[Finding]:
    found = []
    W = resampled_runs(e.matrix.strategies, e.n_resamples, e.rng(10))
    y = e.matrix.Y.mean(1)
    statement = "Larger networks score higher, so that size and sharing are confounded."
    if "parameters" in e.matrix.runs and len(set(e.matrix.runs["parameters"])) > 1:
        x = np.log(e.matrix.runs["parameters"].to_numpy(float))
        found.append(_asked("10a", statement, estimate_of(_correlations(W, x, y), len(y)), "correlation with log size"))
    else:
        found.append(_unknown("10a", statement, "the sizes of the networks are not known or all the same"))
    gaps = []
    for matrix in (e.matrix, e.equal):
        lines = resampled_lines(matrix, n_resamples=e.n_resamples, seed=e.seed)
        if SHARED not in lines or any(name not in lines for name in BRANCHING):
            break
        gaps.append(np.mean([lines[name][0] for name in BRANCHING], axis=0) - lines[SHARED][0])
    if len(gaps) == 2:
        statement = "Networks with branches beat the shared one with equally many dimensions too (our control)."
        unit = f"where it was {gaps[0][0]:.2f} with all dimensions"
        found.append(_asked("10b", statement, estimate_of(gaps[1], len(y)), unit))
    return [*found, _many_untrained(e)]


def _correlations(W: Floats, x: Floats, y: Floats) -> Floats:
    count = W.sum(1)
    mean_x, mean_y = W @ x / count, W @ y / count
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt((W @ x**2 / count - mean_x**2) * (W @ y**2 / count - mean_y**2))
        return np.asarray((W @ (x * y) / count - mean_x * mean_y) / spread)


def _many_untrained(e: Evidence) -> Finding:
    statement = "Networks of m sources beat m untrained networks side by side (our control)."
    several = e.matrix.where(e.matrix.strategies != SINGLE)
    n = several.runs["n"].to_numpy(int)
    control = {m: e.baseline(f"{UNTRAINED} x {m}") for m in np.unique(n)}
    above = several.Y - np.array([control[m] for m in n])
    if np.isnan(above).any():
        return _unknown("10c", statement, "untrained networks side by side were not measured")
    W = resampled_runs(several.strategies, e.n_resamples, e.rng(11))
    return _asked("10c", statement, estimate_of(W @ above.mean(1) / W.sum(1), len(above)), "above them")


_QUESTIONS: tuple[Callable[[Evidence], list[Finding]], ...] = (
    _trained_and_untrained,
    _known_encoders,
    _tempo,
    _spread_of_repeats,
    _strategies,
    _spread_by_number,
    _without_the_best,
    _no_source_for_all,
    _size,
)
