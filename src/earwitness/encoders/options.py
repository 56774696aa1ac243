"""Options of an encoder, as texts in its spec or as keywords."""

import inspect
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, get_args

from earwitness.errors import EncoderError

_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def split_options(spec: str) -> tuple[str, dict[str, str]]:
    """What a spec names, and its options.

    Examples
    --------
    >>> split_options("musicnn-msd,layer=max_pool,device=cpu")
    ('musicnn-msd', {'layer': 'max_pool', 'device': 'cpu'})
    """
    found = re.search(r"(,[A-Za-z_]\w*=[^,]*)+$", spec)
    if not found:
        return spec, {}
    pairs = (pair.split("=", 1) for pair in found.group()[1:].split(","))
    return spec[: found.start()], dict(pairs)


def read_options(make: Callable[..., Any], name: str, options: dict[str, Any], *, skip: int = 0) -> dict[str, Any]:
    """The options that are passed to `make`, with texts read as its annotations say.

    Parameters
    ----------
    make
        What makes the encoder.
    name
        Of the encoder, for the message.
    options
        By name; what is not a text is left as it is.
    skip
        How many of the first parameters of `make` are no options.

    Raises
    ------
    EncoderError
        If `make` has no such option (the message names the nearest), or its value is no number, or neither true nor
        false, where one is due.
    """
    try:
        parameters = list(inspect.signature(make, eval_str=True).parameters.values())[skip:]
    except (ValueError, NameError):  # a callable of C, or annotations that name what is not there
        return options
    named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    free = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for option in options:
        if option not in named and not free:
            nearest = get_close_matches(option, named, 1)
            mend = f"Did you mean {nearest[0]!r}?" if nearest else f"It has {', '.join(named) or 'none'}."
            raise EncoderError(f"encoder {name!r} has no option {option!r}. {mend}")
    return {
        option: _read(option, value, named[option].annotation if option in named else None)
        for option, value in options.items()
    }


def _read(option: str, value: Any, annotation: Any) -> Any:
    if not isinstance(value, str):
        return value
    if annotation is bool:
        if value.lower() not in _TRUTHS:
            raise EncoderError(f"the option {option}={value} is neither true nor false")
        return _TRUTHS[value.lower()]
    for kind in (int, float):
        if annotation is kind or kind in get_args(annotation):
            try:
                return kind(value)
            except ValueError:
                raise EncoderError(f"the option {option}={value} is not a number") from None
    return value
