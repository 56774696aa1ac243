"""The seven taggers as encoders: each with the weights that were trained on MTG-Jamendo, or with none.

The weights are read from upstream's `best_model.pth`, which the user has: no checksum is known, so it is not fetched.
"""

from earwitness.encoders.network import NetworkTagger, fill
from earwitness.encoders.published import Published
from earwitness.encoders.taggers.attention import CNNSA
from earwitness.encoders.taggers.harmonic import HarmonicCNN
from earwitness.encoders.taggers.spectrogram import CRNN, FCN, JamendoMusicnn
from earwitness.encoders.taggers.tagger import Tagger
from earwitness.encoders.taggers.tagnames import JAMENDO
from earwitness.encoders.taggers.waveform import SampleCNN, SampleCNNSE

_REPOSITORY = "https://github.com/minzwon/sota-music-tagging-models"

# The name of the encoder: its network, and upstream's name of its folder.
NETWORKS: dict[str, tuple[type[Tagger], str]] = {
    "fcn": (FCN, "fcn"),
    "musicnn-jamendo": (JamendoMusicnn, "musicnn"),
    "crnn": (CRNN, "crnn"),
    "samplecnn": (SampleCNN, "sample"),
    "samplecnn-se": (SampleCNNSE, "se"),
    "cnnsa": (CNNSA, "attention"),
    "hcnn": (HarmonicCNN, "hcnn"),
}


def make_tagger(
    name: str,
    layer: str | None = None,
    weights: str | None = None,
    seed: int | None = None,
    device: str | None = None,
) -> NetworkTagger:
    """A tagger as an encoder.

    Parameters
    ----------
    name
        A key of `NETWORKS`.
    layer
        One of the network's `sizes`; None: its last hidden layer.
    weights
        Upstream's `best_model.pth`, or its folder; "none": not trained; None:
        `<cache>/weights/jamendo/<upstream's name>/best_model.pth`.
    seed
        Of weights that were not trained.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.

    Raises
    ------
    EncoderError
        If there is no such layer, or the file is missing (the message says where it is published and where to put it)
        or does not fit.
    """
    kind, folder = NETWORKS[name]
    network = kind(layer)
    usual = next(iter(kind.sizes))
    file = Published(f"jamendo/{folder}/best_model.pth", f"{_REPOSITORY}/tree/master/models/jamendo/{folder}")
    full = name if network.layer == usual else f"{name},layer={network.layer}"
    full, revision = fill(network, full, (file,), weights, seed)
    window = network.samples / network.sample_rate
    return NetworkTagger(full, revision, network, JAMENDO, window=window, device=device)


def fcn(
    layer: str | None = None, weights: str | None = None, seed: int | None = None, device: str | None = None
) -> NetworkTagger:
    """A fully convolutional network; see `make_tagger`."""
    return make_tagger("fcn", layer, weights, seed, device)


def musicnn_jamendo(
    layer: str | None = None, weights: str | None = None, seed: int | None = None, device: str | None = None
) -> NetworkTagger:
    """Upstream's port of musicnn; see `make_tagger`."""
    return make_tagger("musicnn-jamendo", layer, weights, seed, device)


def crnn(
    layer: str | None = None, weights: str | None = None, seed: int | None = None, device: str | None = None
) -> NetworkTagger:
    """A convolutional recurrent network; see `make_tagger`."""
    return make_tagger("crnn", layer, weights, seed, device)


def samplecnn(
    layer: str | None = None, weights: str | None = None, seed: int | None = None, device: str | None = None
) -> NetworkTagger:
    """Convolutions of the waveform; see `make_tagger`."""
    return make_tagger("samplecnn", layer, weights, seed, device)


def samplecnn_se(
    layer: str | None = None, weights: str | None = None, seed: int | None = None, device: str | None = None
) -> NetworkTagger:
    """Convolutions of the waveform with squeeze and excitation; see `make_tagger`."""
    return make_tagger("samplecnn-se", layer, weights, seed, device)


def cnnsa(
    layer: str | None = None, weights: str | None = None, seed: int | None = None, device: str | None = None
) -> NetworkTagger:
    """Convolutions and self-attention; see `make_tagger`."""
    return make_tagger("cnnsa", layer, weights, seed, device)


def hcnn(
    layer: str | None = None, weights: str | None = None, seed: int | None = None, device: str | None = None
) -> NetworkTagger:
    """The Harmonic CNN; see `make_tagger`."""
    return make_tagger("hcnn", layer, weights, seed, device)
