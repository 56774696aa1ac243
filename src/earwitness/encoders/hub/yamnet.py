"""YAMNet: patches of 0.96 s every 0.48 s to 1024 values, and to the probabilities of 521 kinds of sound.

A clip's vector is the mean over its patches. As published, zeros behind the clip make the last patch whole, so that
of a short clip it may be mostly silence.

References
----------
tensorflow/models, `research/audioset/yamnet` (Apache-2.0). Howard et al. (2017). MobileNets. arXiv:1704.04861.
"""

from math import ceil

from torch import Tensor, nn
from torch.nn.functional import pad

from earwitness.encoders.hub.audio_set import class_names
from earwitness.encoders.hub.log_mel import PATCH_SAMPLES, SAMPLE_RATE, log_mel, patches
from earwitness.encoders.network import Network, NetworkTagger, fill
from earwitness.encoders.published import Published
from earwitness.encoders.weight_files import WeightFile, load_keras, load_state
from earwitness.errors import EncoderError

WEIGHTS = (
    Published("yamnet.h5", "https://storage.googleapis.com/audioset/yamnet.h5"),
    Published("yamnet.pth", "https://github.com/w-hc/torch_audioset/releases/download/v0.1/yamnet.pth"),
)
_OFFSET = 0.001
_HOP, _HOP_SAMPLES = 48, 7680
_EPSILON = 1e-4

# in, out, stride of the thirteen separable convolutions, layers 2 to 14
_SHAPES = (
    (32, 64, 1),
    (64, 128, 2),
    (128, 128, 1),
    (128, 256, 2),
    (256, 256, 1),
    (256, 512, 2),
    *((512, 512, 1),) * 5,
    (512, 1024, 2),
    (1024, 1024, 1),
)


class _Convolution(nn.Module):
    """Convolution without bias, normalisation, ReLU; of an even side, "same" padding of stride 2 lies all behind."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.behind = kernel == 3 and stride == 2
        padding = 1 if kernel == 3 and stride == 1 else 0
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(n_out, eps=_EPSILON)

    def forward(self, image: Tensor) -> Tensor:
        answer: Tensor = self.bn(self.conv(pad(image, (0, 1, 0, 1)) if self.behind else image))
        return answer.relu()


class _First(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fused = _Convolution(1, 32, 3, 2)

    def forward(self, image: Tensor) -> Tensor:
        answer: Tensor = self.fused(image)
        return answer


class _Separable(nn.Module):
    """Each channel by itself, then all channels at each place."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.depthwise_conv = _Convolution(n_in, n_in, 3, stride, groups=n_in)
        self.pointwise_conv = _Convolution(n_in, n_out, 1)

    def forward(self, image: Tensor) -> Tensor:
        answer: Tensor = self.pointwise_conv(self.depthwise_conv(image))
        return answer


class YAMNet(Network):
    """MobileNet's fourteen layers and a dense one: patches [n, 96, 64] to [n, 1024] or [n, 521].

    Parameters
    ----------
    layer
        What `forward` returns: "embedding" (1024 values), or "tags" (521 probabilities).
    """

    sizes = {"embedding": 1024, "tags": 521}  # noqa: RUF012  (read only)
    sample_rate = SAMPLE_RATE
    pieces_at_once = 32

    def __init__(self, layer: str | None = None) -> None:
        super().__init__(layer)
        self.layer1 = _First()
        for number, shape in enumerate(_SHAPES, start=2):
            self.add_module(f"layer{number}", _Separable(*shape))
        self.classifier = nn.Linear(1024, 521)

    def cut(self, audio: Tensor) -> Tensor:
        """Log-mel patches: [n, samples] at 16 kHz to [n, patches, 96, 64]."""
        more = max(ceil((audio.shape[1] - PATCH_SAMPLES) / _HOP_SAMPLES), 0)
        whole = pad(audio, (0, PATCH_SAMPLES + more * _HOP_SAMPLES - audio.shape[1]))
        return patches(log_mel(whole, _OFFSET), _HOP)

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """The embedding and the tags of patches [n, 96, 64]."""
        embedding, logits = self.embedding_and_logits(pieces)
        return {"embedding": embedding, "tags": logits.sigmoid()}

    def embedding_and_logits(self, pieces: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 1024) values, and (n, 521) before the sigmoid."""
        image = pieces[:, None]
        for number in range(1, len(_SHAPES) + 2):
            image = getattr(self, f"layer{number}")(image)
        embedding = image.mean((2, 3))
        return embedding, self.classifier(embedding)

    def load_file(self, file: WeightFile) -> None:
        """Take the weights of Keras' file, or of its port to PyTorch."""
        if file.format == "tensorflow":
            raise EncoderError(
                f"{file.path} is a checkpoint of TensorFlow, and YAMNet was published as {WEIGHTS[0].file}"
            )
        if file.format == "keras":
            load_keras(self, file)
        else:
            load_state(self, file)


def yamnet(
    layer: str = "embedding", weights: str | None = None, seed: int | None = None, device: str | None = None
) -> NetworkTagger:
    """The encoder.

    Parameters
    ----------
    layer
        "embedding" (1024 values), or "tags" (521 probabilities).
    weights
        `yamnet.h5` or `yamnet.pth`, or their folder; "none": not trained; None: from the folder of weights.
    seed
        Of weights that were not trained.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.

    Raises
    ------
    EncoderError
        If the file is missing (the message says where it is published and where to put it) or does not fit.
    MissingExtraError
        If it is `yamnet.h5`, and h5py is not installed.
    """
    network = YAMNet(layer)
    name, revision = fill(
        network, "yamnet" if layer == "embedding" else f"yamnet,layer={layer}", WEIGHTS, weights, seed
    )
    return NetworkTagger(name, revision, network, class_names(), device=device)
