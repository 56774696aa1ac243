"""Tables 1 and 2 of Arputharaj and Kalaivanan (2022): what is printed beside what was measured."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from earwitness.charts.theme import audited
from earwitness.recipes.shenanigans_printed import MODELS, TABLE_1, TABLE_2
from earwitness.report.foreign import foreign_clips
from earwitness.results import AuditResult

_SHORT = {"k-means": "K-Means", "Gaussian mixture": "GMM"}
_PRINTED = ("K-Means printed", "K-Means s.d. printed", "GMM printed", "GMM s.d. printed")


def tables(results: Sequence[AuditResult], runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By name: Tables 1 and 2, the runs behind the first, and clips in foreign company.

    Parameters
    ----------
    results
        Of structure and linear maps.
    runs
        Of `assignments`, with the columns `encoder` and `space`.
    """
    structure = audited([result for result in results if result.audit == "structure"])
    strangers = [foreign_clips(result.items).assign(encoder=result.encoder) for result in structure]
    return {
        "table-1": table_1(runs),
        "table-1-runs": runs,
        "table-2": table_2([result for result in results if result.audit == "linear_maps"]),
        "clips-in-foreign-company": pd.concat(strangers, ignore_index=True),
    }


def table_1(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over seeds of the accuracy after assignment; models that were not measured are blank.

    `raw` is of the vectors as they are, `principal` of the space of the structure audit.
    """
    measured = {
        tuple(map(str, key)): (float(found.mean()), float(found.std(ddof=1)) if len(found) > 1 else np.nan)
        for key, found in runs.groupby(["k", "encoder", "space", "method"])["accuracy"]
    }
    rows = []
    for k, ceiling in runs.groupby("k")["ceiling"].first().items():
        known = {name: model for model, name in MODELS.items() if any(row[:2] == (k, model) for row in TABLE_1)}
        for encoder in dict.fromkeys([*known, *runs["encoder"]]):
            model = known.get(encoder, "")
            printed = next((row[2:] for row in TABLE_1 if row[:2] == (k, model)), (np.nan,) * 4)
            cells: dict[str, Any] = {"clusters": k, "model": model, "encoder": encoder}
            cells |= dict(zip(_PRINTED, printed, strict=True))
            for space in ("raw", "principal"):
                for method, short in _SHORT.items():
                    mean, spread = measured.get((str(k), encoder, space, method), (np.nan, np.nan))
                    cells |= {f"{short} {space}": mean, f"{short} s.d. {space}": spread}
            rows.append(cells | {"ceiling": ceiling})
    return pd.DataFrame(rows).round(4)


def table_2(results: Sequence[AuditResult]) -> pd.DataFrame:
    """Each map as printed, and as measured under each change by each encoder, of seen and of unseen clips."""
    rows = []
    for result in results:
        table = result.table[result.table["data"].isin(["train", "held out", "shuffled"])]
        chance = dict(zip(*(result.rows("chance")[name] for name in ("perturbation", "value")), strict=True))
        for change in result.parameters["perturbations"]:
            mine = table[table["perturbation"] == change]
            for name in dict.fromkeys(name for name in mine["map"] if name):
                of = mine[mine["map"] == name]
                values = {f"{m} {d}": v for m, d, v in zip(of["measure"], of["data"], of["value"], strict=True)}
                mse, found = TABLE_2.get(name, (np.nan, np.nan))
                cells = {"change": change, "encoder": result.encoder, "map": name, "MSE printed": mse}
                cells |= {"NN accuracy printed": found, **values, "NN accuracy chance": chance[change]}
                rows.append(cells)
    return pd.DataFrame(rows).round(4)
