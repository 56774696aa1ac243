"""Kim (2021), chapter 5: every explainer on every recommender, over public data of a user's own.

The thesis' filters and splits are not printed; these are settings of ours, chosen so that the four kinds of recommender
train in minutes: items with 5 users or more, users with 10 items or more, tags on 5 items or more.
"""

from pathlib import Path

import pandas as pd

from earwitness import charts, report
from earwitness.audits import Design, explain_recommenders, explanation_model
from earwitness.datasets import Interactions, load_interactions
from earwitness.errors import InputError
from earwitness.recipes import Options
from earwitness.results import AuditResult
from earwitness.store import whole_file

KINDS = ("inn", "unn", "fm", "ncf")
SIZES = (32, 64, 128)
FILTER = {"users_an_item": 5, "items_a_user": 10, "items_a_tag": 5}


def design(options: Options) -> Design:
    """Twelve recommenders and what they are compared with; `quick` takes one size, fewer users and fewer items."""
    sizes = SIZES[:1] if options.quick else SIZES
    explained = tuple(f"{kind}-{size}" for size in sizes for kind in KINDS)
    compared = ("most-popular", "random", *(f"wrmf-{size}" for size in sizes))
    return Design(
        recommenders=(*compared, *explained),
        users=200 if options.quick else 1000,
        n_items=200,
        seed=options.seed,
    )


def run(folders: list[str], out: Path, options: Options) -> Path:
    """Audit, fit the hierarchical model over all data sets, and write report, table and figures."""
    if not folders:
        raise InputError("kim-explain needs data: name the folder of a public set of interactions and tags")
    collections = [load_interactions(folder).filter(**FILTER) for folder in folders]
    results = [
        result
        for data in collections
        for result in explain_recommenders(
            data, design(options), jobs=options.jobs, cluster=options.cluster, progress=options.progress
        )
    ]
    results.append(explanation_model(results))
    _table(collections, out / "table-5.1.csv")
    _figures(results, out)
    return report.write(results, out, seed=options.seed, title="Kim (2021), chapter 5")


def _table(collections: list[Interactions], path: Path) -> None:
    """Table 5.1: the data sets."""
    with whole_file(path) as draft:
        pd.DataFrame([data.describe() for data in collections]).to_csv(draft, index=False)


def _figures(results: list[AuditResult], out: Path) -> None:
    """Figures 5.2 to 5.6, data sets and recommenders in panels."""
    from earwitness.charts import explanation, explanation_model

    audits = [result for result in results if result.audit == "explanation"]
    explained = [result for result in audits if result.parameters["role"] == "audited"]
    drawn = explanation.charts(audits)
    model = explanation_model.charts([result for result in results if result.audit == "explanation_model"])
    named = {
        "figure-5.2.svg": drawn.get("How good the recommenders are"),
        "figure-5.3.svg": explanation.pooled(explained),
        "figure-5.4.svg": explanation.pooled_mainstreaminess(explained),
        "figure-5.5.svg": model["Marginal means by explainer and number of tags"],
        "figure-5.6.svg": model["What mainstreaminess does, by data set and recommender"],
    }
    for name, chart in named.items():
        if chart is not None:
            charts.save(chart, out / name)
