"""What to listen to: the clips on which an encoder does worst, chosen from the per-clip scores of the results."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd

from earwitness.report.foreign import NEAR_CENTRE, foreign_clips
from earwitness.report.words import is_control, number
from earwitness.results import AuditResult

EXAMPLES = {"structure": 24}  # an encoder and audit: of structure every group and label has its turn
_USUALLY = 6
_OF_A_KIND = 2  # examples at most of one change, group or mistake, so that several kinds are heard


@dataclass(frozen=True)
class Sound:
    """One player: what it is called, the clip it plays, and the change (its label) done to it, if any."""

    role: str
    clip: str
    change: str = ""


@dataclass(frozen=True)
class Example:
    """One row of "hear the worst".

    Attributes
    ----------
    audit, encoder, dataset
        Of the result it comes from.
    seed
        With which the result's sounds were changed, where the result says so.
    excerpt_s
        Seconds from the middle of each clip that were measured; None for all of it.
    clip
        The clip it is about.
    what
        What was done, or what it is, in words.
    found
        What went wrong, in words.
    sounds
        The players, in order.
    """

    audit: str
    encoder: str
    dataset: str
    seed: int | None
    excerpt_s: float | None
    clip: str
    what: str
    found: str
    sounds: tuple[Sound, ...]


def worst(results: Sequence[AuditResult], count: int | None = None) -> list[Example]:
    """The worst examples of every audited encoder, the worst first; the controls are not asked.

    Parameters
    ----------
    results
        Of any audits.
    count
        Examples at most, an encoder and audit; by default six, and of structure 24.
    """
    examples = []
    for result in results:
        choose = _CHOICES.get(result.audit)
        if choose is None or is_control(result) or result.items.empty:
            continue
        seed, excerpt = result.provenance.get("seed"), result.parameters.get("excerpt_s")
        for clip, what, found, sounds in islice(choose(result.items), count or EXAMPLES.get(result.audit, _USUALLY)):
            of_it = (result.audit, result.encoder, result.dataset, seed, excerpt)
            examples.append(Example(*of_it, clip, what, found, tuple(sounds)))
    return examples


_Row = tuple[str, str, str, list[Sound]]


def _moved(items: pd.DataFrame) -> Iterator[_Row]:
    """Clips that a change moved nearest to another recording: hardly audible changes first, then by rank."""
    items = items[items["distance"] == items["distance"].iloc[0]]
    clips = items["clip"].nunique()
    moved = items[items["rank"] > 1]
    moved = moved.assign(grave=~moved["imperceptible"].astype(bool)).sort_values(
        ["grave", "rank", "clip", "perturbation"], ascending=[True, False, True, True], kind="stable"
    )
    heard: set[str] = set()
    times: Counter[str] = Counter()
    for row in moved.to_dict("records"):
        clip, change = str(row["clip"]), str(row["perturbation"])
        if clip in heard or times[change] >= _OF_A_KIND:
            continue
        heard.add(clip)
        times[change] += 1
        found = f"its own original is only at rank {int(row['rank'])} of {clips}"
        sounds = [Sound("original", clip), Sound("changed", clip, change), Sound("now nearest", str(row["nearest"]))]
        yield clip, change if row["grave"] else f"{change}, hardly audible", found, sounds


def _misplaced(items: pd.DataFrame) -> Iterator[_Row]:
    """Clips that lie nearer to another group than to the one they were put into: the most negative silhouette first."""
    foreign = foreign_clips(items, 2)
    if len(foreign):
        yield from _among_strangers(foreign)
        return
    scored = items.dropna(subset=["silhouette"]).sort_values(["silhouette", "clip"], kind="stable")
    typical = scored.drop_duplicates("cluster", keep="last").set_index("cluster")["clip"]
    misfits = scored[scored["silhouette"] < 0]
    for row in misfits.groupby("cluster", sort=False).head(_OF_A_KIND).to_dict("records"):
        clip, group = str(row["clip"]), row["cluster"]
        found = f"put into group {group}, but nearer to another (silhouette {number(row['silhouette'])})"
        sounds = [Sound("this clip", clip), Sound(f"typical of group {group}", str(typical[group]))]
        yield clip, str(row.get("label") or ""), found, sounds


def _among_strangers(foreign: pd.DataFrame) -> Iterator[_Row]:
    """The first of every group and every label, then the second of each; a clip is heard once."""
    turn = foreign.groupby(["why", "of"], sort=False).cumcount()
    foreign = foreign.iloc[np.argsort(turn.to_numpy(), kind="stable")].drop_duplicates("clip")
    for row in foreign.to_dict("records"):
        company = str(row["company"])
        if row["why"] == NEAR_CENTRE:
            found = f"near the centre of a group that is otherwise “{company}”"
        else:
            found = f"nearer to “{company}” than to its own label (silhouette {number(row['score'])})"
        sounds = [Sound("this clip", str(row["clip"])), Sound(f"typical of {company}", str(row["typical"]))]
        yield str(row["clip"]), str(row["label"]), found, sounds


def _mistaken(items: pd.DataFrame) -> Iterator[_Row]:
    """Clips of which the probe is sure, and wrong; of numbers, those that it misses by most."""
    names = [str(column)[2:] for column in items if str(column).startswith("p:")]
    if not names:
        yield from _missed(items)
        return
    P = items[[f"p:{name}" for name in names]].to_numpy(float)  # (n, K)
    # A cell may hold several tags; a single class is a cell of its own.
    true = [{*str(truth).split("|"), str(truth)} for truth in items["truth"]]
    has = np.array([[name in mine for name in names] for mine in true])
    clips, truths = [str(clip) for clip in items["clip"]], [str(truth) for truth in items["truth"]]
    wrong, right = np.where(has, 0, P), np.where(has, P, 0)
    times: Counter[tuple[str, int]] = Counter()
    for i in np.argsort(-wrong.max(1), kind="stable"):
        guess = int(wrong[i].argmax())
        if wrong[i, guess] < 0.5:
            return
        times[truths[i], guess] += 1
        if times[truths[i], guess] > _OF_A_KIND:
            continue
        sounds, best = [Sound("this clip", clips[i])], int(right[:, guess].argmax())
        if right[best, guess] >= 0.5:
            sounds.append(Sound(f"rightly {names[guess]}", clips[best]))
        found = f"taken for {names[guess]} with probability {number(wrong[i, guess])}"
        yield clips[i], truths[i].replace("|", ", "), found, sounds


def _missed(items: pd.DataFrame) -> Iterator[_Row]:
    truth, prediction = items["truth"].astype(float), items["prediction"].astype(float)
    for i in (truth - prediction).abs().sort_values(ascending=False, kind="stable").index:
        clip = str(items.loc[i, "clip"])
        yield clip, number(truth[i]), f"read as {number(prediction[i])}", [Sound("this clip", clip)]


def _inverted(items: pd.DataFrame) -> Iterator[_Row]:
    """Sounds that were made for a target, each beside the real clip nearest to that, and the target itself."""
    for _, rows in items.groupby("run", sort=False):
        target = rows["target"].astype(bool)
        real, made = rows[~target].sort_values(["loss", "clip"], kind="stable"), str(rows["sound"].iloc[0])
        loss, nearest = float(rows["sound_loss"].iloc[0]), real.iloc[0]
        share = float((real["loss"] < loss).mean() + 0.5 * (real["loss"] == loss).mean())
        found = (
            f"loss {number(loss)}, the nearest real clip's {number(nearest['loss'])}; "
            f"{number(100 * share)} % of {len(real)} real clips lie nearer"
        )
        sounds = [Sound("made of noise", made), Sound("nearest real clip", str(nearest["clip"]))]
        sounds += [Sound("the target", str(clip)) for clip in rows[target]["clip"]]
        yield made, "", found, sounds


_CHOICES: dict[str, Callable[[pd.DataFrame], Iterator[_Row]]] = {
    "robustness": _moved,
    "structure": _misplaced,
    "transfer": _mistaken,
    "inversion": _inverted,
}
