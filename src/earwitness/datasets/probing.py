"""From a listing to clips: open every header, work out every excerpt, set aside what cannot be used."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pandas as pd

from earwitness.audio import AudioInfo, info
from earwitness.datasets.clips import OWN_COLUMNS, Clips, skipped_table
from earwitness.datasets.listing import Entry, Listing
from earwitness.datasets.splits import warn_of_overlap
from earwitness.datasets.text import encodable
from earwitness.errors import ClipError, InputError

TOLERANCE_S = 0.1  # manifests round, and MP3 headers count the encoder's padding: an excerpt may overshoot so far
_THREADS = 8


def clips_of(listing: Listing) -> Clips:
    """Probe the headers of all files of a listing, in threads, and make the clips.

    Raises
    ------
    InputError
        If nothing is left, or two clips have one id.
    """
    _refuse_repeated_ids(listing)
    files = list(dict.fromkeys(entry.file for entry in listing.entries))
    with ThreadPoolExecutor(_THREADS) as pool:
        headers = dict(zip(files, pool.map(_header, files), strict=True))
    kept: list[tuple[Entry, float]] = []
    skipped = list(listing.skipped)
    for entry in listing.entries:
        duration = _usable_duration(entry, headers[entry.file])
        if isinstance(duration, str):
            skipped.append((entry.name, duration))
        else:
            kept.append((entry, duration))
    if not kept:
        _refuse_nothing_left(listing, skipped)
    clips = _assemble(listing, kept, skipped)
    warn_of_overlap(clips.table, listing.name)
    return clips


def _header(file: str) -> AudioInfo | str:
    """The header, or why there is none."""
    try:
        return info(file)
    except ClipError as error:
        return error.reason


def _usable_duration(entry: Entry, header: AudioInfo | str) -> float | str:
    """Seconds of the excerpt, or why it cannot be used."""
    if isinstance(header, str):
        return header
    left = header.duration - entry.start
    if entry.start < 0:
        return f"start is negative ({entry.start:g} s)"
    if entry.duration is not None and not entry.duration > 0:
        return f"duration is not above zero ({entry.duration:g} s)"
    if left <= 0:
        return f"start lies at {entry.start:g} s, but the file ends at {header.duration:.2f} s"
    if entry.duration is not None and entry.duration > left + TOLERANCE_S:
        end = entry.start + entry.duration
        return f"the excerpt runs to {end:g} s, but the file ends at {header.duration:.2f} s"
    return left if entry.duration is None else min(entry.duration, left)


def _assemble(listing: Listing, kept: Sequence[tuple[Entry, float]], skipped: Sequence[tuple[str, str]]) -> Clips:
    entries = [entry for entry, _ in kept]
    own = pd.DataFrame(
        {
            "clip": [entry.clip for entry in entries],
            "path": [encodable(entry.file) for entry in entries],
            "start": [entry.start for entry in entries],
            "duration": [duration for _, duration in kept],
        }
    )
    metadata = pd.DataFrame([dict(entry.metadata) for entry in entries])
    metadata = metadata.drop(columns=list(OWN_COLUMNS), errors="ignore")
    return Clips(
        pd.concat([own, metadata], axis=1),
        name=listing.name,
        root=encodable(listing.root),
        skipped=skipped_table(skipped),
        files=[entry.file for entry in entries],
        to_end=[entry.duration is None for entry in entries],
    )


def _refuse_repeated_ids(listing: Listing) -> None:
    seen: dict[str, int] = {}
    for row, entry in enumerate(listing.entries, start=1):
        if entry.clip in seen:
            raise InputError(
                f"{listing.name}: clips {seen[entry.clip]} and {row} have the same id {entry.clip!r}; remove one of "
                "them, or give each its own id in a column `clip`"
            )
        seen[entry.clip] = row


def _refuse_nothing_left(listing: Listing, skipped: Sequence[tuple[str, str]]) -> None:
    where = encodable(listing.root) or listing.name
    file, reason = skipped[0] if skipped else ("", "nothing is listed")
    raise InputError(f"{where}: none of {len(skipped)} clips can be used; the first, {file}: {reason}")
