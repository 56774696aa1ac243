"""`earwitness topics`: what a learned encoder hears in each clip, in words."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli import options
from earwitness.cli.audit import MapName


def topics(
    source: options.Source,
    encoder: Annotated[
        str, typer.Option("--encoder", "-e", metavar="ENCODER", help="`learned:DIR`, of an encoder you trained.")
    ],
    label: Annotated[str | None, typer.Option(metavar="COL", help="Column to show beside the topics.")] = None,
    map_by: Annotated[
        MapName, typer.Option("--map", help="What draws the map; umap needs the extra `maps`.")
    ] = MapName.tsne,
    strongest: Annotated[int, typer.Option(min=1, help="Topics a source in the tables.")] = 3,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the page and the tables.")] = Path(
        "earwitness-topics"
    ),
    audio_column: options.AudioColumn = None,
    allow_outside: options.AllowOutside = False,
    exclude: options.Exclude = None,
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Say which topics of its learning sources a trained encoder hears in each clip of SOURCE.

    Writes a page with a map of the clips, their strongest topics on hover, and how well each head does on clips it was
    not trained on; and the tables topics.csv, words.csv and numbers.csv.

    **Examples**

    `earwitness learn tracks.csv --sources genre,tempo,self --out model`

    `earwitness topics ~/music -e learned:model --label genre --out topics`
    """
    from earwitness import report
    from earwitness.learning.topic_result import topics_result
    from earwitness.learning.topics import head_answers
    from earwitness.store import whole_file

    clips = options.load(source, audio_column, allow_outside, exclude)
    folder = options.out_folder(out)
    with options.progress_bar() as progress:
        answers = head_answers(clips, encoder, jobs=jobs, cluster=cluster, progress=progress)
    projection = "UMAP" if map_by is MapName.umap else "t-SNE"
    result = topics_result(answers, label=label, projection=projection, seed=seed)
    tables = {"topics": answers.strongest(strongest), "words": answers.labels(), "numbers": answers.numbers()}
    for name, table in tables.items():
        with whole_file(folder / f"{name}.csv") as draft:
            table.to_csv(draft, index=False)
    page = report.write([result], folder, seed=seed, command="topics", title=f"What does {result.encoder} hear?")
    if as_json:
        print("[" + result.to_json() + "]")
    else:
        report.print_summary([result])
    options.note(f"report: {page.resolve()}")
