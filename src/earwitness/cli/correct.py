"""`earwitness correct`: take what tells domains apart out of a table of embeddings."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from earwitness.cli import options

app = typer.Typer(
    help="Take what tells domains apart out of a table of embeddings.\n\n"
    "`earwitness correct fit vectors.parquet --domain dataset --out lda.json` learns a correction, and "
    "`earwitness correct apply lda.json vectors.parquet --out corrected.parquet` applies it to any clips.",
    no_args_is_help=True,
)

Table = Annotated[
    Path, typer.Argument(metavar="EMBEDDINGS", help="A Parquet file that `earwitness embed` or another program wrote.")
]


@app.command()
def fit(
    embeddings: Table,
    domain: Annotated[str, typer.Option(metavar="COL", help="Column whose values are to be told apart less.")],
    strata: Annotated[
        str | None, typer.Option(metavar="COL", help="Column of genres or the like; mlda and mklda need it.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(help="none, lda, mlda, k, klda, mklda, mean, leace, inlp, coral, zscore or random."),
    ] = "lda",
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An option of the method, such as kernel=fastfood. Again for more."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="JSON file to write; its arrays go beside it.")
    ] = Path("correction.json"),
    clips: Annotated[
        int, typer.Option(min=0, help="Most clips of a domain to learn from, drawn at random; 0 for all.")
    ] = 5000,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Learn a correction from EMBEDDINGS and write it as FILE (JSON) with its arrays (safetensors) beside it.

    Give it training clips only: what it has seen of a clip is no fair test of that clip.
    """
    from earwitness.correction.files import save
    from earwitness.correction.tables import fit_table

    chosen = _options(option or [])
    with options.progress_bar() as progress:
        correction, about = fit_table(
            embeddings,
            domain=domain,
            strata=strata,
            method=method,
            options=chosen,
            clips_per_domain=clips,
            seed=seed,
            progress=progress,
        )
    target = save(correction, out, about=about)
    removed = getattr(correction, "n_removed_", None)
    skipped = getattr(correction, "skipped_strata_", {})
    if as_json:
        print(json.dumps({"file": str(target), "removed": removed, "skipped_strata": skipped, **about}, indent=1))
        return
    if about["without_domain"]:
        options.note(f"{about['without_domain']} clips with nothing in the column {domain} left out")
    for name, reason in skipped.items():
        options.note(f"stratum {name} left out: {reason}")
    each = about["clips"]
    counts = ", ".join(f"{name} {count}" for name, count in each.items())
    if len(each) > 6:
        counts = f"{len(each)} domains of {min(each.values())} to {max(each.values())}"
    what = "" if removed is None else f", {removed} of {correction.n_features_out_} dimensions removed"
    print(options.printable(f"{method} fitted on {counts} clips{what}; {target} and {target.stem}.safetensors"))


@app.command()
def apply(
    correction: Annotated[Path, typer.Argument(metavar="CORRECTION", help="What `earwitness correct fit` wrote.")],
    embeddings: Table,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Parquet file to write.")],
    domain: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column of the domain, for zscore, coral and the like; default as fitted."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Apply CORRECTION to EMBEDDINGS and write FILE with all their columns.

    `earwitness audit SOURCE -e embeddings:FILE` audits it.
    """
    from earwitness.correction.files import load_with_notes
    from earwitness.correction.tables import apply_table

    fitted = load_with_notes(correction)
    with options.progress_bar() as progress:
        clips, size = apply_table(fitted, embeddings, out, domain=domain, progress=progress)
    if as_json:
        print(json.dumps({"file": str(out), "clips": clips, "dimensions": size, **fitted.about}, indent=1))
    else:
        print(f"{clips} clips x {size} dimensions in {out}")


def _options(given: list[str]) -> dict[str, Any]:
    from earwitness.errors import InputError

    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--option {text!r}: write NAME=VALUE, such as kernel=fastfood")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
