"""Does a simple linear map take the embedding of a clip to that of the clip faster, or higher?

Conventions: rows are clips; y = A x + b. Scores are of clips that the map has not seen (five folds, groups kept
together) unless they say train. R2 is 1 - SS_res / SS_tot over all dimensions together; `R2 by dimension` is its mean
over the dimensions. The nearest neighbour of an image is looked for among all changed clips: 1/n by chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earwitness.audio import PerturbationRecord
from earwitness.audits._controls import Role, check_controls, check_role, paired
from earwitness.audits._labels import read_groups
from earwitness.audits._linear_families import RANKS
from earwitness.audits._linear_scores import FOLDS, Fitted, Scored, check_pairs, consistency, fit_all, principal
from earwitness.audits._linear_verdicts import verdicts
from earwitness.audits._provenance import provenance
from earwitness.audits._resamples import Resamples
from earwitness.audits._structure_rows import band
from earwitness.audits._tables import Row, exact, row, table
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.results import AuditResult
from earwitness.stats import Estimate

Floats = NDArray[np.float64]

_TEXTS = ("map", "data", "perturbation", "family", "unit", "of", "control")
_NUMBERS = ("magnitude",)
COMPARED = "ridge affine"
"""The map in which encoders are compared: the most general one that is not over-fitted."""


def linear_maps(
    embeddings: Embeddings,
    perturbed: Sequence[Embeddings],
    *,
    group: str | None = None,
    axes: int | None = None,
    shuffles: int = 10,
    controls: Sequence[AuditResult] = (),
    role: Role = "audited",
    seed: int = 0,
    n_resamples: int = 1000,
) -> AuditResult:
    """How well linear maps of several families take clips to their changed versions.

    Parameters
    ----------
    embeddings
        Of the clips as they are.
    perturbed
        Of the same clips under one perturbation each, such as tempo and pitch times 1.5; of ten clips or more.
    group
        Column of what is never on both sides of a fold, and is drawn together in the bootstrap (artist, score).
    axes
        Fit on so many principal axes of the clips as they are; None fits on the dimensions.
    shuffles
        How often the pairs are shuffled for the level of chance.
    controls
        Results of this audit for encoders that know little, on the same clips.
    role
        "control" marks the result as one of a control.
    seed
        Of folds, shuffles and resamples.
    n_resamples
        Bootstrap resamples.

    Returns
    -------
    AuditResult
        Table: what stands for each perturbation (`of`), the best map by held-out error beside unmoved clips; by
        perturbation, map ("identity", "translation", "uniform scaling", "non-uniform scaling", "orthogonal",
        "scaled orthogonal", "centred scaled orthogonal", "affine", "ridge affine", "low-rank affine", "low-rank
        change") and data ("train", "held out", "shuffled") `R2`, `R2 by dimension`, `MSE` (mean over dimensions, in
        the embedding's own unit) and `NN accuracy`, with its `chance`; held out also `R2 above identity`; `rank` where
        it was chosen; `consistency of displacement`, the mean cosine between a clip's displacement and the mean one of
        the other clips, with that of shuffled pairs; `difference` of R2 and NN accuracy (ridge affine, held out) to
        each control. Intervals draw clips or groups, with the maps as they are; the band of shuffled pairs is over
        shuffles, each asked about another fold.
        Items: by clip, perturbation and map the held-out squared `error`, the squared distance of the changed clip to
        the mean of all (`total`), and whether the nearest changed clip is the own one (`hit`).

    Notes
    -----
    One verdict a perturbation, about the fitted map with the smallest held-out error. It *holds* where the interval of
    its R2 lies at or above 0.5 and surely above the identity's, *breaks* where it lies below 0.5, and is open
    otherwise.

    Raises
    ------
    InputError
        If there is no perturbation, one twice, fewer than ten clips have a changed version, or all clips are the same.

    References
    ----------
    Arputharaj and Kalaivanan (2022), Latent Space Shenanigans, section 3.2.1 and Table 2, which has one set of numbers
    and does not say of which change, nor whether of clips that were seen.
    """
    started = perf_counter()
    check_role(role)
    check_controls(controls, "linear_maps", axes=axes)
    changes = _changes(embeddings, perturbed)
    groups = read_groups(embeddings, group)
    rows: list[Row] = []
    parts = []
    # One thread: sums in another order would move the last digits from run to run.
    with threadpool_limits(1):
        for each, change in zip(perturbed, changes, strict=True):
            pairs = _Pairs.of(embeddings, each, groups, change, axes)
            resamples = Resamples.draw(len(pairs.X), pairs.groups, n_resamples, seed)
            found = fit_all(pairs.X, pairs.Y, pairs.groups, shuffles, seed)
            made = [*_scores(pairs, found, resamples), *_displacement(pairs, resamples, seed)]
            rows += [*_headlines(made, change.label), *made]
            parts.append(_items(pairs, found))
    items = pd.concat(parts, ignore_index=True)
    for control in controls:
        rows += _differences(items, control, n_resamples, seed)
    result = AuditResult(
        audit="linear_maps",
        encoder=embeddings.encoder,
        dataset=embeddings.dataset,
        table=table(rows, _TEXTS, _NUMBERS),
        parameters={
            "role": role,
            "group": group,
            "clips": len(embeddings),
            "dimensions": embeddings.size,
            "axes": axes,
            "perturbations": [change.label for change in changes],
            "folds": FOLDS,
            "ranks": list(RANKS),
            "shuffles": shuffles,
            "n_resamples": n_resamples,
        },
        provenance=provenance([embeddings, *perturbed], columns=[group], seed=seed, started=started),
        items=items,
        skipped=pd.concat([e.skipped for e in (embeddings, *perturbed)]).drop_duplicates(ignore_index=True),
    )
    return replace(result, verdicts=verdicts(result, controls))


def _changes(embeddings: Embeddings, perturbed: Sequence[Embeddings]) -> list[PerturbationRecord]:
    changes = [each.perturbation for each in perturbed if each.perturbation is not None]
    if not perturbed or len(changes) < len(perturbed):
        raise InputError("linear maps need embeddings of changed clips: embed them with a perturbation")
    labels = [change.label for change in changes]
    for each, label in zip(perturbed, labels, strict=True):
        if labels.count(label) > 1:
            raise InputError(f"the perturbation {label!r} is there twice: give each once")
        if (each.encoder, each.revision, each.size) != (embeddings.encoder, embeddings.revision, embeddings.size):
            raise InputError(
                f"the clips under {label!r} have {each.size} numbers of {each.encoder} {each.revision}, the originals "
                f"{embeddings.size} of {embeddings.encoder} {embeddings.revision}: use one encoder for both"
            )
    return changes


@dataclass(frozen=True)
class _Pairs:
    """Clips and changed clips of one perturbation, (n, d) each."""

    change: PerturbationRecord
    clips: NDArray[Any]
    X: Floats
    Y: Floats
    groups: NDArray[Any] | None

    @classmethod
    def of(
        cls,
        embeddings: Embeddings,
        changed: Embeddings,
        groups: NDArray[Any] | None,
        change: PerturbationRecord,
        axes: int | None,
    ) -> "_Pairs":
        rows = np.flatnonzero(np.isin(embeddings.column("clip"), changed.column("clip")))
        clips = embeddings.column("clip")[rows]
        X = embeddings.vectors[rows].astype(np.float64)
        Y = changed.aligned_with(clips).vectors.astype(np.float64)
        check_pairs(X, Y, embeddings.encoder, change.label)
        if axes is not None:
            if not 1 <= axes <= min(X.shape):
                raise InputError(
                    f"{len(X)} clips of {X.shape[1]} dimensions have no {axes} principal axes: ask for "
                    f"1 to {min(X.shape)}"
                )
            X, (Y,) = principal(X, [Y], axes)
        return cls(change, clips, X, Y, None if groups is None else groups[rows])

    @property
    def factors(self) -> dict[str, Any]:
        """Columns that say which perturbation a row is about."""
        change = self.change
        return {
            "perturbation": change.label,
            "family": change.family,
            "magnitude": float(change.magnitude),
            "unit": change.unit,
        }

    @property
    def totals(self) -> Floats:
        """(n, d) squared distances of the changed clips to their mean."""
        return np.square(self.Y - self.Y.mean(0))


def _scores(pairs: _Pairs, found: dict[str, Fitted], resamples: Resamples) -> list[Row]:
    rows = []
    draws_of: dict[str, Floats] = {}
    for name, fitted in found.items():
        for data, scored in (("held out", fitted.held_out), ("train", fitted.train)):
            made, draws = _of_clips(scored, pairs.totals, resamples)
            rows += [row(m, estimate, map=name, data=data, **pairs.factors) for m, estimate in made.items()]
            if data == "held out":
                draws_of[name] = draws
        rows += [
            row(m, estimate, map=name, data="shuffled", **pairs.factors) for m, estimate in _by_luck(fitted).items()
        ]
        if fitted.rank is not None:
            rows.append(row("rank", exact(fitted.rank, len(pairs.X)), map=name, **pairs.factors))
        if name != "identity":
            still = found["identity"].held_out.errors.sum()
            gain = float((still - fitted.held_out.errors.sum()) / pairs.totals.sum())
            estimate = resamples.estimate(gain, draws_of[name] - draws_of["identity"])
            rows.append(row("R2 above identity", estimate, map=name, data="held out", **pairs.factors))
    return [*rows, row("chance", exact(1 / len(pairs.X), len(pairs.X)), of="NN accuracy", **pairs.factors)]


def _of_clips(scored: Scored, totals: Floats, resamples: Resamples) -> tuple[dict[str, Any], Floats]:
    """Measures with intervals over clips, and the resamples of R2."""
    weights = resamples.weights.astype(np.float64)
    errors, spread = weights @ scored.errors, weights @ totals  # (n_resamples, d)
    plain = scored.errors.sum(0), totals.sum(0)
    r2 = 1 - errors.sum(1) / spread.sum(1)
    size = weights.sum(1) * totals.shape[1]
    made = {
        "R2": resamples.estimate(float(1 - plain[0].sum() / plain[1].sum()), r2),
        "R2 by dimension": resamples.estimate(_by_dimension(*plain)[()], _by_dimension(errors, spread)),
        "MSE": resamples.estimate(float(scored.errors.mean()), errors.sum(1) / size),
        "NN accuracy": resamples.share(float(scored.hit.mean()), resamples.means(scored.hit[:, None])[:, 0]),
    }
    return made, r2


def _by_dimension(errors: Floats, spread: Floats) -> Any:
    """Mean over the dimensions that vary."""
    there = spread > 1e-12 * spread.max(-1, keepdims=True)
    ratio = np.divide(errors, spread, out=np.zeros_like(errors), where=there)
    return 1 - ratio.sum(-1) / there.sum(-1)


def _by_luck(fitted: Fitted) -> dict[str, Any]:
    if not fitted.shuffled:
        return {}
    note = "mean and band over shuffled pairs"
    return {
        "R2": band(np.array([1 - s.errors.sum() / total.sum() for s, total in fitted.shuffled]), note),
        "MSE": band(np.array([s.errors.mean() for s, _ in fitted.shuffled]), note),
        "NN accuracy": band(np.array([s.hit.mean() for s, _ in fitted.shuffled]), note),
    }


def _headlines(rows: Sequence[Row], label: str) -> list[Row]:
    """What stands for one perturbation: the best fitted map beside unmoved clips, and the direction of the change."""
    held = {(r["measure"], r["map"]): r for r in rows if r.get("data") == "held out"}
    best = min((name for _, name in held if name != "identity"), key=lambda name: held["MSE", name]["value"])
    chosen = [
        ("R2 of the best map", held["R2", best], best),
        ("R2 of unmoved clips", held["R2", "identity"], ""),
        ("NN accuracy of the best map", held["NN accuracy", best], best),
        ("NN accuracy of unmoved clips", held["NN accuracy", "identity"], ""),
        *(
            (r["measure"], r, "")
            for r in rows
            if r["measure"] == "consistency of displacement" and r["data"] == "clips"
        ),
    ]
    return [
        row(name, Estimate(r["value"], r["low"], r["high"], r["n"], note or r["note"]), of=label)
        for name, r, note in chosen
    ]


def _displacement(pairs: _Pairs, resamples: Resamples, seed: int) -> list[Row]:
    order = np.random.default_rng([seed, 2]).permutation(len(pairs.X))
    rows = []
    for data, Y in (("clips", pairs.Y), ("shuffled", pairs.Y[order])):
        cosine = consistency(pairs.X, Y, pairs.groups)
        there = ~np.isnan(cosine)
        draws = resamples.means(np.where(there, cosine, 0)[:, None], there[:, None])[:, 0]
        mean = float(cosine[there].mean()) if there.any() else float("nan")
        rows.append(row("consistency of displacement", resamples.estimate(mean, draws), data=data, **pairs.factors))
    return rows


def _items(pairs: _Pairs, found: dict[str, Fitted]) -> pd.DataFrame:
    parts = []
    for name, fitted in found.items():
        columns: dict[str, Any] = {"clip": pairs.clips}
        if pairs.groups is not None:
            columns["group"] = pairs.groups
        columns |= {
            "perturbation": pairs.change.label,
            "map": name,
            "error": _short(fitted.held_out.errors.mean(1)),
            "total": _short(pairs.totals.mean(1)),
            "hit": fitted.held_out.hit,
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _short(values: Floats) -> Floats:
    """Six significant digits: enough to read, and half the file."""
    return np.array([float(f"{value:.6g}") for value in values])


def _differences(items: pd.DataFrame, control: AuditResult, n_resamples: int, seed: int) -> list[Row]:
    """R2 and NN accuracy of the held-out ridge map, here less the control's, on the clips that both have."""
    rows = []
    mine, theirs = (frame[frame["map"] == COMPARED] for frame in (items, control.items))
    for label in dict.fromkeys(mine["perturbation"]):
        if label not in set(theirs["perturbation"]):
            continue
        ours, others = paired(
            mine[mine["perturbation"] == label], theirs[theirs["perturbation"] == label], ["clip", "perturbation"]
        )
        of = ours["group"].to_numpy() if "group" in ours else None
        resamples = Resamples.draw(len(ours), of, n_resamples, seed)
        sums = [frame[["error", "total", "hit"]].to_numpy(float) for frame in (ours, others)]
        values, draws = zip(*(_ratios(part, resamples) for part in sums), strict=True)
        for k, name in enumerate(("R2", "NN accuracy")):
            estimate = resamples.estimate(float(values[0][k] - values[1][k]), draws[0][k] - draws[1][k])
            factors = {"map": COMPARED, "perturbation": label, "control": control.encoder}
            rows.append(row("difference", estimate, of=name, **factors))
    return rows


def _ratios(sums: Floats, resamples: Resamples) -> tuple[Floats, list[Floats]]:
    """R2 and share of hits, plain and in the resamples, of errors, totals and hits (n, 3)."""
    means, drawn = sums.mean(0), resamples.means(sums)
    return np.array([1 - means[0] / means[1], means[2]]), [1 - drawn[:, 0] / drawn[:, 1], drawn[:, 2]]
