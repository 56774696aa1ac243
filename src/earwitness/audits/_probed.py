"""What a probe makes of changed clips: does the task still succeed, and does pitch or tempo move as it should?

Conventions: a probe is learnt from the clips as they are, and says something of a changed clip only if it has never
heard it, nor any of its group (out of fold). *Invariant*: what is read stays, as a genre should. *Equivariant*:
it moves with the change, as a pitch should with a pitch shift; a slope of 1 is as it should, 0 does not notice.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audio import PerturbationRecord
from earwitness.audits._folds import Folds
from earwitness.audits._labels import Labels, read_labels, read_texts
from earwitness.audits._probe import Reader, class_readers, number_readers, out_of_fold
from earwitness.audits._resamples import Resamples
from earwitness.audits._rounds import factors_of
from earwitness.audits._tables import Row, row
from earwitness.audits._transfer_question import Question, ask, plan_folds
from earwitness.audits._transfer_scores import PROBABILITY, evaluate
from earwitness.audits._transfer_verdicts import HEADLINE
from earwitness.embeddings import Embeddings

Floats = NDArray[np.float64]

FOLDS = 5
TONICS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


@dataclass(frozen=True)
class Probed:
    """A question and the probes that answer it, one a fold."""

    question: Question
    plan: Folds
    readers: tuple[Reader, ...]

    @classmethod
    def of(cls, question: Question, seed: int) -> "Probed":
        """Learn from the clips as they are."""
        plan = plan_folds(question, FOLDS, seed)
        X, about = question.embeddings.vectors, (question.strata, question.groups, plan, seed)
        if question.task == "number":
            return cls(question, plan, tuple(number_readers(X, question.truth, *about)))
        link: Literal["softmax", "sigmoid"] = "softmax" if question.task == "classes" else "sigmoid"
        return cls(question, plan, tuple(class_readers(X, question.indicators, link, *about)))

    def items(self, changed: Embeddings) -> tuple[pd.DataFrame, NDArray[np.int64]]:
        """Truth and what is read off the clips that there are, as the transfer audit has it, and their rows here."""
        place = pd.Index(changed.clips["clip"]).get_indexer(pd.Index(self.question.embeddings.clips["clip"]))
        rows = np.flatnonzero(place >= 0)
        said = out_of_fold(self.readers, changed.vectors[place[rows]], self.plan.test[rows])
        columns: dict[str, Any] = {"truth": self.question.truth[rows]}
        if self.question.task == "number":
            return pd.DataFrame({**columns, "prediction": said[:, 0]}), rows
        names = np.array(self.question.classes, dtype=object)
        columns["prediction"] = names[said.argmax(1)]
        columns |= {f"{PROBABILITY}{name}": said[:, k] for k, name in enumerate(names)}
        return pd.DataFrame(columns), rows


def task_rows(
    embeddings: Embeddings,
    perturbed: Sequence[Embeddings],
    label: str,
    task: str,
    group: str | None,
    resamples: Resamples,
) -> list[Row]:
    """Score of the task on the clips as they are and under each perturbation (figure 4.4), and what changes.

    Raises
    ------
    InputError
        If the labels cannot be asked for: see the transfer audit.
    """
    question = ask(embeddings, read_labels(embeddings, label, task), label, group, None)
    probed = Probed.of(question, resamples.seed)
    measure = HEADLINE[question.task]
    mine = pd.Index(embeddings.clips["clip"]).get_indexer(pd.Index(question.embeddings.clips["clip"]))
    before, _ = probed.items(embeddings)
    rows = [row("task score", _score(before, measure, question, resamples.of(mine))[0], of=measure)]
    for changed in perturbed:
        after, there = probed.items(changed)
        if not len(there):
            continue
        some, then = resamples.of(mine[there]), before.iloc[there].reset_index(drop=True)
        assert changed.perturbation is not None
        factors = {"of": measure, **factors_of(changed.perturbation)}
        (score, draws), (old, old_draws) = (_score(items, measure, question, some) for items in (after, then))
        rows.append(row("task score", score, **factors))
        rows.append(row("task change", some.estimate(score.value - old.value, draws - old_draws), **factors))
        if question.task == "classes":
            same = (after["prediction"] == then["prediction"]).to_numpy(float)
            kept = some.share(float(same.mean()), some.means(same[:, None])[:, 0])
            rows.append(row("label kept", kept, **(factors | {"of": label})))
    return rows


def _score(items: pd.DataFrame, measure: str, question: Question, resamples: Resamples) -> tuple[Any, Floats]:
    once = np.ones((1, len(items)), np.float32)
    point = float(evaluate(items, question.task, once)[measure, ""][0])
    draws = evaluate(items, question.task, resamples.weights)[measure, ""]
    return resamples.estimate(point, draws), draws


def moving_rows(
    embeddings: Embeddings,
    perturbed: Sequence[Embeddings],
    column: str,
    family: Literal["pitch", "tempo"],
    group: str | None,
    resamples: Resamples,
) -> list[Row]:
    """Whether what is read as pitch (or tempo) moves with a pitch (tempo) change, and with nothing else.

    Parameters
    ----------
    column
        Pitch in semitones (MIDI note numbers), names of notes or keys ("F#", "Bb minor"), or tempo in beats a minute.
    family
        Of the perturbations that ought to move it.

    Raises
    ------
    InputError
        If the column cannot be read, or its values cannot be asked for.
    """
    if family == "pitch":
        tonics = _tonics(read_texts(embeddings, column))
        if (tonics >= 0).any():
            return _key_rows(embeddings, perturbed, column, tonics, group, resamples)
    labels = read_labels(embeddings, column, "number")
    if family == "tempo":
        positive = labels.present & (labels.values > 0)
        labels = Labels("number", np.log2(np.where(positive, labels.values, np.nan)), positive)
    question = ask(embeddings, labels, column, group, None)
    probed = Probed.of(question, resamples.seed)
    mine = pd.Index(embeddings.clips["clip"]).get_indexer(pd.Index(question.embeddings.clips["clip"]))
    before, _ = probed.items(embeddings)
    rows = [row("task score", _score(before, "R2", question, resamples.of(mine))[0], of=f"{column} R2")]
    reach, total = np.zeros(len(mine)), np.zeros(len(mine))
    for changed in perturbed:
        change = changed.perturbation
        assert change is not None
        after, there = probed.items(changed)
        if not len(there):
            continue
        some = resamples.of(mine[there])
        moved = (after["prediction"].to_numpy(float) - before["prediction"].to_numpy(float)[there]).astype(float)
        draws = some.means(moved[:, None])[:, 0]
        rows.append(row("moved by", some.estimate(moved.mean(), draws), of=column, **factors_of(change)))
        if change.family == family:
            shift = _shift(change)
            reach[there] += shift * moved
            total[there] += shift**2
    heard = total > 0
    if heard.any():
        # One least-squares slope through the origin, resampled by clip as a ratio of sums.
        some = resamples.of(mine[heard])
        value = float(reach[heard].sum() / total[heard].sum())
        draws = (some.weights @ reach[heard]) / (some.weights @ total[heard])
        rows.append(row("equivariance", some.estimate(value, draws), of=column, family=family))
    return rows


def _shift(change: PerturbationRecord) -> float:
    """How far a change should move the reading: semitones, or octaves of tempo."""
    return change.magnitude / 100 if change.family == "pitch" else float(np.log2(change.magnitude))


def _tonics(texts: NDArray[Any]) -> NDArray[np.int64]:
    """Semitones above C of "F#", "Bb minor", "c"; -1 where a cell names no note."""
    found = np.full(len(texts), -1)
    for i, text in enumerate(texts):
        parts = re.fullmatch(r"([A-Ga-g])([#♯b♭]?)(?:-?\d+|[\s_:].*|m|maj|min)?", text)
        if parts:
            accidental = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}[parts[2]]
            found[i] = (TONICS[parts[1].lower()] + accidental) % 12
    return found


def _key_rows(
    embeddings: Embeddings,
    perturbed: Sequence[Embeddings],
    column: str,
    tonics: NDArray[np.int64],
    group: str | None,
    resamples: Resamples,
) -> list[Row]:
    """Share of clips whose tonic is read just as many semitones away as a pitch shift of whole semitones moved it.

    Under any other change the tonic should stay, so that 0 semitones are right.
    """
    names = np.array([str(tonic) if tonic >= 0 else "" for tonic in tonics], dtype=object)
    question = ask(embeddings, Labels("classes", names, tonics >= 0), column, group, None)
    probed = Probed.of(question, resamples.seed)
    mine = pd.Index(embeddings.clips["clip"]).get_indexer(pd.Index(question.embeddings.clips["clip"]))
    before, _ = probed.items(embeddings)
    rows = [row("task score", _score(before, "ROC-AUC", question, resamples.of(mine))[0], of=f"{column} ROC-AUC")]
    hits, tried = np.zeros(len(mine)), np.zeros(len(mine))
    for changed in perturbed:
        change = changed.perturbation
        assert change is not None
        shift = change.magnitude / 100 if change.family == "pitch" else 0.0
        after, there = probed.items(changed)
        if shift % 1 or not len(there):
            continue
        some, then = resamples.of(mine[there]), before["prediction"].to_numpy().astype(int)[there]
        right = ((after["prediction"].to_numpy().astype(int) - then - shift) % 12 == 0).astype(float)
        share = some.share(float(right.mean()), some.means(right[:, None])[:, 0])
        rows.append(row("key moved rightly", share, of=column, **factors_of(change)))
        if shift % 12:
            hits[there] += right
            tried[there] += 1
    heard = tried > 0
    if heard.any():
        some = resamples.of(mine[heard])
        hit = hits[heard] / tried[heard]
        found = some.share(float(hit.mean()), some.means(hit[:, None])[:, 0])
        rows.append(row("equivariance", found, of=column, family="pitch"))
    return rows
