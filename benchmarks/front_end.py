"""The mel front end beside librosa's: the same clips, one process, one thread, CPU time.

python -m benchmarks.front_end
"""

import statistics
import time
from collections.abc import Callable

import librosa
import numpy as np
from threadpoolctl import threadpool_limits

from earwitness.audio.frontends import decibels, mel_spectrogram, mfcc

SAMPLE_RATE = 22050
CLIPS = 16
ROUNDS = 9


def _clips() -> np.ndarray:
    rng = np.random.default_rng(0)
    time_s = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tones = np.sin(2 * np.pi * rng.uniform(80, 2000, (CLIPS, 8, 1)) * time_s).sum(1)
    return (0.1 * tones + 0.01 * rng.standard_normal(tones.shape)).astype(np.float32)


def _jobs(clips: np.ndarray) -> dict[str, tuple[Callable[[], np.ndarray], Callable[[], np.ndarray]]]:
    def ours_logmel() -> np.ndarray:
        return decibels(mel_spectrogram(clips, SAMPLE_RATE, n_fft=1024, hop=256))

    def theirs_logmel() -> np.ndarray:
        bands = [librosa.feature.melspectrogram(y=clip, sr=SAMPLE_RATE, n_fft=1024, hop_length=256) for clip in clips]
        return np.stack([librosa.power_to_db(band) for band in bands])

    def ours_mfcc() -> np.ndarray:
        return mfcc(clips, SAMPLE_RATE, n_coefficients=25)

    def theirs_mfcc() -> np.ndarray:
        return np.stack([librosa.feature.mfcc(y=clip, sr=SAMPLE_RATE, n_mfcc=25) for clip in clips])

    return {"log-mel 1024/256/128": (ours_logmel, theirs_logmel), "MFCC 2048/512/25": (ours_mfcc, theirs_mfcc)}


def _seconds(job: Callable[[], np.ndarray]) -> float:
    start = time.process_time()
    job()
    return time.process_time() - start


def main() -> None:
    """Print clips a CPU second and the ratio; the two take turns, and medians over the rounds are shown."""
    clips = _clips()
    print(f"{CLIPS} clips of 2 s at {SAMPLE_RATE} Hz; clips per CPU second, medians of {ROUNDS} rounds")
    print(f"{'front end':24}{'earwitness':>12}{'librosa':>10}{'ratio':>8}{'largest difference':>20}")
    with threadpool_limits(1):
        for name, (ours, theirs) in _jobs(clips).items():
            difference = float(np.abs(ours() - theirs()).max())
            pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(ROUNDS)]
            mine, peer = (CLIPS / statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(b / a for a, b in pairs)
            print(f"{name:24}{mine:12.0f}{peer:10.0f}{ratio:8.1f}{difference:17.5f} dB")


if __name__ == "__main__":
    main()
