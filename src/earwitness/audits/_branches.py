"""From which magnitude on: where consistency falls below a level, and whether graver changes move clips further.

Conventions: perturbations of one family and direction (pitch up, pitch down, …) make a *branch*, in order of severity,
which is 0 for no change, where consistency is 1. Between two steps consistency is taken to fall evenly with severity.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from earwitness.audio import PerturbationRecord
from earwitness.audits._resamples import Resamples
from earwitness.audits._rounds import Round
from earwitness.audits._tables import Row, row
from earwitness.stats import Estimate

Floats = NDArray[np.float64]

LEVELS = (0.9, 0.5)
"""Of consistency, for breaking points."""

FEWEST_STEPS = 3
"""Steps of a branch for a rank correlation with severity."""

_COMPACT_DISC_KBPS = 1411.2

_MAGNITUDE: dict[tuple[str, str], Callable[[float], float]] = {
    ("pitch", "up"): lambda severity: 100 * severity,
    ("pitch", "down"): lambda severity: -100 * severity,
    ("tempo", "faster"): lambda severity: 2**severity,
    ("tempo", "slower"): lambda severity: 2**-severity,
    ("pink noise", ""): lambda severity: -20 * np.log10(severity),
    ("environmental noise", ""): lambda severity: -20 * np.log10(severity),
    ("mp3", ""): lambda severity: _COMPACT_DISC_KBPS / 2**severity,
}


def direction(change: PerturbationRecord) -> str:
    """ "up", "down", "faster", "slower", or "" where a family has one direction only."""
    if change.family == "pitch":
        return "up" if change.magnitude > 0 else "down"
    if change.family == "tempo":
        return "faster" if change.magnitude > 1 else "slower"
    return ""


@dataclass(frozen=True)
class Branch:
    """The rounds of one family, direction and distance, the mildest first."""

    family: str
    direction: str
    rounds: tuple[Round, ...]

    @property
    def severity(self) -> Floats:
        """(m,) of the steps."""
        return np.array([r.change.severity for r in self.rounds], float)

    def magnitude(self, severity: float) -> float:
        """In the family's own unit; severity itself for a family that is not known here."""
        known = _MAGNITUDE.get((self.family, self.direction))
        return float(severity if known is None else known(severity))


def branches(rounds: Sequence[Round]) -> list[Branch]:
    """The branches of rounds of one distance, in order of appearance; a change that is none has no branch."""
    found: dict[tuple[str, str], list[Round]] = {}
    for each in rounds:
        if each.change.severity > 0:
            found.setdefault((each.change.family, direction(each.change)), []).append(each)
    return [
        Branch(family, way, tuple(sorted(mine, key=lambda r: r.change.severity)))
        for (family, way), mine in found.items()
    ]


def crossing(severity: Floats, share: Floats, level: float) -> Floats:
    """Severity at which each curve first falls below a level; infinity where it never does.

    Parameters
    ----------
    severity : (m,) array
        Rising, above 0.
    share : (r, m) array
        A curve a row; at severity 0 it is 1.
    level
        Below 1.
    """
    x = np.concatenate([[0.0], severity])
    y = np.concatenate([np.ones((len(share), 1)), share], axis=1)
    below = y < level
    last = below.argmax(1)  # the first step below, 0 where there is none
    r = np.arange(len(y))
    above = np.maximum(last - 1, 0)
    drop = y[r, above] - y[r, last]
    part = np.divide(y[r, above] - level, drop, out=np.zeros(len(y)), where=drop > 0)
    return np.where(below.any(1), x[above] + part * (x[last] - x[above]), np.inf)


def breaking_points(branch: Branch, resamples: Resamples) -> list[Row]:
    """A row a level: the magnitude from which on fewer clips are nearest to their own original."""
    n = resamples.weights.shape[1]
    columns = [r.spread(r.neighbours.rank == 1, n) for r in branch.rounds]
    values, present = (np.stack(part, 1) for part in zip(*columns, strict=True))
    point = np.array([[value[there].mean() for value, there in columns]])
    draws = resamples.means(values, present)
    draws = np.where(np.isnan(draws), point, draws)  # a resample without any clip of a step says nothing of it
    return [_breaking_point(branch, level, point, draws, resamples) for level in LEVELS]


def _breaking_point(branch: Branch, level: float, point: Floats, draws: Floats, resamples: Resamples) -> Row:
    steps, gravest = branch.severity, branch.rounds[-1].change
    here = float(crossing(steps, point, level)[0])
    reached = np.isfinite(here)
    spread = np.minimum(crossing(steps, draws, level), gravest.severity)
    found = resamples.estimate(min(here, gravest.severity), spread)
    note = "" if reached else f"not reached: at {gravest.label} it is still {point[0, -1]:.2f}"
    if reached and here < steps[0]:
        note = f"already at the mildest step tried, {branch.rounds[0].change.label}"
    return row(
        "breaking point",
        _in_unit(branch, replace(found, note="; ".join(filter(None, [note, found.note])))),
        distance=branch.rounds[0].distance,
        of=f"{level:g}",
        family=branch.family,
        direction=branch.direction,
        unit=gravest.unit,
        reached=bool(reached),
        audible=_audible(branch, found) if reached else "",
        severity=found.value,
    )


def _audible(branch: Branch, severity: Estimate) -> str:
    """Whether people hear the change that breaks: "hardly" where the whole interval is imperceptible, else "perhaps" or
    "plainly".

    What lies below the gravest imperceptible step of the branch is imperceptible too.
    """
    mild = max((r.change.severity for r in branch.rounds if r.change.imperceptible), default=0.0)
    if severity.high <= mild:
        return "hardly"
    return "perhaps" if severity.low <= mild else "plainly"


def _in_unit(branch: Branch, found: Estimate) -> Estimate:
    """The same in the family's unit, where a graver change may have the smaller number."""
    value, low, high = (branch.magnitude(each) for each in (found.value, found.low, found.high))
    return replace(found, value=value, low=min(low, high), high=max(low, high))


def follows_severity(branch: Branch, resamples: Resamples) -> list[Row]:
    """Rank correlation of severity and distance to the own original, clip by clip, then its mean.

    Kim (2021) assumes it to be positive (assumption ii) without measuring it.
    """
    if len(set(branch.severity)) < FEWEST_STEPS:
        return []
    n = resamples.weights.shape[1]
    columns = [r.spread(r.neighbours.own, n) for r in branch.rounds]
    own, present = (np.stack(part, 1) for part in zip(*columns, strict=True))
    moving = present.all(1) & (np.ptp(own, axis=1) > 0)
    if not moving.any():
        return []
    ranks = rankdata(own, axis=1) - (own.shape[1] + 1) / 2
    steps = rankdata(branch.severity) - (own.shape[1] + 1) / 2
    rho = np.zeros(n)
    rho[moving] = (ranks @ steps)[moving] / (np.linalg.norm(ranks[moving], axis=1) * np.linalg.norm(steps))
    draws = resamples.means(rho[:, None], moving[:, None])[:, 0]
    left = n - int(moving.sum())
    found = resamples.estimate(rho[moving].mean(), draws, note=f"{left} clips that never move" if left else "")
    factors = {"family": branch.family, "direction": branch.direction, "distance": branch.rounds[0].distance}
    return [row("displacement follows severity", found, **factors)]
