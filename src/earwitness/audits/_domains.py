"""What the audits of bias and its correction ask: which clips, classes that every domain has, domains, strata.

What cannot be asked is left out and counted; what leaves nothing to ask is refused.

Conventions: a cell of labels names one class, or several with "|" between them. "-class" in a cell, or the class in a
column of absent ones, says that the clip has it not. Where any clip of a domain says so, the domain is partly labelled:
what its cells do not name is unknown there. Elsewhere what is not named is absent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audits._folds import Folds, stratified_folds
from earwitness.audits._geometry import standardised
from earwitness.audits._labels import SEPARATOR, read_groups, read_texts, split_tags
from earwitness.audits._words import counted, listed
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError

UNKNOWN = -1
FOLDS, LEAST, MOST = 5, 5, 2000
"""What both audits ask by default; see `earwitness.audits.bias`."""

_MINUS = "-"


@dataclass(frozen=True)
class Question:
    """The clips that are asked about.

    Attributes
    ----------
    embeddings
        n clips.
    label, domain
        Names of the columns.
    classes, domains
        In order of the alphabet.
    truth : (n, K) int8 array
        1 has the class, 0 has not, -1 unknown.
    member : (n,) int array
        Number of the clip's domain.
    units : (n,) int array
        Clips with one number are of one group, or each has its own.
    grouped
        Whether a column of groups was given.
    strata : (n,) text array
        What else may differ between the domains (genre); "" without such a column.
    left_out
        Reason -> number of clips, or the classes by name.
    """

    embeddings: Embeddings
    label: str
    domain: str
    classes: tuple[str, ...]
    domains: tuple[str, ...]
    truth: NDArray[np.int8]
    member: NDArray[np.int64]
    units: NDArray[np.int64]
    grouped: bool
    strata: NDArray[Any]
    left_out: dict[str, Any]

    def __len__(self) -> int:
        return len(self.member)

    def take(self, rows: NDArray[np.intp]) -> "Question":
        """The same question about some of the clips."""
        return replace(
            self,
            embeddings=self.embeddings.take(rows),
            truth=self.truth[rows],
            member=self.member[rows],
            units=np.unique(self.units[rows], return_inverse=True)[1],
            strata=self.strata[rows],
        )

    @property
    def labels(self) -> NDArray[Any]:
        """(n,) the known classes of each clip as text."""
        names = np.array(self.classes, dtype=object)
        return np.array([SEPARATOR.join(names[has == 1]) for has in self.truth], dtype=object)

    @property
    def alike(self) -> str:
        """What makes clips alike, so that their domains can be shuffled: "labels", all that is known, where at least
        half of the clips have others like them in another domain; else, as for partly labelled ones, "rarest class"."""
        return "labels" if self._shared(self._same_labels) >= 0.5 else "rarest class"

    @property
    def cells(self) -> NDArray[np.int64]:
        """(n,) number of what is alike, with the stratum."""
        same = self._same_labels if self.alike == "labels" else self.spread - self.member * (len(self.classes) + 1)
        return np.unique(np.stack([same, _numbered(self.strata)], 1), axis=0, return_inverse=True)[1].ravel()

    @property
    def _same_labels(self) -> NDArray[np.int64]:
        return np.unique(self.truth, axis=0, return_inverse=True)[1].ravel()

    def _shared(self, cells: NDArray[np.int64]) -> float:
        """Share of the clips whose cell has clips of several domains."""
        homes = pd.Series(self.member).groupby(cells).transform("nunique")
        return float((homes > 1).mean())

    @property
    def spread(self) -> NDArray[np.int64]:
        """(n,) what folds and resamples spread evenly: the domain with the rarest class that the clip has."""
        size = (self.truth == 1).sum(0)
        rarest = np.where(self.truth == 1, size, np.iinfo(np.int64).max).argmin(1)
        none = (self.truth == 1).sum(1) == 0
        return self.member * (len(self.classes) + 1) + np.where(none, len(self.classes), rarest)


def ask(
    embeddings: Embeddings,
    *,
    label: str,
    domain: str,
    group: str | None,
    stratum: str | None,
    absent: str | None,
    least: int,
    most: int,
    seed: int,
) -> Question:
    """The question that these columns allow.

    Parameters
    ----------
    embeddings
        Of the clips as they are.
    label, domain, group, stratum, absent
        Columns.
    least
        Clips (groups) that must have a class, and that must not have it, in each domain; other classes are left out.
    most
        Clips at most: of larger collections so many are drawn, evenly over domains and classes.
    seed
        Of that draw.

    Raises
    ------
    InputError
        If there are not two domains, no class is in each of them, the labels say the same as the domains, a vector is
        not finite, or all are the same.
    """
    _check_vectors(embeddings)
    domains = read_texts(embeddings, domain)
    cells = read_texts(embeddings, label)
    lacking = read_texts(embeddings, absent) if absent is not None else np.full(len(cells), "", dtype=object)
    present, names, truth = _truth(embeddings, label, cells, lacking, domains)
    keep = (domains != "") & present
    left_out = {
        "without a domain": int((domains == "").sum()),
        "without a label": int(((domains != "") & ~present).sum()),
    }
    names_of_domains = sorted(set(domains[keep]))
    _check_domains(domain, names_of_domains, bool(len(cells)))
    groups = read_groups(embeddings, group)
    units = np.unique(np.arange(len(cells)) if groups is None else groups.astype(str), return_inverse=True)[1]
    member = np.searchsorted(np.array(names_of_domains, dtype=str), domains.astype(str))
    strata = read_texts(embeddings, stratum) if stratum is not None else np.full(len(cells), "", dtype=object)
    _check_not_the_same(label, domain, truth[keep], member[keep])
    common = _common(truth, member, units, keep, len(names_of_domains), least)
    _check_common(label, names, common, names_of_domains, least, group)
    useful = keep & (truth[:, common] != UNKNOWN).any(1)
    if truth.shape[1] > 1 and not (truth == UNKNOWN).any():  # what has none of the common classes belongs to one domain
        useful &= (truth[:, common] == 1).any(1)
    left_out["of no class that every domain has"] = int((keep & ~useful).sum())
    missing = [name for name, shared in zip(names, common, strict=True) if not shared]
    found = Question(
        embeddings=embeddings,
        label=label,
        domain=domain,
        classes=tuple(name for name, shared in zip(names, common, strict=True) if shared),
        domains=tuple(names_of_domains),
        truth=truth[:, common],
        member=member,
        units=units,
        grouped=groups is not None,
        strata=strata,
        left_out={
            **{reason: count for reason, count in left_out.items() if count},
            **({"classes too rare in a domain": missing} if missing else {}),
        },
    ).take(np.flatnonzero(useful))
    _check_varies(found.embeddings)
    if len(found) > most:
        found = replace(found.take(_drawn(found, most, seed)), left_out=found.left_out | {"drawn": most})
    return found


def why_no_bias(
    table: pd.DataFrame, *, label: str | None, domain: str | None, group: str | None = None, absent: str | None = None
) -> str:
    """Why bias cannot be asked of clips with this table and these columns; "" where it can.

    Parameters
    ----------
    table
        One row a clip, with a column `clip`.
    label, domain, group, absent
        As in `bias`.
    """
    if label is None or domain is None:
        return f"needs a column of {'labels (--label)' if label is None else 'domains (--domain)'}"
    vectors = np.random.default_rng(0).normal(size=(len(table), 2)).astype(np.float32)
    try:
        found = ask(
            Embeddings(vectors, table, "none"), label=label, domain=domain, group=group, stratum=None, absent=absent,
            least=LEAST, most=MOST, seed=0,
        )  # fmt: skip
        plan(found, FOLDS, 0)
    except InputError as error:
        return f"cannot be done: {error}"
    return ""


def plan(question: Question, folds: int, seed: int) -> Folds:
    """Folds over all domains at once, so that no group is learnt from in one domain and tested in another.

    Raises
    ------
    InputError
        If `folds` is below 2, or a domain has fewer clips (groups).
    """
    if folds < 2:
        raise InputError(f"folds is {folds}: give 2 or more, usually 5")
    for k, name in enumerate(question.domains):
        size = len(np.unique(question.units[question.member == k]))
        if size < folds:
            what = counted(size, "group" if question.grouped else "clip")
            raise InputError(f"domain {name!r} has {what}, fewer than the {folds} folds: add clips, or ask for fewer")
    return stratified_folds(question.spread, question.units if question.grouped else None, folds, seed)


def coordinates(question: Question, rows: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
    """The vectors, each feature by its mean and spread over all domains of these rows."""
    return standardised(question.embeddings.vectors, rows)


def _numbered(values: NDArray[Any]) -> NDArray[np.int64]:
    return np.unique(values.astype(str), return_inverse=True)[1]


def _check_vectors(embeddings: Embeddings) -> None:
    if not np.isfinite(embeddings.vectors).all():
        wrong = int((~np.isfinite(embeddings.vectors)).any(1).sum())
        raise InputError(
            f"{counted(wrong, 'vector')} of {embeddings.encoder} hold NaN or infinity: drop these clips, or mend the "
            "encoder"
        )
    _check_varies(embeddings)


def _check_varies(embeddings: Embeddings) -> None:
    if len(embeddings) and not standardised(embeddings.vectors).any():
        raise InputError(
            f"{embeddings.encoder} gives all {len(embeddings)} clips the same vector, so neither label nor domain can "
            "be read off it: run check-encoder"
        )


def _truth(
    embeddings: Embeddings, label: str, cells: NDArray[Any], lacking: NDArray[Any], domains: NDArray[Any]
) -> tuple[NDArray[np.bool_], list[str], NDArray[np.int8]]:
    """Which clips say anything, the classes, and (n, K) what is known."""
    # Numbers can be negative without denying anything.
    numeric = pd.api.types.is_numeric_dtype(pd.Series(embeddings.column(label)))
    named = [split_tags(cell) for cell in cells]
    denied = [[tag[1:].strip() for tag in tags if tag.startswith(_MINUS) and not numeric] for tags in named]
    named = [[tag for tag in tags if numeric or not tag.startswith(_MINUS)] for tags in named]
    denied = [[*no, *split_tags(cell)] for no, cell in zip(denied, lacking, strict=True)]
    partly = {domain for domain, no in zip(domains, denied, strict=True) if no}
    names = sorted({tag for tags in [*named, *denied] for tag in tags})
    place = {name: k for k, name in enumerate(names)}
    truth = np.zeros((len(cells), len(names)), np.int8)
    truth[np.isin(domains.astype(str), sorted(map(str, partly)))] = UNKNOWN
    for row, (yes, no) in enumerate(zip(named, denied, strict=True)):
        both = sorted(set(yes) & set(no))
        if both:
            clip = embeddings.column("clip")[row]
            raise InputError(f"clip {str(clip)!r} both has and has not {both[0]!r} in {label!r}: keep one of the two")
        truth[row, [place[tag] for tag in no]] = 0
        truth[row, [place[tag] for tag in yes]] = 1
    present = np.array([bool(yes or no) for yes, no in zip(named, denied, strict=True)], bool)
    return present, names, truth


def _check_domains(domain: str, names: Sequence[str], any_clip: bool) -> None:
    if len(names) < 2:
        there = f"there is only {names[0]!r}" if names else ("there is none" if any_clip else "there are no clips")
        raise InputError(f"bias needs two domains or more in {domain!r}, and {there}: name another column")


def _check_not_the_same(label: str, domain: str, truth: NDArray[np.int8], member: NDArray[np.int64]) -> None:
    homes = [set(member[has == 1]) for has in truth.T]
    if all(len(home) <= 1 for home in homes):
        raise InputError(
            f"{label!r} says the same as {domain!r}: every class is in one domain only, so what comes from the class "
            "and what from the domain cannot be told apart; bring clips of one class from two domains"
        )


def _common(
    truth: NDArray[np.int8],
    member: NDArray[np.int64],
    units: NDArray[np.int64],
    keep: NDArray[np.bool_],
    domains: int,
    least: int,
) -> NDArray[np.bool_]:
    """(K,), whether enough units of every domain have the class, and have it not."""

    def enough(k: int, value: int, domain: int) -> bool:
        here = keep & (member == domain) & (truth[:, k] == value)
        return len(np.unique(units[here])) >= least

    everywhere = range(domains)
    # Two rounds: clips without a common class leave, and with them others' negatives.
    first = np.array([all(enough(k, 1, d) for d in everywhere) for k in range(truth.shape[1])], bool)
    if not (truth == UNKNOWN).any() and first.any():
        keep = keep & (truth[:, first] == 1).any(1)
    return first & np.array([all(enough(k, 0, d) for d in everywhere) for k in range(truth.shape[1])], bool)


def _check_common(
    label: str, names: Sequence[str], common: NDArray[np.bool_], domains: Sequence[str], least: int, group: str | None
) -> None:
    if not common.any():
        unit = "clips" if group is None else "groups"
        raise InputError(
            f"no class of {label!r} ({_some(names)}) has {least} {unit} with it and {least} without in each domain "
            f"({_some(domains)}): add clips"
        )


def _some(names: Sequence[str]) -> str:
    shown = [str(name) for name in names[:4]]
    return listed(shown) if len(names) <= 4 else f"{', '.join(shown)}, …"


def _drawn(question: Question, most: int, seed: int) -> NDArray[np.intp]:
    """Rows of at most so many clips: turn by turn a clip of each domain and class, in a drawn order."""
    order = np.random.default_rng(seed).permutation(len(question))
    kind = pd.Series(question.spread[order])
    turn = kind.groupby(kind).cumcount().to_numpy()
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])
