"""Papers' experiments as short scripts on the public interface: `earwitness reproduce NAME`.

A recipe is a function from a folder of data, an output folder and `Options` to results; it prints nothing and writes
through `earwitness.report`. New ones join by a line in `RECIPES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from earwitness.engine import Progress
from earwitness.errors import InputError

__all__ = ["RECIPES", "Entry", "Options", "load_recipe"]


@dataclass(frozen=True)
class Options:
    """What every recipe can be told: how thorough, which encoders and columns, where to run, with which seed.

    `scale` is "small", "full", or None where the user leaves it to the recipe; `quick` is so for "small". `train` asks
    a recipe to train the encoders of its paper; `runs`, `sources` (of learning) and `targets` are for experiments that
    train many.
    """

    quick: bool = False
    jobs: int | None = None
    cluster: str | None = None
    seed: int = 0
    progress: Progress | None = None
    scale: str | None = None
    encoders: tuple[str, ...] = ()
    label: str | None = None
    group: str | None = None
    runs: int | None = None
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    train: bool = False


Recipe = Callable[[list[str], Path, Options], Path]


class Entry(NamedTuple):
    """Where a recipe is, what it reproduces, and the data it wants."""

    path: str
    about: str
    data: str


RECIPES: dict[str, Entry] = {
    "kim2018": Entry(
        "earwitness.recipes.kim2018:run",
        "Kim, Won, Serra and Liem (2018), Kim (2021), chapter 3: genre from artist groups. Tables 3.3 to 3.5, "
        "Figure 3.3",
        "one set of clips with a column of genres (--label), one of artists (--group), and perhaps sub-genres",
    ),
    "kim2019": Entry(
        "earwitness.recipes.kim2019:run",
        "Kim et al. (2019), Kim (2021), chapter 4: are nearby neighbours relatives? Figures 4.3 to 4.13",
        "any clips, as for `earwitness audit`, and the encoders to compare, with -e; --train trains the paper's own",
    ),
    "consistency-training": Entry(
        "earwitness.recipes.consistency_training:run",
        "Kim (2021), chapter 6: does training with changed copies raise consistency, and does transfer suffer?",
        "clips with a column of classes (--label) to train and measure with",
    ),
    "shenanigans": Entry(
        "earwitness.recipes.shenanigans:run",
        "Arputharaj and Kalaivanan (2022), Latent Space Shenanigans: how taggers organise music. Tables 1 and 2, "
        "Figures 1 to 5",
        "a folder with one sub-folder a genre (GTZAN), or a manifest with labels; as a second one, new genres",
    ),
    "wang2023": Entry(
        "earwitness.recipes.wang2023:run",
        "Wang et al. (2023): dataset bias and its correction. Table 1, Figures 1 to 3",
        "the folders of IRMAS and OpenMIC-2018 as mirdata lays them out, and encoders with -e; or the folder of "
        "OpenMIC-2018 and the authors' embeddings.h5",
    ),
    "kim2020": Entry(
        "earwitness.recipes.kim2020:run",
        "Kim et al. (2020), Kim (2021), chapter 2: one network from many learning sources. Figures 2.7 to 2.16, "
        "Table 2.6, and each finding answered",
        "any clips, as for `earwitness learn`; as a second source, other clips to ask the targets about",
    ),
    "kim-explain": Entry(
        "earwitness.recipes.kim_explain:run",
        "Kim (2021), chapter 5: do explanations of recommenders tell the truth? Table 5.1, Figures 5.2 to 5.6",
        "one folder or more of hetrec2011-lastfm-2k, MovieLens, goodbooks-10k, LFM-1b, LFM-2b or MSD",
    ),
}


def load_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises
    ------
    InputError
        If there is none; the message suggests the nearest.
    """
    if name not in RECIPES:
        nearest = get_close_matches(name, RECIPES, 1)
        mend = f"Did you mean {nearest[0]!r}?" if nearest else f"There are {', '.join(RECIPES)}."
        raise InputError(f"no recipe {name!r}. {mend}")
    module, _, function = RECIPES[name].path.partition(":")
    found: Recipe = getattr(import_module(module), function)
    return found
