"""What the encoders of torch with a file of weights share: a network, its weights or a seed, and the way to run it."""

from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from earwitness.encoders.devices import pick_device
from earwitness.encoders.protocol import Audio, Vectors, as_batch
from earwitness.encoders.published import Published, file_hash, find_weights
from earwitness.encoders.weight_files import WeightFile, read_weights
from earwitness.errors import EncoderError

UNTRAINED = "none"  # the option weights=none


class Network(nn.Module):
    """A network, how sound is cut into pieces for it, and which of its layers is read.

    Parameters
    ----------
    layer
        What `forward` returns; None: the first of `sizes`.
    """

    #: Values of each layer that can be read; the first is the one that is read by itself.
    sizes: ClassVar[Mapping[str, int]]
    #: Of the sound, in Hz.
    sample_rate: ClassVar[int]
    #: Pieces that are answered at a time, so that memory stays bounded.
    pieces_at_once: ClassVar[int]

    def __init__(self, layer: str | None = None) -> None:
        super().__init__()
        self.layer = next(iter(self.sizes)) if layer is None else layer
        if self.layer not in self.sizes:
            raise EncoderError(f"{type(self).__name__} has no layer {layer!r}; it has {', '.join(self.sizes)}")

    def forward(self, pieces: Tensor) -> Tensor:
        """The chosen layer: pieces [n, ...] to [n, d]."""
        return self.every_layer(pieces)[self.layer]

    def cut(self, audio: Tensor) -> Tensor:
        """Sound [n, samples] to the pieces that the network answers to, [n, pieces, ...]."""
        raise NotImplementedError

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """Every layer that can be chosen, by name: pieces [n, ...] to [n, d]."""
        raise NotImplementedError

    def centre_input(self) -> None:
        """Set what normalises the input to the mean and deviation of music, for a network that was never trained."""

    def load_file(self, file: WeightFile) -> None:
        """Take the weights of a file."""
        raise NotImplementedError


class NetworkEncoder:
    """A `Network` as an encoder: a sound's vector is the mean over its pieces.

    Parameters
    ----------
    name, revision
        As in `Encoder`.
    network
        With its weights.
    window
        Seconds of sound in one vector; None: whole clips.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    """

    kind = "network"

    def __init__(
        self, name: str, revision: str, network: Network, *, window: float | None = None, device: str | None = None
    ) -> None:
        self.name, self.revision, self.window = name, revision, window
        self.sample_rate = network.sample_rate
        self.layer = network.layer
        self.embedding_size = network.sizes[network.layer]
        self.device = pick_device(device)
        #: The network, from pieces of sound or its spectrogram to the layer; gradients reach them.
        self.module = network.eval().requires_grad_(False).to(self.device)

    def untrained(self, seed: int) -> "NetworkEncoder":
        """The same network with weights that were drawn, and never trained: a control."""
        network = deepcopy(self.module)
        for part in network.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.reset_parameters()
        draw_weights(network, seed)
        twin = copy(self)
        twin.name, twin.revision = f"{self.name},untrained", f"1-untrained-seed{seed}"
        twin.module = network.eval()
        return twin

    def encode(self, audio: Audio) -> Vectors:
        """The layer's mean over the pieces of each sound: [n, samples] to [n, embedding_size]."""
        return self.answers(audio, self.layer).mean(1, dtype=np.float64).astype(np.float32)

    def answers(self, audio: Audio, layer: str | None = None) -> Vectors:
        """A layer piece by piece: [n, samples] to [n, pieces, d]."""
        with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
            pieces = self.module.cut(torch.from_numpy(as_batch(audio)).to(self.device))
            parts = pieces.flatten(0, 1).split(self.module.pieces_at_once)
            rows = [self.module.every_layer(part)[layer or self.layer].cpu() for part in parts]
        vectors: Vectors = torch.cat(rows).unflatten(0, pieces.shape[:2]).numpy()
        return vectors

    def embed_tensor(self, audio: Tensor) -> Tensor:
        """What `encode` gives, in torch and for gradients: float32 [n, samples] to [n, embedding_size]."""
        pieces = self.module.cut(audio.to(self.device))
        with torch.backends.cudnn.flags(allow_tf32=False):
            values: Tensor = self.module(pieces.flatten(0, 1))
        return values.unflatten(0, pieces.shape[:2]).mean(1)


class NetworkTagger(NetworkEncoder):
    """A `NetworkEncoder` whose network has a layer "tags"."""

    def __init__(
        self,
        name: str,
        revision: str,
        network: Network,
        tag_names: tuple[str, ...],
        *,
        window: float | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__(name, revision, network, window=window, device=device)
        self.tag_names = tag_names

    def tags(self, audio: Audio) -> Vectors:
        """The probability of each tag, the mean over the pieces of each sound: [n, samples] to [n, classes]."""
        return self.answers(audio, "tags").mean(1, dtype=np.float64).astype(np.float32)


def fill(
    network: Network,
    name: str,
    published: Sequence[Published],
    weights: str | None,
    seed: int | None,
) -> tuple[str, str]:
    """Give a network its weights, and say what the encoder is called and which revision it is.

    Parameters
    ----------
    network
        Is changed in place.
    name
        Of the encoder, with the options that change its numbers.
    published
        The files that hold its weights, best first.
    weights
        A file or folder; "none": no training, weights from `seed`; None: the folder of weights, or the network.
    seed
        Of untrained weights; None: 0.

    Returns
    -------
    name, revision
        The revision names the file and its SHA-256, the name says where nothing was trained.

    Raises
    ------
    EncoderError
        If there is no such file, it does not fit, or a seed is given for trained weights.
    """
    if weights == UNTRAINED:
        draw_weights(network, seed or 0)
        return f"{name},weights={UNTRAINED}" + (f",seed={seed}" if seed else ""), f"1-untrained-seed{seed or 0}"
    if seed is not None:
        raise EncoderError(f"{name.split(',')[0]} takes a seed only untrained: write weights=none beside seed={seed}")
    file = find_weights(name, published, weights)
    network.load_file(read_weights(file))
    return name, f"1-{file.name}-{file_hash(file)[:12]}"


def draw_weights(network: Network, seed: int) -> None:
    """He-uniform weights and no biases, drawn by numpy, so that a seed means the same on every device.

    A layer then keeps the variance of what comes in, however deep the network is, and unlike sounds stay unlike.
    """
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if value.ndim > 1:
                drawn = 2 * rng.random(tuple(value.shape), np.float32) - 1
                value.copy_(torch.from_numpy(drawn) * float(np.sqrt(6 / value[0].numel())))
            elif "bias" in name.rsplit(".", 1)[-1]:
                value.zero_()
        network.centre_input()
