"""Does the embedding carry over to a task it was not trained for?

Conventions: a linear probe learns a column of labels from frozen vectors and is asked about clips it has not seen, in
folds that never part a group (artist, score) or by the split that came with the data. Scores are computed once over all
tested clips; their intervals come from resampling those clips, or their groups. Controls are compared on the same clips
in the same resamples.
"""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, Literal

import numpy as np
import pandas as pd

from earwitness.audits._controls import Role, check_controls, check_role, paired
from earwitness.audits._folds import Folds
from earwitness.audits._labels import SEPARATOR, Task, read_labels, read_texts
from earwitness.audits._probe import probe_classes, probe_numbers
from earwitness.audits._provenance import provenance
from earwitness.audits._resamples import Resamples
from earwitness.audits._tables import Row, exact, row, table
from earwitness.audits._transfer_question import Question, ask, plan_folds
from earwitness.audits._transfer_scores import PROBABILITY, Scores, chance, evaluate
from earwitness.audits._transfer_verdicts import verdicts
from earwitness.embeddings import Embeddings
from earwitness.results import AuditResult

_FACTORS = ("class", "of", "by", "control")


def transfer(
    embeddings: Embeddings,
    *,
    label: str = "label",
    task: Literal["auto", "classes", "tags", "number"] = "auto",
    group: str | None = None,
    split: str | None = None,
    by: str | None = None,
    controls: Sequence[AuditResult] = (),
    role: Role = "audited",
    folds: int = 5,
    seed: int = 0,
    n_resamples: int = 1000,
) -> AuditResult:
    """How well a linear probe reads a label off the embedding.

    Parameters
    ----------
    embeddings
        Of the clips as they are.
    label
        Column of what is to be read. Clips with an empty cell are left out and counted.
    task
        "classes" (logistic regression), "tags" (several values a cell, separated by "|": one logistic regression
        each), "number" (ridge regression), or "auto": numbers of which more than 20, or more than half, differ are
        numbers; text with a "|" is tags; all else is classes.
    group
        Column of what must not be on both sides of a fold, and is drawn together in the bootstrap.
    split
        Column with a split to use instead of folds: "train", "valid" (also learnt from) and "test".
    by
        Column whose values are also scored one by one (domain, data set); the probe is the same.
    controls
        Results of this audit for encoders that know little, with the same label and task.
    role
        "control" marks the result as one of a control.
    folds
        Of the cross-validation; fewer where there are fewer clips or groups.
    seed
        Of folds and resamples.
    n_resamples
        Bootstrap resamples.

    Returns
    -------
    AuditResult
        Table, for classes: `ROC-AUC` (mean over the classes, each against the others) and `balanced accuracy`, and for
        each class `class ROC-AUC` and `recall`; for tags: `ROC-AUC` and `average precision` (means over the tags), and
        `class ROC-AUC` and `class average precision`; for numbers: `R2`. `chance` is the level of a probe that knows
        nothing, `within` a measure on the clips of one value of `by`, `difference` a measure less the control's.
        Items: truth, prediction and, but for numbers, the probability of each class (`p:<class>`).

    Notes
    -----
    The verdict *holds* where the interval of the first measure lies above chance and the interval of its paired
    difference to every control above 0, *breaks* where the difference to one of them lies below 0, and is open
    otherwise, also where no effect was found.

    Raises
    ------
    InputError
        If there is no such column, fewer than two classes with two clips (or groups), fewer than two folds are
        possible, a group lies on both sides of the split, or all vectors are the same.

    References
    ----------
    Alain and Bengio (2016), arXiv:1610.01644, for linear probes; Kim (2021), doctoral thesis, chapters 2 and 3.
    """
    started = perf_counter()
    check_role(role)
    question = ask(embeddings, read_labels(embeddings, label, task), label, group, split)
    check_controls(controls, "transfer", label=label, task=question.task)
    plan = plan_folds(question, folds, seed)
    items, strengths = _probe(question, plan, seed)
    if by is not None:
        items["by"] = read_texts(question.embeddings, by)[plan.test >= 0]
    resamples = _resamples(items, n_resamples, seed)
    draws = evaluate(items, question.task, resamples.weights)
    rows = [*_scores(items, draws, resamples, question.task), *_within(items, resamples, question.task)]
    for control in controls:
        rows += _differences(items, draws, control, resamples, question.task)
    result = AuditResult(
        audit="transfer",
        encoder=embeddings.encoder,
        dataset=embeddings.dataset,
        table=table(rows, _FACTORS),
        parameters={
            "role": role,
            "label": label,
            "task": question.task,
            "group": group,
            "split": split,
            "by": by,
            "probe": "ridge regression" if question.task == "number" else "logistic regression",
            "folds": plan.count if split is None else None,
            "penalties": strengths,
            "clips": len(items),
            "left out": question.left_out,
            "n_resamples": n_resamples,
        },
        provenance=provenance([embeddings], columns=[label, group, split, by], seed=seed, started=started),
        items=items,
        skipped=embeddings.skipped,
    )
    return replace(result, verdicts=verdicts(result, controls))


def _probe(question: Question, plan: Folds, seed: int) -> tuple[pd.DataFrame, list[float]]:
    """Items, one a tested clip, and the penalties chosen."""
    X, tested = question.embeddings.vectors, plan.test >= 0
    columns: dict[str, Any] = {"clip": question.embeddings.column("clip")[tested]}
    if question.groups is not None:
        columns["group"] = question.groups[tested]
    columns["truth"] = question.truth[tested]
    if question.task == "number":
        guess, strengths = probe_numbers(X, question.truth, question.strata, question.groups, plan, seed)
        return pd.DataFrame({**columns, "prediction": guess[tested]}), strengths
    link: Literal["softmax", "sigmoid"] = "softmax" if question.task == "classes" else "sigmoid"
    found, strengths = probe_classes(X, question.indicators, link, question.strata, question.groups, plan, seed)
    # Six decimals, here already, so that every score can be had again from the items.
    p, names = np.round(found[tested], 6), np.array(question.classes, dtype=object)
    if question.task == "classes":
        columns["prediction"] = names[p.argmax(1)]
    else:
        columns["prediction"] = [SEPARATOR.join(names[likely]) for likely in p >= 0.5]
    columns |= {f"{PROBABILITY}{name}": p[:, k] for k, name in enumerate(names)}
    return pd.DataFrame(columns), strengths


def _resamples(items: pd.DataFrame, n_resamples: int, seed: int) -> Resamples:
    return Resamples.draw(len(items), items["group"].to_numpy() if "group" in items else None, n_resamples, seed)


def _points(items: pd.DataFrame, task: Task) -> dict[tuple[str, str], float]:
    """Each measure of the clips themselves."""
    once = np.ones((1, len(items)), np.float32)
    return {key: float(value[0]) for key, value in evaluate(items, task, once).items()}


def _scores(items: pd.DataFrame, draws: Scores, resamples: Resamples, task: Task) -> list[Row]:
    rows = []
    for (measure, name), value in _points(items, task).items():
        rows.append(row(measure, resamples.estimate(value, draws[measure, name]), **{"class": name}))
    return rows + [row("chance", exact(level, len(items)), of=of) for of, level in chance(items, task).items()]


def _within(items: pd.DataFrame, resamples: Resamples, task: Task) -> list[Row]:
    """The measures over all classes, on the clips of each value of `by`."""
    rows = []
    for value in sorted(set(items.get("by", [])) - {""}):
        here = (items["by"] == value).to_numpy()
        some = items[here]
        units = len(some) if "group" not in some else some["group"].nunique()
        draws = evaluate(some, task, resamples.of(here).weights)
        for (measure, name), point in _points(some, task).items():
            if not name:
                rows.append(row("within", resamples.estimate(point, draws[measure, ""], units), of=measure, by=value))
    return rows


def _differences(
    items: pd.DataFrame, draws: Scores, control: AuditResult, resamples: Resamples, task: Task
) -> list[Row]:
    """Each measure over all classes less the control's, on the clips that both have, in the same resamples."""
    ours, theirs = paired(items, control.items, ["clip"])
    if len(ours) < len(items):
        resamples = _resamples(ours, len(resamples.weights), resamples.seed)
        draws = evaluate(ours, task, resamples.weights)
    other = evaluate(theirs, task, resamples.weights)
    mine, theirs_now = _points(ours, task), _points(theirs, task)
    rows = []
    for measure, name in mine:
        if not name:
            estimate = resamples.estimate(
                mine[measure, ""] - theirs_now[measure, ""], draws[measure, ""] - other[measure, ""]
            )
            rows.append(row("difference", estimate, of=measure, control=control.encoder))
    return rows
