"""`earwitness invert`: what does an encoder think a label sounds like?"""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli import options


class OptimiserName(StrEnum):
    """How the sound follows the gradient."""

    adam = "adam"
    gradient_descent = "gradient-descent"


def invert(
    source: options.Source,
    encoder: options.EncoderSpec,
    target: Annotated[
        str,
        typer.Option(
            "--target", "-t", help="A value of the label, whose mean is aimed at, or the id of a clip to aim at."
        ),
    ],
    label: Annotated[
        str | None, typer.Option(metavar="COL", help="Column of classes. By default `label`, where there is one.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column (artist, track, …) that intervals resample, as in `audit`."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            help="Length of the sound, and of the excerpts it is compared with; by default the encoder's window, or 3."
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of a descent at most; the paper took 10000.")] = 1000,
    optimiser: Annotated[OptimiserName, typer.Option(help="Adam, or plain gradient descent.")] = OptimiserName.adam,
    rate: Annotated[
        float | None, typer.Option(help="Learning rate; 0.001 for adam and 0.01 for gradient-descent by default.")
    ] = None,
    start_std: Annotated[float, typer.Option(help="Standard deviation of the noise that it starts from.")] = 0.01,
    patience: Annotated[
        int, typer.Option(min=1, help="Stop after so many steps in which the loss has not fallen by 1 %.")
    ] = 100,
    total_variation: Annotated[
        float | None, typer.Option(min=0, help="Weight of change in time and frequency, in the regularised run.")
    ] = None,
    power: Annotated[
        float | None, typer.Option(min=0, help="Weight of the mean square (L2), in the regularised run.")
    ] = None,
    jitter: Annotated[
        int | None, typer.Option(min=0, help="Samples of random shift a step, in the regularised run.")
    ] = None,
    threshold_db: Annotated[
        float,
        typer.Option(min=0, help="Also measure the sound without what lies further below its strongest; 0: do not."),
    ] = 40.0,
    starts: Annotated[int, typer.Option(min=1, help="Sounds to make for the target, each from noise of its own.")] = 3,
    listener: Annotated[
        list[str] | None,
        typer.Option(
            help="Another encoder that hears the sounds; again for more. By default musicnn-mtt-vgg and mfcc."
        ),
    ] = None,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls/--no-controls",
            help="Also aim at a single clip and at another class, with penalties, and through an untrained network; "
            "and ask the listeners.",
        ),
    ] = True,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for report.html, results, sounds and pictures.")
    ] = Path("earwitness-inversion"),
    jobs: options.Jobs = None,
    seed: options.Seed = 0,
    audio_column: options.AudioColumn = None,
    allow_outside: options.AllowOutside = False,
    as_json: options.AsJson = False,
) -> None:
    """Make a sound of noise that ENCODER takes for TARGET, and write it with a report.

    Says in percentiles of real clips how near it came, and whether other encoders hear the same in it. Run it again
    after an interruption, or with more steps: it goes on where it was.

    **Examples**

    `earwitness invert ~/music -e musicnn-msd --target disco`

    `earwitness invert demo -e musicnn-msd --target cello --steps 200 --out cello`
    """
    from earwitness import report
    from earwitness.audits import Descent
    from earwitness.inverting import LISTENERS, Wish
    from earwitness.inverting import invert as make
    from earwitness.pipeline import Workers

    clips = options.load(source, audio_column, allow_outside)
    options.out_folder(out)
    usual = {"total_variation": total_variation, "power": power, "jitter": jitter}
    wish = Wish(
        target=target,
        label=label or ("label" if "label" in clips.table else None),
        group=group or next((name for name in ("group", "artist", "track", "album") if name in clips.table), None),
        seconds=seconds,
        descent=Descent(steps=steps, optimiser=optimiser.value, rate=rate, start_std=start_std, patience=patience),
        penalties={name: value for name, value in usual.items() if value is not None},
        starts=starts,
        controls=controls,
        below_db=threshold_db or None,
        listeners=tuple(listener or LISTENERS),
        seed=seed,
    )
    with options.progress_bar() as progress:
        result, heard = make(clips, encoder, wish, out, Workers(jobs, None, progress))
    page = report.write(
        [result],
        out,
        clips=heard,
        seed=seed,
        command=shlex.join(["earwitness", *sys.argv[1:]]),
        title=f"What does {result.encoder} think {result.parameters['target']} sounds like?",
    )
    report.save_figures([result], out / "pictures", "png")
    if as_json:
        print("[" + result.to_json() + "]")
    else:
        report.print_summary([result])
        print(f"\nsounds: {(out / 'sounds').resolve()}")
    options.note(f"report: {page.resolve()}")
