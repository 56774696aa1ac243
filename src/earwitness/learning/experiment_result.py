"""The whole analysis of an experiment as one result: effects, shares, baselines, and every finding answered."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from time import perf_counter
from typing import Any, Literal

import numpy as np
import pandas as pd

import earwitness
from earwitness.learning.findings import Evidence, Finding, findings
from earwitness.learning.scores import ScoreMatrix, score_matrix
from earwitness.learning.source_components import share_correlation, source_shares
from earwitness.learning.strategy_models import Method, size_effects, strategy_effects
from earwitness.results import AuditResult, Verdict
from earwitness.stats import alias_matrix
from earwitness.store import content_hash

AUDIT = "learning_experiment"
_STATUS: dict[str, Literal["holds", "breaks", "open"]] = {
    "holds": "holds",
    "does not": "breaks",
    "cannot be said": "open",
}
_FACTORS = ("strategy", "other", "term", "source", "target", "baseline", "finding")
_NUMBERS = ("value", "low", "high", "n")


@dataclass(frozen=True)
class Analysis:
    """How the scores are analysed.

    Attributes
    ----------
    models
        "cells": least squares target by target; "mixed": the printed multilevel models.
    components
        "moments" or "reml": see `source_shares`.
    n_resamples, seed
        Of every bootstrap.
    """

    models: Method = "cells"
    components: Literal["moments", "reml"] = "moments"
    n_resamples: int = 1000
    seed: int = 0


def analyse_experiment(
    scores: pd.DataFrame,
    sources: Sequence[str],
    baselines: pd.DataFrame,
    *,
    dataset: str = "",
    analysis: Analysis | None = None,
    parameters: dict[str, Any] | None = None,
) -> AuditResult:
    """Models, variance components, controls and findings of an experiment.

    Parameters
    ----------
    scores
        Of `run_experiment`.
    sources
        Learning sources, columns of the scores.
    baselines
        Of `baseline_scores`.
    dataset
        Name of the clips.
    analysis
        How.
    parameters
        What else is to be recorded.

    Returns
    -------
    AuditResult
        Table: `intercept`, `slope` and `difference of intercepts` of strategies (Model 1), `effect` of a term
        (Model 2), `share` of a source on a target in percent, `correlation of share and score`, `baseline`, and
        `finding` by number. Verdicts are the findings. Items have a row for each run and target; `y` is standardised.

    Raises
    ------
    InputError
        If the scores do not fit the models; see `score_matrix` and `source_shares`.
    """
    started, how = perf_counter(), analysis or Analysis()
    matrix = score_matrix(scores)
    shares = source_shares(matrix, sources, method=how.components, n_resamples=how.n_resamples, seed=how.seed)
    evidence = Evidence(matrix, _equal(scores, matrix), tuple(sources), baselines, shares, how.n_resamples, how.seed)
    found = findings(evidence)
    options = {"n_resamples": how.n_resamples, "seed": how.seed}
    correlation = share_correlation(matrix, sources, shares, **options)
    rows = [
        strategy_effects(matrix, method=how.models, **options),
        size_effects(matrix, method=how.models, **options).assign(measure="effect"),
        shares.drop(columns="variance").assign(measure="share"),
        correlation.to_frame(measure="correlation of share and score"),
        _baseline_rows(baselines),
        pd.DataFrame([{"measure": "finding", "finding": one.number, **vars(one.estimate)} for one in found]),
    ]
    several = matrix.runs[matrix.strategies != "ss-r"]
    aliases = alias_matrix(several[list(sources)])
    return AuditResult(
        audit=AUDIT,
        encoder="all networks",
        dataset=dataset,
        table=_table(rows),
        verdicts=tuple(_verdict(one) for one in found),
        parameters={
            "role": "group",
            "sources": list(sources),
            "targets": list(matrix.targets),
            "runs": len(matrix.runs),
            "analysis": asdict(how),
            **(parameters or {}),
        },
        provenance={
            "seed": how.seed,
            "seconds": round(perf_counter() - started, 3),
            "versions": {"earwitness": earwitness.__version__}
            | {name: version(name) for name in ("numpy", "pandas", "scipy", "torch", "scikit-learn")},
            "inputs": content_hash(scores.drop(columns="seconds", errors="ignore").to_csv(index=False)),
        },
        items=_items(scores, matrix, sources),
        details={"aliases": aliases.to_frame().to_dict("records")},
    )


def _equal(scores: pd.DataFrame, matrix: ScoreMatrix) -> ScoreMatrix:
    """Scores with equally many dimensions, on the scale of the scores with all."""
    if "equal" not in scores:
        return matrix
    wide = scores.pivot_table(index="run", columns="target", values="equal", sort=False)
    raw = wide.loc[matrix.runs["run"], list(matrix.targets)].to_numpy(float)
    Y = (raw - matrix.mean) / matrix.deviation
    return ScoreMatrix(matrix.runs, matrix.targets, Y, matrix.mean, matrix.deviation)


def _baseline_rows(baselines: pd.DataFrame) -> pd.DataFrame:
    """The score of each baseline; of several seeds their mean, with their range instead of an interval."""
    rows = []
    for (name, target), own in baselines.groupby(["baseline", "target"], sort=False):
        score = own["score"].to_numpy(float)
        row = {"measure": "baseline", "baseline": name, "target": target, "value": score.mean(), "n": len(own)}
        if len(own) > 1:
            row |= {"low": score.min(), "high": score.max(), "note": f"range of {len(own)} seeds"}
        else:
            row |= {"low": own["low"].iloc[0], "high": own["high"].iloc[0], "note": "over the clips"}
        rows.append(row)
    return pd.DataFrame(rows)


def _table(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    whole = pd.concat([part.astype({"n": float}) for part in parts if len(part)], ignore_index=True)
    for name in (*_FACTORS, "note"):
        column = whole[name] if name in whole else pd.Series(None, index=whole.index, dtype=object)
        whole[name] = column.astype(object).where(column.notna(), "").astype(str)
    return whole[["measure", *_NUMBERS, "note", *_FACTORS]].astype({"n": int})


def _items(scores: pd.DataFrame, matrix: ScoreMatrix, sources: Sequence[str]) -> pd.DataFrame:
    place = {run: k for k, run in enumerate(matrix.runs["run"])}
    column = {target: k for k, target in enumerate(matrix.targets)}
    y = [matrix.Y[place[run], column[target]] for run, target in zip(scores["run"], scores["target"], strict=True)]
    named = ["+".join(name for name in sources if row[name]) for row in scores[list(sources)].to_dict("records")]
    return scores.drop(columns=["folder"], errors="ignore").assign(y=np.array(y), sources=named)


def _verdict(finding: Finding) -> Verdict:
    return Verdict(_STATUS[finding.answer], f"{finding.number}. {finding.statement.removesuffix('.')}", finding.told)
