"""Names that can be sorted, printed and written: file systems allow more than text does."""

import re

_NOT_PRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def natural_key(text: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sort key under which `take 2` comes before `take 10`, whatever the case of the letters.

    Examples
    --------
    >>> sorted(["take 10.wav", "Take 2.wav", "take 1.wav"], key=natural_key)
    ['take 1.wav', 'Take 2.wav', 'take 10.wav']
    """
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((0, int(part), "") if part[0] in "0123456789" else (1, 0, part.casefold()) for part in parts), text


def encodable(text: str) -> str:
    r"""The text with bytes that are no UTF-8 written out as escapes, so that it can be encoded.

    Examples
    --------
    >>> encodable("caf\udce9.wav")
    'caf\\udce9.wav'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(text: str) -> str:
    r"""The text on one line and encodable: control characters and writing-direction marks become escapes.

    Examples
    --------
    >>> printable("two\nlines.wav")
    'two\\nlines.wav'
    """
    return _NOT_PRINTED.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), encodable(text))
