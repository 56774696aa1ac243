"""What the experiment of chapter 3 says, in sentences, each with its interval."""

from collections.abc import Callable
from typing import Literal

from earwitness.learning.artist_groups.plan import Case
from earwitness.learning.artist_groups.scores import Scores
from earwitness.recipes._kim2018_tables import slope
from earwitness.results import Verdict
from earwitness.stats import Estimate

_UNSURE = "Networks were trained once, so that another start of theirs could differ by more than these intervals say"


def verdicts(scores: Scores) -> tuple[Verdict, ...]:
    """Sentences on the number of tasks, on genre among them, on sharing, on size, and on training at all."""
    made = [_more_tasks(scores), _genre(scores), _sharing(scores), _size(scores), _training(scores)]
    return tuple(verdict for verdict in made if verdict is not None)


def _more_tasks(scores: Scores) -> Verdict | None:
    if len({case.number for case in scores.cases if case.kind in ("STN", "MTN")}) < 2:
        return None
    loss, f1 = slope(scores, "log loss"), slope(scores, "macro F1")
    return Verdict(
        _status(loss),
        "More tasks tell genres better",
        f"Each task more changes the log loss by **{_signed(loss)}** and macro F1 by {_signed(f1)}, over all "
        f"combinations. {_UNSURE}.",
    )


def _genre(scores: Scores) -> Verdict | None:
    both = "STN", "MTN"
    difference = _difference(
        scores, lambda case: case.kind in both and "g" in case.tasks, lambda c: c.kind in both and "g" not in c.tasks
    )
    if difference is None:
        return None
    return Verdict(
        _status(difference),
        "Genre among the tasks helps",
        f"The log loss with g is **{_signed(difference)}** against combinations without.",
    )


def _sharing(scores: Scores) -> Verdict | None:
    difference = _difference(
        scores, lambda case: case.kind == "MTN", lambda c: c.kind == "STN" and _has_mtn(scores, c.tasks)
    )
    if difference is None:
        return None
    return Verdict(
        _status(difference),
        "One shared network beats separate ones",
        f"The log loss of MTN is **{_signed(difference)}** against STN, over the same combinations.",
    )


def _has_mtn(scores: Scores, tasks: str) -> bool:
    return any(case.kind == "MTN" and case.tasks == tasks for case in scores.cases)


def _size(scores: Scores) -> Verdict | None:
    most = max((case.number for case in scores.cases if case.kind == "wSTN"), default=0)
    difference = _difference(
        scores,
        lambda case: case.kind == "MTN" and case.number == most,
        lambda case: case.kind == "wSTN" and case.number == most,
    )
    if difference is None:
        return None
    return Verdict(
        _status(difference),
        "It is the tasks, not the size",
        f"The log loss of the MTN of {most} tasks is **{_signed(difference)}** against a network of the same size for "
        "genre alone.",
    )


def _training(scores: Scores) -> Verdict | None:
    most = max((case.number for case in scores.cases if case.kind == "MTN"), default=0)
    difference = _difference(
        scores,
        lambda case: case.kind == "MTN" and case.number == most,
        lambda case: case.kind == "untrained" and case.number == most,
    )
    if difference is None:
        return None
    return Verdict(
        _status(difference),
        "What was learnt is more than an architecture gives",
        f"The log loss of the MTN of {most} tasks is **{_signed(difference)}** against one as large that was never "
        "trained.",
    )


def _difference(scores: Scores, first: Callable[[Case], bool], second: Callable[[Case], bool]) -> Estimate | None:
    """Mean log loss of some cases minus that of others; None if there are none."""
    a, b = scores.values("log loss", first), scores.values("log loss", second)
    return scores.estimate(a.mean(axis=0) - b.mean(axis=0)) if len(a) and len(b) else None


def _status(lower: Estimate) -> Literal["holds", "breaks", "open"]:
    """Whether a loss is lower, is higher, or cannot be told."""
    if lower.high < 0:
        return "holds"
    return "breaks" if lower.low > 0 else "open"


def _signed(one: Estimate) -> str:
    return f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
