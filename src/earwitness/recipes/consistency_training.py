"""Does training with changed copies make an encoder more consistent, and what does it cost?

Kim (2021), chapter 6, recommends to train for consistency. Here the same network is trained three times a seed on the
same clips: plainly; with half of the clips replaced by changed copies ("augment"); and with the distance of the copies
in the loss ("loss"). All are audited on clips that none has heard, under kinds of change that the copies had and kinds
they never had, and for transfer. Differences to the plain training are taken clip by clip.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from earwitness import report
from earwitness.charts import save
from earwitness.charts.consistency_training import gains
from earwitness.datasets import load_clips
from earwitness.errors import InputError
from earwitness.learning.tasks.gathering import Question
from earwitness.learning.tasks.learn import SIZES, Making, learn_task
from earwitness.learning.tasks.training import TRAINED_ON, Consistency
from earwitness.pipeline import PROFILES, Settings, Workers, audit_encoders
from earwitness.recipes import Options
from earwitness.recipes.task_training import SIZE_OF, parted
from earwitness.results import AuditResult
from earwitness.stats import bootstrap
from earwitness.store import whole_file

SEEDS = {"small": 2, "full": 5}
PROFILE_OF = {"small": "quick", "full": "full"}
How = Literal["augment", "loss"]
HOWS: tuple[How, ...] = ("augment", "loss")
DISTANCE = "cosine"


def run(sources: list[str], out: Path, options: Options) -> Path:
    """Train, audit and compare.

    Parameters
    ----------
    sources
        One: clips with a column of classes (`label`); a column `split` with a part "test", or else 30 % of the clips,
        is held out to measure on.
    out
        Folder: the encoders under `encoders/`, `tables/gains.csv`, `figures/gains.svg`, `conclusions.txt`, and the
        report.
    options
        The scale: "small" (2 seeds, narrow networks, 12 perturbations) or "full" (5 seeds, the published size, 94).

    Returns
    -------
    Path
        Of the report.

    Raises
    ------
    InputError
        If the clips do not serve.
    """
    if len(sources) != 1:
        raise InputError(f"consistency-training wants one source of clips with classes, not {len(sources)}")
    clips, scale = load_clips(sources[0]), options.scale or "small"
    label = options.label or "label"
    training, held_out = parted(clips, options.group, options.seed)
    names: dict[str, list[str]] = {}
    for seed in range(options.seed, options.seed + SEEDS[scale]):
        for how in (None, *HOWS):
            kind = how or "plain"
            making = Making(
                Question("instruments", label=label, group=options.group),
                SIZES[SIZE_OF[scale]],
                consistency=None if how is None else Consistency(how),
            )
            folder = learn_task(
                training,
                making,
                out / "encoders" / f"{kind}-{seed}",
                seed=seed,
                jobs=options.jobs,
                progress=options.progress,
            )
            names.setdefault(kind, []).append(f"learned:{folder}")
    settings = Settings(
        audits=("transfer", "robustness"),
        label=label,
        group=options.group,
        profile=PROFILES[PROFILE_OF[scale]],
        seed=options.seed,
    )
    specs = [spec for kind in names.values() for spec in kind]
    results = audit_encoders(held_out, specs, settings, Workers(options.jobs, options.cluster, options.progress))
    encoders = {kind: [f"learned:{Path(spec).name}" for spec in kinds] for kind, kinds in names.items()}
    write(results, encoders, out, options.seed)
    return report.write(results, out, clips=held_out, seed=options.seed, command="reproduce consistency-training")


def write(results: Sequence[AuditResult], encoders: dict[str, list[str]], out: Path, seed: int) -> pd.DataFrame:
    """The table of differences, its picture and what it says, from results that are there already.

    Parameters
    ----------
    results
        Of transfer and robustness.
    encoders
        Names of the encoders of each kind of training ("plain", "augment", "loss"), seed by seed.
    out, seed
        Where to, and the seed of the resamples.
    """
    found = compare(results, encoders, seed)
    with whole_file(out / "tables" / "gains.csv") as draft:
        found.to_csv(draft, index=False)
    with whole_file(out / "figures" / "gains.svg") as draft:
        save(gains(found), draft)
    with whole_file(out / "conclusions.txt") as draft:
        draft.write_text("\n".join(conclusions(found)) + "\n", encoding="utf-8")
    return found


def compare(results: Sequence[AuditResult], encoders: dict[str, list[str]], seed: int = 0) -> pd.DataFrame:
    """Each kind of training less the plain one, clip by clip, the mean over seeds.

    Returns
    -------
    DataFrame
        `training`, `measure` ("consistency": C^W; "accuracy": of the transfer probe), `over` (all changes, those whose
        kind was trained on or never was, one kind, the hardly audible ones), `trained` (whether its kind was), `plain`
        and `with` (the levels), then `value`, `low`, `high`, `n`, `note` of the difference. Intervals resample clips,
        or groups of clips, and say nothing of other seeds.
    """
    rows = []
    shares = {kind: _hits(results, names) for kind, names in encoders.items()}
    right = {kind: _right(results, names) for kind, names in encoders.items()}
    for kind in encoders:
        if kind == "plain":
            continue
        for over, trained, chosen in _ranges(shares["plain"]):
            pair = [shares[k].loc[chosen(shares[k])] for k in ("plain", kind)]
            if pair[0].empty:
                continue
            rows.append(_row(kind, "consistency", over, trained, *pair, seed=seed))
        rows.append(_row(kind, "accuracy", "originals", "", right["plain"], right[kind], seed=seed))
    return pd.DataFrame(rows)


def conclusions(found: pd.DataFrame) -> list[str]:
    """What the differences say, one sentence each: yes, no, or that it cannot be said."""
    sentences = []
    asked = {
        ("consistency", "all changes"): "raise consistency over all changes",
        ("consistency", "kinds trained on"): "raise it under the kinds of change that the copies had",
        ("consistency", "kinds never trained on"): "raise it under kinds of change that no copy had",
        ("accuracy", "originals"): "lower the accuracy of the transfer probe",
    }
    for row in found.to_dict("records"):
        what = asked.get((row["measure"], row["over"]))
        if what is None:
            continue
        up, down = row["low"] > 0, row["high"] < 0
        yes, no = (down, up) if row["measure"] == "accuracy" else (up, down)
        answer = "yes" if yes else "no, the contrary" if no else "cannot be said, the interval holds 0"
        sentences.append(
            f"Does training with copies ({row['training']}) {what}? {answer}: {row['plain']:.3f} without, "
            f"{row['with']:.3f} with, difference {row['value']:+.3f} (95% {row['low']:+.3f} to {row['high']:+.3f}, "
            f"n={row['n']})."
        )
    return sentences


def _ranges(hits: pd.DataFrame) -> list[tuple[str, str, Callable[[pd.DataFrame], pd.Series]]]:
    """Which changes are averaged over: a name, whether their kinds were trained on, and how to choose them."""
    kinds = {one.family for one in TRAINED_ON}

    def one_family(family: str) -> Callable[[pd.DataFrame], pd.Series]:
        return lambda h: h["family"] == family

    found: list[tuple[str, str, Callable[[pd.DataFrame], pd.Series]]] = [
        ("all changes", "", lambda h: h["family"].notna()),
        ("hardly audible changes", "", lambda h: h["imperceptible"]),
        ("kinds trained on", "yes", lambda h: h["family"].isin(kinds)),
        ("kinds never trained on", "no", lambda h: ~h["family"].isin(kinds)),
    ]
    families = dict.fromkeys(hits["family"])
    return found + [(name, "yes" if name in kinds else "no", one_family(name)) for name in families]


def _hits(results: Sequence[AuditResult], names: Sequence[str]) -> pd.DataFrame:
    """Whether each changed clip was nearest to its own original, the mean over these encoders."""
    items = pd.concat([_of(results, "robustness", name).items for name in names])
    items = items[items["distance"] == DISTANCE].assign(hit=lambda rows: (rows["rank"] == 1).astype(float))
    keys = ["clip", "perturbation", "family", "imperceptible", *(["group"] if "group" in items else [])]
    return items.groupby(keys, sort=True)["hit"].mean().reset_index()


def _right(results: Sequence[AuditResult], names: Sequence[str]) -> pd.DataFrame:
    """Whether the probe was right about each clip, the mean over these encoders."""
    items = pd.concat([_of(results, "transfer", name).items for name in names])
    items = items.assign(hit=(items["truth"].astype(str) == items["prediction"].astype(str)).astype(float))
    keys = ["clip", *(["group"] if "group" in items else [])]
    return items.groupby(keys, sort=True)["hit"].mean().reset_index()


def _of(results: Sequence[AuditResult], audit: str, encoder: str) -> AuditResult:
    return next(result for result in results if result.audit == audit and result.encoder == encoder)


def _row(
    kind: str, measure: str, over: str, trained: str, plain: pd.DataFrame, other: pd.DataFrame, *, seed: int
) -> dict[str, object]:
    keys = ["clip", *(["group"] if "group" in plain else [])]
    means = [rows.groupby(keys, sort=True)["hit"].mean() for rows in (plain, other)]
    both = pd.concat(means, axis=1, join="inner", keys=["plain", "with"]).reset_index()
    groups = both["group"].to_numpy() if "group" in both else None
    # Rounded, since a limit of 1e-17 is no gain.
    difference = (both["with"] - both["plain"]).round(9).to_numpy()
    estimate = bootstrap(difference, groups=groups, rng=np.random.default_rng([seed, 6]))
    return {
        "training": kind,
        "measure": measure,
        "over": over,
        "trained": trained,
        "plain": float(both["plain"].mean()),
        "with": float(both["with"].mean()),
        **{key: round(value, 9) if isinstance(value, float) else value for key, value in asdict(estimate).items()},
    }
