"""OpenL3 (Cramer et al. 2019), its audio network with 256 mel bands: windows of 1 s every 0.1 s to 6144 or 512 values.

A clip's vector is the mean over its windows. Each window is processed alone, its loudest value included. Three front
ends were published under this name, and they do not give the same numbers: `FRONT_ENDS`.

References
----------
Cramer, Wu, Salamon and Bello (2019). Look, listen, and learn more: design choices for deep audio embeddings. ICASSP.
marl/openl3 (MIT; weights CC BY 4.0).
"""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from earwitness.audio.frontends import Scale, mel_filterbank
from earwitness.encoders.frontends import decibels, magnitude_spectrogram
from earwitness.encoders.network import Network, NetworkEncoder, fill
from earwitness.encoders.published import Published
from earwitness.encoders.weight_files import WeightFile, load_keras, load_state
from earwitness.errors import EncoderError

Content = Literal["music", "env"]

SAMPLE_RATE = 48000  # and samples in a window
FRAMES, BANDS = 199, 256
_FFT, _HOP = 2048, 242
_EPSILON = 1e-3
_RANGE_DB = 80.0
_POOLS = {512: (32, 24), 6144: (8, 8)}  # of the last image, 512 x 32 x 24

_BLOBS = {"music": "15e483646fa3d4091a463f0affbb706e6bbbb098", "env": "34dbd7a91cdd2de6a3d6d036ac0a24d27d78e3cc"}


class FrontEnd(NamedTuple):
    """How a window of sound becomes decibels in mel bands.

    Attributes
    ----------
    zeros
        Samples of silence before and behind the window.
    scale
        Of the mel bands; their areas are normalised.
    squared
        Whether powers are summed in a band and the root is taken, or magnitudes are summed.
    """

    zeros: tuple[int, int]
    scale: Scale
    squared: bool


#: That of today's releases (0.4), that of the releases up to 0.3.1, on which the networks were trained, and the option
#: of today's without kapre.
FRONT_ENDS = {
    "kapre03": FrontEnd((0, 1964), "slaney", squared=False),
    "kapre01": FrontEnd((982, 982), "htk", squared=True),
    "librosa": FrontEnd((1024, 1024), "slaney", squared=False),
}

# in, out, pooled; the eighth convolution is the embedding's
_SHAPES = (
    (1, 64, False),
    (64, 64, True),
    (64, 128, False),
    (128, 128, True),
    (128, 256, False),
    (256, 256, True),
    (256, 512, False),
)


class OpenL3(Network):
    """A front end and eight convolutions: windows of sound [n, 48000] to [n, 6144] or [n, 512].

    Parameters
    ----------
    size
        6144 or 512 values: maxima over 8 x 8 places of the last image, or over all of it.
    frontend
        A key of `FRONT_ENDS`.
    hop
        Seconds from window to window.
    center
        Whether half a second of silence goes before the sound, so that a window's middle is its time.
    """

    sizes = {"embedding": 6144}  # noqa: RUF012  (read only)
    sample_rate = SAMPLE_RATE
    pieces_at_once = 8

    def __init__(self, size: int = 6144, frontend: str = "kapre03", *, hop: float = 0.1, center: bool = True) -> None:
        super().__init__()
        self.sizes = {"embedding": size}  # type: ignore[misc]
        self.pool, self.front_end = _POOLS[size], FRONT_ENDS[frontend]
        self.hop_samples, self.before = int(hop * SAMPLE_RATE), SAMPLE_RATE // 2 if center else 0
        filters = mel_filterbank(SAMPLE_RATE, _FFT, BANDS, scale=self.front_end.scale)
        self.register_buffer("filters", torch.tensor(filters), persistent=False)
        # In the order of the published files, which is relied on when they are read.
        self.batch_normalization_1 = nn.BatchNorm2d(1, eps=_EPSILON)
        for number, (n_in, n_out, _) in enumerate(_SHAPES, start=1):
            self.add_module(f"conv2d_{number}", nn.Conv2d(n_in, n_out, 3, padding=1))
            self.add_module(f"batch_normalization_{number + 1}", nn.BatchNorm2d(n_out, eps=_EPSILON))
        self.audio_embedding_layer = nn.Conv2d(512, 512, 3, padding=1)

    def cut(self, audio: Tensor) -> Tensor:
        """Windows of a second: [n, samples] at 48 kHz to [n, windows, 48000]; silence makes the last one whole."""
        samples = self.before + audio.shape[1]
        behind = max(SAMPLE_RATE - samples, -(samples - SAMPLE_RATE) % self.hop_samples)
        return pad(audio, (self.before, behind)).unfold(1, SAMPLE_RATE, self.hop_samples)

    def spectrogram(self, windows: Tensor) -> Tensor:
        """Decibels below each window's loudest value: [n, 48000] to [n, 256, 199]."""
        magnitude = magnitude_spectrogram(pad(windows, self.front_end.zeros), _FFT, _HOP)
        filters: Tensor = self.filters
        # Under the root the floor of the decibels, squared, keeps the slope finite where a band is silent.
        bands = (
            (filters @ magnitude.square()).clamp(min=1e-20).sqrt() if self.front_end.squared else filters @ magnitude
        )
        level = decibels(bands)
        return (level - level.amax((1, 2), keepdim=True)).clamp(min=-_RANGE_DB)

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """The embedding of windows [n, 48000]."""
        return {"embedding": self.from_spectrogram(self.spectrogram(pieces))}

    def from_spectrogram(self, spectrogram: Tensor) -> Tensor:
        """The embedding of decibels [n, 256, 199]."""
        image = self.batch_normalization_1(spectrogram[:, None])
        for number, (_, _, pooled) in enumerate(_SHAPES, start=1):
            norm = getattr(self, f"batch_normalization_{number + 1}")
            image = norm(getattr(self, f"conv2d_{number}")(image)).relu()
            image = max_pool2d(image, 2) if pooled else image
        image = max_pool2d(self.audio_embedding_layer(image), self.pool)
        return image.permute(0, 2, 3, 1).flatten(1)  # in the order band, time, channel

    def centre_input(self) -> None:
        """Mean and deviation of music in decibels below a window's loudest value: medians of 84 recordings."""
        self.batch_normalization_1.running_mean.fill_(-41.0)
        self.batch_normalization_1.running_var.fill_(26.0**2)

    def load_file(self, file: WeightFile) -> None:
        """Take the weights of Keras' file, or of its port to PyTorch."""
        if file.format == "tensorflow":
            raise EncoderError(
                f"{file.path} is a checkpoint of TensorFlow, and OpenL3 was published as a file of Keras"
            )
        if file.format == "keras":
            load_keras(self, file)
        else:
            load_state(self, file, ignored=("speclayer.",))


def weights_of(content: str, size: int) -> tuple[Published, ...]:
    """The published files of a network: one serves both sizes, the ports have one each."""
    name = f"openl3_audio_mel256_{content}-v0_4_0.h5.gz"
    port = f"torchopenl3_mel256_{content}_{size}.pth.tar"
    return (
        Published(name, f"https://github.com/marl/openl3/raw/models/{name}", f"git:{_BLOBS[content]}"),
        Published(port, "https://github.com/torchopenl3/torchopenl3-models"),
    )


def openl3(
    content: str = "music",
    size: int = 6144,
    frontend: str = "kapre03",
    hop: float = 0.1,
    center: bool = True,
    weights: str | None = None,
    seed: int | None = None,
    device: str | None = None,
) -> NetworkEncoder:
    """The encoder.

    Parameters
    ----------
    content
        What the network was trained on: "music" or "env" (sounds of the environment).
    size
        6144 or 512 values.
    frontend
        "kapre03" (what `pip install openl3` computes today), "kapre01" (what the networks were trained on, and the
        releases up to 0.3.1 computed) or "librosa".
    hop
        Seconds from window to window.
    center
        Whether half a second of silence goes before the sound.
    weights
        A file that `weights_of` names, or its folder; "none": not trained; None: from the folder of weights, or
        fetched.
    seed
        Of weights that were not trained.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.

    Raises
    ------
    EncoderError
        If an option has another value, the file is missing (the message says where it is published and where to put
        it) or does not fit.
    MissingExtraError
        If it is a file of Keras, and h5py is not installed.
    """
    choices = {"content": get_args(Content), "size": tuple(_POOLS), "frontend": tuple(FRONT_ENDS)}
    given = {"content": content, "size": size, "frontend": frontend}
    for option, value in given.items():
        if value not in choices[option]:
            raise EncoderError(f"openl3 has no {option}={value}; it has {', '.join(map(str, choices[option]))}")
    if not 1 / SAMPLE_RATE <= hop <= 1:
        raise EncoderError(f"openl3 takes a hop of at most 1 second and at least one sample, not {hop:g}")
    usual = {"content": "music", "size": 6144, "frontend": "kapre03", "hop": 0.1, "center": True}
    options = {**given, "hop": hop, "center": center}
    name = "openl3" + "".join(f",{k}={str(v).lower()}" for k, v in options.items() if v != usual[k])
    network = OpenL3(size, frontend, hop=hop, center=center)
    name, revision = fill(network, name, weights_of(content, size), weights, seed)
    return NetworkEncoder(name, f"{revision}-{frontend}", network, device=device)
