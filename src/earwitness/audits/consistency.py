"""Which encoder is the more consistent, and does that depend on what is done to the sound?

Conventions: results of the robustness audit of several encoders on the same clips go in; an additive model of one
measure over encoders, families of perturbations and magnitudes comes out, or the encoders in order. Magnitudes are
signed severities (0 is no change; pitch down and slower tempo are negative), brought to 0..1 within each family.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from earwitness.audits._between import CELLS
from earwitness.audits._summaries import MEASURES
from earwitness.errors import InputError
from earwitness.results import AuditResult
from earwitness.stats import AdditiveModel, additive_model, contrasts, marginal_means, term_tests

MOST_KNOTS = 8
FEWEST_STEPS = 4
"""Magnitudes of a family: one more than the fewest knots, so that something is left to judge the curve by."""

_SMOOTH = "s(strength, by = {})"


@dataclass(frozen=True)
class Analysis:
    """An additive model of one measure.

    Attributes
    ----------
    measure, distance, reference
        What was analysed.
    tests : DataFrame
        An F test a term: term, df1, df2, F, p.
    means, pairs : DataFrame
        Marginal means of the encoders, and their differences with p-values by Holm and by Tukey.
    by_family : DataFrame
        Marginal means of encoder and family.
    model
        The fitted model.
    """

    measure: str
    distance: str
    reference: str
    tests: pd.DataFrame
    means: pd.DataFrame
    pairs: pd.DataFrame
    by_family: pd.DataFrame
    model: AdditiveModel = field(repr=False)

    def __str__(self) -> str:
        named = ", ".join(filter(None, [self.measure, self.distance, self.reference]))
        terms = self.tests[~self.tests["term"].str.startswith("s(")]
        said = [
            f"{t['term']} F({t['df1']:.0f}, {t['df2']:.0f}) = {t['F']:.4g}, p {_p(float(t['p']))}"
            for t in terms.to_dict("records")
        ]
        ordered = self.means.sort_values("estimate", ascending=False)
        means = [f"{m.encoder} {m.estimate:.3f} ± {m.se:.3f}" for m in ordered.itertuples()]
        return f"{named}: R2 {self.model.r2:.3f}; {'; '.join(said)}; {', '.join(means)}"


def _p(p: float) -> str:
    return "< .0001" if p < 1e-4 else f"= {p:.4f}"


def analyse(
    results: Sequence[AuditResult],
    measure: str = "consistency",
    *,
    distance: str = "cosine",
    reference: str = "",
) -> Analysis:
    """Fit `measure ~ encoder * family + s(strength, by = encoder:family)`.

    With task scores of several labels the model is `(task + encoder + family)^2` with a curve for each cell of the
    three, and scores are standardised within a task first.

    Parameters
    ----------
    results
        Of the robustness audit, two encoders or more.
    measure
        "consistency", "agreement", "rank correlation", "rank correlation per query", or "task score".
    distance
        Between embeddings: "cosine" or "euclidean"; task scores have none.
    reference
        In sound, for the measures that need one.

    Raises
    ------
    InputError
        If there is one encoder only, fewer than four magnitudes in a family (take a thorough profile), or the measure
        does not vary.

    References
    ----------
    Kim (2021), doctoral thesis, sections 4.5.1 to 4.5.3.
    """
    rows = points(results, measure, distance=distance, reference=reference)
    if rows["encoder"].nunique() < 2:
        raise InputError(f"an analysis of {measure} compares encoders, and there is only one: give two or more")
    steps = rows.groupby(["encoder", "family"])["strength"].nunique()
    if steps.min() < FEWEST_STEPS:
        encoder, family = steps.index.tolist()[int(steps.to_numpy().argmin())]
        raise InputError(
            f"a curve of {measure} needs {FEWEST_STEPS} magnitudes, and {family} has {steps.min()} for {encoder}: take "
            "the standard or the full profile"
        )
    factors = ["encoder", "family"]
    formula = "value ~ encoder * family"
    if len(set(rows["task"])) > 1:
        factors = ["task", *factors]
        formula = "value ~ (task + encoder + family)^2"
        spread = rows.groupby("task")["value"]
        rows = rows.assign(value=(rows["value"] - spread.transform("mean")) / spread.transform("std"))
    model = additive_model(
        f"{formula} + {_SMOOTH.format(':'.join(factors))}",
        rows,
        knots=int(min(MOST_KNOTS, steps.min() - 1)),
        within="family",
    )
    encoders = marginal_means(model, "encoder")
    return Analysis(
        measure=measure,
        distance=distance if measure != "task score" else "",
        reference=reference,
        tests=term_tests(model).table,
        means=encoders.to_frame(),
        pairs=contrasts(encoders).to_frame(),
        by_family=marginal_means(model, ["encoder", "family"]).to_frame(),
        model=model,
    )


def points(
    results: Sequence[AuditResult], measure: str, *, distance: str = "cosine", reference: str = ""
) -> pd.DataFrame:
    """One row an encoder and perturbation: encoder, task, family, direction's sign in `strength`, value, low, high.

    Raises
    ------
    InputError
        If the results have no such measure.
    """
    parts = []
    for result in results:
        table = result.table
        keep = (table["measure"] == measure) & (table["perturbation"] != "") & (table["severity"] > 0)
        if measure != "task score":
            keep &= table["distance"] == distance
        if "reference" in table:
            keep &= table["reference"] == reference
        task = str(result.parameters.get("label")) if measure == "task score" else ""
        parts.append(table[keep].assign(encoder=result.encoder, task=task))
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if found.empty:
        named = ", ".join(filter(None, [measure, distance, reference]))
        raise InputError(f"these results have no {named} under any perturbation: run the robustness audit with it")
    magnitude = found["magnitude"].to_numpy(float)
    down = ((found["family"] == "pitch") & (magnitude < 0)) | ((found["family"] == "tempo") & (magnitude < 1))
    found["strength"] = np.where(down, -1, 1) * found["severity"].to_numpy(float)
    columns = ["encoder", "task", "family", "perturbation", "magnitude", "strength", "severity", "imperceptible"]
    return found[[*columns, "value", "low", "high", "n"]]


def ranking(results: Sequence[AuditResult]) -> pd.DataFrame:
    """The encoders in order, by every averaged measure under every distance and every reference.

    Returns
    -------
    DataFrame
        measure, distance, reference, place (1 is best), encoder, value, low, high, and `level with the next`: whether
        the interval reaches the value of the encoder behind it, so that the order could well be the other way.
    """
    keys = ["measure", "distance", "reference"]
    parts = [
        result.table[result.table["measure"].isin(MEASURES)].assign(encoder=result.encoder)[
            [*keys, "encoder", "value", "low", "high"]
        ]
        for result in results
    ]
    found = pd.concat(parts, ignore_index=True)
    found["place"] = found.groupby(keys)["value"].rank(ascending=False, method="min").astype(int)
    found = found.sort_values([*keys, "place"], kind="stable", ignore_index=True)
    behind = found.groupby(keys)["value"].shift(-1)
    found["level with the next"] = (found["low"] <= behind).where(behind.notna(), other=False).astype(bool)
    return found[[*keys, "place", "encoder", "value", "low", "high", "level with the next"]]


def two_by_two(result: AuditResult, perturbation: str, *, distance: str = "cosine", reference: str) -> pd.DataFrame:
    """Which space keeps clips beside their own original under one perturbation: shares, sound by embedding."""
    shares = [
        result.estimate(cell, perturbation=perturbation, distance=distance, reference=reference).value for cell in CELLS
    ]
    return pd.DataFrame(
        {"embedding keeps": [shares[0], shares[2]], "embedding loses": [shares[1], shares[3]]},
        index=["sound keeps", "sound loses"],
    )
