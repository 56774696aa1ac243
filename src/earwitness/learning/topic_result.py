"""The map of a collection in a learned encoder, with the strongest topics of each clip, as a result to report."""

from importlib.metadata import version
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

import earwitness
from earwitness import engine
from earwitness.errors import InputError
from earwitness.learning.probes import reduced
from earwitness.learning.topics import STRONGEST, Answers
from earwitness.results import AuditResult, Verdict
from earwitness.store import content_hash

AUDIT = "topics"
TOPIC = "topics:"
"""What the columns of items with a source's strongest topics are called."""
_MOST_COMPONENTS = 50
_PERPLEXITY = 30


def topics_result(
    answers: Answers, *, label: str | None = None, projection: str = "t-SNE", seed: int = 0
) -> AuditResult:
    """What a learned encoder hears in each clip, on a map of the clips (Figure 2.16).

    Parameters
    ----------
    answers
        Of `head_answers`, for four clips or more.
    label
        Column to show beside the topics.
    projection
        "t-SNE", or "UMAP" (the extra `maps`).
    seed
        Of the map.

    Returns
    -------
    AuditResult
        Table: by source the `divergence` of its head from the targets of validation clips with its interval, the
        `divergence of the mean target` (the control), and the `difference`; `trustworthiness` of the map. Items: clip,
        x, y, label, `topics:<source>`, `strongest:<source>` and `number:<source> <number>`. Verdicts say which sources
        were learnt.

    Raises
    ------
    InputError
        If there are fewer than four clips, no such column, or no such map.
    """
    started = perf_counter()
    if label is not None and label not in answers.clips:
        columns = ", ".join(map(str, answers.clips))
        raise InputError(f"--label {label}: the clips have no such column; they have {columns}")
    if len(answers.clips) < 4:
        raise InputError(f"a map needs four clips or more, and {len(answers.clips)} can be heard")
    places, trust = _map(answers, projection, seed)
    return AuditResult(
        audit=AUDIT,
        encoder=answers.encoder,
        dataset=answers.dataset,
        table=_table(answers, trust),
        verdicts=_verdicts(answers),
        parameters={"label": label, "map": projection, "sources": [source.name for source in answers.sources]},
        provenance={
            "seed": seed,
            "seconds": round(perf_counter() - started, 3),
            "revision": answers.revision,
            "versions": {"earwitness": earwitness.__version__}
            | {name: version(name) for name in ("numpy", "torch", "scikit-learn")},
            "inputs": content_hash(answers.vectors.tobytes(), *answers.clips["clip"].astype(str)),
        },
        items=_items(answers, places, label),
        skipped=answers.skipped,
    )


def _map(answers: Answers, projection: str, seed: int) -> tuple[Any, float]:
    from sklearn.manifold import TSNE, trustworthiness

    points = reduced(answers.vectors.astype(float), _MOST_COMPONENTS)
    start = (points[:, :2] / max(points[:, 0].std(), 1e-12)).astype(np.float32)
    with engine.one_thread():
        if projection == "UMAP":
            drawn = _umap(points, start, seed)
        elif projection == "t-SNE":
            perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
            drawn = TSNE(perplexity=perplexity, init=start * 1e-4, random_state=seed, n_jobs=1).fit_transform(points)
        else:
            raise InputError(f"there is no map {projection!r}: choose t-SNE or UMAP")
    near = max(1, min(10, len(points) // 2 - 1))
    return drawn, float(trustworthiness(points, drawn, n_neighbors=near))


def _umap(points: Any, start: Any, seed: int) -> Any:
    import warnings

    from earwitness.errors import MissingExtraError

    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingExtraError("a map by UMAP", "maps") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed means one thread, which is what is wanted
        near = min(15, len(points) - 1)
        return UMAP(n_neighbors=near, init=start * 10, random_state=seed, n_jobs=1).fit_transform(points)


def _table(answers: Answers, trust: float) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for source in answers.told:
        known = answers.learnt.get(source.name, {})
        n = int(known.get("validation_clips") or 0)
        for measure, value, low, high in (
            ("divergence", "validation_loss", "low", "high"),
            ("divergence of the mean target", "mean_target_loss", "", ""),
            ("difference", "difference", "difference_low", "difference_high"),
        ):
            numbers = [_number(known.get(name)) for name in (value, low, high)]
            note = "" if low else "a control, the same for every resample"
            note = note if np.isfinite(numbers[0]) else "not measured: too few validation clips"
            rows.append({"measure": measure, "source": source.name, "note": note, "n": n})
            rows[-1] |= dict(zip(("value", "low", "high"), numbers, strict=True))
    count = len(answers.clips)
    note = "describes this picture, so that it has no interval"
    rows.append({"measure": "trustworthiness", "source": "", "value": trust, "low": np.nan, "high": np.nan})
    rows[-1] |= {"n": count, "note": note}
    return pd.DataFrame(rows)[["measure", "value", "low", "high", "n", "note", "source"]]


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _verdicts(answers: Answers) -> tuple[Verdict, ...]:
    found = []
    for source in answers.told:
        known = answers.learnt.get(source.name, {})
        value, low, high = (_number(known.get(n)) for n in ("difference", "difference_low", "difference_high"))
        own, control = _number(known.get("validation_loss")), _number(known.get("mean_target_loss"))
        title = f"Its words for “{source.name}” can be read"
        if np.isnan(value):
            text = "how well the head does on clips that were not trained on was **not measured**"
            found.append(Verdict("open", title, text, ""))
            continue
        said = f"validation divergence **{own:.2f} nat**, {value:+.2f} ({low:+.2f} to {high:+.2f}) beside the control"
        status: Any = "holds" if high < 0 else "breaks" if low > 0 else "open"
        found.append(Verdict(status, title, said, f"always the mean target: {control:.2f} nat"))
    return tuple(found)


def _items(answers: Answers, places: Any, label: str | None) -> pd.DataFrame:
    items = pd.DataFrame({"clip": answers.clips["clip"].astype(str), "x": places[:, 0], "y": places[:, 1]})
    if label is not None:
        items["label"] = answers.clips[label].astype(object).where(answers.clips[label].notna(), "").astype(str)
    strongest = answers.strongest(STRONGEST)
    for source in answers.told:
        mine = strongest[strongest["source"] == source.name]
        said = mine["output"].astype(str) + " (" + (100 * mine["share"]).round().astype(int).astype(str) + " %)"
        joined = said.groupby(mine["clip"], sort=False).agg("; ".join)
        items[f"{TOPIC}{source.name}"] = items["clip"].map(joined)
        first = mine[mine["rank"] == 1].set_index("clip")["output"]
        items[f"strongest:{source.name}"] = items["clip"].map(first)
    numbers = answers.numbers()
    for (name, number), rows in numbers.groupby(["source", "number"], sort=False):
        digits = 0 if rows["value"].abs().max() >= 100 else 1
        text = [
            f"{v:.{digits}f} {u}; strongest component {low:.{digits}f} to {high:.{digits}f}"
            for v, u, low, high in zip(rows["value"], rows["unit"], rows["low"], rows["high"], strict=True)
        ]
        items[f"number:{name} {number}"] = items["clip"].map(dict(zip(rows["clip"], text, strict=True)))
    return items
