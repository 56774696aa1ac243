"""The spectral front ends of `earwitness.audio.frontends` in torch: the same numbers, and gradients flow through them.

Sound is float32 `[n, samples]`; what comes back is `[n, bins, frames]`, on the device of the sound.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from earwitness.audio.frontends import Scale, mel_filterbank


def power_spectrogram(audio: Tensor, n_fft: int, hop: int, padding: Literal["constant", "reflect"] | None) -> Tensor:
    """Squared magnitudes of the short-time Fourier transform: [n, samples] to [n, n_fft // 2 + 1, frames].

    Parameters
    ----------
    audio
        Float32 [n, samples].
    n_fft, hop
        Samples in a frame, and from frame to frame. The window is a periodic Hann window.
    padding
        How the sound goes on beyond its ends: "constant" (zeros), "reflect", or None (not at all: no centring).
    """
    spectra = torch.view_as_real(_transform(audio, n_fft, hop, padding))
    return spectra.square().sum(-1)


def magnitude_spectrogram(
    audio: Tensor,
    n_fft: int,
    hop: int,
    padding: Literal["constant", "reflect"] | None = None,
    *,
    window: Tensor | None = None,
) -> Tensor:
    """Magnitudes, whose gradient is 0 where they are 0; see `power_spectrogram`.

    Parameters
    ----------
    audio, n_fft, hop, padding
        As there.
    window
        Of `n_fft` values; None: a periodic Hann window.
    """
    return _transform(audio, n_fft, hop, padding, window).abs()


def mel_spectrogram(
    audio: Tensor,
    sample_rate: int,
    *,
    n_fft: int,
    hop: int,
    n_mels: int,
    scale: Scale = "slaney",
    norm: Literal["slaney"] | None = "slaney",
    padding: Literal["constant", "reflect"] | None = "constant",
    magnitude: bool = False,
) -> Tensor:
    """Power (or magnitude) in mel bands from 0 to half the sample rate: [n, samples] to [n, n_mels, frames].

    The arguments are those of `earwitness.audio.frontends.mel_spectrogram`.
    """
    filters = torch.tensor(mel_filterbank(sample_rate, n_fft, n_mels, scale=scale, norm=norm), device=audio.device)
    spectrogram = magnitude_spectrogram if magnitude else power_spectrogram
    return filters @ spectrogram(audio, n_fft, hop, padding)


def decibels(power: Tensor, floor: float = 1e-10, range_db: float | None = None) -> Tensor:
    """10 log10(max(power, floor)), cut off `range_db` below each clip's loudest value; what is cut has no gradient."""
    level = (10 / np.log(10)) * power.clamp(min=floor).log()
    return level if range_db is None else level.maximum(level.amax((-2, -1), keepdim=True) - range_db)


def _transform(
    audio: Tensor,
    n_fft: int,
    hop: int,
    padding: Literal["constant", "reflect"] | None,
    window: Tensor | None = None,
) -> Tensor:
    """Complex spectra, [n, bins, frames]; sound shorter than a frame is filled up with zeros."""
    if padding is not None:
        audio = _padded(audio, n_fft // 2, padding)
    if audio.shape[-1] < n_fft:
        audio = torch.nn.functional.pad(audio, (0, n_fft - audio.shape[-1]))
    if window is None:
        window = torch.hann_window(n_fft, dtype=audio.dtype, device=audio.device)
    return torch.stft(audio, n_fft, hop, window=window, center=False, return_complex=True)


def _padded(audio: Tensor, width: int, padding: Literal["constant", "reflect"]) -> Tensor:
    if padding == "constant":
        return torch.nn.functional.pad(audio, (width, width))
    # By numpy's places, since torch's own mirror refuses a sound shorter than the padding.
    places = np.pad(np.arange(audio.shape[-1]), width, mode="reflect")
    return audio[:, torch.from_numpy(places).to(audio.device)]
