"""Which networks are trained, and which combinations of them are compared: the design of Kim (2021), chapter 3."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from earwitness.learning.artist_groups.networks import WSTN_WIDTH

Kind = Literal["STN", "MTN", "wSTN", "untrained"]

LETTERS = "gmdes"
"""Genre; artist groups from MFCCs, their differences, a wide vector of descriptors, sub-genres."""

SOURCES = {
    "m": "artist_group",
    "d": "artist_group_delta",
    "e": "artist_group_wide",
    "s": "artist_group_genres",
}
_PRINTED = "gsedm"  # the order of letters in the tables


@dataclass(frozen=True)
class Network:
    """One network that is trained (or not): its kind, tasks and width."""

    kind: Kind
    tasks: str
    width: float = 1.0

    @property
    def name(self) -> str:
        """Of its folder."""
        width = f"-{self.width:g}" if self.kind == "wSTN" else ""
        return f"{self.kind.lower()}-{self.tasks}{width}"


@dataclass(frozen=True)
class Case:
    """One representation that genres are learnt from: the networks whose blocks stand side by side."""

    kind: Kind
    tasks: str
    networks: tuple[Network, ...]

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.kind.lower()}-{self.tasks}"

    @property
    def number(self) -> int:
        """Of tasks; of a wSTN, of those that its size is that of."""
        return len(self.tasks)


def cases(letters: str, *, which: Literal["all", "genre"] = "all") -> list[Case]:
    """Every combination of tasks as STN and, of two or more, as MTN; wSTN and untrained networks of each size.

    Parameters
    ----------
    letters
        Of the tasks there are.
    which
        "all": every combination that is not empty; "genre": MTN with g only (STN are cheap, and all are made).

    Returns
    -------
    list of Case
        STN of a combination are its single networks side by side, so that each is trained once.
    """
    found = []
    for number in range(1, len(letters) + 1):
        for chosen in combinations(_ordered(letters), number):
            tasks = "".join(chosen)
            found.append(Case("STN", tasks, tuple(Network("STN", letter) for letter in tasks)))
            if number > 1 and (which == "all" or "g" in tasks):
                found.append(Case("MTN", tasks, (Network("MTN", tasks),)))
    sizes = range(2, len(letters) + 1) if "g" in letters else ()
    found += [Case("wSTN", "g" * number, (Network("wSTN", "g", WSTN_WIDTH[number]),)) for number in sizes]
    first = ["".join(_ordered(letters)[:number]) for number in range(1, len(letters) + 1)]
    return [*found, *(Case("untrained", tasks, (Network("untrained", tasks),)) for tasks in first)]


def networks(planned: Sequence[Case]) -> list[Network]:
    """The networks that these cases need, each once."""
    return list(dict.fromkeys(network for case in planned for network in case.networks))


def _ordered(letters: str) -> list[str]:
    return [letter for letter in _PRINTED if letter in letters]
