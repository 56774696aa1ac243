"""A network that has learnt nothing: what an architecture and a front end give by themselves. A control."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.audio.frontends import decibels, mel_spectrogram
from earwitness.encoders import frontends
from earwitness.encoders.base_network import BANDS, CHANNELS, FEATURES, FRAMES, BaseNetwork
from earwitness.encoders.devices import pick_device
from earwitness.encoders.protocol import Audio, Vectors, as_batch
from earwitness.store import content_hash

_CHUNKS_AT_ONCE = 8

# There are no training frames whose mean and deviation could standardise the bands. Instead: a straight line through
# the means, band by band, of 74 recordings of music, and the middle of their deviations, in decibels.
_BAND_MEANS = np.linspace(-15, -41, BANDS, dtype=np.float32)
_BAND_DEVIATION = np.float32(18)


class Untrained:
    """The base network of Kim (2021), chapter 2, with random weights and in evaluation mode: 512 values.

    A clip's vector is the mean and the population deviation, over chunks of 216 frames that do not overlap, of the 256
    values of the last stage. An incomplete last chunk is dropped; a shorter clip is filled up with its minimum.

    Parameters
    ----------
    seed
        Of the weights. Look at several before a difference to this control is believed.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    """

    kind = "network"
    sample_rate = 22050
    embedding_size = 2 * FEATURES
    window = None

    def __init__(self, seed: int = 0, device: str | None = None) -> None:
        self.seed = seed
        self.name = f"random,seed={seed}" if seed else "random"
        self.device = pick_device(device)
        network = BaseNetwork().draw_weights(np.random.default_rng(seed)).eval().requires_grad_(False)
        weights = content_hash(*(value.numpy().tobytes() for value in network.state_dict().values()))
        self.revision = f"1-seed{seed}-{weights[:8]}"
        #: The network: chunks (n, 2, 216, 128) of standardised decibels to (n, 256); gradients reach them.
        self.module = network.to(self.device)

    def encode(self, audio: Audio) -> Vectors:
        """Mean and deviation over the chunks of each sound: [n, samples] at 22,050 Hz to [n, 512]."""
        return np.stack([self._statistics(to_chunks(sound)) for sound in as_batch(audio)])

    def untrained(self, seed: int) -> "Untrained":
        """Another network that was never trained, with weights of its own."""
        return Untrained(self.seed + 1 + seed, str(self.device))

    def embed_tensor(self, audio: Tensor) -> Tensor:
        """What `encode` gives, in torch and for gradients: float32 [n, samples] to [n, 512]."""
        chunks = chunks_tensor(audio.to(self.device))  # (n, chunks, 1, 216, 128)
        with torch.backends.cudnn.flags(allow_tf32=False):
            values = self.module(chunks.flatten(0, 1).expand(-1, CHANNELS, -1, -1)).unflatten(0, chunks.shape[:2])
        spread = values.var(1, correction=0)
        # A root has no slope at 0, where one chunk is all there is; the deviation's gradient is 0 there.
        deviation = torch.where(spread > 0, spread, 1).sqrt() * (spread > 0)
        return torch.cat([values.mean(1), deviation], dim=1)

    def _statistics(self, chunks: NDArray[np.float32]) -> Vectors:
        parts = torch.from_numpy(chunks).split(_CHUNKS_AT_ONCE)
        with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
            rows = [self.module(part.to(self.device).expand(-1, CHANNELS, -1, -1)).cpu().numpy() for part in parts]
        values = np.concatenate(rows).astype(np.float64)
        return np.concatenate([values.mean(0), values.std(0)]).astype(np.float32)


def to_chunks(sound: Audio) -> NDArray[np.float32]:
    """Standardised decibels of one sound at 22,050 Hz: [samples] to [chunks, 1, 216, 128]."""
    level = decibels(mel_spectrogram(sound, 22050, n_fft=1024, hop=256, n_mels=BANDS)).T  # (frames, bands)
    if len(level) < FRAMES:
        level = np.pad(level, ((0, FRAMES - len(level)), (0, 0)), constant_values=level.min())
    level = (level[: len(level) // FRAMES * FRAMES] - _BAND_MEANS) / _BAND_DEVIATION
    return level.reshape(-1, 1, FRAMES, BANDS)


def chunks_tensor(audio: Tensor) -> Tensor:
    """`to_chunks` in torch and for many sounds: [n, samples] to [n, chunks, 1, 216, 128]."""
    power = frontends.mel_spectrogram(audio, 22050, n_fft=1024, hop=256, n_mels=BANDS)
    level = frontends.decibels(power, range_db=80).transpose(1, 2)  # (n, frames, bands)
    if level.shape[1] < FRAMES:
        lowest = level.amin((1, 2), keepdim=True).expand(-1, FRAMES - level.shape[1], BANDS)
        level = torch.cat([level, lowest], dim=1)
    count = level.shape[1] // FRAMES
    means = torch.tensor(_BAND_MEANS, device=audio.device)
    standard = (level[:, : count * FRAMES] - means) / float(_BAND_DEVIATION)
    return standard.reshape(len(audio), count, 1, FRAMES, BANDS)
