"""`earwitness perturb`: write changed copies of clips, to listen to or to use elsewhere."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earwitness.cli import options

if TYPE_CHECKING:
    from earwitness.audio.perturbations import Perturbation
    from earwitness.datasets import Clip


def perturb(
    source: options.Source,
    perturbation: Annotated[
        list[str],
        typer.Option(
            "--perturbation",
            "-p",
            help="pitch:CENTS, tempo:FACTOR, pink-noise:SNR_DB, environmental-noise:SNR_DB[:FILE], mp3:KBPS, or "
            "`imperceptible` for the seven mildest steps; again for more.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write WAV files into.")] = Path(
        "perturbed"
    ),
    seed: options.Seed = 0,
    jobs: options.Jobs = None,
    audio_column: options.AudioColumn = None,
    allow_outside: options.AllowOutside = False,
    as_json: options.AsJson = False,
) -> None:
    """Write each clip of SOURCE under each perturbation, matched in loudness, with a manifest beside them.

    The sound is exactly what an audit with the same seed gives to an encoder.
    """
    from functools import partial

    import pandas as pd

    from earwitness import engine
    from earwitness.audio.perturbations import IMPERCEPTIBLE, parse
    from earwitness.store import whole_file

    changes = [p for text in perturbation for p in (IMPERCEPTIBLE if text == "imperceptible" else [parse(text)])]
    clips = options.load(source, audio_column, allow_outside)
    folder = options.out_folder(out)
    with options.progress_bar() as progress:
        written = engine.map(
            partial(_write_changed, changes=changes, folder=folder, seed=seed),
            list(enumerate(clips)),
            jobs=jobs,
            progress=progress,
            stage=f"perturbing {len(clips)} clips",
        )
    rows = [row for done, _ in written for row in done]
    skipped = [failure for _, failure in written if failure is not None]
    with whole_file(folder / "manifest.csv") as draft:
        pd.DataFrame(rows).to_csv(draft, index=False)
    if as_json:
        print(json.dumps({"written": rows, "skipped": skipped}, indent=1))
        return
    for failure in skipped:
        options.note(f"skipped {failure['file']}: {failure['reason']}")
    print(f"{len(rows)} files and manifest.csv in {folder}")


def _write_changed(
    numbered: "tuple[int, Clip]", changes: "list[Perturbation]", folder: Path, seed: int
) -> tuple[list[dict[str, object]], dict[str, str] | None]:
    """Write one clip under each perturbation: manifest rows, and why it was skipped if it was."""
    import soundfile

    from earwitness.audio.perturbations import clip_generator
    from earwitness.errors import ClipError
    from earwitness.store import whole_file

    number, clip = numbered
    rows: list[dict[str, object]] = []
    try:
        sound, sample_rate = clip.audio()
        for change in changes:
            name = f"{number:05d}-{change.label.replace(' ', '-').replace('/', '').replace('%', 'percent')}.wav"
            changed = change(sound, sample_rate, clip_generator(seed, clip.content_key(), change.key))
            with whole_file(folder / name) as draft:
                soundfile.write(draft, changed, sample_rate, subtype="FLOAT", format="WAV")
            rows.append({"path": name, "original": clip.clip, "perturbation": change.label, **clip.metadata})
    except ClipError as error:
        return rows, {"file": clip.path, "reason": error.reason}
    return rows, None
