"""Encoders that answer to chunks of a mel spectrogram: how sound becomes chunks, and chunks' answers one vector.

A chunk is 216 frames of 128 mel bands (1024 samples every 256 at 22,050 Hz: 2.5 s), in decibels that are standardised
band by band. An incomplete last chunk is dropped where there is a full one; a shorter sound is filled up.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.audio.frontends import decibels, mel_spectrogram
from earwitness.encoders import frontends
from earwitness.encoders.base_network import BANDS, FRAMES
from earwitness.encoders.protocol import Audio, Vectors, as_batch

SAMPLE_RATE, N_FFT, HOP, RANGE_DB = 22050, 1024, 256, 80.0
Padding = Literal["minimum", "zero_db"]
Power = Literal[1, 2]

_CHUNKS_AT_ONCE = 8


@dataclass(frozen=True)
class Chunking:
    """How sound becomes chunks.

    Attributes
    ----------
    mean, deviation
        Of each band, in decibels: [128] float32.
    pad
        What fills a sound up that is shorter than a chunk: its minimum (silence), or 0 dB.
    power
        2: decibels of the power in a band; 1: of the sum of magnitudes.
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    pad: Padding = "minimum"
    power: Power = 2

    def of_sound(self, sound: Audio) -> NDArray[np.float32]:
        """Standardised decibels of one sound at 22,050 Hz: [samples] to [chunks, 1, 216, 128]."""
        level = filled(levels(sound, self.power)[:, 0], self.pad)
        level = (level[: len(level) // FRAMES * FRAMES] - self.mean) / self.deviation
        return level.reshape(-1, 1, FRAMES, BANDS)

    def of_tensor(self, audio: Tensor) -> Tensor:
        """`of_sound` in torch and for many sounds: [n, samples] to [n, chunks, 1, 216, 128]."""
        power = frontends.mel_spectrogram(
            audio, SAMPLE_RATE, n_fft=N_FFT, hop=HOP, n_mels=BANDS, magnitude=self.power == 1
        )
        level = frontends.decibels(power, range_db=RANGE_DB).transpose(1, 2)  # (n, frames, bands)
        if level.shape[1] < FRAMES:
            lowest = level.amin((1, 2), keepdim=True) if self.pad == "minimum" else level.new_zeros(len(level), 1, 1)
            level = torch.cat([level, lowest.expand(-1, FRAMES - level.shape[1], BANDS)], dim=1)
        count = level.shape[1] // FRAMES
        mean, deviation = (torch.tensor(values, device=audio.device) for values in (self.mean, self.deviation))
        standard = (level[:, : count * FRAMES] - mean) / deviation
        return standard.reshape(len(audio), count, 1, FRAMES, BANDS)


def levels(sound: Audio, power: Power = 2) -> NDArray[np.float32]:
    """Mel bands in decibels, cut off 80 dB below the loudest of all channels.

    Parameters
    ----------
    sound : (samples,) or (channels, samples) array
        At 22,050 Hz.
    power
        As in `Chunking`.

    Returns
    -------
    (frames, channels, 128) float32 array
    """
    channels = np.atleast_2d(sound)
    bands = mel_spectrogram(channels, SAMPLE_RATE, n_fft=N_FFT, hop=HOP, n_mels=BANDS, magnitude=power == 1)
    level = decibels(bands, range_db=None)
    return np.maximum(level, level.max() - np.float32(RANGE_DB)).transpose(2, 0, 1)


def filled(level: NDArray[Any], pad: Padding = "minimum") -> NDArray[Any]:
    """Frames [n, ...] filled up to one chunk where there are fewer, with their minimum or 0 dB."""
    if len(level) >= FRAMES:
        return level
    width = [(0, FRAMES - len(level)), *[(0, 0)] * (level.ndim - 1)]
    return np.pad(level, width, constant_values=level.min() if pad == "minimum" else 0)


class ChunkEncoder:
    """A network that answers to chunks, as an encoder: mean and population deviation of its answers over them.

    Parameters
    ----------
    name, revision
        As in `Encoder`.
    module
        From chunks (n, channels, 216, 128) to (n, d).
    channels
        That the network takes; a mono sound is given to each.
    size
        Values of an answer, d.
    chunking
        How sound becomes chunks.
    device
        Where it runs.
    """

    kind = "network"
    sample_rate = SAMPLE_RATE
    window = None

    def __init__(
        self,
        name: str,
        revision: str,
        module: torch.nn.Module,
        *,
        channels: int,
        size: int,
        chunking: Chunking,
        device: torch.device,
    ) -> None:
        self.name, self.revision, self.device = name, revision, device
        self.channels, self.embedding_size, self.chunking = channels, 2 * size, chunking
        #: The network: chunks of standardised decibels to their answers; gradients reach them.
        self.module = module.eval().requires_grad_(False).to(device)

    def encode(self, audio: Audio) -> Vectors:
        """Mean and deviation over the chunks of each sound: [n, samples] at 22,050 Hz to [n, 2 d]."""
        answers = (self.answers(sound) for sound in as_batch(audio))
        return np.stack([np.concatenate([rows.mean(0), rows.std(0)]) for rows in answers]).astype(np.float32)

    def embed_tensor(self, audio: Tensor) -> Tensor:
        """What `encode` gives, in torch and for gradients: float32 [n, samples] to [n, 2 d]."""
        chunks = self.chunking.of_tensor(audio.to(self.device))  # (n, chunks, 1, 216, 128)
        with torch.backends.cudnn.flags(allow_tf32=False):
            values = self.module(self._all_channels(chunks.flatten(0, 1))).unflatten(0, chunks.shape[:2])
        spread = values.var(1, correction=0)
        # A root has no slope at 0, where one chunk is all there is; the deviation's gradient is 0 there.
        deviation = torch.where(spread > 0, spread, 1).sqrt() * (spread > 0)
        return torch.cat([values.mean(1), deviation], dim=1)

    def answers(self, sound: Audio) -> NDArray[np.float64]:
        """The network's answer to each chunk of one sound: [samples] to [chunks, d]."""
        parts = torch.from_numpy(self.chunking.of_sound(sound)).split(_CHUNKS_AT_ONCE)
        with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
            rows = [self.module(self._all_channels(part.to(self.device))).cpu().numpy() for part in parts]
        return np.concatenate(rows).astype(np.float64)

    def _all_channels(self, chunks: Tensor) -> Tensor:
        return chunks.expand(-1, self.channels, -1, -1)
