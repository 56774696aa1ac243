"""`earwitness embed`: clips to a Parquet file of vectors."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli import options


class PoolingName(StrEnum):
    """How the vectors of a clip's windows become one."""

    mean = "mean"
    mean_std = "mean+std"


def embed(
    source: options.Source,
    encoder: options.EncoderSpec,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Parquet file to write.")] = Path(
        "embeddings.parquet"
    ),
    perturbation: Annotated[
        str | None,
        typer.Option(
            help="Change the sound first: pitch:+25, tempo:0.98, pink-noise:30, environmental-noise:30, mp3:64."
        ),
    ] = None,
    pooling: Annotated[
        PoolingName, typer.Option(help="How the vectors of a clip's windows become one.")
    ] = PoolingName.mean,
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    seed: options.Seed = 0,
    audio_column: options.AudioColumn = None,
    allow_outside: options.AllowOutside = False,
    as_json: options.AsJson = False,
) -> None:
    """Embed SOURCE and write one row a clip: its columns, and the vector as a list of float32.

    DuckDB, Polars and pandas read the file as it is; `earwitness audit SOURCE -e embeddings:FILE` audits it.
    """
    from earwitness.audio.perturbations import parse
    from earwitness.extraction import embed as embed_clips
    from earwitness.store import whole_file

    change = parse(perturbation) if perturbation else None
    clips = options.load(source, audio_column, allow_outside)
    with options.progress_bar() as progress:
        embeddings = embed_clips(
            clips,
            encoder,
            change,
            pooling=pooling.value,
            seed=seed,
            jobs=jobs,
            cluster=cluster,
            progress=progress,
        )
    with whole_file(out) as draft:
        embeddings.to_parquet(draft)
    if as_json:
        skipped = embeddings.skipped.to_dict("records")
        about = {"file": str(out), "clips": len(embeddings), "dimensions": embeddings.size, "skipped": skipped}
        print(json.dumps(about, indent=1))
        return
    for file, reason in embeddings.skipped[["file", "reason"]].itertuples(index=False):
        options.note(f"skipped {file}: {reason}")
    print(f"{len(embeddings)} clips x {embeddings.size} dimensions ({embeddings.encoder}) in {out}")
