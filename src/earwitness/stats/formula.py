"""Model formulas: lme4's notation for random effects, R's `s()` for smooths, formulaic for the rest.

A formula is taken apart once. Expressions such as `log(omega)` become columns of that name, so that everything after
works on plain columns: a reference grid can put `log(omega)` at its own mean, not omega at its mean.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd
from formulaic import Formula, ModelSpec, model_matrix
from formulaic.errors import FormulaicError
from numpy.typing import NDArray

from earwitness.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RandomTerm:
    """Effects that vary over groups: `terms` (the empty tuple is the intercept) by the interaction of `group`."""

    terms: tuple[tuple[str, ...], ...]
    group: tuple[str, ...]


@dataclass(frozen=True)
class SmoothTerm:
    """A smooth of `covariate`, one for each cell of the factors `by`."""

    covariate: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parts:
    """A formula taken apart; terms are tuples of column names, the empty tuple is the intercept."""

    response: str
    fixed: tuple[tuple[str, ...], ...]
    random: tuple[RandomTerm, ...]
    smooth: tuple[SmoothTerm, ...]

    @property
    def columns(self) -> list[str]:
        """Every column or expression that the model reads, the response first."""
        names = [self.response, *(name for term in self.fixed for name in term)]
        names += [name for block in self.random for term in block.terms for name in term]
        names += [name for block in self.random for name in block.group]
        names += [name for smooth in self.smooth for name in (smooth.covariate, *smooth.by)]
        return list(dict.fromkeys(names))


def parse(formula: str) -> Parts:
    """Take a formula apart.

    `(1 + x | g)` is correlated, `(1 + x || g)` independent, `a/b` nested and `a:b` crossed groups, as in lme4;
    `s(x, by = a:b)` is a smooth of x for each cell of a and b.

    Examples
    --------
    >>> parse("y ~ a * b + (1 + x || site/subject)").random[0]
    RandomTerm(terms=((),), group=('site',))
    """
    if formula.count("~") != 1:
        raise InputError(f"the formula {formula!r} needs one '~' between the response and the terms, as in 'y ~ x'")
    response, right = (side.strip() for side in formula.split("~"))
    fixed, random, smooth = [], [], []
    for piece in _split(right, "+"):
        inner = piece[1:-1] if piece.startswith("(") and piece.endswith(")") else ""
        if "|" in inner:
            random += _random_terms(inner, formula)
        elif re.match(r"s\s*\(", piece):
            smooth.append(_smooth_term(piece))
        else:
            fixed.append(piece)
    if any("|" in piece for piece in fixed):
        raise InputError(f"cannot read the random effects of {formula!r}: write them in brackets, as in '(1 | group)'")
    return Parts(_plain(response), _terms(" + ".join(fixed) or "1", formula), tuple(random), tuple(smooth))


def _split(text: str, separator: str) -> list[str]:
    """Parts of `text` between separators that stand outside all brackets."""
    depth, parts = 0, [""]
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _random_terms(inner: str, formula: str) -> list[RandomTerm]:
    left, independent, group = re.match(r"(.*?)\|(\|?)([^|]*)$", inner).groups()  # type: ignore[union-attr]
    levels = [tuple(_plain(name) for name in part.split(":")) for part in group.split("/")]
    if not all(re.fullmatch(r"[\w.]+", name) for level in levels for name in level):
        raise InputError(
            f"cannot read the groups {group.strip()!r} of {formula!r}: use g, a:b (crossed) or a/b (nested)"
        )
    nested = [sum(levels[: depth + 1], ()) for depth in range(len(levels))]
    terms = _terms(left, formula)
    split = [(term,) for term in terms] if independent else [terms]
    return [RandomTerm(part, names) for names in nested for part in split]


def _smooth_term(piece: str) -> SmoothTerm:
    arguments = _split(piece[piece.index("(") + 1 : -1], ",")
    options = dict(re.split(r"\s*=\s*", argument, maxsplit=1) for argument in arguments[1:] if "=" in argument)
    if not arguments or set(options) - {"by"} or len(options) != len(arguments) - 1:
        raise InputError(f"cannot read the smooth {piece!r}: write s(x) or s(x, by = a:b)")
    by = options.get("by", "")
    return SmoothTerm(_plain(arguments[0]), tuple(_plain(name) for name in by.split(":")) if by else ())


def _terms(text: str, formula: str) -> tuple[tuple[str, ...], ...]:
    try:
        parsed = Formula(text)
        return tuple(tuple(_plain(str(f)) for f in term.factors if str(f) != "1") for term in parsed)
    except (FormulaicError, SyntaxError, AttributeError) as error:
        raise InputError(f"cannot read {text!r} in the formula {formula!r}: {error}") from error


def _plain(name: str) -> str:
    return name.strip().strip("`")


def prepare(data: pd.DataFrame, columns: Sequence[str]) -> tuple[pd.DataFrame, int]:
    """The columns of a formula, evaluated, without the rows that lack one of them; and how many rows were lost.

    Text and truth values become categories; categories that no row has any more are dropped.
    """
    if not len(data):
        raise InputError("the table has no rows")
    table = pd.DataFrame({name: _column(data, name) for name in columns})
    whole = table.notna().all(axis=1)
    if not whole.any():
        empty = table.columns[table.isna().all()].tolist() or list(columns)
        raise InputError(f"no row has a value in all of {', '.join(columns)}: look at {', '.join(empty)}")
    table = table[whole].reset_index(drop=True)
    for name in columns:
        if isinstance(table[name].dtype, pd.CategoricalDtype):
            table[name] = table[name].cat.remove_unused_categories()
        elif not np.isfinite(table[name].to_numpy()).all():
            raise InputError(f"the column {name!r} has infinite values: drop those rows or mend them")
    return table, int((~whole).sum())


def _column(data: pd.DataFrame, name: str) -> pd.Series:
    factor = re.fullmatch(r"C\((\w+)\)", name)
    if factor and factor[1] in data:
        return data[factor[1]].astype("category")
    column = data[name] if name in data else _evaluated(data, name)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return column.astype(float)
    return column.astype("category")


def _evaluated(data: pd.DataFrame, expression: str) -> pd.Series:
    needed = {str(v) for v in Formula(f"0 + {expression}").required_variables}
    for name in sorted(needed - set(data.columns)):
        near = get_close_matches(name, [str(c) for c in data.columns], 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(map(str, data.columns))}"
        raise InputError(f"the table has no column {name!r}: {hint}")
    with np.errstate(divide="ignore", invalid="ignore"):  # log(0) is infinite, which `prepare` reports by name
        made = model_matrix(f"0 + {expression}", data, context={}, na_action="ignore")
    return pd.Series(np.asarray(made, dtype=float)[:, 0], index=data.index)


def grouping(table: pd.DataFrame, names: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Group of each row as a code, and the groups' names ("a:b" for interactions)."""
    if len(names) == 1:
        codes, levels = pd.factorize(table[names[0]], sort=True)
        return codes, [_label(level) for level in levels]
    codes, cells = pd.factorize(pd.MultiIndex.from_frame(table[list(names)]), sort=True)
    return codes, [":".join(_label(part) for part in cell) for cell in cells]


def _label(level: object) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)


@dataclass(frozen=True)
class Design:
    """Columns of a linear model for any table: learnt on the data, applied to grids."""

    spec: ModelSpec
    names: tuple[str, ...]

    @classmethod
    def learn(cls, terms: Sequence[tuple[str, ...]], table: pd.DataFrame) -> tuple["Design", Floats]:
        """Design of `terms`, the first level of a factor being its reference, and its rows for the table itself."""
        for name in dict.fromkeys(name for term in terms for name in term):
            if isinstance(table[name].dtype, pd.CategoricalDtype) and len(table[name].cat.categories) < 2:
                only = table[name].cat.categories[0]
                raise InputError(
                    f"the factor {name!r} has one level only ({only}): it has no effect to estimate; leave it out"
                )
        written = ["1" if not term else ":".join(f"`{name}`" for name in term) for term in terms]
        made = model_matrix(" + ".join(["0", *written] if () not in terms else written), table, context={})
        return cls(made.model_spec, tuple(name.replace("`", "") for name in made.columns)), np.asarray(
            made, dtype=float
        )

    def rows(self, table: pd.DataFrame) -> Floats:
        """(n, columns) design of another table with the same columns."""
        return np.asarray(self.spec.get_model_matrix(table, context={}), dtype=float)


def check_rank(X: Floats, names: Sequence[str]) -> None:
    """Refuse columns that are combinations of others, and name them.

    Raises
    ------
    InputError
        If a column, scaled to length one, lies within 1e-7 of the span of those before it.
    """
    length = np.linalg.norm(X, axis=0)
    R = np.asarray(np.linalg.qr(X / np.where(length == 0, 1, length), mode="r"))  # same dependencies, few rows
    basis, lost = np.empty((len(R), 0)), []
    for column, name in zip(R.T, names, strict=True):
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)  # twice is enough to be orthogonal to rounding
        size = np.linalg.norm(rest)
        if size > 1e-7:
            basis = np.column_stack([basis, rest / size])
        elif name not in lost:
            lost.append(name)
    if lost:
        raise InputError(
            f"the terms are collinear: {', '.join(lost)} can be computed from the columns before (an empty cell of an "
            "interaction, or one column twice); leave such terms out"
        )


def reference_grid(table: pd.DataFrame, columns: Sequence[str], at: Mapping[str, object] | None = None) -> pd.DataFrame:
    """Every combination of levels, numeric columns at their mean or at the values given in `at`."""
    values: dict[str, list[object]] = {}
    for name in columns:
        if at is not None and name in at:
            given = at[name]
            values[name] = list(given) if isinstance(given, (list, tuple, np.ndarray, pd.Series)) else [given]
        elif isinstance(table[name].dtype, pd.CategoricalDtype):
            values[name] = list(table[name].cat.categories)
        else:
            values[name] = [table[name].mean()]
    unknown = sorted(set(at or ()) - set(values))
    if unknown:
        raise InputError(f"`at` names {unknown[0]!r}, which the model does not have: it has {', '.join(columns)}")
    cells = pd.MultiIndex.from_product(list(values.values()), names=list(values)).to_frame(index=False)
    for name in columns:
        if isinstance(table[name].dtype, pd.CategoricalDtype):
            cells[name] = pd.Categorical(cells[name], categories=table[name].cat.categories)
            if cells[name].isna().any():
                raise InputError(f"`at` gives a level of {name!r} that the data do not have")
    return cells
