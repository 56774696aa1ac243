"""Spectral front ends: power, mel and log-mel spectrograms, MFCCs and their changes in time.

Conventions. Sound is float32, `[..., samples]`, any number of clips in the leading axes; what comes back is float32,
`[..., bins, frames]`. A spectrogram holds squared magnitudes (power), not scaled by the window. Frames are centred:
frame t lies around sample t · hop, and the sound goes on beyond its ends with zeros ("constant") or with its mirror
image ("reflect"); with `padding=None` frame t starts at sample t · hop. These are librosa's
conventions, and its numbers.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from earwitness.audio.samples import Audio
from earwitness.errors import InputError

__all__ = ["decibels", "deltas", "differences", "mel_filterbank", "mel_spectrogram", "mfcc", "power_spectrogram"]

Floats = NDArray[np.float32]
Window = str | NDArray[np.floating]
Padding = Literal["constant", "reflect"] | None
Scale = Literal["slaney", "htk"]

# Frames are transformed some at a time, so that they stay in the processor's cache.
_CHUNK_VALUES = 1 << 17


class _Frames(NamedTuple):
    """How sound is cut into frames."""

    n_fft: int
    hop: int
    window: Window = "hann"
    symmetric: bool = False
    padding: Padding = "constant"


def power_spectrogram(
    audio: Audio,
    n_fft: int = 2048,
    hop: int = 512,
    window: Window = "hann",
    symmetric: bool = False,
    padding: Padding = "constant",
) -> Floats:
    r"""Squared magnitudes of the short-time Fourier transform.

    .. math:: P_{kt} = \Bigl| \sum_n w_n x_{t h + n - N/2} e^{-2 \pi i k n / N} \Bigr|^2

    Parameters
    ----------
    audio : [..., samples] float32
    n_fft
        Samples in a frame, N.
    hop
        Samples from frame to frame, h.
    window
        "hann", "hamming", "ones", or an array of at most `n_fft` values, which is centred in the frame.
    symmetric
        Whether a named window ends as it begins (as in filter design), or is periodic (as in librosa).
    padding
        How the sound goes on beyond its ends: "constant" (zeros), "reflect", or None (not at all: no centring).

    Returns
    -------
    [..., n_fft // 2 + 1, frames] float32
        With `1 + samples // hop` frames if padded. Sound shorter than a frame is filled up with zeros.
    """
    clips, lead = _flat(audio)
    cut = _Frames(n_fft, hop, window, symmetric, padding)
    spectra = np.empty((len(clips), n_fft // 2 + 1, _frame_count(clips.shape[1], cut)), np.float32)
    for clip, part, power in _power(clips, cut):
        spectra[clip, :, part] = power.T
    return spectra.reshape(*lead, *spectra.shape[1:])


def mel_spectrogram(
    audio: Audio,
    sample_rate: int,
    *,
    n_fft: int = 2048,
    hop: int = 512,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
    scale: Scale = "slaney",
    norm: Literal["slaney"] | None = "slaney",
    window: Window = "hann",
    symmetric: bool = False,
    padding: Padding = "constant",
    magnitude: bool = False,
) -> Floats:
    """Power (or magnitude) in mel bands.

    Parameters
    ----------
    audio : [..., samples] float32
    sample_rate
        In hertz.
    n_mels, fmin, fmax, scale, norm
        As in `mel_filterbank`.
    n_fft, hop, window, symmetric, padding
        As in `power_spectrogram`.
    magnitude
        Sum magnitudes in a band rather than powers.

    Returns
    -------
    [..., n_mels, frames] float32
    """
    clips, lead = _flat(audio)
    cut = _Frames(n_fft, hop, window, symmetric, padding)
    filters = mel_filterbank(sample_rate, n_fft, n_mels, fmin, fmax, scale, norm)  # (mels, bins)
    bands = np.empty((len(clips), n_mels, _frame_count(clips.shape[1], cut)), np.float32)
    for clip, part, power in _power(clips, cut):
        bands[clip, :, part] = filters @ (np.sqrt(power, out=power) if magnitude else power).T
    return bands.reshape(*lead, *bands.shape[1:])


def mfcc(
    audio: Audio,
    sample_rate: int,
    *,
    n_coefficients: int = 20,
    n_fft: int = 2048,
    hop: int = 512,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
    scale: Scale = "slaney",
    window: Window = "hann",
    symmetric: bool = False,
    padding: Padding = "constant",
    range_db: float | None = 80.0,
) -> Floats:
    """Mel-frequency cepstral coefficients: the orthonormal DCT-II of mel bands in decibels.

    Parameters
    ----------
    audio : [..., samples] float32
    sample_rate
        In hertz.
    n_coefficients
        How many, the zeroth (loudness) included.
    range_db
        Decibels below the clip's loudest band at which bands are cut off.

    The others are those of `mel_spectrogram`.

    Returns
    -------
    [..., n_coefficients, frames] float32
    """
    if not 0 < n_coefficients <= n_mels:
        raise InputError(f"{n_mels} mel bands give 1 to {n_mels} coefficients, not {n_coefficients}")
    bands = mel_spectrogram(
        audio,
        sample_rate,
        n_fft=n_fft,
        hop=hop,
        n_mels=n_mels,
        fmin=fmin,
        fmax=fmax,
        scale=scale,
        window=window,
        symmetric=symmetric,
        padding=padding,
    )
    return _dct(n_coefficients, n_mels) @ decibels(bands, range_db=range_db)


def decibels(
    power: Floats, floor: float = 1e-10, range_db: float | None = 80.0, reference: float | Literal["max"] = 1.0
) -> Floats:
    r"""Power in decibels, :math:`10 \log_{10}(\max(p, \text{floor}) / \text{reference})`.

    Parameters
    ----------
    power : [..., bins, frames]
    floor
        Least power, before the logarithm.
    range_db
        Cut off what lies further than this below each clip's loudest value; None: nothing. It is taken clip by
        clip, so that a clip's values do not depend on its neighbours in a batch.
    reference
        The power at 0 dB; "max": each clip's loudest.
    """
    power = np.asarray(power, np.float32)
    level = np.log(np.maximum(power, np.float32(floor)))  # five times as fast as log10
    level *= np.float32(10 / np.log(10))
    top = level.max(axis=(-2, -1), keepdims=True) if power.size else level
    if reference == "max":
        level -= top
        top = np.zeros_like(top)
    elif reference != 1.0:
        shift = np.float32(10 * np.log10(max(float(reference), floor)))
        level -= shift
        top = top - shift
    return level if range_db is None else np.maximum(level, top - np.float32(range_db), out=level)


def differences(frames: Floats, order: int = 1) -> Floats:
    """Frame-to-frame differences, :math:`d_t = m_{t+1} - m_t`, along the last axis; `order` times.

    Returns
    -------
    [..., frames - order]
    """
    return np.diff(frames, n=order, axis=-1)


def deltas(frames: Floats, width: int = 9, order: int = 1) -> Floats:
    """Local slopes in time (of order 2: curvatures), by a Savitzky-Golay filter, as librosa's `delta`.

    A polynomial of degree `order` is fitted to the `width` frames around each; at the ends to the outermost `width`.

    Returns
    -------
    [..., frames]
        As many frames as there were.

    Raises
    ------
    InputError
        If `width` is even, not above `order`, or above the number of frames.

    References
    ----------
    Savitzky and Golay (1964). Analytical Chemistry 36(8).
    """
    if width % 2 == 0 or not order < width <= frames.shape[-1]:
        raise InputError(f"a width is odd, above the order and at most {frames.shape[-1]} frames, not {width}")
    from scipy.signal import savgol_filter  # more than a second to import, for a function that few need

    return savgol_filter(frames, width, polyorder=order, deriv=order, axis=-1).astype(np.float32, copy=False)


@lru_cache(maxsize=32)
def mel_filterbank(
    sample_rate: int,
    n_fft: int,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
    scale: Scale = "slaney",
    norm: Literal["slaney"] | None = "slaney",
) -> Floats:
    """Triangles, evenly spaced in mel, that overlap by half.

    Parameters
    ----------
    sample_rate, n_fft
        Of the spectra they are applied to.
    n_mels
        Number of bands.
    fmin, fmax
        In hertz; None: half the sample rate.
    scale
        "slaney" (linear below 1 kHz, logarithmic above) or "htk" (2595 log10(1 + f / 700)).
    norm
        "slaney": each triangle has the area 1 over hertz, times the spacing of the bins; None: each has the height 1.

    Returns
    -------
    [n_mels, n_fft // 2 + 1] float32
        Read-only: the same array for the same arguments.

    References
    ----------
    Slaney (1998). Auditory Toolbox. Young et al. (2006). The HTK Book.
    """
    top = sample_rate / 2 if fmax is None else fmax
    if not 0 <= fmin < top:
        raise InputError(f"mel bands lie between 0 Hz and fmax; fmin {fmin:g}, fmax {top:g}")
    edges = _from_mel(np.linspace(_to_mel(fmin, scale), _to_mel(top, scale), n_mels + 2), scale)  # (mels + 2,)
    bins = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)  # (bins,)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    if norm == "slaney":
        filters *= 2 / (edges[2:] - edges[:-2])[:, None]
    filters = filters.astype(np.float32)
    filters.setflags(write=False)
    return filters


_LINEAR_HZ = 200 / 3  # hertz a mel, below
_CORNER_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27


def _to_mel(frequency: float, scale: Scale) -> float:
    if scale == "htk":
        return float(2595 * np.log10(1 + frequency / 700))
    if frequency < _CORNER_HZ:
        return frequency / _LINEAR_HZ
    return float(_CORNER_HZ / _LINEAR_HZ + np.log(frequency / _CORNER_HZ) / _LOG_STEP)


def _from_mel(mel: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    corner = _CORNER_HZ / _LINEAR_HZ
    return np.where(mel < corner, mel * _LINEAR_HZ, _CORNER_HZ * np.exp(_LOG_STEP * (mel - corner)))


@lru_cache(maxsize=8)
def _dct(n_coefficients: int, n_mels: int) -> Floats:
    """The first rows of the orthonormal DCT-II, (coefficients, mels)."""
    k, m = np.ogrid[:n_coefficients, :n_mels]
    rows = np.sqrt(2 / n_mels) * np.cos(np.pi * k * (2 * m + 1) / (2 * n_mels))
    rows[0] /= np.sqrt(2)
    return rows.astype(np.float32)


def _flat(audio: Audio) -> tuple[Audio, tuple[int, ...]]:
    audio = np.asarray(audio, np.float32)
    if not audio.ndim or not audio.shape[-1]:
        raise InputError(f"a front end takes sound [..., samples], not an array of shape {audio.shape}")
    return audio.reshape(-1, audio.shape[-1]), audio.shape[:-1]


def _window(cut: _Frames) -> Floats:
    if isinstance(cut.window, str):
        kinds: dict[str, Callable[[int], NDArray[np.float64]]]
        kinds = {"hann": np.hanning, "hamming": np.hamming, "ones": np.ones}
        if cut.window not in kinds:
            raise InputError(f"there is no window {cut.window!r}; choose one of {', '.join(kinds)}, or give an array")
        # One more than asked for, without its last value, is the periodic window.
        values = kinds[cut.window](cut.n_fft + (not cut.symmetric))[: cut.n_fft]
    else:
        values = np.asarray(cut.window)
        if len(values) > cut.n_fft:
            raise InputError(f"a window of {len(values)} samples does not fit into frames of {cut.n_fft}")
        before = (cut.n_fft - len(values)) // 2
        values = np.pad(values, (before, cut.n_fft - len(values) - before))
    return values.astype(np.float32)


def _frame_count(samples: int, cut: _Frames) -> int:
    if cut.padding is not None:
        samples += 2 * (cut.n_fft // 2)
    return 1 + max(samples - cut.n_fft, 0) // cut.hop


def _power(clips: Audio, cut: _Frames) -> Iterator[tuple[int, slice, Floats]]:
    """Clip by clip and some frames at a time: the clip's number, which frames, and their power (frames, bins)."""
    window = _window(cut)
    count = _frame_count(clips.shape[1], cut)
    step = max(_CHUNK_VALUES // cut.n_fft, 1)
    for number, clip in enumerate(clips):
        if cut.padding is not None:
            clip = np.pad(clip, cut.n_fft // 2, mode=cut.padding)
        if len(clip) < cut.n_fft:
            clip = np.pad(clip, (0, cut.n_fft - len(clip)))
        frames = np.lib.stride_tricks.sliding_window_view(clip, cut.n_fft)[:: cut.hop]  # (frames, n_fft), a view
        for start in range(0, count, step):
            part = slice(start, min(start + step, count))
            spectra = scipy.fft.rfft(frames[part] * window, axis=-1, overwrite_x=True)
            yield number, part, spectra.real**2 + spectra.imag**2
