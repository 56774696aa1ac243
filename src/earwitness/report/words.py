"""Words for people: what an audit asks, what a measure is called, how a number is written."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from earwitness.results import AuditResult

QUESTIONS = {
    "robustness": "How many clips are still nearest to their own original when the sound is changed, "
    "from hardly audible to grave?",
    "transfer": "Does it carry over: how well can a simple probe read the labels off the embedding, "
    "on clips it has not seen?",
    "structure": "How does it organise the music by itself, and do those groups agree with the labels?",
    "placement": "Where do groups that the map has not seen come to lie, and are they groups of their own?",
    "linear_maps": "Does a simple linear map take a clip to the same clip faster, or higher?",
    "bias": "Does it know the data set better than the music?",
    "correction": "Can what it knows of the data set be taken out, and what does that cost?",
    "inversion": "What does it think a label sounds like?",
    "artist_groups": "Do networks that also learn groups of artists tell genres better than those that learn genres? "
    "STN: a network for each task, side by side; MTN: one network for all of them; wSTN: one as large for genre alone.",
    "explanation": "Do the explanations tell the truth about the model, and briefly?",
    "explanation_model": "What do true explanations depend on: the explainer, the number of tags, the recommender, "
    "the user?",
    "learning_experiment": "What do networks owe to their learning sources, to their number, and to what they share? "
    "Each finding of Kim (2021), chapter 2, asked of these clips.",
    "topics": "What does it hear in each clip, in the words of what it learnt from?",
}

LISTEN = {"inversion": "Hear what was made"}  # the heading of an audit's players, where it is not the usual one
WORST = "Hear the worst"

STATUS = {  # sign and word, so that nothing hangs on colour alone
    "holds": ("✓", "holds"),
    "breaks": ("✕", "breaks"),
    "open": ("?", "cannot be said"),
}

MEASURES = {  # measures by the name that audits give them
    "log loss": "log loss (minus the logarithm of the probability of the true genre)",
    "macro F1": "macro F1 (mean over genres)",
    "mean log loss": "log loss, mean over combinations of as many tasks",
    "mean macro F1": "macro F1, mean over combinations of as many tasks",
    "moved": "clips moved nearer to another recording",
    "consistency": "clips still nearest to their own original",
    "recall@5": "own original among the five nearest",
    "reciprocal rank": "reciprocal rank of the own original",
    "nearer than another": "own original nearer than a random other",
    "displacement": "way moved, over the mean distance of two originals",
    "chance": "level of chance",
    "difference": "difference to a control",
    "R2": "variance explained, R²",
    "class ROC-AUC": "ROC-AUC of one class",
    "class average precision": "average precision of one class",
    "natural k": "number of groups that stands out",
    "stability": "share of subsamples that choose that number",
    "p": "chance of such groups in a cloud without any (p)",
    "accuracy": "clips in the group that matches their label",
    "ceiling": "the most that this can be",
    "NMI": "normalised mutual information",
    "ARI": "adjusted Rand index",
    "excess": "silhouette above that of such a cloud",
    "agreement p": "chance of such agreement with shuffled labels (p)",
    "share of the ceiling": "the same, as a share of the most that it can be",
    "accuracy by seed": "clips in the group that matches their label, seed by seed",
    "partition stability": "agreement of the groups of two subsamples (adjusted Rand index)",
    "k of the bare index": "number of groups at which the index alone is best",
    "label silhouette": "silhouette of the labels",
    "label silhouette by chance": "silhouette of shuffled labels",
    "label silhouette p": "chance of such a silhouette with shuffled labels (p)",
    "repeated clips": "clips that may be there twice",
    "nearest clip of the same group": "clips whose nearest clip is of the same group",
    "the same by chance": "the same if any clip of the label were as near",
    "own neighbours": "nearest clips of the same label",
    "own neighbours by chance": "the same by chance",
    "silhouette by chance": "silhouette of shuffled labels",
    "centre distance": "distance of the centres",
    "nearest in resamples": "resamples in which this known label is the nearest",
    "betweenness": "how far along the line from the one to the other",
    "betweenness by chance": "the same of random clips",
    "off-line distance": "distance off that line, in lengths of it",
    "off-line distance by chance": "the same of random clips",
    "R2 by dimension": "variance explained, mean over dimensions",
    "R2 of the best map": "variance of unseen clips that the best map explains",
    "R2 of unmoved clips": "the same if clips are left where they are",
    "NN accuracy of the best map": "images by the best map whose nearest changed clip is the own one",
    "NN accuracy of unmoved clips": "the same if clips are left where they are",
    "R2 above identity": "variance explained above unmoved clips",
    "NN accuracy": "images whose nearest changed clip is the own one",
    "MSE": "mean squared error of a dimension",
    "rank": "rank that was chosen",
    "consistency of displacement": "cosine of a clip's way with the mean way of the others",
    "within ROC-AUC": "ROC-AUC within a domain",
    "across ROC-AUC": "ROC-AUC in another domain",
    "left-out ROC-AUC": "ROC-AUC in a domain that nothing was fitted on",
    "drop": "ROC-AUC lost across domains",
    "pair drop": "ROC-AUC lost between two domains",
    "class drop": "ROC-AUC of one class lost across domains",
    "class within ROC-AUC": "ROC-AUC of one class within a domain",
    "class across ROC-AUC": "ROC-AUC of one class in another domain",
    "domain ROC-AUC, linear": "ROC-AUC of the domain, linear probe",
    "domain ROC-AUC, non-linear": "ROC-AUC of the domain, non-linear probe",
    "cosine": "|cosine| of domain direction and class probe",
    "shuffled cosine": "|cosine| where domains are shuffled",
    "random cosine": "|cosine| with a random direction",
    "metric cosine": "|cosine| in the metric of the clips",
    "participation ratio": "features that the domain direction spreads over",
    "shuffle p": "share of shuffles that reach as much (p)",
    "change p": "chance of such a change where there is none (p)",
    "adjusted p": "p after Holm's correction",
    "change": "change by the correction",
    "random change": "change by as many random directions",
    "trustworthiness": "neighbours that the map keeps (trustworthiness)",
    "relative loss": "loss over that of a random real clip",
    "real clips nearer": "real clips that lie nearer to the target (percentile)",
    "real clips nearer to the listener": "real clips nearer to the class in the listener (percentile)",
    "place of the class": "place of the class among the listener's classes",
    "recognised": "sounds that the listener puts with the class",
    "real clips recognised": "real clips that the listener puts with their class",
    "tag": "probability of a tag for the sound",
    "tag of real clips": "probability of a tag for real clips of the class",
    "intercept": "standardised score in the simplest case of a strategy",
    "slope": "change of the standardised score a further source",
    "difference of intercepts": "standardised score above another strategy",
    "effect": "effect in the second model, standardised score",
    "share": "share of the sources' variance, %",
    "correlation of share and score": "correlation of shares with scores of single sources",
    "baseline": "score of a baseline",
    "finding": "the number behind a finding",
    "divergence": "divergence from the targets of validation clips, nat",
    "divergence of the mean target": "divergence of always giving the mean target, nat",
}

_NOT_FACTORS = ("measure", "value", "low", "high", "n", "note", "reached", "audible")
_SPEAKS_FOR_ITSELF = (
    *("perturbation", "family", "direction", "unit", "reference", "of", "method"),
    *("correction", "scope", "space"),
)
_SAID_BY_PERTURBATION = {"family", "magnitude", "unit", "severity", "imperceptible"}


def in_words(name: str) -> str:
    """A measure or column name as a reader would write it.

    Examples
    --------
    >>> in_words("R2"), in_words("n_resamples"), in_words("p:cello")
    ('variance explained, R²', 'n resamples', 'p: cello')
    """
    if name in MEASURES:
        return MEASURES[name]
    return " ".join(str(name).replace("_", " ").replace(":", ": ").split())


def condition(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """The factors of a table's row, as one phrase.

    Examples
    --------
    >>> row = {"perturbation": "pitch +25 cents", "family": "pitch", "distance": "cosine", "control": ""}
    >>> condition(row, ["perturbation", "family", "distance", "control"])
    'pitch +25 cents, cosine distance'
    """
    given = {name: row[name] for name in names if is_given(row[name])}
    if "perturbation" in given:
        given = {name: value for name, value in given.items() if name not in _SAID_BY_PERTURBATION}
    elif "unit" in given:
        given.pop("severity", None)  # what was found, in that unit, and not what it was found for
    return ", ".join(filter(None, (_factor(name, value) for name, value in given.items())))


def _factor(name: str, value: Any) -> str:
    if name == "imperceptible":
        return "hardly audible changes" if value is True or value == "True" else ""
    if name == "distance":
        return f"{value} distance"
    if name in ("train", "test"):
        return f"{'learnt from' if name == 'train' else 'tested on'} {value}"
    if name == "seen":
        return "needs labels of the tested domain" if "labels" in str(value) else ""
    if name == "control":
        return f"beside {value}"
    if name == "other":
        return f"above {value}"
    if name == "number":
        return f"{number(float(value))} task{'' if float(value) == 1 else 's'}"
    if name == "k":
        return value if isinstance(value, str) else f"{number(value)} groups"
    text = number(value) if isinstance(value, float) else str(value)
    return in_words(text) if name in _SPEAKS_FOR_ITSELF else f"{in_words(name)} {text}"


def is_given(value: Any) -> bool:
    """Whether a cell of a table holds anything."""
    return not (value is None or value == "" or (isinstance(value, float) and math.isnan(value)))


def number(value: float | None) -> str:
    """A number to two decimals, or to two digits where that would hide it.

    Examples
    --------
    >>> [number(x) for x in (0.9412, 12, 0.00123, 15360.2, -0.0, float("nan"))]
    ['0.94', '12', '0.0012', '15 360', '0', '–']
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == round(value) and abs(value) < 1000:
        return f"{value + 0:.0f}"
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    if abs(value) < 0.01:
        return f"{value:.2g}"
    return f"{value:.2f}".replace("-", "−")


def interval(low: float, high: float) -> str:
    """`[low, high]`, or nothing where no interval could be given."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{number(low)}, {number(high)}]"


def factors(table: pd.DataFrame) -> list[str]:
    """The columns that tell the rows of a tidy table apart, besides the measure."""
    return [str(name) for name in table.columns if name not in _NOT_FACTORS]


def counted(count: int, noun: str) -> str:
    """
    >>> counted(1, "file"), counted(1200, "clip")
    ('1 file', '1 200 clips')
    """
    grouped = f"{count:,}".replace(",", " ")
    return f"{grouped} {noun if count == 1 else noun + 's'}"


def is_control(result: AuditResult) -> bool:
    """Whether the result was made to compare others with."""
    return result.parameters.get("role") == "control"


def is_group(result: AuditResult) -> bool:
    """Whether the result speaks of several models at once, so that its `encoder` names none of them."""
    return result.parameters.get("role") == "group"


def names(results: Sequence[AuditResult]) -> list[str]:
    """What each result is called: its encoder, and the data set beside it where one encoder met several."""
    met: dict[str, set[str]] = {}
    for result in results:
        met.setdefault(result.encoder, set()).add(result.dataset)
    return [r.encoder if len(met[r.encoder]) < 2 else f"{r.encoder} · {r.dataset}" for r in results]


def duration(seconds: float) -> str:
    """
    >>> duration(4.2), duration(252.4)
    ('4.2 s', '4 min 12 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def printable(text: Any) -> str:
    """The text without control characters and lone surrogates, which file names may hold and no page may.

    Examples
    --------
    >>> printable("a\\tb\\x00\\udcffc")
    'a b ?c'
    """
    shown = str(text)
    if not shown.isprintable():
        shown = _CONTROL.sub(" ", shown).encode("utf-8", "replace").decode("utf-8")
    return shown


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
