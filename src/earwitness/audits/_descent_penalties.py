"""What is asked of a sound besides its embedding: little change in time and frequency, little power, no exact place."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

_N_FFT, _HOP = 512, 256


def total_variation(sound: "Tensor") -> "Tensor":
    r"""Mean change of a spectrogram's magnitudes between neighbours in time, and between those in frequency.

    .. math:: \overline{|S_{k,t+1} - S_{k,t}|} + \overline{|S_{k+1,t} - S_{k,t}|}

    Parameters
    ----------
    sound : (samples,) tensor

    Returns
    -------
    () tensor
        In the unit of the samples: magnitudes are divided by the sum of the window (Hann, 512 samples every 256).
    """
    from earwitness.encoders.frontends import magnitude_spectrogram

    # The periodic Hann window's sum is half its length.
    magnitude = magnitude_spectrogram(sound[None], _N_FFT, _HOP, "constant")[0] / (_N_FFT / 2)  # (bins, frames)
    changes = [magnitude.diff(dim=dim).abs() for dim in (1, 0)]
    # A sound of one frame has no change in time, and its mean over nothing is 0.
    return sum((change.sum() / max(change.numel(), 1) for change in changes), start=magnitude.new_zeros(()))


def mean_power(sound: "Tensor") -> "Tensor":
    """Mean square of the samples, the L2 penalty."""
    return sound.square().mean()


def shifted(sound: "Tensor", jitter: int, seed: int, step: int) -> "Tensor":
    """The sound turned round by up to `jitter` samples; seed and step say how far."""
    if not jitter:
        return sound
    return sound.roll(int(np.random.default_rng([seed, 1, step]).integers(-jitter, jitter + 1)))
