"""The two decoders, behind one small interface: libsndfile for most formats, FFmpeg's libraries for the rest."""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import BinaryIO, Protocol

import soundfile

from earwitness.audio._headers import claimed_data_bytes, may_chatter, mp3_claims_length
from earwitness.audio.samples import Audio

BLOCK_SAMPLES = 1 << 22
"""Samples (over all channels) in a block: memory follows what is decoded, never what a header claims."""

_PREROLL_S = 0.25
_OPEN_LENGTH = 1 << 60  # what libsndfile reports for a stream whose header leaves the length open
# A playlist among the clips must not make the decoder open addresses on the network.
_NO_OTHER_FILES = {"protocol_whitelist": "data"}
_LENGTH_IS_WRITTEN = ("mov,mp4,m4a,3gp,3g2,mj2", "asf", "matroska,webm")


class NotDecodableError(Exception):
    """The decoder does not know the format, or the content is damaged from the start."""


class BrokenOffError(Exception):
    """The content ends or is damaged before its end; `frames` could be decoded."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.frames = frames


class Decoder(Protocol):
    """An open sound file."""

    sample_rate: int
    channels: int
    frames: int | None
    """Length in samples a channel; None if only decoding tells."""
    claimed: int | None
    """The length that the file itself claims: less is a file that breaks off. None if it claims nothing."""

    def blocks(self, start: int, frames: int | None) -> Iterator[Audio]:
        """Blocks `[channels, n]` from sample `start` on; fewer than `frames` in all where the sound ends."""

    def close(self) -> None:
        """Let go of the file."""


class SoundfileDecoder:
    """WAV, FLAC, AIFF, CAF, Ogg Vorbis, Opus, MP3 through libsndfile."""

    def __init__(self, file: BinaryIO) -> None:
        self._chatters = may_chatter(file.read(12))
        data = claimed_data_bytes(file)
        says_length = self._chatters and mp3_claims_length(file)
        self._source = file
        self._file = self._open()
        if self._file.frames > _OPEN_LENGTH:  # libsndfile fails at the end of a FLAC stream of open length
            raise NotDecodableError
        self.sample_rate = self._file.samplerate
        self.channels = self._file.channels
        self.frames: int | None = self._file.frames
        self.claimed: int | None = self.frames
        if self._file.format == "MP3":
            if not says_length:
                self.frames = self.claimed = None
        elif data and self.frames:
            self.claimed = round(self.frames * data[0] / min(data))

    def _open(self) -> soundfile.SoundFile:
        self._source.seek(0)
        # libsndfile reads a local file by itself, a third faster than through Python's file objects.
        source = self._source.fileno() if isinstance(self._source, io.FileIO) else self._source
        try:
            with self._quiet():
                return soundfile.SoundFile(source, closefd=False)
        except (soundfile.LibsndfileError, TypeError, ValueError) as problem:  # a file named .raw is a TypeError
            raise NotDecodableError from problem

    def blocks(self, start: int, frames: int | None) -> Iterator[Audio]:
        size = max(BLOCK_SAMPLES // self.channels, 1)
        done = 0
        with self._quiet():
            try:
                self._file.seek(start)
            except soundfile.LibsndfileError as problem:
                raise BrokenOffError(0) from problem
        while frames is None or done < frames:
            wanted = size if frames is None else min(size, frames - done)
            block = self._read(wanted, start, done)
            if not len(block):
                return
            done += len(block)
            yield block.T
            if len(block) < wanted:
                return

    def _read(self, frames: int, start: int, done: int) -> Audio:
        try:
            with self._quiet():
                return self._file.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as problem:
            raise BrokenOffError(done + self._count(start + done, frames)) from problem

    def _count(self, start: int, frames: int) -> int:
        """How many samples can be decoded from `start` on, of a file that is damaged further on."""
        done = 0
        with (
            self._quiet(),
            suppress(soundfile.LibsndfileError),
            self._open() as file,
        ):  # an error leaves the old one useless
            file.seek(start)
            while done < frames and (block := file.read(1024, dtype="float32", always_2d=True)).size:
                done += len(block)
        return done

    def _quiet(self) -> AbstractContextManager[None]:
        return _silenced_stderr() if self._chatters else nullcontext()

    def close(self) -> None:
        self._file.close()


class FFmpegDecoder:
    """M4A, WMA, Matroska and whatever else FFmpeg's libraries read, through PyAV."""

    def __init__(self, file: BinaryIO) -> None:
        import av  # half a second, and rarely needed

        self._error = av.error.FFmpegError
        self._resampler = av.AudioResampler
        file.seek(0)
        try:
            self._container = av.open(file, "r", options=_NO_OTHER_FILES)
        except (self._error, ValueError) as problem:
            raise NotDecodableError from problem
        if not self._container.streams.audio:
            raise NotDecodableError
        self._stream = self._container.streams.audio[0]
        self.sample_rate = self._stream.codec_context.sample_rate
        self.channels = self._stream.codec_context.channels
        if not (self.sample_rate and self.channels):
            raise NotDecodableError
        written = self._container.format.name in _LENGTH_IS_WRITTEN  # others guess it from the bit rate
        self.frames: int | None = self._length() if written else None
        self.claimed = self.frames

    def _length(self) -> int | None:
        if self._stream.duration is not None and self._stream.time_base is not None:
            return round(float(self._stream.duration * self._stream.time_base) * self.sample_rate)
        if self._container.duration is not None:
            return round(self._container.duration / 1e6 * self.sample_rate)
        return None

    def blocks(self, start: int, frames: int | None) -> Iterator[Audio]:
        if self.claimed is not None:  # leave out the padding of the last packet
            rest = max(self.claimed - start, 0)
            frames = rest if frames is None else min(frames, rest)
        position = self._seek(start)
        done = 0
        try:
            for place, block in self._decoded():
                position = place if position is None else position
                cut = max(start - position, 0)
                position += block.shape[1]
                block = block[:, cut:]
                if frames is not None:
                    block = block[:, : frames - done]
                done += block.shape[1]
                if block.size:
                    yield block
                if frames is not None and done >= frames:
                    return
        except self._error as problem:
            raise BrokenOffError(done) from problem

    def _seek(self, start: int) -> int | None:
        """Go a little before `start`; the sample where decoding begins, None where only the first packet tells.

        Where time stamps are coarser than samples, as in WMA and Matroska, a place is found by counting from the start.
        """
        seconds = start / self.sample_rate - _PREROLL_S
        if seconds <= 0 or self._stream.time_base is None or (1 / self._stream.time_base) % self.sample_rate:
            return 0
        self._container.seek(int(seconds / self._stream.time_base), stream=self._stream)
        return None

    def _decoded(self) -> Iterator[tuple[int, Audio]]:
        to_float = self._resampler(format="fltp")
        place = 0
        for frame in self._container.decode(self._stream):
            if frame.pts is not None and frame.time_base is not None:
                place = round(float(frame.pts * frame.time_base) * self.sample_rate)
            for converted in to_float.resample(frame):
                yield place, converted.to_ndarray().astype("float32", copy=False)

    def close(self) -> None:
        self._container.close()


_stderr_lock = threading.Lock()
_stderr_users = 0
_stderr_copy = -1


@contextmanager
def _silenced_stderr() -> Iterator[None]:
    """Standard error goes nowhere, down to the file descriptor: mpg123 writes its warnings there.

    Threads share the descriptor, so the first to come closes it off and the last to leave opens it again.
    """
    global _stderr_users, _stderr_copy
    with _stderr_lock:
        _stderr_users += 1
        if _stderr_users == 1:
            with suppress(OSError):  # no standard error at all
                _stderr_copy = os.dup(2)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)
    try:
        yield
    finally:
        with _stderr_lock:
            _stderr_users -= 1
            if _stderr_users == 0 and _stderr_copy >= 0:
                os.dup2(_stderr_copy, 2)
                os.close(_stderr_copy)
                _stderr_copy = -1
