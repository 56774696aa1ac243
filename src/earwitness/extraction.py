"""The one loop that runs encoders: clips, perhaps perturbed, to embeddings; cached by content and resumable.

The unit of work is one partition of clips under one perturbation, for every encoder that lacks it: a clip is decoded
and perturbed once. Each unit writes one shard an encoder, so a lost worker or a kill costs one partition. A clip's
vector depends on that clip alone, never on its partition, on order or on the number of workers.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness import engine
from earwitness.audio import resample
from earwitness.audio.perturbations import Perturbation, clip_generator
from earwitness.datasets import Clip, Clips
from earwitness.embeddings import Embeddings
from earwitness.encoders import Encoder, PrecomputedEncoder, load_encoder, validate_output
from earwitness.errors import ClipError, EncoderError, InputError
from earwitness.store import Shards, shards_of

Pooling = Literal["mean", "mean+std"]
Floats = NDArray[np.float32]
Failures = dict[str, tuple[str, str]]  # clip id -> file, reason

_LAYOUT = "1"  # raised whenever the way from sound to vector changes
_PARTITION = 8  # clips a unit of work: about a second, so that little is lost and the bar moves
_BATCH = 32  # windows encoded at a time, which bounds memory on an hour of sound


@dataclass(frozen=True)
class _Unit:
    clips: tuple[Clip, ...]
    keys: tuple[str, ...]
    encoders: tuple[str | Encoder, ...]
    shards: tuple[Shards, ...]
    perturbation: Perturbation | None
    pooling: Pooling
    seed: int


def embed(
    clips: Clips,
    encoder: str | Encoder,
    perturbation: Perturbation | None = None,
    *,
    pooling: Pooling = "mean",
    seed: int = 0,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: engine.Progress | None = None,
) -> Embeddings:
    """One vector a clip: `embed_all` for one encoder and one perturbation (or none)."""
    found = embed_all(
        clips, [encoder], [perturbation], pooling=pooling, seed=seed, jobs=jobs, cluster=cluster, progress=progress
    )
    return found[0][0]


def embed_all(
    clips: Clips,
    encoders: Sequence[str | Encoder],
    perturbations: Sequence[Perturbation | None] = (None,),
    *,
    pooling: Pooling = "mean",
    seed: int = 0,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: engine.Progress | None = None,
) -> list[list[Embeddings]]:
    """Embed every clip with every encoder under every perturbation.

    Sound is mixed to one channel, perturbed at its own sample rate, resampled for each encoder, cut into windows
    that do not overlap (an incomplete last one is dropped where there is a full one, else the clip is repeated to fill
    it), encoded, and pooled over the windows.

    Parameters
    ----------
    clips
        What to embed.
    encoders
        Specs for `load_encoder`, or encoders. A spec travels to the workers as text; an object is pickled.
    perturbations
        What to do to the sound; None leaves it as it is.
    pooling
        "mean" over windows, or "mean+std" with the population standard deviation behind it.
    seed
        Of the perturbations' random draws, together with the clip's content and the perturbation.
    jobs, cluster
        Worker processes (None: every core), or the address of a Dask scheduler.
    progress
        Called as units finish.

    Returns
    -------
    list of lists of Embeddings
        One list an encoder, one entry a perturbation. Clips that cannot be used are listed in `skipped`; the same
        clips are in every entry.

    Raises
    ------
    InputError
        If no clip can be used.
    EncoderError
        If an encoder cannot be loaded or breaks the protocol.
    """
    loaded = [resolve(encoder) for encoder in encoders]
    keys, skipped = content_keys(clips)
    places = {
        (e, p): shards_of(*_identity(encoder, pooling, perturbation, seed))
        for e, encoder in enumerate(loaded)
        for p, perturbation in enumerate(perturbations)
        if not isinstance(encoder, PrecomputedEncoder)
    }
    units = _missing_units(clips, keys, encoders, perturbations, places, pooling, seed)
    stage = f"embedding {len(clips)} clips"
    for failures in engine.map(_work, units, jobs=jobs, cluster=cluster, progress=progress, stage=stage):
        skipped.update(failures)
    return [
        [
            _collect(clips, keys, skipped, encoder, places.get((e, p)), perturbation)
            for p, perturbation in enumerate(perturbations)
        ]
        for e, encoder in enumerate(loaded)
    ]


@lru_cache(maxsize=8)
def _loaded_once(spec: str) -> Encoder:
    return load_encoder(spec)


def resolve(encoder: str | Encoder) -> Encoder:
    """The encoder of a spec, loaded once a process, or the encoder that was given."""
    return _loaded_once(encoder) if isinstance(encoder, str) else encoder


def _identity(encoder: Encoder, pooling: Pooling, perturbation: Perturbation | None, seed: int) -> tuple[str, ...]:
    change = ("unchanged",) if perturbation is None else (perturbation.key, str(seed))
    return (_LAYOUT, encoder.name, encoder.revision, pooling, *change)


def content_keys(clips: Clips) -> tuple[dict[str, str], Failures]:
    """Content key by clip id, and the clips whose file cannot be read at all."""

    def key(clip: Clip) -> str | ClipError:
        try:
            return clip.content_key()
        except ClipError as error:
            return error

    with ThreadPoolExecutor() as pool:
        found = dict(zip((clip.clip for clip in clips), pool.map(key, clips), strict=True))
    failures = {name: (error.path, error.reason) for name, error in found.items() if isinstance(error, ClipError)}
    return {name: key for name, key in found.items() if isinstance(key, str)}, failures


def _missing_units(
    clips: Clips,
    keys: dict[str, str],
    encoders: Sequence[str | Encoder],
    perturbations: Sequence[Perturbation | None],
    places: dict[tuple[int, int], Shards],
    pooling: Pooling,
    seed: int,
) -> list[_Unit]:
    finished = {place: shards.keys() for place, shards in places.items()}
    usable = [clip for clip in clips if clip.clip in keys]
    units = []
    for start in range(0, len(usable), _PARTITION):
        part = usable[start : start + _PARTITION]
        for p, perturbation in enumerate(perturbations):
            lacking = {
                e: {keys[c.clip] for c in part} - finished[e, p] for e in range(len(encoders)) if (e, p) in places
            }
            needed = [e for e, missing in lacking.items() if missing]
            todo = [clip for clip in part if any(keys[clip.clip] in lacking[e] for e in needed)]
            if todo:
                units.append(
                    _Unit(
                        clips=tuple(todo),
                        keys=tuple(keys[clip.clip] for clip in todo),
                        encoders=tuple(encoders[e] for e in needed),
                        shards=tuple(places[e, p] for e in needed),
                        perturbation=perturbation,
                        pooling=pooling,
                        seed=seed,
                    )
                )
    return units


def _work(unit: _Unit) -> Failures:
    """Compute one unit, write its shards, and return the clips that could not be used."""
    encoders = [resolve(encoder) for encoder in unit.encoders]
    vectors: list[list[Floats]] = [[] for _ in encoders]
    keys: list[str] = []
    failures: Failures = {}
    with engine.one_thread():
        for clip, key in zip(unit.clips, unit.keys, strict=True):
            try:
                sound, sample_rate = sound_of(clip, key, unit.perturbation, unit.seed)
                row = [embed_sound(encoder, sound, sample_rate, unit.pooling) for encoder in encoders]
            except ClipError as error:
                failures[clip.clip] = (clip.path, error.reason)
                continue
            keys.append(key)
            for rows, vector in zip(vectors, row, strict=True):
                rows.append(vector)
    if keys:
        for shards, rows in zip(unit.shards, vectors, strict=True):
            shards.write(keys, np.stack(rows))
    return failures


def sound_of(clip: Clip, key: str, perturbation: Perturbation | None, seed: int) -> tuple[Floats, int]:
    """The clip's sound, perhaps perturbed, in one channel, and its sample rate in hertz.

    Raises
    ------
    ClipError
        If the clip cannot be used, or nothing is left of it.
    """
    sound, sample_rate = clip.audio()
    if perturbation is None:
        return sound, sample_rate
    generator = clip_generator(seed, key, perturbation.key)
    changed = perturbation(sound, sample_rate, generator)
    if not changed.any():
        raise ClipError(clip.path, f"{perturbation.label} leaves it silent, and silence has no direction")
    return changed, sample_rate


def embed_sound(encoder: Encoder, sound: Floats, sample_rate: int, pooling: Pooling = "mean") -> Floats:
    """One vector for one sound.

    Parameters
    ----------
    encoder
        Anything with the protocol.
    sound : (samples,) float32 array
        One channel.
    sample_rate
        Of the sound, in Hz; it is resampled to the encoder's.
    pooling
        "mean" over windows, or "mean+std": the population standard deviation behind the mean.

    Returns
    -------
    (d,) or (2 d,) float32 array

    Raises
    ------
    ClipError
        If the vector is not finite.
    EncoderError
        If the encoder returns what the protocol forbids.
    """
    heard = resample(sound, sample_rate, encoder.sample_rate)
    windows = cut_windows(heard, encoder.window, encoder.sample_rate)
    rows = []
    for start in range(0, len(windows), _BATCH):
        batch = windows[start : start + _BATCH]
        rows.append(validate_output(encoder, encoder.encode(batch), len(batch), finite=False))
    vectors = np.concatenate(rows).astype(np.float64)
    if not np.isfinite(vectors).all():
        raise ClipError("", f"{encoder.name} returns values that are not finite for it")
    pooled = vectors.mean(0) if pooling == "mean" else np.concatenate([vectors.mean(0), vectors.std(0)])
    return pooled.astype(np.float32)


def cut_windows(sound: Floats, window: float | None, sample_rate: int) -> Floats:
    """Windows that do not overlap: (n, samples of a window), or the whole sound as one where `window` is None.

    An incomplete last window is dropped where there is a full one; a shorter sound is repeated until it fills one.
    """
    if window is None:
        return sound[np.newaxis]
    length = round(window * sample_rate)
    if len(sound) < length:
        sound = np.resize(sound, length)
    return sound[: len(sound) // length * length].reshape(-1, length)


def _collect(
    clips: Clips,
    keys: dict[str, str],
    skipped: Failures,
    encoder: Encoder,
    shards: Shards | None,
    perturbation: Perturbation | None,
) -> Embeddings:
    """The vectors of every clip that could be used under each perturbation, in the order of the clips."""
    usable = [name for name in clips.table["clip"] if name in keys and name not in skipped]
    if shards is None:
        return _precomputed(encoder, clips, perturbation)
    if not usable:
        files, reasons = zip(*skipped.values(), strict=True)
        raise InputError(f"none of the {len(clips)} clips can be used; the first, {files[0]}: {reasons[0]}")
    found = shards.read(keys[name] for name in usable)
    table = clips.table[clips.table["clip"].isin(usable)].reset_index(drop=True)
    return Embeddings(
        vectors=np.stack([found[keys[name]] for name in usable]),
        clips=table,
        encoder=encoder.name,
        revision=encoder.revision,
        dataset=clips.name,
        perturbation=None if perturbation is None else perturbation.record(),
        skipped=skipped_table(clips, skipped),
    )


def _precomputed(encoder: Encoder, clips: Clips, perturbation: Perturbation | None) -> Embeddings:
    assert isinstance(encoder, PrecomputedEncoder)
    if perturbation is not None:
        raise EncoderError(f"{encoder.name} is a table of vectors: it cannot hear a perturbed clip")
    known = set(encoder.embeddings.column("clip"))
    here = [name for name in clips.table["clip"] if name in known]
    if not here:
        raise EncoderError(
            f"{encoder.name} has no vector for any of the {len(clips)} clips: its column `clip` must hold their ids, "
            f"such as {clips.table['clip'].iloc[0]!r}"
        )
    table = clips.table[clips.table["clip"].isin(here)].reset_index(drop=True)
    vectors = encoder.embeddings.aligned_with(np.array(here)).vectors
    return Embeddings(vectors, table, encoder.name, encoder.revision, clips.name)


def skipped_table(clips: Clips, skipped: Failures) -> pd.DataFrame:
    """Files that could not be used, those found while loading first: `file`, `reason`."""
    here = pd.DataFrame(list(skipped.values()), columns=["file", "reason"], dtype=object)
    return pd.concat([clips.skipped, here], ignore_index=True)
