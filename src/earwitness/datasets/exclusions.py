"""Clips that are left out on purpose: known repetitions, wrong labels, broken files."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from earwitness.datasets.clips import Clips, skipped_table
from earwitness.errors import InputError


def read_exclusions(path: str | Path) -> tuple[str, ...]:
    """Names in a text file, one a line; what follows a # is a comment.

    Raises
    ------
    InputError
        If it cannot be read, or names nothing.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the list of clips to leave out, {path}: {error}") from error
    names = tuple(filter(None, (line.partition("#")[0].strip() for line in text.splitlines())))
    if not names:
        raise InputError(f"{path} names no clip to leave out: write an id or a file name a line")
    return names


def excluding(clips: Clips, names: Sequence[str] | Mapping[str, str], reason: str = "") -> tuple[Clips, list[str]]:
    """The clips without those of these names, which are listed as skipped.

    Parameters
    ----------
    clips
        Where to leave clips out.
    names
        Ids, file names, or file names without their ending; or by name the reason.
    reason
        Why, as the table of skipped files is to say it, where `names` does not.

    Returns
    -------
    clips
        What is left.
    unknown
        Names that no clip has.

    Raises
    ------
    InputError
        If nothing would be left.
    """
    why = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, reason)
    table = clips.table
    called = [
        {str(clip), PurePosixPath(str(path)).name, PurePosixPath(str(path)).stem}
        for clip, path in zip(table["clip"], table["path"], strict=True)
    ]
    out = [next(iter(sorted(mine & why.keys())), None) for mine in called]
    if None not in out:
        raise InputError(f"all {len(clips)} clips would be left out: shorten the list")
    kept = clips.take(np.flatnonzero([name is None for name in out]))
    gone = skipped_table([(clip.name, why[name]) for clip, name in zip(clips, out, strict=True) if name is not None])
    left = Clips(
        kept.table,
        name=clips.name,
        root=clips.root,
        skipped=pd.concat([clips.skipped, gone], ignore_index=True),
        files=[clip.file for clip in kept],
        to_end=[clip.to_end for clip in kept],
    )
    return left, sorted(why.keys() - set().union(*called))
