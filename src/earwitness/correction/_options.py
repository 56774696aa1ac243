"""Whether the options of an estimator have the types that its constructor states."""

from numbers import Integral, Real
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from sklearn.base import BaseEstimator

from earwitness.errors import InputError

_WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a text", NoneType: "None"}


def check_options(estimator: BaseEstimator) -> None:
    """Check each option of an estimator against the annotation of its constructor.

    Raises
    ------
    InputError
        If one has another type, or is none of the values that are listed, or a seed is negative.
    """
    hints = get_type_hints(type(estimator).__init__)
    for name, value in estimator.get_params(deep=False).items():
        if not _allowed(value, hints[name]):
            *most, last = _words(hints[name])
            raise InputError(f"{name} is {value!r}: choose {', '.join(most)}{' or ' if most else ''}{last}")
    if (getattr(estimator, "random_state", None) or 0) < 0:
        raise InputError("random_state must not be negative")


def _allowed(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return isinstance(value, str) and value in get_args(hint)
    if get_args(hint):
        return any(_allowed(value, each) for each in get_args(hint))
    truth = isinstance(value, (bool, np.bool_))
    if hint is int:
        return isinstance(value, Integral) and not truth
    if hint is float:
        return isinstance(value, Real) and not truth
    return truth if hint is bool else isinstance(value, hint)


def _words(hint: Any) -> list[str]:
    if get_origin(hint) is Literal:
        return [repr(each) for each in get_args(hint)]
    return [word for each in get_args(hint) for word in _words(each)] or [_WORDS[hint]]
