"""Each perturbation beside the programs that people use for it: the same clips, one process, one thread, CPU time.

    python -m benchmarks.perturbations

CPU time includes that of child processes, for the ffmpeg program is one. Ours contains the loudness matching that the
others do not do. Peers that are not installed are left out.
"""

import io
import resource
import shutil
import statistics
import subprocess
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from earwitness.audio.loudness import integrated_loudness
from earwitness.audio.perturbations import MP3, EnvironmentalNoise, Perturbation, PinkNoise, PitchShift, TempoShift

SAMPLE_RATE = 22050
CLIPS = 8
ROUNDS = 7

Job = Callable[[np.ndarray], object]


def _clips() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tones = [np.sin(2 * np.pi * rng.uniform(80, 2000, (8, 1)) * time).sum(0) for _ in range(CLIPS)]
    return [(0.05 * tone + 0.01 * rng.standard_normal(len(time))).astype(np.float32) for tone in tones]


def _ours(perturbation: Perturbation, clip: np.ndarray) -> np.ndarray:
    return perturbation(clip, SAMPLE_RATE, np.random.default_rng(0))


def _librosa_peers() -> dict[str, dict[str, Job]]:
    import librosa

    return {
        "pitch +100 cents": {"librosa": lambda clip: librosa.effects.pitch_shift(clip, sr=SAMPLE_RATE, n_steps=1)},
        "tempo -30 %": {"librosa": lambda clip: librosa.effects.time_stretch(clip, rate=0.7)},
    }


def _audiomentations_peers() -> dict[str, dict[str, Job]]:
    import audiomentations

    def use(transform: Callable[..., np.ndarray]) -> Job:
        return lambda clip: transform(clip, sample_rate=SAMPLE_RATE)

    decay = {"min_f_decay": -3.01, "max_f_decay": -3.01, "p": 1.0}
    return {
        "pitch +100 cents": {"audiomentations": use(audiomentations.PitchShift(1, 1, p=1.0))},
        "tempo -30 %": {
            "audiomentations": use(audiomentations.TimeStretch(0.7, 0.7, leave_length_unchanged=False, p=1.0))
        },
        "pink noise 10 dB": {"audiomentations": use(audiomentations.AddColorNoise(10, 10, **decay))},
        "MP3 64 kb/s": {  # with the codec's delay, which this engine of theirs does not remove
            "audiomentations": use(
                audiomentations.Mp3Compression(64, 64, backend="lameenc", preserve_delay=True, p=1.0)
            )
        },
    }


def _through_ffmpeg(clip: np.ndarray) -> np.ndarray:
    sound = io.BytesIO()
    soundfile.write(sound, clip, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    quiet = ["ffmpeg", "-loglevel", "error", "-i", "-"]
    encode = [*quiet, "-b:a", "64k", "-f", "mp3", "-"]
    stream = subprocess.run(encode, input=sound.getvalue(), capture_output=True, check=True).stdout
    decoded = subprocess.run([*quiet, "-f", "wav", "-"], input=stream, capture_output=True, check=True).stdout
    return soundfile.read(io.BytesIO(decoded), dtype="float32")[0]


def _through_pyav(clip: np.ndarray) -> np.ndarray:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray((clip[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    file.seek(0)
    with av.open(file) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def _rubberband_peers() -> dict[str, dict[str, Job]]:
    import pedalboard  # noqa: F401  (is it there?)

    return {
        "pitch +100 cents": {"rubberband": partial(_ours, PitchShift(100, engine="rubberband"))},
        "tempo -30 %": {"rubberband": partial(_ours, TempoShift(0.7, engine="rubberband"))},
    }


def _codec_peers() -> dict[str, dict[str, Job]]:
    peers: dict[str, Job] = {"PyAV": _through_pyav}
    if shutil.which("ffmpeg"):
        peers["ffmpeg program"] = _through_ffmpeg
    return {"MP3 64 kb/s": peers}


def _loudness_peers() -> dict[str, dict[str, Job]]:
    import pyloudnorm

    meter = pyloudnorm.Meter(SAMPLE_RATE)
    return {"loudness": {"pyloudnorm": meter.integrated_loudness}}


def _jobs() -> dict[str, dict[str, Job]]:
    mine = (PitchShift(100), TempoShift(0.7), PinkNoise(10), EnvironmentalNoise(10), MP3(64))
    jobs: dict[str, dict[str, Job]] = {p.label: {"earwitness": partial(_ours, p)} for p in mine}
    jobs["loudness"] = {"earwitness": lambda clip: integrated_loudness(clip, SAMPLE_RATE)}
    for peers in (_librosa_peers, _audiomentations_peers, _rubberband_peers, _codec_peers, _loudness_peers):
        try:
            found = peers()
        except ImportError as problem:
            print(f"left out: {problem}")
            continue
        for name, job in found.items():
            jobs[name].update(job)
    return jobs


def _seconds(job: Job, clips: list[np.ndarray]) -> float:
    def spent() -> float:
        used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(u.ru_utime + u.ru_stime for u in used)

    start = spent()
    for clip in clips:
        job(clip)
    return spent() - start


def main() -> None:
    """Print clips a CPU second, and how many times as fast as each peer we are; all take turns, medians are shown."""
    warnings.simplefilter("ignore")
    clips = _clips()
    print(f"{CLIPS} clips of 2 s at {SAMPLE_RATE} Hz; clips per CPU second, medians of {ROUNDS} rounds")
    print(f"{'perturbation':26}{'program':18}{'clips/s':>10}{'earwitness is':>16}")
    with threadpool_limits(1):
        for name, programs in _jobs().items():
            for job in programs.values():
                job(clips[0])
            rounds = [{program: _seconds(job, clips) for program, job in programs.items()} for _ in range(ROUNDS)]
            for program in programs:
                rate = CLIPS / statistics.median(r[program] for r in rounds)
                ratio = statistics.median(r[program] / r["earwitness"] for r in rounds)
                print(f"{name:26}{program:18}{rate:10.0f}" + (f"{ratio:14.2f} x" if program != "earwitness" else ""))


if __name__ == "__main__":
    main()
