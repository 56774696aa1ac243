"""Integrated loudness of EBU R 128, and scaling one sound to the loudness of another.

Conventions. Loudness is in LUFS (ITU-R BS.1770-4, as EBU R 128 asks): K-weighting, blocks of 400 ms with 75 % overlap,
an absolute gate at -70 LUFS and a relative one 10 LU below the gated mean. Up to six channels stand for the usual
layouts (left, right, centre, surround); more have no layout that can be guessed, so each counts as a front one.
Sound shorter than one block has no loudness by the standard: it is repeated to fill one block, so that it is as loud as
itself played without a pause.
"""

import numpy as np
import pyebur128

from earwitness.audio.samples import Audio, root_mean_square
from earwitness.errors import InputError

_TOLERANCE_LU = 0.02
_CORRECTIONS = 8
_JUST_BELOW_GATE = -70.5


def integrated_loudness(audio: Audio, sample_rate: int) -> float:
    """Integrated loudness in LUFS.

    Parameters
    ----------
    audio : [samples] or [channels, samples] float32
    sample_rate
        In hertz.

    Returns
    -------
    float
        `-inf` if every block lies below the absolute gate of -70 LUFS, as in silence.

    References
    ----------
    EBU R 128 (2023); ITU-R BS.1770-4 (2015). Measured by libebur128.

    Examples
    --------
    A sine of 1 kHz at 0 dB full scale in one channel, as EBU Tech 3341 uses it:

    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000, dtype=np.float32)
    >>> print(round(integrated_loudness(tone, 48000), 1))
    -3.0
    """
    channels = np.atleast_2d(audio)
    if channels.shape[0] > 64 or sample_rate < 16:
        raise InputError(
            f"loudness is defined up to 64 channels and from 16 Hz, not {channels.shape[0]} at {sample_rate}"
        )
    if not channels.shape[-1]:
        return -np.inf
    block = 4 * ((sample_rate + 5) // 10)  # libebur128 counts a block in whole tenths of a second
    if channels.shape[-1] < block:
        channels = np.tile(channels, -(-block // channels.shape[-1]))[:, :block]
    state = pyebur128.R128State(channels.shape[0], int(sample_rate), pyebur128.MeasurementMode.MODE_I)
    if channels.shape[0] > 6:
        for channel in range(channels.shape[0]):
            state.set_channel(channel, pyebur128.ChannelType.LEFT)
    state.add_frames(np.ascontiguousarray(channels.T, np.float32).ravel(), channels.shape[-1])
    return float(pyebur128.get_loudness_global(state))


def match_loudness(audio: Audio, reference: Audio, sample_rate: int) -> Audio:
    r"""The sound, scaled to the integrated loudness of the reference.

    .. math:: y \leftarrow y \cdot 10^{(L_x - L_y) / 20}

    repeated where the gates made the loudness move by something else than the gain, as near -70 LUFS.
    Nothing is clipped: samples may exceed full scale.

    Parameters
    ----------
    audio, reference : [samples] or [channels, samples] float32
        Of any two lengths.
    sample_rate
        Of both, in hertz.

    Returns
    -------
    float32 array of the shape of `audio`
        A copy without a change where either is silent (nothing above the absolute gate in the reference).

    References
    ----------
    Kim (2021), section 4.4; EBU R 128.
    """
    wanted = integrated_loudness(reference, sample_rate)
    if not np.isfinite(wanted) or not audio.any():
        return audio.astype(np.float32)
    found = integrated_loudness(audio, sample_rate)
    if np.isfinite(found):
        matched = audio * np.float32(10 ** ((wanted - found) / 20))
        nothing_crossed_the_gate = abs(wanted - found) < _TOLERANCE_LU
        if nothing_crossed_the_gate or abs(wanted - integrated_loudness(matched, sample_rate)) < _TOLERANCE_LU:
            return matched
    return _match_across_gate(audio, reference, sample_rate, wanted)


def _match_across_gate(audio: Audio, reference: Audio, sample_rate: int, wanted: float) -> Audio:
    """Where a gain moves blocks across the absolute gate, loudness jumps: try, measure, correct, and keep the best."""
    lifted = [sound / np.float32(10 * root_mean_square(sound)) for sound in (audio, reference)]  # to -20 dBFS
    above = [integrated_loudness(sound, sample_rate) for sound in lifted]
    if not np.isfinite(above).all():  # far below hearing: K-weighting leaves nothing of it at any level
        return audio.astype(np.float32)
    gain = root_mean_square(reference) / root_mean_square(audio) * 10 ** ((above[1] - above[0]) / 20)
    best, smallest = gain, np.inf
    for _ in range(_CORRECTIONS):
        found = max(integrated_loudness(audio * np.float32(gain), sample_rate), _JUST_BELOW_GATE)
        if abs(wanted - found) < smallest:
            best, smallest = gain, abs(wanted - found)
        gain *= 10 ** ((wanted - found) / 20)
    return audio * np.float32(best)
