"""The front ends give librosa's numbers, clip by clip as in a batch."""

import librosa
import numpy as np
import pytest
import scipy.signal

from earwitness.audio.frontends import (
    decibels,
    deltas,
    differences,
    mel_filterbank,
    mel_spectrogram,
    mfcc,
    power_spectrogram,
)
from earwitness.errors import InputError

RATE = 22050


def assert_close(ours, theirs, relative=1e-4):
    """Every value within 1e-4 of the other, or within a millionth of the largest (rounding in 32 bits)."""
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=relative, atol=1e-6 * np.abs(theirs).max())


@pytest.fixture(scope="module")
def clips(trumpet, music):
    """Two real excerpts of two seconds at 22.05 kHz."""
    return np.stack([trumpet[: 2 * RATE], librosa.resample(music[0], orig_sr=44100, target_sr=RATE)[: 2 * RATE]])


@pytest.mark.parametrize(
    ("n_fft", "hop", "padding"),
    [(1024, 256, "constant"), (2048, 512, "reflect"), (400, 160, None), (1001, 333, "reflect")],
)
def test_power_is_librosas(n_fft, hop, padding, clips):
    for clip in clips:
        options = {"center": False} if padding is None else {"pad_mode": padding}
        theirs = np.abs(librosa.stft(clip, n_fft=n_fft, hop_length=hop, **options)) ** 2
        assert_close(power_spectrogram(clip, n_fft, hop, padding=padding), theirs)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("window", ["hann", "hamming", "ones"])
def test_windows_are_scipys(window, symmetric, clips):
    values = scipy.signal.get_window({"ones": "boxcar"}.get(window, window), 512, fftbins=not symmetric)
    theirs = np.abs(librosa.stft(clips[0], n_fft=512, hop_length=128, window=values)) ** 2
    assert_close(power_spectrogram(clips[0], 512, 128, window=window, symmetric=symmetric), theirs)


def test_a_short_window_lies_in_the_middle_of_the_frame(clips):
    window = np.hanning(401)[:400]
    theirs = np.abs(librosa.stft(clips[0], n_fft=512, hop_length=160, win_length=400, center=False)) ** 2
    assert_close(power_spectrogram(clips[0], 512, 160, window=window, padding=None), theirs)


@pytest.mark.parametrize("norm", ["slaney", None])
@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize(
    ("rate", "n_fft", "n_mels", "fmin", "fmax"), [(22050, 1024, 128, 0, None), (16000, 512, 64, 125, 7500)]
)
def test_filters_are_librosas(scale, norm, rate, n_fft, n_mels, fmin, fmax):
    theirs = librosa.filters.mel(
        sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=scale == "htk", norm=norm, dtype=np.float64
    )
    assert_close(mel_filterbank(rate, n_fft, n_mels, fmin, fmax, scale, norm), theirs)


@pytest.mark.parametrize("magnitude", [False, True])
def test_mel_spectra_are_librosas(magnitude, clips):
    for clip in clips:
        theirs = librosa.feature.melspectrogram(
            y=clip, sr=RATE, n_fft=512, hop_length=256, n_mels=96, htk=True, norm=None, power=1 if magnitude else 2
        )
        ours = mel_spectrogram(clip, RATE, n_fft=512, hop=256, n_mels=96, scale="htk", norm=None, magnitude=magnitude)
        assert_close(ours, theirs)


def test_decibels_are_librosas(clips):
    power = mel_spectrogram(clips[0], RATE)
    assert_close(decibels(power), librosa.power_to_db(power))
    assert_close(decibels(power, range_db=None), librosa.power_to_db(power, top_db=None))
    assert_close(decibels(power, reference="max", range_db=60), librosa.power_to_db(power, ref=np.max, top_db=60))
    assert_close(decibels(power, reference=0.01), librosa.power_to_db(power, ref=0.01))


def test_mfccs_are_librosas(clips):
    for clip in clips:
        assert_close(mfcc(clip, RATE), librosa.feature.mfcc(y=clip, sr=RATE))
        theirs = librosa.feature.mfcc(
            y=clip, sr=RATE, n_mfcc=25, n_fft=1024, hop_length=256, window=scipy.signal.get_window("hann", 1024, False)
        )
        ours = mfcc(clip, RATE, n_coefficients=25, n_fft=1024, hop=256, symmetric=True)
        assert_close(ours, theirs)


@pytest.mark.parametrize(("width", "order"), [(9, 1), (9, 2), (5, 1)])
def test_deltas_are_librosas(width, order, clips):
    frames = mfcc(clips, RATE)
    assert_close(deltas(frames, width, order), librosa.feature.delta(frames, width=width, order=order))


def test_differences_are_from_frame_to_frame(clips):
    frames = mfcc(clips, RATE)
    np.testing.assert_array_equal(differences(frames), frames[..., 1:] - frames[..., :-1])
    np.testing.assert_array_equal(differences(frames, 2), differences(differences(frames)))


def test_a_batch_gives_what_each_clip_gives(clips):
    batch = np.stack([clips, 0.01 * clips[::-1]])  # two by two clips, of unlike loudness
    for front_end in (power_spectrogram, lambda sound: mfcc(sound, RATE), lambda sound: mel_spectrogram(sound, RATE)):
        whole = front_end(batch)
        assert whole.shape[:2] == (2, 2)
        np.testing.assert_array_equal(whole[1, 0], front_end(batch[1, 0]))


def test_a_sine_has_all_its_power_in_its_bin():
    n_fft, bin_ = 1024, 100
    sine = np.cos(2 * np.pi * bin_ * np.arange(n_fft) / n_fft).astype(np.float32)
    power = power_spectrogram(sine, n_fft, n_fft, window="ones", padding=None)[:, 0]
    assert power[bin_] == pytest.approx((n_fft / 2) ** 2, rel=1e-5)
    assert np.delete(power, bin_).max() < 1e-6 * power[bin_]


@pytest.mark.parametrize("padding", ["constant", "reflect", None])
@pytest.mark.parametrize("samples", [1, 300, 1023, 1024, 1025])
def test_sound_shorter_than_a_frame_still_gives_one(samples, padding):
    spectra = power_spectrogram(np.ones(samples, np.float32), 1024, 256, padding=padding)
    assert spectra.shape[0] == 513
    assert spectra.shape[1] >= 1
    assert np.isfinite(spectra).all()


def test_silence_lies_at_the_floor():
    np.testing.assert_allclose(decibels(power_spectrogram(np.zeros(4096, np.float32))), -100, rtol=1e-6)


def test_impossible_options_are_named(clips):
    with pytest.raises(InputError, match="no window 'han'; choose one of hann"):
        power_spectrogram(clips, window="han")
    with pytest.raises(InputError, match="a window of 4096 samples does not fit"):
        power_spectrogram(clips, window=np.ones(4096))
    with pytest.raises(InputError, match="20 mel bands give 1 to 20 coefficients, not 25"):
        mfcc(clips, RATE, n_coefficients=25, n_mels=20)
    with pytest.raises(InputError, match="fmin 9000, fmax 8000"):
        mel_filterbank(16000, 512, fmin=9000)
    with pytest.raises(InputError, match="a width is odd"):
        deltas(np.zeros((3, 5), np.float32))
    with pytest.raises(InputError, match="takes sound"):
        power_spectrogram(np.zeros((2, 0), np.float32))
