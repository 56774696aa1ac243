"""The crossed experiment: every explainer on every recommender, over the same users, items and complexities.

Conventions: a cell is one explainer on one recommender of one data set. Its fidelities are kept in the cache under all
they depend on, so a run that was stopped goes on, and another explainer is added without training anything again that
is not needed. The unit of work for the engine is a recommender with all its explainers.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from earwitness import engine
from earwitness.audits._explanation_cells import Question, drawn, fidelities, kept, tied_shares
from earwitness.audits._explanation_examples import in_words, worked
from earwitness.audits._explanation_provenance import made
from earwitness.audits._tables import row, table
from earwitness.audits.explanation import (
    DEFAULT_EXPLAINERS,
    OMEGAS,
    accuracy,
    assembled,
    described,
    fidelity_rows,
)
from earwitness.datasets.interactions import Interactions, Split
from earwitness.errors import InputError
from earwitness.recommend.catalogue import RECOMMENDERS, black_box, load_explainer, load_recommender
from earwitness.recommend.explainers.base import Explainer, checked_omegas
from earwitness.recommend.protocol import as_model
from earwitness.results import AuditResult
from earwitness.stats import Estimate, bootstrap

_REVISION = "1"  # of the numbers: raise it when any of them can change, so that nothing old is read from the cache


@dataclass(frozen=True)
class Design:
    """What is crossed, over whom.

    Attributes
    ----------
    recommenders
        Names of `earwitness.recommend.RECOMMENDERS` with a size ("inn-32"), or "python:<file.py>:<callable>".
    explainers
        Names of `earwitness.recommend.EXPLAINERS`.
    omegas
        Complexities; those beyond the number of tags are left out.
    users, n_items
        Users explained and items ranked, drawn uniformly; None takes all.
    unseen
        Leave the users' training items out of the ranking.
    samples
        Tag vectors of LIME and coalitions of KernelSHAP.
    background
        Items of the history that partial dependence averages over; None takes all.
    train
        Share of each user's interactions to train on.
    examples
        Recommended items whose explanations are kept to be read; 0 keeps none.
    seed, n_resamples
        Of every draw; of the bootstrap.
    """

    recommenders: tuple[str, ...] = ("inn-32", "unn-32", "fm-32", "ncf-32", "wrmf-32", "most-popular", "random")
    explainers: tuple[str, ...] = DEFAULT_EXPLAINERS
    omegas: tuple[int, ...] = OMEGAS
    users: int | None = 1000
    n_items: int | None = None
    unseen: bool = True
    samples: int = 200
    background: int | None = 8
    train: float = 0.8
    examples: int = 3
    seed: int = 0
    n_resamples: int = 1000

    def explainer(self, name: str) -> Explainer:
        """The explainer of this name with the design's options."""
        options: dict[str, Any] = {}
        if name in ("lime", "kernel-shap"):
            options["samples"] = self.samples
        if name in ("pdp", "pdp-difference"):
            options["background"] = self.background
        if name in ("lime", "kernel-shap", "pdp", "pdp-difference", "random"):
            options["seed"] = self.seed
        return load_explainer(name, **options)

    def question(self, train: Interactions) -> Question:
        """Users and items drawn from these interactions."""
        within = [omega for omega in self.omegas if omega <= train.n_tags] or list(self.omegas)
        return Question(
            users=drawn(self.users, np.diff(train.counts.indptr) > 0, self.seed, "users with items"),
            items=drawn(self.n_items, train.n_items, self.seed, "items"),
            omegas=checked_omegas(within, train.n_tags),
            unseen=self.unseen,
        )


def explain_recommenders(
    data: Interactions,
    design: Design | None = None,
    *,
    jobs: int | None = 1,
    cluster: str | None = None,
    progress: engine.Progress | None = None,
) -> list[AuditResult]:
    """Train every recommender of the design and audit every explainer on it.

    Parameters
    ----------
    data
        Users, items and tags.
    design
        What is crossed.
    jobs, cluster, progress
        As in `earwitness.engine.map`.

    Returns
    -------
    list of AuditResult
        One a recommender, in the order of the design. Those that know no tags have only their accuracy, and the role
        "control".

    Raises
    ------
    InputError
        If a name is unknown or a recommender cannot be explained.
    """
    design = design or Design()
    for name in design.explainers:
        design.explainer(name)
    for spec in design.recommenders:
        if not spec.startswith("python:"):
            load_recommender(spec)
    work = partial(_audited, data, design)
    return engine.map(
        work, design.recommenders, jobs=jobs, cluster=cluster, progress=progress, stage=f"explaining {data.name}"
    )


def _audited(data: Interactions, design: Design, spec: str) -> AuditResult:
    return _Cells(data, design, spec).result()


@dataclass(frozen=True)
class _Cells:
    """One recommender of one data set with all explainers; it is trained only if a cell is missing."""

    data: Interactions
    design: Design
    spec: str

    @cached_property
    def split(self) -> Split:
        return self.data.split(train=self.design.train, seed=self.design.seed)

    @cached_property
    def question(self) -> Question:
        return self.design.question(self.split.train)

    @cached_property
    def recommender(self) -> Any:
        train = self.split.train
        if self.spec.startswith("python:"):
            return black_box(self.spec, train)
        found = load_recommender(self.spec)
        return found.fit(train, self.split.validation) if self._learns_until_told else found.fit(train)

    @property
    def _learns_until_told(self) -> bool:
        return self.spec.rpartition("-")[0] in ("fm", "ncf") or self.spec in ("fm", "ncf")

    @property
    def uses_tags(self) -> bool:
        name = self.spec if self.spec in RECOMMENDERS else self.spec.rpartition("-")[0]
        return self.spec.startswith("python:") or RECOMMENDERS[name].uses_tags

    @cached_property
    def identity(self) -> tuple[str, ...]:
        """Texts that name all that a cell's numbers depend on, but for its explainer."""
        own = ""
        if self.spec.startswith("python:"):
            own = Path(self.spec[len("python:") :].rpartition(":")[0]).expanduser().read_text(encoding="utf-8")
        q = self.question
        asked = [q.users.tolist(), q.items.tolist(), list(q.omegas), q.unseen, q.measure]
        return _REVISION, self.data.key(), self.spec, own, str(self.design.train), str(self.design.seed), str(asked)

    def about(self) -> dict[str, Any]:
        def compute() -> dict[str, Any]:
            found = accuracy(self.recommender, self.split, self.question)
            if self.uses_tags:
                found["tied"] = tied_shares(as_model(self.recommender, self.split.train), self.question)
            return found | {"epochs": np.array(getattr(self.recommender, "epochs_", 0))}

        return kept((*self.identity, "accuracy"), compute)

    def fidelity(self, explainer: Explainer) -> Any:
        def compute() -> dict[str, Any]:
            started = perf_counter()
            model = as_model(self.recommender, self.split.train)
            values = fidelities(model, explainer, self.question)
            return {"fidelity": values, "seconds": np.array(perf_counter() - started)}

        settings = json.dumps(explainer.settings(), sort_keys=True)
        return kept((*self.identity, explainer.name, settings), compute)

    def examples(self, explainers: Sequence[Explainer]) -> list[dict[str, Any]]:
        """Explanations to be read, of all explainers but the random one."""
        count = self.design.examples
        rated = [each for each in explainers if each.name != "random"]
        if not count or not rated:
            return []
        settings = json.dumps([(each.name, each.settings()) for each in rated], sort_keys=True)

        def compute() -> dict[str, Any]:
            return worked(as_model(self.recommender, self.split.train), rated, self.question, count)

        rows = kept((*self.identity, "examples and whose tags", str(count), settings), compute)["rows"]
        return in_words(rows, [each.name for each in rated], self.split.train)

    def result(self) -> AuditResult:
        started = perf_counter()
        about = self.about()
        train, design = self.split.train, self.design
        name = getattr(self.recommender, "name", self.spec) if self.spec.startswith("python:") else self.spec
        if not self.uses_tags:
            return _control(name, train, self.question, about, made(train, design.seed, started), design.n_resamples)
        chosen = [design.explainer(each) for each in design.explainers]
        cells = {each.name: self.fidelity(each) for each in chosen}
        parameters = described(self.question, chosen, train) | {
            "recommender": self.spec,
            "train": design.train,
            "epochs": int(about.pop("epochs")),
            "role": "audited",
            "examples": self.examples(chosen),
            "seconds": {key: round(float(cell["seconds"]), 2) for key, cell in cells.items()},
        }
        items = fidelity_rows(train, self.question, {key: cell["fidelity"] for key, cell in cells.items()}, about)
        return assembled(name, train, items, parameters, made(train, design.seed, started), design.n_resamples)


def _control(
    name: str,
    train: Interactions,
    question: Question,
    about: dict[str, Any],
    provenance: dict[str, Any],
    n_resamples: int,
) -> AuditResult:
    """The accuracy of a recommender that knows no tags: there is nothing to explain, but something to compare with."""
    known = about["ndcg"][np.isfinite(about["ndcg"])]
    if not len(known):
        raise InputError(f"{train.name}: no user has test items; give users with 4 interactions or more")
    k, rng = min(100, train.n_items), np.random.default_rng([provenance["seed"], 31])
    whole = [
        row(measure, Estimate(float(about[key]), np.nan, np.nan, len(known), "of all lists together"), of="recommender")
        for measure, key in (("diversity", "entropy"), ("diversity share", "share"))
    ]
    accurate = row(f"nDCG@{k}", bootstrap(known, n_resamples=n_resamples, rng=rng), of="recommender")
    return AuditResult(
        audit="explanation",
        encoder=name,
        dataset=train.name,
        table=table([accurate, *whole], ("explainer", "control", "of"), ("omega",)),
        parameters={"role": "control", "list": k, "users": len(question.users)},
        provenance=provenance,
        items=pd.DataFrame({"user": train.users[question.users], "ndcg": about["ndcg"]}),
        skipped=train.skipped,
    )
