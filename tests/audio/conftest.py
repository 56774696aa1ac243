"""Sound for the tests of the audio room: real excerpts from the bundled demo, and files in any format."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

import earwitness
from earwitness.audio import read

EXCERPTS = Path(earwitness.__file__).parent / "datasets" / "demo" / "excerpts"


@pytest.fixture(scope="session")
def excerpts():
    """The folder of the demo's excerpts."""
    return EXCERPTS


@pytest.fixture(scope="session")
def music():
    """Four seconds of music: float32 [2, samples] at 44.1 kHz."""
    audio, rate = read(EXCERPTS / "kevin_macleod_vibe_ace.ogg", start=10, duration=4, sample_rate=44100, mono=False)
    assert rate == 44100
    return np.stack([audio, audio[::-1]]) if audio.ndim == 1 else audio


@pytest.fixture(scope="session")
def trumpet():
    """Two seconds of a trumpet: float32 [samples] at 22.05 kHz."""
    return read(EXCERPTS / "mihai_sorohan_solo_trumpet.ogg", start=2, duration=2, sample_rate=22050)[0]


@pytest.fixture
def write(tmp_path):
    """Write [channels, samples] to a file of the given name; its suffix says the format."""

    def write_file(name: str, audio: np.ndarray, rate: int, **options) -> Path:
        path = tmp_path / name
        if path.suffix in (".m4a", ".wma", ".mka"):
            _write_with_ffmpeg(path, audio, rate, options.get("codec", {".wma": "wmav2"}.get(path.suffix, "aac")))
        elif path.suffix == ".opus":
            soundfile.write(path, audio.T, rate, format="OGG", subtype="OPUS")
        else:
            soundfile.write(path, audio.T, rate, **options)
        return path

    return write_file


def _write_with_ffmpeg(path: Path, audio: np.ndarray, rate: int, codec: str) -> None:
    layout = {1: "mono", 2: "stereo"}[len(audio)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if codec == "wmav2":
            stream.bit_rate = 128_000
        whole = np.ascontiguousarray((audio * 32767).astype(np.int16).T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(whole, format="s16", layout=layout)
        frame.sample_rate = rate
        frame.pts = 0
        for packet in stream.encode(frame):
            container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
