"""VGGish (Hershey et al. 2017): patches of 0.96 s to 128 values.

A clip's vector is the mean over its patches, which follow each other without overlap; an incomplete last one is
dropped. A clip shorter than one patch is repeated to fill it.

References
----------
Hershey et al. (2017). CNN architectures for large-scale audio classification. ICASSP.
tensorflow/models, `research/audioset/vggish` (Apache-2.0).
"""

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import relu as rectified

from earwitness.encoders.hub.log_mel import PATCH, PATCH_SAMPLES, SAMPLE_RATE, log_mel, patches
from earwitness.encoders.network import UNTRAINED, Network, NetworkEncoder, fill
from earwitness.encoders.published import Published, file_hash, find_weights
from earwitness.encoders.weight_files import WeightFile, load_state, put, values_of
from earwitness.errors import EncoderError

WEIGHTS = (
    Published(
        "vggish_model.ckpt",
        "https://storage.googleapis.com/audioset/vggish_model.ckpt",
        "md5:d1c7011e6366aa34176bb05c705e31a8",
    ),
    Published(
        "vggish-10086976.pth",
        "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
        "sha256:10086976",
    ),
)
PCA = (
    Published(
        "vggish_pca_params.npz",
        "https://storage.googleapis.com/audioset/vggish_pca_params.npz",
        "md5:c80cae691033abe7c7ecd11ea39fc834",
    ),
)
_OFFSET = 0.01
_CONVOLUTIONS = {
    0: "conv1",
    3: "conv2",
    6: "conv3/conv3_1",
    8: "conv3/conv3_2",
    11: "conv4/conv4_1",
    13: "conv4/conv4_2",
}
_DENSE = {0: "fc1/fc1_1", 2: "fc1/fc1_2", 4: "fc2"}


class VGGish(Network):
    """Six convolutions and three dense layers: patches [n, 96, 64] to [n, 128].

    Parameters
    ----------
    relu
        Whether the last layer is rectified, as in the first release.
    postprocess
        Whether the 128 values are turned by PCA, clipped and cut to whole numbers from 0 to 255, as those of AudioSet.
    """

    sizes = {"embedding": 128}  # noqa: RUF012  (read only)
    sample_rate = SAMPLE_RATE
    pieces_at_once = 16

    def __init__(self, *, relu: bool = False, postprocess: bool = False) -> None:
        super().__init__()
        self.relu, self.postprocess = relu, postprocess
        layers: list[nn.Module] = []
        for n_in, n_out, pooled in _SHAPES:
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU()] + ([nn.MaxPool2d(2)] if pooled else [])
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(512 * 6 * 4, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 128)
        )
        self.register_buffer("pca_eigen_vectors", torch.eye(128), persistent=False)
        self.register_buffer("pca_means", torch.zeros(128), persistent=False)

    def cut(self, audio: Tensor) -> Tensor:
        """Log-mel patches: [n, samples] at 16 kHz to [n, patches, 96, 64]."""
        if audio.shape[1] < PATCH_SAMPLES:
            audio = audio[:, torch.arange(PATCH_SAMPLES, device=audio.device) % audio.shape[1]]
        return patches(log_mel(audio, _OFFSET), PATCH)

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """The embedding of patches [n, 96, 64]."""
        image = self.features(pieces[:, None])  # (n, 512, 6, 4)
        values = self.embeddings(image.permute(0, 2, 3, 1).flatten(1))  # in the order time, band, channel
        if self.relu:
            values = rectified(values)
        return {"embedding": self.quantised(values) if self.postprocess else values}

    def turned(self, values: Tensor) -> Tensor:
        """E (y - mu), the embedding in PCA's coordinates: [n, 128] to [n, 128]."""
        return (values - self.pca_means) @ self.pca_eigen_vectors.T

    def quantised(self, values: Tensor) -> Tensor:
        """AudioSet's whole numbers: PCA, clipped to ±2, spread over 0 to 255, cut off (gradients: not cut)."""
        spread = (self.turned(values).clamp(-2, 2) + 2) * (255 / 4)
        return spread + (spread.detach().floor() - spread.detach())

    def load_file(self, file: WeightFile) -> None:
        """Take the weights of TensorFlow's checkpoint, or of its port to PyTorch."""
        if file.format == "torch":
            load_state(self, file)
            return
        if file.format == "keras":
            raise EncoderError(f"{file.path} is a file of Keras, and VGGish was published as {WEIGHTS[0].file}")
        for part, names in ((self.features, _CONVOLUTIONS), (self.embeddings, _DENSE)):
            for place, name in names.items():
                self._load_layer(part[place], file, f"vggish/{name}")

    def _load_layer(self, layer: nn.Module, file: WeightFile, name: str) -> None:
        assert isinstance(layer.weight, Tensor)
        shape = tuple(layer.weight.shape)
        theirs = (*shape[2:], shape[1], shape[0])  # height, width, in, out
        values = values_of(file, f"{name}/weights", theirs)
        put(layer.weight, np.moveaxis(values, (-1, -2), (0, 1)), file, f"{name}/weights")
        put(layer.bias, values_of(file, f"{name}/biases", (shape[0],)), file, f"{name}/biases")

    def load_pca(self, file: Path) -> None:
        """Take the eigenvectors and means of AudioSet's PCA from an `.npz` file."""
        try:
            with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
                vectors, means = arrays["pca_eigen_vectors"], arrays["pca_means"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise EncoderError(f"{file} is not the file vggish_pca_params.npz: {error}") from error
        if vectors.shape != (128, 128) or means.size != 128:
            raise EncoderError(
                f"{file} holds PCA parameters of shapes {vectors.shape} and {means.shape}, not 128 values"
            )
        self.pca_eigen_vectors = torch.from_numpy(vectors.astype(np.float32))
        self.pca_means = torch.from_numpy(means.astype(np.float32).ravel())


# in, out, pooled
_SHAPES = (
    (1, 64, True),
    (64, 128, True),
    (128, 256, False),
    (256, 256, True),
    (256, 512, False),
    (512, 512, True),
)


def vggish(
    relu: bool = False,
    postprocess: bool = False,
    weights: str | None = None,
    pca: str | None = None,
    seed: int | None = None,
    device: str | None = None,
) -> NetworkEncoder:
    """The encoder.

    Parameters
    ----------
    relu
        Whether the last layer is rectified, as in the first release of VGGish and its ports; the present one is not.
    postprocess
        Whether the 128 values become AudioSet's whole numbers from 0 to 255: what was released as embeddings of
        AudioSet and OpenMIC.
    weights
        `vggish_model.ckpt` or `vggish-10086976.pth`, or their folder; "none": not trained; None: from the folder of
        weights, or fetched.
    pca
        `vggish_pca_params.npz` or its folder, for `postprocess`.
    seed
        Of weights that were not trained.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.

    Raises
    ------
    EncoderError
        If a file is missing (the message says where it is published and where to put it) or does not fit.
    """
    if postprocess and weights == UNTRAINED:
        raise EncoderError("vggish,postprocess=true needs trained weights: its PCA was fitted to them")
    network = VGGish(relu=relu, postprocess=postprocess)
    name = "vggish" + ",relu=true" * relu + ",postprocess=true" * postprocess
    name, revision = fill(network, name, WEIGHTS, weights, seed)
    if postprocess:
        file = find_weights("vggish,postprocess=true", PCA, pca, "pca")
        network.load_pca(file)
        revision += f"-{file.name}-{file_hash(file)[:12]}"
    return NetworkEncoder(name, revision, network, device=device)
