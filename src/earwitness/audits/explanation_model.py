"""What fidelity owes to the explainer, the number of tags, the recommender and the user: the hierarchical model.

Conventions: equation 5.2 of Kim (2021), with log omega the natural logarithm and every factor's reference the random
explainer. Fixed are the explainer, log omega and their interaction; data set x recommender is the group, with random
intercept, explainer contrasts and a slope of mainstreaminess, independent of each other. Mainstreaminess is
standardised within the data set, so that its variance can be compared with the others'; it has no fixed part, as
printed. Sizes of a recommender are pooled.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Literal

import numpy as np
import pandas as pd

from earwitness.audits._explanation_conclusions import comparisons, conclusions
from earwitness.audits._explanation_provenance import versions
from earwitness.audits._tables import Row, row, table
from earwitness.errors import InputError
from earwitness.results import AuditResult
from earwitness.stats import (
    Estimate,
    MarginalMeans,
    MixedModel,
    contrasts,
    marginal_means,
    marginal_slopes,
    mixed_model,
)

_TEXTS = ("explainer", "control", "group", "term")
_NUMBERS = ("omega", "p value")


def explanation_model(
    results: Sequence[AuditResult],
    *,
    users: bool = False,
    sizes: bool = False,
    cells: bool = False,
    correlated: bool = False,
    fixed_mainstreaminess: bool = False,
    df: Literal["satterthwaite", "z"] = "z",
) -> AuditResult:
    """Fit the hierarchical model to the explanation audits of several recommenders, on one or more data sets.

    Parameters
    ----------
    results
        Of `explanation` or `explain_recommenders`; those of recommenders without tags serve the comparison of accuracy.
    users
        Add a random intercept a user: the same users are measured in every cell, and without it intervals are too
        narrow.
    sizes
        Add a random intercept a size of a recommender.
    cells
        Add a random intercept a data set, explainer and recommender, the term v_0des of the equation, for which no
        variance is reported.
    correlated
        Let the random effects of a group be correlated.
    fixed_mainstreaminess
        Give mainstreaminess a fixed effect as well.
    df
        Of intervals and tests: "z" as in the thesis, or "satterthwaite", which is honest about few groups.

    Returns
    -------
    AuditResult
        Table: `fixed effect`, `variance`, `share of variance` (Nakagawa R2), `marginal mean` by explainer and omega,
        `slope of log omega`, `contrast` with Holm-adjusted p, `mainstreaminess effect` by group. Verdicts answer the
        conclusions of the thesis one by one.

    Raises
    ------
    InputError
        If fewer than two groups, explainers or complexities are there.
    """
    started = perf_counter()
    data = stacked(results)
    formula = _formula(
        data.attrs["contrasts"],
        users=users,
        sizes=sizes,
        cells=cells,
        correlated=correlated,
        fixed_mainstreaminess=fixed_mainstreaminess,
    )
    model = mixed_model(formula, data)
    rows = [*_whole(model, df), *_mainstream(model), *comparisons(data, results), *_variances(model)]
    rows += [*_fixed(model, df), *_by_omega(model, data, df)]
    names = list(dict.fromkeys(result.dataset for result in results))
    result = AuditResult(
        audit="explanation_model",
        encoder="all recommenders",
        dataset=" + ".join(names),
        table=table(rows, _TEXTS, _NUMBERS),
        parameters={
            "role": "group",
            "formula": formula,
            "rows": model.n,
            "dropped": model.dropped,
            "notes": list(model.notes),
            "df": df,
            "scales": data.attrs["scales"],
        },
        provenance={"seconds": round(perf_counter() - started, 3), "versions": versions()},
    )
    return AuditResult(**{**vars(result), "verdicts": conclusions(result)})


def stacked(results: Sequence[AuditResult]) -> pd.DataFrame:
    """One row a fidelity, with the columns of the model; `attrs` name the dummy columns and the scales of m."""
    frames, scales = [], {}
    for result in results:
        if "fidelity" not in result.items:
            continue
        name, _, size = result.encoder.rpartition("-")
        kind, size = (name, size) if size.isdigit() or size == "exact" else (result.encoder, "")
        frames.append(result.items.assign(dataset=result.dataset, recommender=kind, size=size))
    if not frames:
        raise InputError("there is no explained recommender among these results")
    data = pd.concat(frames, ignore_index=True).dropna(subset=["fidelity", "mainstreaminess"])
    if data["omega"].nunique() < 2 or data["explainer"].nunique() < 2:
        raise InputError("the model needs two explainers or more, and two numbers of tags or more")
    if len(data[["dataset", "recommender"]].drop_duplicates()) < 2:
        raise InputError("the model needs two recommenders or data sets or more: they are its groups")
    for dataset, of in data.groupby("dataset")["mainstreaminess"]:
        scales[str(dataset)] = {"mean": float(of.mean()), "sd": float(of.std())}
    sd = data["dataset"].map(lambda name: scales[name]["sd"])
    mean = data["dataset"].map(lambda name: scales[name]["mean"])
    data["m"] = (data["mainstreaminess"] - mean) / sd.where(sd > 0, 1.0)
    found = list(dict.fromkeys(data["explainer"]))
    reference = "random" if "random" in found else found[-1]
    order = [reference, *(name for name in found if name != reference)]
    data["explainer"] = pd.Categorical(data["explainer"], order)
    dummies = {name.replace("-", "_"): name for name in order[1:]}
    for column, name in dummies.items():
        data[column] = (data["explainer"] == name).astype(float)
    data.attrs.update(contrasts=list(dummies), scales=scales)
    return data


def _formula(dummies: Sequence[str], *, users: bool, sizes: bool, cells: bool, **forms: bool) -> str:
    bar = "|" if forms["correlated"] else "||"
    random = f"(1 + {' + '.join(dummies)} + m {bar} dataset:recommender)"
    extra = [
        text
        for wanted, text in (
            (users, "(1 | dataset:user)"),
            (sizes, "(1 | dataset:recommender:size)"),
            (cells, "(1 | dataset:explainer:recommender)"),
        )
        if wanted
    ]
    fixed = "explainer * log(omega)" + (" + m" if forms["fixed_mainstreaminess"] else "")
    return " + ".join([f"fidelity ~ {fixed}", random, *extra])


def _estimate(found: pd.Series, n: int, value: str = "estimate") -> Estimate:
    return Estimate(float(found[value]), float(found["low"]), float(found["high"]), n)


def _fixed(model: MixedModel, df: Any) -> list[Row]:
    frame = model.to_frame(df=df)
    return [
        row("fixed effect", _estimate(r, model.n), term=r["term"], **{"p value": r["p"]}) for _, r in frame.iterrows()
    ]


def _variances(model: MixedModel) -> list[Row]:
    rows = []
    for _, r in model.variance_components.iterrows():
        term = f"{r['term']}, {r['other']}" if r["other"] else r["term"]
        measure = "covariance" if r["other"] else "variance"
        rows.append(row(measure, _point(r["variance"], model.n), group=r["group"], term=term))
    r2 = model.r2
    for part, value in (("fixed effects", r2.marginal), ("whole model", r2.conditional)):
        rows.append(row("share of variance", _point(value, model.n), term=part))
    return rows


def _point(value: float, n: int) -> Estimate:
    return Estimate(float(value), np.nan, np.nan, n, "point estimate")


def _whole(model: MixedModel, df: Any) -> list[Row]:
    """Marginal means by explainer at the mean of log omega, their contrasts, and the slopes of log omega."""
    means = marginal_means(model, "explainer", df=df)
    slopes = marginal_slopes(model, "log(omega)", "explainer", df=df)
    return [
        *_rows("marginal mean", means, model.n),
        *_contrasts(means, model.n, omega=None),
        *_rows("slope of log omega", slopes, model.n),
    ]


def _by_omega(model: MixedModel, data: pd.DataFrame, df: Any) -> list[Row]:
    """Marginal means and contrasts at each omega."""
    rows: list[Row] = []
    for omega in sorted(data["omega"].unique()):
        means = marginal_means(model, "explainer", at={"log(omega)": float(np.log(omega))}, df=df)
        rows += [*_rows("marginal mean", means, model.n, omega=omega), *_contrasts(means, model.n, omega=omega)]
    return rows


def _rows(measure: str, means: MarginalMeans, n: int, **factors: Any) -> list[Row]:
    return [row(measure, _estimate(r, n), explainer=r["explainer"], **factors) for _, r in means.to_frame().iterrows()]


def _contrasts(means: MarginalMeans, n: int, omega: float | None) -> list[Row]:
    rows = []
    for _, r in contrasts(means).to_frame().iterrows():
        first, _, second = str(r["contrast"]).partition(" - ")
        rows.append(
            row("contrast", _estimate(r, n), explainer=first, control=second, omega=omega, **{"p value": r["p_holm"]})
        )
    return rows


def _mainstream(model: MixedModel) -> list[Row]:
    modes = model.conditional_modes()
    of = modes[(modes["term"] == "m") & (modes["group"].str.contains("recommender"))]
    return [
        row("mainstreaminess effect", _estimate(r, model.n, "mode"), group=r["level"], term="m")
        for _, r in of.iterrows()
    ]
