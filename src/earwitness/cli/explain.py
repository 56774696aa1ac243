"""`earwitness explain`: do the explanations of a recommender tell the truth about it?"""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli import options


def explain(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INTERACTIONS",
            help="A table (.csv, .tsv, .parquet) with a row an interaction, or the folder of a public set: lastfm-2k, "
            "movielens, goodbooks-10k, lfm-1b, lfm-2b, msd.",
        ),
    ],
    tags: Annotated[
        Path | None,
        typer.Option(metavar="TAGS", help="A table with a row for each tag of an item; needed with a table."),
    ] = None,
    recommender: Annotated[
        list[str] | None,
        typer.Option(
            "--recommender",
            "-r",
            help="What to explain, with its size: inn-32, unn-64, unn-profile-64, fm-128, ncf-32; "
            "python:FILE.py:FUNCTION for your own; wrmf-32, most-popular and random to compare accuracy with. Again "
            "for more; by default one of each.",
        ),
    ] = None,
    explainer: Annotated[
        list[str] | None,
        typer.Option(
            "--explainer",
            "-x",
            help="lime, saliency, saliency-own, integrated-gradients, pdp, pdp-difference, kernel-shap or random. "
            "Give it again for more.",
        ),
    ] = None,
    omega: Annotated[str, typer.Option(help="Tags that an explanation may name, with commas.")] = "1,2,4,8,16,32",
    users: Annotated[int, typer.Option(min=0, help="Users to explain, drawn at random; 0 for all.")] = 1000,
    items: Annotated[int, typer.Option(min=0, help="Items to rank, drawn at random; 0 for the whole catalogue.")] = 0,
    samples: Annotated[int, typer.Option(min=2, help="Tag vectors that LIME and KernelSHAP try for each item.")] = 200,
    user_column: Annotated[str, typer.Option(metavar="COL", help="Column of users.")] = "user",
    item_column: Annotated[str, typer.Option(metavar="COL", help="Column of items, in both tables.")] = "item",
    weight_column: Annotated[
        str | None, typer.Option(metavar="COL", help="Column of plays or ratings; `weight` where there is one.")
    ] = None,
    tag_column: Annotated[str, typer.Option(metavar="COL", help="Column of tags.")] = "tag",
    min_users: Annotated[int, typer.Option(min=1, help="Drop items with fewer users.")] = 1,
    min_items: Annotated[int, typer.Option(min=1, help="Drop users with fewer items.")] = 4,
    min_tagged: Annotated[int, typer.Option(min=1, help="Drop tags on fewer items.")] = 1,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for report.html and results.")] = Path(
        "earwitness-explanations"
    ),
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Train recommenders on INTERACTIONS and audit explanations of them by tags.

    Fidelity is how far the scores of an explanation rank the items as the recommender does: 1 the same order, 0 none.
    Run it again after an interruption: what was finished is not computed again.

    **Examples**

    `earwitness explain plays.csv --tags tags.csv -r inn-32 -r fm-32`

    `earwitness explain ~/hetrec2011-lastfm-2k --min-users 5 --min-items 10 --min-tagged 5 --items 500`
    """
    from earwitness import report
    from earwitness.audits import Design, explain_recommenders, explanation_model
    from earwitness.datasets import load_interactions

    found = load_interactions(
        source, tags=tags, user=user_column, item=item_column, weight=weight_column, tag=tag_column
    ).filter(users_an_item=min_users, items_a_user=min_items, items_a_tag=min_tagged)
    for reason in found.skipped["reason"]:
        options.note(f"{found.name}: {reason}")
    options.note(f"{found.name}: {found.n_users} users, {found.n_items} items, {found.n_tags} tags")
    options.out_folder(out)
    default = Design()
    design = Design(
        recommenders=tuple(recommender or default.recommenders),
        explainers=tuple(explainer or default.explainers),
        omegas=_numbers(omega),
        users=users or None,
        n_items=items or None,
        samples=samples,
        seed=seed,
    )
    with options.progress_bar() as progress:
        results = explain_recommenders(found, design, jobs=jobs, cluster=cluster, progress=progress)
    explained = [result for result in results if result.parameters["role"] == "audited"]
    if len(explained) > 1 and len(design.explainers) > 1 and len(design.omegas) > 1:
        results.append(explanation_model(results))
    page = report.write(
        results,
        out,
        seed=seed,
        command=shlex.join(["earwitness", *sys.argv[1:]]),
        title=f"Do explanations of recommendations tell the truth? {found.name}",
    )
    if as_json:
        print("[" + ",\n".join(result.to_json() for result in results) + "]")
    else:
        report.print_summary(results)
    options.note(f"report: {page.resolve()}")


def _numbers(text: str) -> tuple[int, ...]:
    from earwitness.errors import InputError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--omega {text!r}: write whole numbers with commas between them, such as 1,2,4,8") from error
