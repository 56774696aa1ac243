"""`earwitness learn`: train an encoder on a collection."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from earwitness.cli import learn_task, options


def learn(
    context: typer.Context,
    source: options.Source,
    sources: Annotated[
        str, typer.Option(metavar="A,B", help="What to learn from, with commas; `--list-sources` shows what there is.")
    ] = "self",
    strategy: Annotated[
        str, typer.Option(help="ss-r, mss-cr, ms-cr@2, ms-cr@4, ms-cr@6 or ms-sr@fc: how much the sources share.")
    ] = "ms-cr@2",
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the trained encoder.")] = Path(
        "earwitness-model"
    ),
    task: learn_task.Task = None,
    list_sources: Annotated[
        bool, typer.Option("--list-sources", help="Show which sources the clips offer, and why not others; then leave.")
    ] = False,
    scale: Annotated[str, typer.Option(help="desk (a laptop) or full (as published).")] = "desk",
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the scale's 15 or 200.")] = None,
    batch: Annotated[int | None, typer.Option(min=2, help="Clips a step, in place of 32 or 128.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="In place of 0.001 or 0.00025.")] = None,
    width: Annotated[float | None, typer.Option(help="Of the network, in place of 0.25 or 1.")] = None,
    features: Annotated[int | None, typer.Option(min=1, help="Values of a block, in place of 128 or 256.")] = None,
    channels: Annotated[int | None, typer.Option(min=1, max=2, help="1 for mono, 2 for stereo.")] = None,
    components: Annotated[int, typer.Option(min=2, help="Topics or components of a source, at most.")] = 50,
    least_clips: Annotated[int, typer.Option(min=2, help="Labelled training clips that a source needs.")] = 100,
    listening: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table of user, path, count, or playlists, for the source taste."),
    ] = None,
    validation: Annotated[float, typer.Option(help="Share of the clips to validate on.")] = 0.1,
    group: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column that is never on both sides of the split; `none` for single clips."),
    ] = None,
    coverage: Annotated[
        str, typer.Option(help="available: each source from the clips it labels; intersection: from those all label.")
    ] = "available",
    joint: Annotated[bool, typer.Option("--joint", help="Train the networks of mss-cr in one run.")] = False,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; a graphics processor where there is one.")] = None,
    label: learn_task.Label = "label",
    tags: learn_task.Tags = "tags",
    top_tags: learn_task.TopTags = 50,
    part: learn_task.Part = "part",
    target: learn_task.Target = None,
    mixture: learn_task.Mixture = "mixture",
    song: learn_task.Song = None,
    mix_db: learn_task.MixDb = None,
    steps: learn_task.Steps = None,
    layer: learn_task.Layer = learn_task.LayerChoice.post_fc,
    shape: learn_task.Shape = learn_task.ShapeChoice.default,
    inputs: learn_task.Inputs = learn_task.InputsChoice.spectrogram,
    unpooling: learn_task.Unpooling = learn_task.UnpoolingChoice.repeat,
    loss: learn_task.Loss = learn_task.LossChoice.code,
    mulaw: learn_task.Mulaw = 0,
    consistency: learn_task.ConsistencyHow = None,
    consistency_weight: learn_task.ConsistencyWeight = 1.0,
    consistency_distance: learn_task.ConsistencyDistance = learn_task.DistanceChoice.relative,
    perturb: learn_task.Perturb = None,
    audio_column: options.AudioColumn = None,
    allow_outside: options.AllowOutside = False,
    exclude: options.Exclude = None,
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Train an encoder on SOURCE, for `earwitness audit … -e learned:DIR`.

    Run it again after an interruption: it goes on where it was, and ends with the same weights.

    **Examples**

    `earwitness learn ~/music --sources self,tempo,chroma --out model`

    `earwitness learn tracks.csv --sources tags,year,self --strategy ms-cr@2 --out model`

    `earwitness learn tracks.csv --task instruments --label instrument --out model`

    `earwitness learn stems.csv --task separation --part part --song song --target vocals --out model`
    """
    from earwitness.learning import LabelOptions, Method, Resources, offered_sources
    from earwitness.learning import learn as train_encoder
    from earwitness.learning.scale import scale_named

    learn_task.check_given(context, task)
    clips = options.load(source, audio_column, allow_outside, exclude)
    labels = LabelOptions(components=components, least_clips=least_clips)
    changed: dict[str, Any] = {
        name: value
        for name, value in {
            "epochs": epochs,
            "batch": batch,
            "learning_rate": learning_rate,
            "width": width,
            "features": features,
            "channels": channels,
            "steps": steps,
        }.items()
        if value is not None
    }
    if task is not None:
        asked = learn_task.Asked(
            task=task,
            label=label,
            tags=tags,
            top_tags=top_tags,
            part=part,
            target=target,
            mixture=mixture,
            song=song,
            mix_db=mix_db,
            layer=layer,
            shape=shape,
            inputs=inputs,
            unpooling=unpooling,
            loss=loss,
            mulaw=mulaw,
            consistency=consistency,
            consistency_weight=consistency_weight,
            consistency_distance=consistency_distance,
            perturb=perturb,
        )
        wanted = learn_task.making(asked, scale, changed, group, validation)
        with options.progress_bar() as progress:
            folder = learn_task.train(clips, wanted, out, seed=seed, device=device, jobs=jobs, progress=progress)
        learn_task.show(folder, as_json)
        return
    with options.progress_bar() as progress:
        if list_sources:
            offered = offered_sources(
                clips, seed=seed, options=labels, listening=listening, jobs=jobs, cluster=cluster, progress=progress
            )
        else:
            folder = train_encoder(
                clips,
                out=out,
                sources=[name.strip() for name in sources.split(",") if name.strip()],
                strategy=strategy,
                scale=replace(scale_named(scale), **changed),
                method=Method(coverage=coverage, joint=joint),  # type: ignore[arg-type]
                validation=validation,
                group=group,
                seed=seed,
                labels=labels,
                listening=listening,
                resources=Resources(device, jobs, cluster, progress, options.note),
            )
    if list_sources:
        _show_offered(offered, as_json)
    else:
        _show_learnt(folder, as_json)


def _show_offered(offered: Any, as_json: bool) -> None:
    if as_json:
        print(offered.to_json(orient="records", indent=1))
        return
    for row in offered.to_dict("records"):
        what = f"{row['clips']} clips, {row['outputs']} outputs" if row["offered"] else "no"
        print(options.printable(f"{row['source']:<14} {what:<24} {row['why']}"))


def _show_learnt(folder: Path, as_json: bool) -> None:
    import json

    facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if as_json:
        print(json.dumps({"folder": str(folder), "run": facts["run"], "learnt": facts["learnt"]}, indent=1))
        return
    for row in facts["learnt"]:
        line = f"{row['source']}: not measured, for want of validation clips"
        if row["validation_loss"] is not None:
            line = (
                f"{row['source']}: {row['validation_loss']:.3f} nat from the targets of {row['validation_clips']} "
                f"validation clips, {row['mean_target_loss']:.3f} if the mean is always given (difference "
                f"{row['difference']:+.3f}, 95 % {row['difference_low']:+.3f} to {row['difference_high']:+.3f}); "
                f"learned: {row['learned']}"
            )
        print(options.printable(line))
    print(options.printable(f"{folder}: audit it with `earwitness audit SOURCE -e learned:{folder}`"))
