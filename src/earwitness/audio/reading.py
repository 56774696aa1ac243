"""Reading sound files: any common format, an excerpt of it, at any sample rate; or one sentence why not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike, fspath
from typing import BinaryIO

import numpy as np

from earwitness.audio._decoders import BrokenOffError, Decoder, FFmpegDecoder, NotDecodableError, SoundfileDecoder
from earwitness.audio.samples import Audio, resample, to_mono
from earwitness.errors import ClipError, InputError

# A decoder may fall a frame or two short of the header; less than this is a file that breaks off.
_SLACK_S = 0.1
_SLACK = 0.02
# The densest coding there is, FLAC of digital silence, takes about ten bytes a second.
_FEWEST_BYTES_PER_SECOND = 4


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file holds: its length in seconds, sample rate in hertz, number of channels."""

    duration: float
    sample_rate: int
    channels: int


def info(path: str | PathLike[str]) -> AudioInfo:
    """Length, sample rate and channels of a sound file, without decoding it where the file says them.

    Parameters
    ----------
    path
        A file, or a URL that fsspec knows.

    Raises
    ------
    ClipError
        If it cannot be read, is not audio, holds no samples, or claims more than its size can hold.
    """
    name = fspath(path)
    with _opened(name) as (decoder, size):
        frames = decoder.frames
        if frames is None:
            frames = sum(block.shape[1] for block in _until_broken(decoder, 0, None))
        _check_claim(name, decoder, frames, size)
        return AudioInfo(frames / decoder.sample_rate, decoder.sample_rate, decoder.channels)


def read(
    path: str | PathLike[str],
    *,
    start: float = 0.0,
    duration: float | None = None,
    sample_rate: int | None = None,
    mono: bool = True,
) -> tuple[Audio, int]:
    """The samples of a sound file, or of an excerpt.

    Parameters
    ----------
    path
        A file, or a URL that fsspec knows (`memory://…`, `s3://…`): WAV, FLAC, AIFF, Ogg Vorbis, Opus, MP3, and
        through FFmpeg's libraries M4A, WMA and others.
    start, duration
        The excerpt, in seconds; it is found by seeking. None: to the end. Where the sound ends earlier, it does.
    sample_rate
        Resample to this rate, in hertz. None: the file's own.
    mono
        Mix all channels to one.

    Returns
    -------
    samples : float32, [samples] if `mono` or the file has one channel, else [channels, samples]
    sample_rate : int
        In hertz.

    Raises
    ------
    ClipError
        If the file is missing, forbidden, not audio, empty, without samples, or breaks off before the length that its
        header claims; if samples are NaN or infinite; if the excerpt starts after the end. Silence is no error here.
    InputError
        If `start` is negative or `duration` is not positive.
    """
    if not start >= 0 or (duration is not None and not duration > 0):
        raise InputError(
            f"an excerpt starts at 0 s or later and lasts longer than 0 s, not start {start}, duration {duration}"
        )
    name = fspath(path)
    with _opened(name) as (decoder, size):
        if decoder.frames is not None:
            _check_claim(name, decoder, decoder.frames, size)
        rate = decoder.sample_rate
        first = round(start * rate)
        if decoder.frames is not None and first >= decoder.frames:
            raise ClipError(name, f"ends at {_span(decoder.frames, rate)}, but its excerpt starts at {start:g} s")
        wanted = None if duration is None else max(round((start + duration) * rate) - first, 1)
        audio = _collect(name, decoder, first, wanted, mono)
    _check_finite(name, audio, first, rate)
    if sample_rate is not None:
        audio = resample(audio, rate, sample_rate)
        rate = sample_rate
    return audio, rate


def _collect(name: str, decoder: Decoder, first: int, wanted: int | None, mono: bool) -> Audio:
    blocks: list[Audio] = []
    broken = False
    try:
        blocks.extend(to_mono(block) if mono else block for block in decoder.blocks(first, wanted))
        decoded = sum(block.shape[-1] for block in blocks)
    except BrokenOffError as problem:
        decoded, broken = problem.frames, True
    _check_whole(name, decoder, first, wanted, decoded, broken)
    audio = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=-1)
    return np.ascontiguousarray(audio[0] if audio.ndim == 2 and len(audio) == 1 else audio)


def _check_whole(name: str, decoder: Decoder, first: int, wanted: int | None, decoded: int, broken: bool) -> None:
    rate = decoder.sample_rate
    if decoder.claimed is not None:
        expected = decoder.claimed - first if wanted is None else min(wanted, decoder.claimed - first)
        slack = _SLACK_S * rate + _SLACK * expected
        if decoded < expected - slack or (broken and decoded < expected) or (expected > 0 and not decoded):
            end = _span(first + decoded, rate)
            raise ClipError(
                name, f"is truncated: it decodes {end} of the {_span(decoder.claimed, rate)} that its header claims"
            )
    if broken:
        raise ClipError(name, f"is damaged: it cannot be decoded beyond {_span(first + decoded, rate)}")
    if not decoded:
        raise ClipError(name, f"ends before its excerpt starts, at {first / rate:g} s" if first else "holds no samples")


def _check_claim(name: str, decoder: Decoder, frames: int, size: int) -> None:
    """What the header alone shows to be wrong."""
    claimed = max(frames, decoder.claimed or 0)
    rate = decoder.sample_rate
    if not frames:
        raise ClipError(name, "holds no samples")
    if claimed / rate * _FEWEST_BYTES_PER_SECOND > size:
        raise ClipError(name, f"its header claims {_span(claimed, rate)}, which {size} bytes cannot hold")
    if decoder.claimed is not None and frames < decoder.claimed * (1 - _SLACK) - _SLACK_S * rate:
        raise ClipError(
            name, f"is truncated: it decodes {_span(frames, rate)} of the {_span(claimed, rate)} that its header claims"
        )


def _check_finite(name: str, audio: Audio, first: int, rate: int) -> None:
    # The sum of squares is finite only if each sample is, and costs a quarter of looking at each.
    flat = audio.ravel()
    with np.errstate(all="ignore"):
        if np.isfinite(np.dot(flat, flat)):
            return
    bad = ~np.isfinite(np.atleast_2d(audio)).all(axis=0)
    if bad.any():
        raise ClipError(name, f"holds NaN or infinite samples, the first at {(first + int(bad.argmax())) / rate:.3f} s")


def _until_broken(decoder: Decoder, first: int, wanted: int | None) -> Iterator[Audio]:
    try:
        yield from decoder.blocks(first, wanted)
    except BrokenOffError:
        return


def _span(frames: int, rate: int) -> str:
    seconds = frames / rate
    return f"{seconds:.1f} s" if seconds < 3600 else f"{seconds / 3600:.1f} h"


@contextmanager
def _opened(name: str) -> Iterator[tuple[Decoder, int]]:
    """The decoder that reads the file, and the file's size in bytes; every failure as a ClipError."""
    with _file(name) as file:
        size = file.seek(0, 2)
        file.seek(0)
        if size == 0:
            raise ClipError(name, "is empty (0 bytes)")
        decoder = _decoder(name, file)
        try:
            yield decoder, size
        finally:
            decoder.close()


def _decoder(name: str, file: BinaryIO) -> Decoder:
    for kind in (SoundfileDecoder, FFmpegDecoder):
        try:
            return kind(file)
        except NotDecodableError:
            file.seek(0)
    raise ClipError(name, "is not audio, or damaged from its start: no decoder knows its content")


@contextmanager
def _file(name: str) -> Iterator[BinaryIO]:
    try:
        file = _remote(name) if "://" in name else open(name, "rb", buffering=0)  # noqa: SIM115  (closed below)
    except FileNotFoundError as problem:
        raise ClipError(name, "does not exist") from problem
    except PermissionError as problem:
        raise ClipError(name, "may not be read: permission denied") from problem
    except IsADirectoryError as problem:
        raise ClipError(name, "is a folder, not a sound file") from problem
    except (OSError, ValueError, ImportError) as problem:
        raise ClipError(name, f"cannot be opened: {problem}") from problem
    with file:
        try:
            yield file
        except OSError as problem:
            raise ClipError(name, f"cannot be read: {problem.strerror or problem}") from problem


def _remote(url: str) -> BinaryIO:
    import fsspec  # a sixth of a second, and most files are local

    return fsspec.open(url, "rb").open()
