"""The front end of Kim (2021), chapter 4: two seconds of sound to standardised decibels, and back from a spectrum.

Sound is float32 `[n, samples]` at 22,050 Hz. Spectra come from a symmetric Hann window of 1,024 samples every 256,
centred, the sound mirrored at its ends: `[n, 513, frames]`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from earwitness.encoders.frontends import decibels

SAMPLE_RATE, N_FFT, HOP, RANGE_DB = 22050, 1024, 256, 80.0


@dataclass(frozen=True)
class Shape:
    """The size of a network: what it hears, how wide it is, how long the representation.

    Attributes
    ----------
    samples
        Heard at a time: 44,100 (2 s), which give 173 frames.
    bins
        Kept of the 513, from 0 Hz up.
    channels
        Of the blocks, first to last; each halves both sides of the spectrogram.
    features
        Values of the representation.
    """

    samples: int = 44100
    bins: int = 513
    channels: tuple[int, ...] = (16, 32, 64, 128, 256, 256, 256)
    features: int = 256

    @property
    def frames(self) -> int:
        """Frames of the spectrogram."""
        return 1 + self.samples // HOP

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(bins, frames) before each block, and after the last."""
        found = [(self.bins, self.frames)]
        for _ in self.channels:
            found.append((found[-1][0] // 2, found[-1][1] // 2))
        return tuple(found)

    def scaled(self, width: float, features: int) -> "Shape":
        """The same shape with `width` times as many channels (one at least), and so many values at the end."""
        channels = tuple(max(1, round(width * count)) for count in self.channels)
        return Shape(self.samples, self.bins, channels, features)


SHAPES = {"default": Shape(), "table41": Shape(samples=127 * HOP, bins=512)}
"""The published code's 513 x 173, and the 512 x 128 of the thesis' Table 4.1 (with its missing seventh block)."""


def transform(audio: Tensor) -> Tensor:
    """Complex spectra: [n, samples] to [n, 513, frames]."""
    return torch.stft(
        audio, N_FFT, HOP, window=_window(audio.device), center=True, pad_mode="reflect", return_complex=True
    )


def inverse(spectra: Tensor, samples: int) -> Tensor:
    """The sound of complex spectra: [n, 513, frames] to [n, samples]; the inverse of `transform`."""
    return torch.istft(spectra, N_FFT, HOP, window=_window(spectra.device), center=True, length=samples)


def mu_law(audio: Tensor, levels: int = 256) -> Tensor:
    r"""The sound as mu-law of so many levels keeps it, clipped at full scale; gradients pass as if nothing were done.

    .. math:: q = \mathrm{sign}(x) \frac{\ln(1 + \mu |x|)}{\ln(1 + \mu)}, \quad \mu = \mathrm{levels} - 1

    rounded to whole levels and undone. The published code kept all its sound so (Kim 2021, chapter 4).
    """
    mu = levels - 1
    x = audio.clamp(-1, 1)
    bent = x.sign() * torch.log1p(mu * x.abs()) / torch.log1p(torch.tensor(float(mu)))
    level = torch.floor((bent + 1) / 2 * mu + 0.5)
    back = 2 * level / mu - 1
    kept = back.sign() * ((1 + mu) ** back.abs() - 1) / mu
    return x + (kept - x).detach()


class FrontEnd(nn.Module):
    """Sound to magnitudes, and magnitudes to the standardised decibels that a network hears.

    The floor lies 80 dB below the maximum of each piece of sound, so that its values do not depend on the batch.

    Parameters
    ----------
    shape
        What is kept of the spectrogram.
    mulaw
        Levels of mu-law, as in the published code; 0: the sound as it is.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: Shape, mulaw: int = 0) -> None:
        super().__init__()
        self.bins, self.mulaw = shape.bins, mulaw
        self.register_buffer("mean", torch.zeros(shape.bins))
        self.register_buffer("deviation", torch.ones(shape.bins))

    def magnitudes(self, audio: Tensor) -> Tensor:
        """[n, samples] to [n, bins, frames]."""
        return transform(mu_law(audio, self.mulaw) if self.mulaw else audio)[:, : self.bins].abs()

    def level(self, magnitudes: Tensor) -> Tensor:
        """Decibels, not standardised: [n, bins, frames] to the same."""
        return decibels(magnitudes.square(), range_db=RANGE_DB)

    def forward(self, magnitudes: Tensor) -> Tensor:
        """Standardised decibels: [n, bins, frames] to [n, 1, bins, frames]."""
        standard = (self.level(magnitudes) - self.mean[:, None]) / self.deviation[:, None]
        return standard[:, None]

    def learn(self, mean: Tensor, deviation: Tensor) -> None:
        """Take the mean and deviation of each bin over training frames; a bin that never moves keeps deviation 1."""
        self.mean.copy_(mean)
        self.deviation.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))


def _window(device: torch.device) -> Tensor:
    return torch.hann_window(N_FFT, periodic=False, device=device)
