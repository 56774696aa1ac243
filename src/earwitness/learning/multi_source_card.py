"""What a trained encoder says of itself: sources, clips, losses beside a control, and what it did not learn."""

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness import __version__
from earwitness.datasets import Clips
from earwitness.learning.multi_source_task import MultiSourceTask
from earwitness.learning.networks import MultiSourceNetwork
from earwitness.learning.sources import SOURCES, Source
from earwitness.learning.spectrograms import SpectrogramCache
from earwitness.learning.splitting import Split
from earwitness.stats import bootstrap
from earwitness.store import content_hash, whole_file

CARD = "model-card.md"


def learnt_table(
    network: MultiSourceNetwork,
    task: MultiSourceTask,
    groups: NDArray[np.object_],
    log: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """How well each source was learnt, on clips that were not trained on.

    Parameters
    ----------
    network
        Trained, on the processor.
    task
        What it was trained on.
    groups : (clips,) array
        What intervals resample.
    log
        Of the training.
    rng
        Of the intervals.

    Returns
    -------
    DataFrame
        A row a source: `source`, `made_from` (a column, or sound), `outputs`, `clips` (trained on),
        `validation_clips`, `training_loss`, `validation_loss` with `low` and `high`, `mean_target_loss` (of always
        giving the mean target of the training clips), `difference` of the two with `difference_low` and
        `difference_high`, and `learned`: "yes" where the interval of the difference lies below 0, "no" where the
        difference itself does not, else "uncertain"; "not measured" with fewer than two groups of validation clips.
    """
    network.eval()
    rows = []
    for place, source in enumerate(task.sources):
        losses, references = task.clip_losses(network, source.name), task.references(source.name)
        mine = groups[task.validation_rows[place]].astype(str)
        measured = len(losses) > 1 and len(set(mine)) > 1
        trained = log[(log["part"] == source.name) & log["training"].notna()]["training"]
        row: dict[str, Any] = {
            "source": source.name,
            "made_from": _made_from(source),
            "outputs": len(source.outputs),
            "clips": len(task.training_rows[place]),
            "validation_clips": len(losses),
            "training_loss": float(trained.iloc[-1]) if len(trained) else np.nan,
        }
        names = (
            "validation_loss",
            "low",
            "high",
            "mean_target_loss",
            "difference",
            "difference_low",
            "difference_high",
        )
        row |= dict.fromkeys(names, np.nan) | {"learned": "not measured"}
        if measured:
            loss = bootstrap(losses, groups=mine, rng=rng)
            gain = bootstrap(losses - references, groups=mine, rng=rng)
            values = (loss.value, loss.low, loss.high, references.mean(), gain.value, gain.low, gain.high)
            row |= dict(zip(names, values, strict=True))
            row["learned"] = "yes" if gain.high < 0 else "uncertain" if gain.value < 0 else "no"
        rows.append(row)
    return pd.DataFrame(rows)


def training_points(clips: Clips, split: Split, cache: SpectrogramCache) -> pd.DataFrame:
    """What each clip was used for: `clip`, `file`, `sha256` of its sound, `group`, `use`."""
    table = clips.table
    use = np.select(
        [~cache.usable, split.training, split.validation], ["skipped", "training", "validation"], "not used"
    )
    return pd.DataFrame(
        {
            "clip": table["clip"],
            "file": [clip.name for clip in clips],
            "sha256": ["" if file is None else file.stem for file in cache.files],
            "group": split.groups,
            "use": use,
        }
    )


def write_card(
    folder: Path, network: MultiSourceNetwork, facts: Mapping[str, Any], points: pd.DataFrame, learnt: pd.DataFrame
) -> None:
    """Write `model-card.md`: a header that model hubs read, and a text that people do.

    Parameters
    ----------
    folder, network
    facts
        What `model.json` holds.
    points, learnt
        Of `training_points` and `learnt_table`.
    """
    run, used = facts["run"], points[points["use"] == "training"]
    parameters = sum(value.numel() for value in network.parameters())
    header = {
        "library_name": "earwitness",
        "pipeline_tag": "feature-extraction",
        "model_name": folder.resolve().name,
        "tags": ["audio", "music", run["strategy"], *run["sources"]],
        "training_points": {
            "count": len(used),
            "sha256": content_hash(*sorted(used["sha256"])),
            "file": "training_points.csv",
        },
        "learning_sources": facts["learnt"],
        "input": {
            "sample_rate": 22050,
            "window": 1024,
            "hop": 256,
            "bands": 128,
            "chunk_frames": 216,
            "range_db": 80,
            **facts["front_end"],
        },
        "architecture": {
            **facts["network"]["size"],
            "strategy": run["strategy"],
            "parameters": parameters,
            "values_a_chunk": network.embedding_size,
            "values_a_clip": 2 * network.embedding_size,
            "blocks": list(network.blocks),
        },
    }
    text = "\n".join(
        [
            f"---\n{_yaml(header)}---\n",
            f"# {_plain(folder.resolve().name)}\n",
            *_about(run, network, parameters, points, facts),
            *_learnt_words(learnt),
            *_limits(run),
        ]
    )
    with whole_file(folder / CARD) as draft:
        draft.write_text(text, encoding="utf-8")


def _made_from(source: Source) -> str:
    """Where a source's labels come from: whoever audits by that column audits what was taught."""
    column = source.model.facts.get("column")
    if column is not None:
        return f"column {column}"
    return "sound" if source.name in SOURCES else "targets that were given"


def _about(
    run: Mapping[str, Any],
    network: MultiSourceNetwork,
    parameters: int,
    points: pd.DataFrame,
    facts: Mapping[str, Any],
) -> list[str]:
    counts = points["use"].value_counts()
    scale = run["scale"]
    return [
        f"An encoder of music that Earwitness {__version__} trained: strategy {run['strategy']} on "
        f"{', '.join(map(_plain, run['sources']))}; {parameters:,} parameters, {network.embedding_size} values a chunk "
        f"of 2.5 s, {2 * network.embedding_size} a clip (means of the blocks "
        f"{', '.join(map(_plain, network.blocks))}, then their deviations).\n",
        f"Use it as `learned:FOLDER`. Clips: {counts.get('training', 0)} to train on, {counts.get('validation', 0)} to "
        f"validate, {counts.get('not used', 0)} not used, {counts.get('skipped', 0)} skipped; split by "
        f"{_plain(facts['split'])}. They are listed in `training_points.csv` with hashes of their sound.\n",
        f"Training: Adam, learning rate {scale['learning_rate']:g}, weight decay {scale['weight_decay']:g}, batch "
        f"{scale['batch']}, {run['epochs']} epochs, seed {run['seed']}, last weights kept. Losses by step: "
        "`losses.csv`.\n",
    ]


def _learnt_words(learnt: pd.DataFrame) -> list[str]:
    lines = [
        "## What it learnt\n",
        "Divergence in nat from the targets of validation clips, with 95 % intervals that resample groups; beside it "
        "the control that always gives the mean target of the training clips. Learned: the interval of the difference "
        "lies below 0.\n",
        "| source | made from | outputs | clips | training | validation | mean target | difference | learned |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in learnt.to_dict("records"):
        validation = _with_interval(row["validation_loss"], row["low"], row["high"])
        difference = _with_interval(row["difference"], row["difference_low"], row["difference_high"], sign="+")
        lines.append(
            f"| {_plain(row['source'])} | {_plain(row['made_from'])} | {row['outputs']} | {row['clips']} | "
            f"{_number(row['training_loss'])} | "
            f"{validation} | {_number(row['mean_target_loss'])} | {difference} | {row['learned']} |"
        )
    unlearned = [_plain(row["source"]) for row in learnt.to_dict("records") if row["learned"] == "no"]
    if unlearned:
        lines.append(f"\nNot learned: {', '.join(unlearned)}. The mean target was not beaten on validation clips.")
    return [*lines, ""]


def _limits(run: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Limits\n",
        "The heads hold for this frozen network only. Transfer to other labels, robustness and bias: not measured "
        "here; `earwitness audit SOURCE -e learned:FOLDER` measures them. An audit on the clips of "
        "`training_points.csv` is not one on unseen clips.\n",
    ]
    if run["scale"]["width"] < 1:
        lines.append(
            f"Width {run['scale']['width']:g} of the published network: a narrow network changes what is learnt, so "
            "nothing follows for the size that was published.\n"
        )
    return lines


def _with_interval(value: float, low: float, high: float, sign: str = "") -> str:
    return "not measured" if np.isnan(value) else f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _number(value: float) -> str:
    return "not measured" if np.isnan(value) else f"{value:.3f}"


def _yaml(header: Mapping[str, Any]) -> str:
    """Each value as JSON, of which YAML is a superset: no name from a file can end a line."""
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in header.items())


def _plain(text: str) -> str:
    """Text from a file that Markdown leaves as it is."""
    return html.escape(re.sub(r"([\\`*_\[\]|#])", r"\\\1", " ".join(str(text).split())), quote=False)
