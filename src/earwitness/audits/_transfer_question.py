"""What a transfer audit asks: which clips, which labels, and in which folds they are tested.

What cannot be asked is left out and counted; what leaves nothing to ask is refused.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audits._folds import Folds, given_split, stratified_folds
from earwitness.audits._labels import Labels, Task, read_groups, read_texts, split_tags
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError

_BINS = 5


@dataclass(frozen=True)
class Question:
    """The clips that are asked about, and what is asked."""

    embeddings: Embeddings
    task: Task
    label: str
    truth: NDArray[Any]  # (n,) text, or float64 for numbers
    groups: NDArray[Any] | None
    split: str | None
    left_out: dict[str, int]

    @property
    def classes(self) -> list[str]:
        """All classes or tags, in order."""
        if self.task == "tags":
            return sorted({tag for cell in self.truth for tag in split_tags(cell)})
        return sorted(set(self.truth))

    @property
    def indicators(self) -> NDArray[np.float32]:
        """(n, K), 1 where the clip has the class."""
        has = [set(split_tags(cell)) if self.task == "tags" else {cell} for cell in self.truth]
        return np.array([[name in mine for name in self.classes] for mine in has], dtype=np.float32)

    @property
    def strata(self) -> NDArray[Any]:
        """What folds spread evenly: the class, the rarest tag, or the fifth of the range of numbers."""
        if self.task == "classes":
            return self.truth
        if self.task == "tags":
            has = self.indicators
            return np.where(has > 0, has.sum(0), np.inf).argmin(1)
        rank = pd.Series(self.truth).rank(method="first").to_numpy() - 1
        return (rank * min(_BINS, max(1, len(rank) // 10)) / len(rank)).astype(int)


def ask(embeddings: Embeddings, labels: Labels, label: str, group: str | None, split: str | None) -> Question:
    """The question that these labels allow.

    Raises
    ------
    InputError
        If too few clips or classes are left, or all vectors are the same.
    """
    keep = labels.present.copy()
    left_out = {"without a label": int((~keep).sum())}
    if split is not None:
        beyond = keep & (read_texts(embeddings, split) == "")
        left_out["without a split"] = int(beyond.sum())
        keep &= ~beyond
    groups = read_groups(embeddings, group)
    if labels.task == "classes" and split is None:
        alone = keep & _alone(labels.values, keep, groups)
        left_out["alone in their class" if group is None else "whose class is in one group only"] = int(alone.sum())
        keep &= ~alone
    rows = np.flatnonzero(keep)
    question = Question(
        embeddings=embeddings.take(rows),
        task=labels.task,
        label=label,
        truth=labels.values[rows],
        groups=None if groups is None else groups[rows],
        split=split,
        left_out={reason: count for reason, count in left_out.items() if count},
    )
    _check(question)
    return question


def _alone(values: NDArray[Any], keep: NDArray[np.bool_], groups: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Clips whose class has no second clip (group), so that it cannot be learnt and tested."""
    unit = np.arange(len(values)) if groups is None else groups
    found = pd.DataFrame({"class": values, "unit": unit})[keep].groupby("class")["unit"].nunique()
    return np.isin(values.astype(str), found.index[found < 2].to_numpy().astype(str))


def _check(question: Question) -> None:
    embeddings, left = question.embeddings, question.left_out
    why = f" ({', '.join(f'{count} clips {reason}' for reason, count in left.items())} were left out)" if left else ""
    if len(embeddings) < 2:
        raise InputError(f"a probe of {question.label!r} needs clips with labels, and there are {len(embeddings)}{why}")
    if question.task == "number" and np.ptp(question.truth) == 0:
        raise InputError(f"column {question.label!r} is {question.truth[0]:g} for every clip: there is nothing to tell")
    if question.task == "classes" and len(question.classes) < 2:
        raise InputError(
            f"a probe of {question.label!r} needs two classes or more, and there is only {question.classes[0]!r}{why}: "
            "label some clips otherwise, or name another column"
        )
    if question.task == "tags" and all(has.min() == has.max() for has in question.indicators.T):
        raise InputError(f"every clip has the same tags in {question.label!r}: there is nothing to tell")
    if not np.isfinite(embeddings.vectors).all():
        raise InputError(f"some vectors of {embeddings.encoder} are not finite: drop their clips")
    if (embeddings.vectors == embeddings.vectors[0]).all():
        raise InputError(
            f"{embeddings.encoder} gives all {len(embeddings)} clips the same vector, so nothing can be read off it: "
            "run check-encoder"
        )


def plan_folds(question: Question, folds: int, seed: int) -> Folds:
    """The folds, or the split that came with the data.

    Raises
    ------
    InputError
        If fewer than two folds are possible, or the split leaves nothing to learn or to test.
    """
    if question.split is not None:
        plan = given_split(read_texts(question.embeddings, question.split), question.groups, question.split)
        if question.task == "classes" and len(set(question.truth[plan.test < 0])) < 2:
            raise InputError(f"the clips to learn from have one class of {question.label!r} only: mend the split")
        return plan
    if folds < 2:
        raise InputError(f"folds is {folds}: give 2 or more, usually 5")
    return stratified_folds(question.strata, question.groups, folds, seed)
