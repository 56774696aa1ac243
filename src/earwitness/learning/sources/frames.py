"""Frames of MFCCs of each clip, kept one file a clip, and dictionaries of sounds made from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from earwitness import engine
from earwitness.audio.frontends import differences, mfcc
from earwitness.datasets import Clip
from earwitness.errors import ClipError, InputError
from earwitness.learning.label_factors.dictionary import count_centres, dictionary_size, fit_dictionary
from earwitness.learning.sources.descriptors import SAMPLE_RATE, content_keys
from earwitness.learning.sources.request import Request
from earwitness.store import ArrayFiles, cache_dir, content_hash

Floats = NDArray[np.float32]
Kind = Literal["mfcc", "delta"]

COEFFICIENTS, N_FFT, HOP = 25, 1024, 512
_PARTITION = 8


@dataclass(frozen=True)
class Counted:
    """How often each clip's frames lie nearest to each centre, and what could not be read."""

    counts: sp.csr_matrix
    centres: Floats
    unreadable: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Unit:
    clips: tuple[Clip, ...]
    keys: tuple[str, ...]
    files: ArrayFiles


@dataclass(frozen=True, eq=False)
class _Count:
    keys: tuple[str, ...]
    files: ArrayFiles
    kind: Kind
    centres: Floats


def count_sounds(request: Request, kind: Kind) -> Counted:
    """A dictionary of the training clips' frames, and counts of its centres in every clip.

    Parameters
    ----------
    request
    kind
        Frames of 25 MFCCs, or their differences from frame to frame.

    Raises
    ------
    InputError
        If no training clip can be read.
    """
    files = _files()
    keys, failed = _listened(request, files)
    used = {key for key, fits in zip(keys, request.fitted_on, strict=True) if fits and key is not None}
    if not used:
        raise InputError("no training clip can be read, so there is no dictionary of sounds: see the skipped files")
    centres = _dictionary(sorted(used), files, kind, request)
    size = len(centres)
    known = sorted({key for key in keys if key is not None})
    parts = [tuple(known[i : i + 8 * _PARTITION]) for i in range(0, len(known), 8 * _PARTITION)]
    units = [_Count(part, files, kind, centres) for part in parts]
    counted = engine.map(
        _count, units, jobs=request.jobs, cluster=request.cluster, progress=request.progress, stage="counting sounds"
    )
    place = {key: row for row, key in enumerate(known)}
    table = sp.vstack([*counted, sp.csr_matrix((1, size))], format="csr")  # the last row is of clips that are not there
    rows = [len(known) if key is None else place[key] for key in keys]
    return Counted(table[rows], centres, tuple(failed))


def _dictionary(keys: Sequence[str], files: ArrayFiles, kind: Kind, request: Request) -> Floats:
    """Centres of the frames of these clips; several sources share one, so it is kept."""
    options = request.options
    kept = ArrayFiles(files.folder / "dictionaries")
    name = content_hash(kind, str((options.codewords, options.frames, request.seed)), *keys)
    if name not in kept:
        sample = _sample(keys, files, kind, options.frames, request.seed)
        size = dictionary_size(options.codewords, len(sample))
        kept[name] = {"centres": fit_dictionary(sample, size, seed=request.seed)}
    centres: Floats = kept[name]["centres"]
    return centres


def _files() -> ArrayFiles:
    return ArrayFiles(cache_dir() / "frames" / content_hash("mfcc", "1", str((COEFFICIENTS, N_FFT, HOP))))


def _listened(request: Request, files: ArrayFiles) -> tuple[list[str | None], list[tuple[str, str]]]:
    """Each clip's content key, None where it cannot be read; the frames of all others are there afterwards."""
    rows, found, failed = content_keys(request.clips)
    keys: list[str | None] = [None] * len(request.clips)
    for row, key in zip(rows, found, strict=True):
        keys[row] = key
    there = set(files)
    missing = {key: row for row, key in zip(rows, found, strict=True) if key not in there}
    todo = sorted(missing.items(), key=lambda pair: pair[1])
    units = [
        _Unit(tuple(request.clips[row] for _, row in part), tuple(key for key, _ in part), files)
        for part in (todo[i : i + _PARTITION] for i in range(0, len(todo), _PARTITION))
    ]
    if units:
        outcomes = engine.map(
            _keep_frames,
            units,
            jobs=request.jobs,
            cluster=request.cluster,
            progress=request.progress,
            stage="listening for sounds",
        )
        lost = {key: failure for outcome in outcomes for key, failure in outcome}
        failed += list(lost.values())
        keys = [None if key in lost else key for key in keys]
    return keys, failed


def _keep_frames(unit: _Unit) -> list[tuple[str, tuple[str, str]]]:
    """Keep the frames of each clip; which clips could not be read, and why."""
    from threadpoolctl import threadpool_limits

    failed = []
    for clip, key in zip(unit.clips, unit.keys, strict=True):
        try:
            audio = clip.load(SAMPLE_RATE)
        except ClipError as error:
            failed.append((key, (error.path, error.reason)))
            continue
        with threadpool_limits(limits=1):
            frames = mfcc(audio, SAMPLE_RATE, n_coefficients=COEFFICIENTS, n_fft=N_FFT, hop=HOP)
        unit.files[key] = {"mfcc": np.ascontiguousarray(frames.T)}
    return failed


def _frames(files: ArrayFiles, key: str, kind: Kind) -> Floats:
    frames: Floats = files[key]["mfcc"]  # (frames, 25)
    return differences(frames.T).T if kind == "delta" else frames


def _sample(keys: Sequence[str], files: ArrayFiles, kind: Kind, most: int, seed: int) -> Floats:
    """At most so many frames, as many of each clip; a clip's are drawn by its content, whatever the order."""
    each = -(-most // max(1, len(keys)))
    parts = [np.zeros((0, COEFFICIENTS), np.float32)]
    for key in keys:
        frames = _frames(files, key, kind)
        if len(frames) > each:
            rng = np.random.default_rng([seed, int(key[:15], 16)])
            frames = frames[np.sort(rng.choice(len(frames), each, replace=False))]
        parts.append(frames)
    return np.concatenate(parts)


def _count(unit: _Count) -> sp.csr_matrix:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        rows = [count_centres(_frames(unit.files, key, unit.kind), unit.centres) for key in unit.keys]
    return sp.csr_matrix(np.stack(rows))
