"""Does the embedding know the data set better than the music?

Conventions: probes of each class learn from one domain (data set, recording set-up) and are asked about every domain,
in folds over all domains at once that never part a group. Every measure of two domains comes with a *test*: domains are
shuffled among clips of the same labels (and stratum), and everything is learnt anew. Vectors are standardised over all
domains. For more than two domains a direction parts one domain from the others.
"""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from earwitness.audits._bias_directions import Leaning, leaning
from earwitness.audits._bias_directions import rows_of as rows_of_directions
from earwitness.audits._bias_scores import PROBES, Key, evaluate, items_of, points
from earwitness.audits._bias_verdicts import verdicts
from earwitness.audits._controls import Role, check_controls, check_role, paired
from earwitness.audits._crossed import KERNEL_STRENGTHS, Lesson, best_strength, crossed, domain_scores, lesson, lessons
from earwitness.audits._domains import FOLDS, LEAST, MOST, Question, ask, coordinates, plan
from earwitness.audits._geometry import Floats, Geometry, gaussian
from earwitness.audits._provenance import provenance
from earwitness.audits._resamples import Resamples
from earwitness.audits._sampling import stratified_resamples
from earwitness.audits._shuffled import DropTest, Members, domain_test, p_value, shuffles
from earwitness.audits._tables import Row, exact, row, table
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.results import AuditResult
from earwitness.stats import adjust_p

FACTORS = ("train", "test", "class", "scope", "space", "of", "control")
COMPARED = ("drop", "within ROC-AUC", "across ROC-AUC", *(f"domain ROC-AUC, {probe}" for probe in PROBES))
"""Measures that are compared with the controls."""


def bias(
    embeddings: Embeddings,
    *,
    label: str = "label",
    domain: str = "domain",
    group: str | None = None,
    stratum: str | None = None,
    absent: str | None = None,
    controls: Sequence[AuditResult] = (),
    role: Role = "audited",
    folds: int = FOLDS,
    least: int = LEAST,
    most: int = MOST,
    seed: int = 0,
    n_resamples: int = 1000,
    n_shuffles: int = 200,
) -> AuditResult:
    """What probes lose from one domain to another, and what the embedding knows of the domain.

    Parameters
    ----------
    embeddings
        Of the clips as they are.
    label
        Column of classes: one a cell, or several with "|" between them. "-class" in a cell says that the clip has it
        not; where any clip of a domain says so (or `absent` does), what a cell does not name is unknown in that domain.
        Clips with an empty cell are left out and counted.
    domain
        Column of two domains or more.
    group
        Column of what must not be on both sides of a fold, and is drawn and shuffled together.
    stratum
        Column of what else may differ between domains (genre): equal samples keep its mix, shuffles stay within it.
    absent
        Column that names the classes that a clip has not, with "|" between them.
    controls
        Results of this audit for encoders that know little, with the same label and domain.
    role
        "control" marks the result as one of a control.
    folds
        Of the cross-validation.
    least
        Clips (groups) that must have a class, and that must not, in every domain; other classes are left out.
    most
        Of more clips, so many are drawn, evenly over domains and classes: time grows with their cube.
    seed
        Of folds, samples, shuffles and resamples.
    n_resamples
        Bootstrap resamples of clips (groups), within domains and classes.
    n_shuffles
        Shuffles of the tests; 200 or more.

    Returns
    -------
    AuditResult
        Table: `within ROC-AUC` and `across ROC-AUC` (means over classes and domains), `drop` (within less across, on
        the same tested clips), `ROC-AUC` and `pair drop` for every domain trained on and tested on, and the same of
        each class (`class ROC-AUC`, `class drop`, …);
        `domain ROC-AUC` of a linear and a non-linear probe (logistic regression; the same with a Gaussian kernel);
        `cosine`, the absolute cosine of domain direction and class probe (Wang et al., equation 1), by scope ("global":
        direction of all clips; "class-wise": of the clips of the class), space ("linear", "kernel"), domain trained on
        and class, beside `shuffled cosine` (with shuffled domains), `random cosine` (with a random direction) and
        `metric cosine`; `participation ratio` of the direction; `shuffle p` of each test, and `adjusted p` (Holm) of
        the seven that verdicts speak of; `difference`, a measure less the control's. Items: what held-out probes say
        of each clip.

    Notes
    -----
    Classes, negatives and strata are equalised: each domain's probe learns from as many clips that have the class, and
    as many that have not. The tests use least-squares probes; see `_shuffled`. Intervals hold the probes and resample
    the clips that they are asked about. Cosines have no interval but a test: with few clips a probe and a direction
    that are learnt from the same clips share their noise, which the shuffled level shows and the random one does not.

    The verdicts: *breaks* where a test is passed at 5 % after Holm's correction (and a drop's interval lies above 0),
    so that where the domain means nothing all three say "No effect found" 95 times in 100; *holds* where an effect
    larger than 0.05 (of a drop in ROC-AUC) or 0.1 (of the domain's ROC-AUC above chance) can be ruled out; else open.

    Raises
    ------
    InputError
        If there are not two domains, no class is in each of them, labels and domains say the same, a domain has fewer
        clips than folds, a vector is not finite, or all are the same.

    References
    ----------
    Wang, Richard and McFee (2023). Transfer learning and bias correction with pre-trained audio embeddings. ISMIR.
    """
    started = perf_counter()
    check_role(role)
    _check_counts(least, n_shuffles)
    question = ask(
        embeddings, label=label, domain=domain, group=group, stratum=stratum, absent=absent, least=least, most=most,
        seed=seed,
    )  # fmt: skip
    check_controls(
        controls, "bias", label=label, domain=domain, classes=list(question.classes), domains=list(question.domains)
    )
    planned = plan(question, folds, seed)
    taught = lessons(question, planned, seed)
    scores, strengths = crossed(question, taught)
    items = items_of(question, scores, [domain_scores(question, taught, kernel=k) for k in (False, True)])
    resamples = stratified_resamples(question.units, question.spread, n_resamples, seed)
    draws = evaluate(items, question.classes, question.domains, resamples.weights)
    point = points(items, question.classes, question.domains)
    shuffled = shuffles(question, planned.test, n_shuffles, seed)
    spaces, p = _tests(question, taught, strengths, shuffled, seed)
    rows = [
        row(_measure(key), resamples.estimate(value, draws[key]), **_factors(key)) for key, value in _ordered(point)
    ]
    rows += _p_rows(p, len(question))
    for found in spaces:
        rows += rows_of_directions(question, found)
    for control in controls:
        rows += _differences(items, draws, point, control, resamples)
    result = AuditResult(
        audit="bias",
        encoder=embeddings.encoder,
        dataset=embeddings.dataset,
        table=table(rows, FACTORS),
        parameters={
            "role": role,
            "label": label,
            "domain": domain,
            "group": group,
            "stratum": stratum,
            "absent": absent,
            "classes": list(question.classes),
            "domains": list(question.domains),
            "clips": len(question),
            "clips by domain": np.bincount(question.member).tolist(),
            "dimensions": question.embeddings.size,
            "left out": question.left_out,
            "folds": folds,
            "least": least,
            "most": most,
            "penalties": strengths,
            "n_resamples": n_resamples,
            "shuffled within": question.alike,
            "n_shuffles": 0 if shuffled is None else n_shuffles,
        },
        provenance=provenance(
            [embeddings], columns=[label, domain, group, stratum, absent], seed=seed, started=started
        ),
        items=items,
        skipped=embeddings.skipped,
    )
    return replace(result, verdicts=verdicts(result, controls))


def _check_counts(least: int, n_shuffles: int) -> None:
    if least < 2:
        raise InputError(f"least is {least}: a class needs two clips or more in each domain")
    if n_shuffles < 200:
        raise InputError(f"n_shuffles is {n_shuffles}: give 200 or more, or no test can be passed")


def _measure(key: Key) -> str:
    """Measures of one class, and losses of one pair of domains, have names of their own."""
    if key[3]:
        return f"class {key[0]}"
    return "pair drop" if key[0] == "drop" and key[1] else key[0]


def _factors(key: Key) -> dict[str, str]:
    return {"train": key[1], "test": key[2], "class": key[3]}


def _ordered(point: dict[Key, float]) -> list[tuple[Key, float]]:
    """What stands for the whole first; then domain by domain, and class by class."""
    place = {measure: k for k, measure in enumerate(("within ROC-AUC", "across ROC-AUC", "drop"))}
    return sorted(point.items(), key=lambda one: (bool(one[0][3]), bool(one[0][1]), place.get(one[0][0], 9)))


def _tests(
    question: Question, taught: Sequence[Lesson], strengths: list[list[float]], shuffled: Members | None, seed: int
) -> tuple[list[Leaning], dict[str, float]]:
    """Cosines in both spaces, and p of every test that verdicts speak of."""
    X = coordinates(question)
    linear, kernel = Geometry.of(X), gaussian(X)
    usual = [float(np.median([fold[s] for fold in strengths])) for s in range(len(question.domains))]
    everything = np.arange(len(question))
    whole = lesson(question, everything, everything, np.random.default_rng(seed), seed)
    bent = [best_strength(question, kernel, whole, s, KERNEL_STRENGTHS) for s in range(len(question.domains))]
    spaces = [
        leaning(question, linear, "linear", usual, shuffled, seed),
        leaning(question, kernel, "kernel", bent, shuffled, seed),
    ]
    p = {"drop": float("nan"), **{f"domain ROC-AUC, {probe}": float("nan") for probe in PROBES}}
    if shuffled is not None:
        members = np.vstack([question.member[None], shuffled])
        test = DropTest(question, linear, taught)
        drops = np.array([test(member) for member in members])
        p["drop"] = p_value(drops[0], drops[1:])
        for probe, clips in zip(PROBES, (linear, kernel), strict=True):
            found = domain_test(clips, taught, members, len(question.domains))
            p[f"domain ROC-AUC, {probe}"] = p_value(found[0], found[1:])
    for one in spaces:
        p |= {f"cosine, {scope}, {one.space}": one.p[scope] for scope in one.p}
    return spaces, p


def _p_rows(p: dict[str, float], n: int) -> list[Row]:
    adjusted = adjust_p(list(p.values()))
    rows = [row("shuffle p", exact(value, n), of=name) for name, value in p.items()]
    return rows + [row("adjusted p", exact(float(a), n), of=name) for name, a in zip(p, adjusted, strict=True)]


def _differences(
    items: pd.DataFrame, draws: dict[Key, Floats], point: dict[Key, float], control: AuditResult, resamples: Resamples
) -> list[Row]:
    """Each measure of the whole less the control's, on the clips that both have, in the same resamples."""
    classes, domains = control.parameters["classes"], control.parameters["domains"]
    ours, theirs = paired(items, control.items, ["clip"])
    if len(ours) < len(items):
        place = pd.Index(items["clip"]).get_indexer(pd.Index(ours["clip"]))
        resamples = resamples.of(place)
        draws, point = evaluate(ours, classes, domains, resamples.weights), points(ours, classes, domains)
    other, there = evaluate(theirs, classes, domains, resamples.weights), points(theirs, classes, domains)
    rows: list[dict[str, Any]] = []
    for measure in COMPARED:
        key = (measure, "", "", "")
        estimate = resamples.estimate(point[key] - there[key], draws[key] - other[key])
        rows.append(row("difference", estimate, of=measure, control=control.encoder))
    return rows
