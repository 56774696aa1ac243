"""Can what the embedding knows of the domain be taken out, and what does that cost?

Conventions: every correction is learnt in each fold from the clips that the fold does not test, and all of them meet
the same samples, probes and penalties, chosen without any correction (in the kernel's space: with its features alone).
A correction sees the training clips of the domain that is tested, but not their labels; one "by class" sees these too.
What a correction changes is a paired difference to what it acts on (the embedding as it is, for klda and mklda the
kernel's features), on the same clips in the same resamples.
"""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from earwitness.audits._bias_scores import PROBES, Key, crossed_measures, domain_measures
from earwitness.audits._controls import Role, check_controls, check_role
from earwitness.audits._corrected import CLASSWISE, REPRESENTATIONS, acts_on, names_for
from earwitness.audits._correction_verdicts import verdicts
from earwitness.audits._crossed import lessons
from earwitness.audits._domains import FOLDS, LEAST, MOST, Question, ask, coordinates, plan
from earwitness.audits._geometry import Floats
from earwitness.audits._judged import Ground, Judged, grounds, judge, space_of
from earwitness.audits._map import map_2d
from earwitness.audits._provenance import provenance
from earwitness.audits._removal import random_changes
from earwitness.audits._resamples import Resamples
from earwitness.audits._sampling import stratified_resamples
from earwitness.audits._tables import Row, exact, row, table
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.results import AuditResult
from earwitness.stats import Estimate, adjust_p

FACTORS = ("correction", "train", "test", "class", "of", "seen")
WHOLE = ("within ROC-AUC", "across ROC-AUC")


def correction(
    embeddings: Embeddings,
    *,
    label: str = "label",
    domain: str = "domain",
    group: str | None = None,
    stratum: str | None = None,
    absent: str | None = None,
    methods: Sequence[str] | None = None,
    by_class: bool = True,
    controls: Sequence[AuditResult] = (),
    role: Role = "audited",
    folds: int = FOLDS,
    least: int = LEAST,
    most: int = MOST,
    seed: int = 0,
    n_resamples: int = 1000,
    n_random: int = 100,
) -> AuditResult:
    """What each correction of an embedding gains across domains, what it costs within, and what it leaves.

    Parameters
    ----------
    embeddings, label, domain, group, stratum, absent, role, folds, least, most, seed
        As for `bias`. "mlda" and "mklda" need a stratum.
    methods
        Names of `earwitness.correction.METHODS`; None for all that the clips allow.
    by_class
        Also fit "lda" and "mean" on the clips of each class alone, which needs labels in the domain that is tested.
    controls
        Results of this audit for encoders that know little.
    n_resamples
        Bootstrap resamples of clips (groups), within domains and classes.
    n_random
        Draws of random directions; 100 or more.

    Returns
    -------
    AuditResult
        Table, by `correction` ("none" is the embedding as it is, "oracle" a probe learnt from the domain that is
        tested): `within ROC-AUC` and `across ROC-AUC`, each `ROC-AUC` by domain trained on and tested on, and by class
        across; `change` of both, paired with "none" (for "klda" and "mklda" with "k"), and over drawn classes (`of`
        "across, classes drawn"); `change p` and `adjusted p` of the change across (Holm over corrections); `random
        change`, where as many random directions are removed; `domain ROC-AUC` of both probes; `cosine` of the domain
        direction and the probes; `removed dimensions`; `removed variance`. With three domains or more, `left-out ROC-
        AUC`: neither correction nor probe has seen the domain that is tested. The factor `seen` says what of the
        tested domain a correction is fitted on. Items: the clips, what probes say of them as they are and after the
        best correction, and a map of both.

    Notes
    -----
    The verdict on use *holds* where a correction's gain across domains passes the test at 5 % after Holm's correction
    and exceeds 97.5 % of random removals; *breaks* where there is something to gain, and every correction's interval
    rules out more than a quarter of it; else open. The verdict on what is left *holds* where a correction brings the
    domain's ROC-AUC below 0.6 for both probes (upper limits), *breaks* where none does so for the linear one, else
    open.

    Raises
    ------
    InputError
        As for `bias`; or if a method is unknown or needs a stratum.

    References
    ----------
    Wang, Richard and McFee (2023), sections 3.3 to 3.5 and Table 1.
    """
    started = perf_counter()
    check_role(role)
    if n_random < 100:
        raise InputError(f"n_random is {n_random}: give 100 or more, so that chance has a range")
    question = ask(
        embeddings, label=label, domain=domain, group=group, stratum=stratum, absent=absent, least=least, most=most,
        seed=seed,
    )  # fmt: skip
    check_controls(controls, "correction", label=label, domain=domain)
    starts = grounds(question, lessons(question, plan(question, folds, seed), seed), seed)
    judged, refused = _judge_all(question, starts, names_for(question, _names(methods), by_class), seed)
    resamples = stratified_resamples(question.units, question.spread, n_resamples, seed)
    scored = {one.name: _scored(question, one, resamples) for one in judged}
    chance = _random(question, starts, judged, n_random, seed)
    rows = _rows(question, judged, scored, resamples, chance, seed)
    best = _best(judged, rows)
    result = AuditResult(
        audit="correction",
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
            "corrections": [one.name for one in judged if one.name != "none"],
            "not possible": refused,
            "best": best,
            "clips": len(question),
            "left out": question.left_out,
            "folds": folds,
            "least": least,
            "most": most,
            "n_resamples": n_resamples,
            "n_random": n_random,
        },
        provenance=provenance(
            [embeddings], columns=[label, domain, group, stratum, absent], seed=seed, started=started
        ),
        items=_items(question, judged, best, seed),
        skipped=embeddings.skipped,
    )
    return replace(result, verdicts=verdicts(result, controls))


def _names(methods: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if methods is None else tuple(methods)


def _judge_all(
    question: Question, starts: Sequence[Ground], names: Sequence[str], seed: int
) -> tuple[list[Judged], dict[str, str]]:
    """Every correction that the clips allow, "none" first, and why the others cannot be had."""
    found, refused = [judge("none", question, starts, seed)], {}
    for name in names:
        try:
            found.append(judge(name, question, starts, seed))
        except InputError as error:
            refused[name] = str(error)
    return found, refused


Scored = tuple[dict[Key, float], dict[Key, Floats]]
"""Measures of the clips themselves, and of each resample."""


def _scored(question: Question, one: Judged, resamples: Resamples) -> Scored:
    found = []
    for weights in (np.ones((1, len(question)), np.float32), resamples.weights):
        measures = crossed_measures(
            question.truth, question.member, one.scores, question.classes, question.domains, weights
        )
        for probe, said in zip(PROBES, one.domains or (), strict=False):
            measures |= domain_measures(question.member, said, probe, question.domains, weights)
        if one.pooled is not None:
            only = np.repeat(one.pooled[None], len(question.domains), axis=0)
            pooled = crossed_measures(
                question.truth, question.member, only, question.classes, question.domains, weights
            )
            measures["left-out ROC-AUC", "", "", ""] = pooled["within ROC-AUC", "", "", ""]
        found.append(measures)
    return {key: float(value[0]) for key, value in found[0].items()}, found[1]


def _random(
    question: Question, starts: Sequence[Ground], judged: Sequence[Judged], draws: int, seed: int
) -> dict[str, Floats]:
    """By correction that removes dimensions, the changes where as many random ones are removed."""
    done: dict[tuple[Any, ...], Floats] = {}
    found = {}
    for one in judged:
        if one.name == "none" or not one.removed or not any(one.removed):
            continue
        removed = one.removed[:: max(1, len(one.removed) // len(starts))][: len(starts)]
        space = space_of(one.name)
        key = (space, *removed)
        if key not in done:
            done[key] = random_changes(question, starts, space, removed, draws, seed)
        found[one.name] = done[key]
    return found


def _rows(
    question: Question,
    judged: Sequence[Judged],
    scored: dict[str, Scored],
    resamples: Resamples,
    chance: dict[str, Floats],
    seed: int,
) -> list[Row]:
    whole: list[Row] = []
    parts: list[Row] = []
    p: dict[str, float] = {}
    for one in judged:
        point, draws = scored[one.name]
        factors = {"correction": one.name, "seen": seen(one.name)}
        for key, value in point.items():
            measure, train, test, name = key
            if measure in ("drop", "within ROC-AUC") and (name or train or test):
                continue
            target = parts if name or train else whole
            target.append(
                row(
                    measure, resamples.estimate(value, draws[key]), train=train, test=test, **factors, **{"class": name}
                )
            )
        whole += _own_rows(one, factors, len(question))
        if one.name in chance:
            whole.append(row("random change", _range(chance[one.name], resamples.units), **factors))
        if one.name != "none":
            change, p[one.name] = _changes(one, scored, resamples, factors, seed)
            whole += change
    whole += _oracle(scored["none"], resamples)
    adjusted = adjust_p(list(p.values()))
    for (name, value), holm in zip(p.items(), adjusted, strict=True):
        factors = {"correction": name, "seen": seen(name), "of": "across ROC-AUC"}
        whole.append(row("change p", exact(value, resamples.units), **factors))
        whole.append(row("adjusted p", exact(float(holm), resamples.units), **factors))
    return [*sorted(whole, key=_place), *parts]


def _place(one: Row) -> int:
    """What a reader looks for first."""
    order = ("across ROC-AUC", "change", "within ROC-AUC", "random change")
    return order.index(one["measure"]) if one["measure"] in order else len(order)


def seen(name: str) -> str:
    """What of the tested domain a correction is fitted on."""
    if name == "none":
        return "nothing"
    return "clips and labels" if name.endswith(CLASSWISE) else "clips"


def _own_rows(one: Judged, factors: dict[str, str], n: int) -> list[Row]:
    gone = np.isnan(one.cosine)
    note = "the means of the domains coincide: no direction is left" if gone else "no interval: mean over folds"
    rows = [row("cosine", Estimate(one.cosine, np.nan, np.nan, n, note), **factors)] if one.domains is not None else []
    if one.name == "none":
        return rows
    if one.removed is not None:
        rows.append(row("removed dimensions", exact(float(np.mean(one.removed)), n), **factors))
    if not np.isnan(one.variance):
        rows.append(row("removed variance", exact(one.variance, n), **factors))
    return rows


def _changes(
    one: Judged, scored: dict[str, Scored], resamples: Resamples, factors: dict[str, str], seed: int
) -> tuple[list[Row], float]:
    """Differences to what the correction acts on, and p of the one across domains."""
    (point, draws), (before, before_draws) = scored[one.name], scored[acts_on(one.name)]
    rows, p = [], float("nan")
    for measure in (*WHOLE, *(["left-out ROC-AUC"] if ("left-out ROC-AUC", "", "", "") in point else [])):
        key = (measure, "", "", "")
        moved = draws[key] - before_draws[key]
        rows.append(row("change", resamples.estimate(point[key] - before[key], moved), of=measure, **factors))
        if measure == "across ROC-AUC":
            p = _two_sided(moved)
    keys = [key for key in point if key[0] == "across ROC-AUC" and key[3]]
    each = np.array([point[key] - before[key] for key in keys])
    for key, value in zip(keys, each, strict=True):
        estimate = resamples.estimate(float(value), draws[key] - before_draws[key])
        rows.append(row("change", estimate, of="across ROC-AUC", **factors, **{"class": key[3]}))
    rows.append(row("change", _over_classes(each, seed), of="across, classes drawn", **factors))
    return rows, p


def _two_sided(draws: Floats) -> float:
    """Twice the smaller share of resamples on either side of nothing, the sample among them."""
    usable = draws[~np.isnan(draws)]
    below, above = (usable <= 0).sum(), (usable >= 0).sum()
    return float(min(1.0, 2 * (1 + min(below, above)) / (1 + len(usable))))


def _over_classes(each: Floats, seed: int) -> Estimate:
    """The mean where the classes themselves are a sample of classes."""
    if len(each) < 2:
        return Estimate(float(each.mean()), np.nan, np.nan, len(each), "one class has no interval over classes")
    drawn = np.random.default_rng(seed).integers(0, len(each), (1000, len(each)))
    low, high = np.quantile(each[drawn].mean(1), [0.025, 0.975])
    return Estimate(float(each.mean()), float(low), float(high), len(each), "interval over classes")


def _range(draws: Floats, n: int) -> Estimate:
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(float(draws.mean()), float(low), float(high), n, f"range of {len(draws)} draws")


def _oracle(none: Scored, resamples: Resamples) -> list[Row]:
    """A probe learnt from as many clips of the domain that is tested: what could be had at most."""
    factors = {"correction": "oracle", "seen": "clips and labels"}
    point, draws = none
    within, across = ("within ROC-AUC", "", "", ""), ("across ROC-AUC", "", "", "")
    gained = resamples.estimate(point[within] - point[across], draws[within] - draws[across])
    rows = [row("across ROC-AUC", resamples.estimate(point[within], draws[within]), **factors)]
    rows.append(row("change", gained, of="across ROC-AUC", **factors))
    each = [key for key in point if key[0] == "within ROC-AUC" and key[3]]
    return rows + [
        row("across ROC-AUC", resamples.estimate(point[key], draws[key]), **factors, **{"class": key[3]})
        for key in each
    ]


def _best(judged: Sequence[Judged], rows: Sequence[Row]) -> str:
    """The correction that gains most across domains among those that see no labels of the tested one, if any does."""
    gains = {
        r["correction"]: r["value"]
        for r in rows
        if r["measure"] == "change" and r["of"] == "across ROC-AUC" and not r.get("class") and r["seen"] == "clips"
        if r["correction"] not in REPRESENTATIONS
    }
    others = [one.name for one in judged if one.name != "none"]
    return max(gains, key=lambda name: gains[name]) if gains else (others[0] if others else "none")


def _items(question: Question, judged: Sequence[Judged], best: str, seed: int) -> pd.DataFrame:
    """Clips, the domain as a linear probe sees it before and after, and maps of both."""
    from earwitness.audits._corrected import correct, correct_by_class
    from earwitness.audits._crossed import Lesson

    columns: dict[str, Any] = {
        "clip": question.embeddings.column("clip"),
        "domain": np.array(question.domains, dtype=object)[question.member],
        "truth": question.labels,
    }
    Z = coordinates(question)
    everything = np.arange(len(question))
    whole = Lesson(everything, everything, [], [])
    after = Z
    if best.endswith(CLASSWISE):
        after = correct_by_class(best, question, whole, Z)[0].vectors[0]
    elif best != "none":
        after = correct(best, question, whole, Z, Z, seed).vectors[0]
    for one, vectors, ending in ((judged[0], Z, "before"), (next(j for j in judged if j.name == best), after, "after")):
        if one.domains is not None:
            columns[f"domain score {ending}"] = np.round(one.domains[0][:, 0], 4)
        drawn, trust = map_2d(_axes(vectors), seed)
        columns |= {f"x {ending}": np.round(drawn[:, 0], 3), f"y {ending}": np.round(drawn[:, 1], 3)}
        columns[f"trustworthiness {ending}"] = np.round(trust, 3)
    return pd.DataFrame(columns)


def _axes(vectors: Floats) -> Floats:
    """The clips on their first principal axes."""
    X = vectors - vectors.mean(0)
    U, size, _ = np.linalg.svd(X, full_matrices=False)
    return np.asarray(U[:, :50] * size[:50])
