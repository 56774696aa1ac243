"""Recommenders and explainers by name."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

from earwitness.datasets.interactions import Interactions
from earwitness.errors import InputError, MissingExtraError
from earwitness.recommend.explainers.base import Explainer


class Entry(NamedTuple):
    """Where a thing is made, the options its name stands for, and one line on it."""

    path: str
    options: Mapping[str, Any]
    description: str
    uses_tags: bool = True


_NEIGHBOURS = "earwitness.recommend.neighbours"
_NETWORKS = "earwitness.recommend.networks"
_BASELINES = "earwitness.recommend.baselines"
_EXPLAINERS = "earwitness.recommend.explainers"

RECOMMENDERS: dict[str, Entry] = {
    "inn": Entry(f"{_NEIGHBOURS}:ItemNeighbours", {}, "item neighbourhood over tags (linear)"),
    "unn": Entry(f"{_NEIGHBOURS}:UserNeighbours", {}, "user neighbourhood over tags (linear)"),
    "unn-profile": Entry(
        f"{_NEIGHBOURS}:UserNeighboursByProfile", {}, "the same, explained by the tags of the user's own items"
    ),
    "fm": Entry(f"{_NETWORKS}:FactorizationMachine", {}, "factorization machine with tags"),
    "ncf": Entry(f"{_NETWORKS}:NeuralCollaborativeFilter", {}, "neural collaborative filtering with tags"),
    "wrmf": Entry(f"{_BASELINES}:WRMF", {}, "weighted matrix factorisation; knows no tags", False),
    "most-popular": Entry(f"{_BASELINES}:MostPopular", {}, "the same for everybody; knows no tags", False),
    "random": Entry(f"{_BASELINES}:RandomScores", {}, "by chance; knows no tags", False),
}

EXPLAINERS: dict[str, Entry] = {
    "random": Entry(f"{_EXPLAINERS}:RandomWeights", {}, "random weights: the floor"),
    "pdp": Entry(f"{_EXPLAINERS}:PartialDependence", {}, "partial dependence as printed"),
    "pdp-difference": Entry(
        f"{_EXPLAINERS}:PartialDependence", {"form": "difference"}, "partial dependence, on minus off"
    ),
    "saliency": Entry(f"{_EXPLAINERS}:Saliency", {}, "gradient, over all tags"),
    "saliency-own": Entry(f"{_EXPLAINERS}:Saliency", {"support": "own"}, "gradient, over the item's own tags"),
    "integrated-gradients": Entry(f"{_EXPLAINERS}:IntegratedGradients", {}, "gradient on the way from no tags"),
    "lime": Entry(f"{_EXPLAINERS}:LIME", {}, "sparse linear model around the item"),
    "kernel-shap": Entry(f"{_EXPLAINERS}:KernelSHAP", {}, "Shapley values of the item's own tags"),
}


def load_recommender(spec: str, **options: Any) -> Any:
    """An untrained recommender: a name of `RECOMMENDERS`, a size after a dash ("inn-64", "inn-exact").

    Raises
    ------
    InputError
        If there is no such name; the message suggests the nearest.
    """
    name, size = spec, None
    if spec not in RECOMMENDERS and (parts := re.fullmatch(r"(.+)-(\d+|exact)", spec)):
        name, size = parts[1], parts[2]
    entry = _entry(RECOMMENDERS, name, "recommender")
    sized = {} if size is None else {"size": None if size == "exact" else int(size)}
    if sized and name in ("most-popular", "random"):
        raise InputError(f"recommender {spec!r}: {name} has no size")
    if size == "exact" and name not in ("inn", "unn", "unn-profile"):
        raise InputError(
            f"recommender {spec!r}: only inn, unn and unn-profile have an exact form; give a size, such as {name}-32"
        )
    return _resolve(entry.path)(**entry.options, **sized, **options)


def load_explainer(name: str, **options: Any) -> Explainer:
    """An explainer of `EXPLAINERS` by name; options are those of its class.

    Raises
    ------
    InputError
        If there is no such name; the message suggests the nearest.
    """
    entry = _entry(EXPLAINERS, name, "explainer")
    made: Explainer = _resolve(entry.path)(**entry.options, **options)
    return made


def black_box(spec: str, data: Interactions) -> Any:
    """A recommender of one's own, from `python:<file.py>:<callable>`; the callable gets the training interactions.

    Raises
    ------
    InputError
        If the file or the callable is missing.
    """
    _, _, target = spec.partition(":")
    place, _, name = target.rpartition(":")
    path = Path(place).expanduser()
    if not name or not path.is_file():
        raise InputError(f"{spec}: write python:<file.py>:<callable>, with a file that exists")
    found = spec_from_file_location(path.stem, path)
    if found is None or found.loader is None:
        raise InputError(f"{spec}: {path} is no Python file")
    module = module_from_spec(found)
    found.loader.exec_module(module)
    if not callable(getattr(module, name, None)):
        raise InputError(f"{spec}: {path} has no callable {name!r}")
    return getattr(module, name)(data)


def _entry(table: Mapping[str, Entry], name: str, what: str) -> Entry:
    if name not in table:
        nearest = get_close_matches(name, table, 1, cutoff=0.5)
        mend = f"Did you mean {nearest[0]!r}?" if nearest else f"There are {', '.join(table)}."
        raise InputError(f"no {what} {name!r}. {mend}")
    return table[name]


def _resolve(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    try:
        made: Callable[..., Any] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{path} ({error.name})", "recommend") from error
    return made
