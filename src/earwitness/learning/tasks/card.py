"""The card of a trained task encoder: what it is, what it heard, how well it does, and beside what."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

TITLES = {
    "autoencoder": "an autoencoder: it learnt to give back the spectrogram that it hears",
    "tagging": "an auto-tagger: it learnt which tags people gave",
    "instruments": "a recogniser of classes, such as instruments",
    "separation": "a separator: it learnt to take one part, such as a voice, out of a mixture",
}


def card(name: str, facts: Mapping[str, Any], scores: pd.DataFrame, log: pd.DataFrame) -> str:
    """Markdown with the header that model hubs read; what comes from files stands in code spans or as JSON."""
    options = facts["options"]
    header = {
        "library_name": "earwitness",
        "pipeline_tag": "feature-extraction",
        "tags": ["audio", "music", "earwitness"],
    }
    lines = [
        "---",
        *(f"{key}: {json.dumps(value)}" for key, value in header.items()),
        "---",
        "",
        f"# {_code(name)}",
        "",
        f"This encoder is {TITLES[facts['task']]} (Kim 2021, chapter 4). It hears two seconds at a time.",
        "",
        f"* Trained on {facts['training_clips']} {_what(facts)} of {_code(facts['source'])}, validated on "
        f"{facts['validation_clips']} others ({facts['split']}); {facts['skipped_clips']} files were skipped. All are "
        "listed in `training_points.csv` and `skipped.csv`; an audit on the former is not one on unseen clips.",
        f"* Network: width {options['size']['width']:g}, {facts['parameters']:,} trainable parameters, representation "
        f"of {facts['embedding_size']} values (layer `{facts['layer']}`).",
        f"* Training: {facts['steps']} steps of {options['size']['batch']} clips, Adam (AMSGrad), learning rate "
        f"{options['learning_rate']:g}, weight decay {options['weight_decay']:g}, seed {facts['seed']}.",
        f"* Consistency: {_consistency(options)}",
        *([f"* Asked for: {', '.join(map(_code, facts['outputs']))}."] if facts["outputs"] else []),
        "",
        "## How well it learnt its task",
        "",
        "On validation clips, with 95 % bootstrap intervals; a difference whose interval holds 0 is none that can be "
        "shown.",
        "",
        "| measure | of | value | 95 % interval | clips or groups |",
        "|---|---|---|---|---|",
        *(
            f"| {row.measure} | {row.what} | {row.value:.3f} | {_interval(row)} | {row.n} |"
            for row in scores.itertuples()
        ),
        "",
        "## Losses",
        "",
        "| step | part | training | validation |",
        "|---|---|---|---|",
        *(f"| {row.step} | {row.part} | {_number(row.training)} | {_number(row.validation)} |" for row in _few(log)),
        "",
        "Where it breaks is not measured here: `earwitness audit SOURCE -e learned:FOLDER` does.",
        "",
    ]
    return "\n".join(lines)


def _what(facts: Mapping[str, Any]) -> str:
    return "targets in mixtures" if facts["task"] == "separation" else "clips"


def _consistency(options: Mapping[str, Any]) -> str:
    kept = options.get("consistency")
    if not kept:
        return "no changed copies in training."
    how = (
        "half of the clips replaced by changed copies"
        if kept["how"] == "augment"
        else f"the {kept['closeness']} distance of changed copies in the loss, with weight {kept['weight']:g}"
    )
    return f"{how} ({', '.join(kept['perturbations'])})."


def _interval(row: Any) -> str:
    return f"{row.low:.3f} to {row.high:.3f}" if row.low == row.low else f"none: {row.note}"


def _number(value: float) -> str:
    return f"{value:.4f}" if value == value else "–"


def _few(log: pd.DataFrame) -> Any:
    """At most about twenty steps of the log, the first and the last among them."""
    steps = sorted(set(log["step"]))
    kept = set(steps[:: max(1, len(steps) // 20)]) | {steps[-1]}
    return log[log["step"].isin(kept)].itertuples()


def _code(text: Any) -> str:
    return "`" + "".join(c if c.isprintable() and c != "`" else " " for c in str(text)) + "`"
