"""The folder of a run: whose it is, and what is refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from earwitness.errors import InputError
from earwitness.store import whole_file

RUN = "run.json"


def check_folder(out: Path) -> None:
    """Refuse a folder that holds files which no training left there.

    Raises
    ------
    InputError
        Also if it is a file.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file: name a folder")
    if out.is_dir() and not (out / RUN).exists() and any(out.iterdir()):
        raise InputError(f"--out {out} holds files that no training left there: choose another folder")


def claim_folder(out: Path, run: Mapping[str, Any]) -> None:
    """Take a folder for this run, or go on with it.

    Parameters
    ----------
    out
    run
        What makes this run this run, as JSON values; kept as `run.json`.

    Raises
    ------
    InputError
        If it holds another run, or files of something else.
    """
    check_folder(out)
    file, wanted = out / RUN, json.loads(json.dumps(dict(run)))
    if not file.exists():
        with whole_file(file) as draft:
            draft.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
        return
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
        different = first_difference(before, wanted)
    except (ValueError, AttributeError) as error:
        raise InputError(f"{file} is damaged: remove the folder, or choose another --out") from error
    if different is not None:
        raise InputError(
            f"--out {out} holds another run ({different}): choose another folder, or the options it was trained with"
        )


def first_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first entry in which two records differ, in words; None if they are the same."""
    for name in [*now, *before]:
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            inner = first_difference(old, new)
            if inner is not None:
                return inner
        elif old != new:
            return f"{name} was {_short(old)} and is now {_short(new)}"
    return None


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
