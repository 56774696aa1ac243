"""`load_clips`: from the word a user writes to clips."""

import difflib
import os
from os import PathLike

from earwitness.datasets.clips import Clips
from earwitness.datasets.demo import DEMOS, demo_manifest
from earwitness.datasets.folder import list_folder
from earwitness.datasets.listing import Entry, Listing, file_system, is_audio, is_url, local_path
from earwitness.datasets.manifest import is_manifest, list_manifest
from earwitness.datasets.probing import clips_of
from earwitness.datasets.text import encodable, printable
from earwitness.errors import InputError


def load_clips(source: str | PathLike[str], *, audio_column: str | None = None, allow_outside: bool = False) -> Clips:
    """Clips of a folder, a manifest, the bundled demo, or a mirdata data set.

    Parameters
    ----------
    source
        - A folder: every audio file below it, in natural order. Its sub-folders are the labels (`datasets.folder`).
        - A manifest: `.csv`, `.tsv`, `.parquet` or `.jsonl`, one row a clip. The file is in the column `path`, `file`,
          `filename` or `audio`, relative to the manifest; `start` and `duration` (seconds) cut an excerpt; `clip` or
          `id` names it; every other column is metadata.
        - One audio file: one clip.
        - `demo` or `demo-excerpts`: the bundled sets. (A folder of that name is `./demo`.)
        - `mirdata:NAME`, `mirdata:NAME:VERSION`, `mirdata:NAME@FOLDER`: any data set of mirdata that has tracks.
        - An fsspec URL (`s3://...`, `memory://...`) of a folder or manifest.
    audio_column
        The manifest's column of audio files, if it has another name.
    allow_outside
        Let a manifest name files, and a folder have links, that lie outside the folder.

    Returns
    -------
    Clips
        `.skipped` lists the files that cannot be used, with the reason.

    Raises
    ------
    InputError
        If the source is missing, is not understood, or no clip of it can be used.
    MissingExtraError
        If mirdata is asked for and not installed.
    """
    text = os.fspath(source)
    if text in DEMOS:
        manifest = demo_manifest(text)
        return clips_of(list_manifest(str(manifest), name=text))
    if text.startswith("mirdata:"):
        from earwitness.datasets.from_mirdata import list_mirdata  # mirdata takes seconds to import

        return clips_of(list_mirdata(text))
    if is_manifest(text):
        return clips_of(list_manifest(text, audio_column=audio_column, allow_outside=allow_outside))
    if audio_column is not None:
        raise InputError(f"{encodable(text)}: audio_column {audio_column!r} belongs to a manifest, and this is none")
    return clips_of(_list_files(text, allow_outside))


def _list_files(source: str, allow_outside: bool) -> Listing:
    """The listing of a folder or of one audio file, local or not."""
    if is_url(source):
        files, inside = file_system(source)
        is_folder, is_file = files.isdir(inside), is_audio(source) and files.isfile(inside)
    else:
        path = local_path(source)
        is_folder, is_file = os.path.isdir(path), os.path.isfile(path)
    if is_folder:
        return list_folder(source, allow_outside=allow_outside)
    if not is_file:
        raise InputError(_nothing_there(source))
    if not is_audio(source):
        raise InputError(
            f"{encodable(source)}: neither a folder, an audio file nor a manifest (.csv, .tsv, .parquet, .jsonl)"
        )
    file = source if is_url(source) else local_path(source)
    root, name = file.rsplit("/" if is_url(source) else os.sep, 1)
    stem = printable(name.rsplit(".", 1)[0])
    return Listing([Entry(file=file, name=printable(name), clip=printable(name))], (), name=stem, root=root)


def _nothing_there(source: str) -> str:
    near = difflib.get_close_matches(source, [*DEMOS, "mirdata:NAME"], n=1)
    hint = f"did you mean {near[0]!r}?" if near else "give a folder, a manifest, 'demo' or 'mirdata:NAME'"
    return f"{encodable(source)}: no such folder or file; {hint}"
