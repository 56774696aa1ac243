"""The two networks of musicnn, written as they are described: patches of log-mel frames to layers and tags.

Convolution, bias, ReLU, batch normalisation is the order everywhere. `fast` holds the same sums in a quicker form.

References
----------
Pons and Serra (2019). musicnn: pre-trained convolutional neural networks for music audio tagging. ISMIR late-breaking.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad, relu

FRAMES, BANDS = 187, 96  # of a patch: three seconds
_EPSILON = 1e-3

Weights = Mapping[str, NDArray[np.float32]]  # TensorFlow's names and layouts


class Musicnn(nn.Module):
    """Timbral and temporal filters, three residual convolutions, pooling over time, two dense layers.

    Parameters
    ----------
    layer
        What `forward` returns: "penultimate" (200 values), "max_pool" or "mean_pool" (753), "tags" (50 probabilities).
    """

    sizes = {"penultimate": 200, "max_pool": 753, "mean_pool": 753, "tags": 50}  # noqa: RUF012  (read only)

    def __init__(self, layer: str = "penultimate") -> None:
        super().__init__()
        self.layer = layer
        self.input_norm = nn.BatchNorm2d(1, eps=_EPSILON)
        self.timbral = nn.ModuleList(nn.Conv2d(1, 204, (7, height), padding=(3, 0)) for height in (38, 67))
        self.temporal = nn.ModuleList(nn.Conv2d(1, 51, (length, 1)) for length in (128, 64, 32))
        self.front_norms = nn.ModuleList(nn.BatchNorm2d(n, eps=_EPSILON) for n in (204, 204, 51, 51, 51))
        self.middle = nn.ModuleList(nn.Conv1d(n, 64, 7, padding=3) for n in (561, 64, 64))
        self.middle_norms = nn.ModuleList(nn.BatchNorm1d(64, eps=_EPSILON) for _ in range(3))
        self.flat_norm = nn.BatchNorm1d(1506, eps=_EPSILON)
        self.dense = nn.Linear(1506, 200)
        self.dense_norm = nn.BatchNorm1d(200, eps=_EPSILON)
        self.output = nn.Linear(200, 50)

    def forward(self, patches: Tensor) -> Tensor:
        """The chosen layer: [n, 187, 96] to [n, d]."""
        return self.layers(patches)[self.layer]

    def layers(self, patches: Tensor) -> dict[str, Tensor]:
        """Every layer that can be chosen, by name."""
        image = self.input_norm(patches[:, None])  # (n, 1, frames, bands)
        front = self.front(image)  # (n, 561, frames)
        stack = [front, *self.residual(front)]
        return self.back(torch.cat(stack, dim=1))

    def front(self, image: Tensor) -> Tensor:
        """Each filter's largest answer over the frequencies: (n, 1, frames, bands) to (n, 561, frames)."""
        # TensorFlow's "same" for an even length: one more behind than before.
        padded = [pad(image, (0, 0, length // 2 - 1, length // 2)) for length in (128, 64, 32)]
        answers = [conv(image) for conv in self.timbral]
        answers += [conv(x) for conv, x in zip(self.temporal, padded, strict=True)]
        return torch.cat([norm(relu(a)).amax(3) for norm, a in zip(self.front_norms, answers, strict=True)], dim=1)

    def residual(self, front: Tensor) -> list[Tensor]:
        """The three middle layers, each (n, 64, frames); the second and third add the one before."""
        outputs: list[Tensor] = []
        for conv, norm in zip(self.middle, self.middle_norms, strict=True):
            answer = norm(relu(conv(outputs[-1] if outputs else front)))
            outputs.append(answer + outputs[-1] if outputs else answer)
        return outputs

    def back(self, stack: Tensor) -> dict[str, Tensor]:
        """From (n, 753, frames) to the layers after pooling over time."""
        max_pool, mean_pool = stack.amax(2), stack.mean(2)
        flat = torch.stack([max_pool, mean_pool], dim=2).flatten(1)  # interleaved: max 0, mean 0, max 1, ...
        penultimate = self.dense_norm(relu(self.dense(self.flat_norm(flat))))
        tags = torch.sigmoid(self.output(penultimate))
        return {"penultimate": penultimate, "max_pool": max_pool, "mean_pool": mean_pool, "tags": tags}

    def load(self, weights: Weights) -> "Musicnn":
        """Take the weights of a checkpoint, and evaluation mode."""
        norms = [self.input_norm, *self.front_norms, *self.middle_norms, self.flat_norm, self.dense_norm]
        _load(norms, [*self.timbral, *self.temporal, *self.middle], [self.dense, self.output], weights)
        return self.eval().requires_grad_(False)


class VGG(nn.Module):
    """Five convolutions of 3 x 3 with pooling; the flat output of the last, or tags.

    Parameters
    ----------
    layer
        What `forward` returns: "pool5" (256 values: 2 times x 128 channels) or "tags" (50 probabilities).
    """

    sizes = {"pool5": 256, "tags": 50}  # noqa: RUF012  (read only)
    pools = (((4, 1), (2, 2)), *[((2, 2), (2, 2))] * 3, ((4, 4), (4, 4)))  # window, stride

    def __init__(self, layer: str = "pool5") -> None:
        super().__init__()
        self.layer = layer
        self.input_norm = nn.BatchNorm2d(1, eps=_EPSILON)
        self.convs = nn.ModuleList(nn.Conv2d(n, 128, 3, padding=1) for n in (1, 128, 128, 128, 128))
        self.norms = nn.ModuleList(nn.BatchNorm2d(128, eps=_EPSILON) for _ in range(5))
        self.output = nn.Linear(256, 50)

    def forward(self, patches: Tensor) -> Tensor:
        """The chosen layer: [n, 187, 96] to [n, d]."""
        return self.layers(patches)[self.layer]

    def layers(self, patches: Tensor) -> dict[str, Tensor]:
        """Every layer that can be chosen, by name."""
        image = self.input_norm(patches[:, None])
        for conv, norm, (window, stride) in zip(self.convs, self.norms, self.pools, strict=True):
            image = nn.functional.max_pool2d(norm(relu(conv(image))), window, stride)
        return self.back(image)

    def back(self, image: Tensor) -> dict[str, Tensor]:
        """From (n, 128, 2, 1) to the layers after the last pooling."""
        pool5 = image.permute(0, 2, 3, 1).flatten(1)  # in the order time, frequency, channel
        return {"pool5": pool5, "tags": torch.sigmoid(self.output(pool5))}

    def load(self, weights: Weights) -> "VGG":
        """Take the weights of a checkpoint, and evaluation mode."""
        named = {name.replace("CNN/", "/conv/"): value for name, value in weights.items()}
        convs = {f"conv2d{'' if i == 0 else f'_{i}'}": f"{i + 1}/conv" for i in range(5)}
        renamed = {f"{ours}/{part}": named[f"{theirs}/{part}"] for ours, theirs in convs.items() for part in _PARTS}
        _load([self.input_norm, *self.norms], list(self.convs), [self.output], {**named, **renamed})
        return self.eval().requires_grad_(False)


_PARTS = ("kernel", "bias")


def _load(norms: list[nn.Module], convs: list[nn.Module], denses: list[nn.Module], weights: Weights) -> None:
    """Copy TensorFlow's variables, numbered in the order of the layers, into torch's layouts."""

    def name(kind: str, number: int) -> str:
        return f"{kind}_{number}" if number else kind

    def put(tensor: Tensor | nn.Module, value: NDArray[np.float32]) -> None:
        assert isinstance(tensor, Tensor)
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(value.reshape(tuple(tensor.shape))))

    for i, norm in enumerate(norms):
        for ours, theirs in [
            ("weight", "gamma"),
            ("bias", "beta"),
            ("running_mean", "moving_mean"),
            ("running_var", "moving_variance"),
        ]:
            put(getattr(norm, ours), weights[f"{name('batch_normalization', i)}/{theirs}"])
    for i, conv in enumerate(convs):
        kernel = weights[f"{name('conv2d', i)}/kernel"]  # time, frequency, in, out
        put(conv.bias, weights[f"{name('conv2d', i)}/bias"])
        middle = isinstance(conv, nn.Conv1d)  # over time alone: its channels lie where frequency was
        put(conv.weight, kernel[:, :, 0].transpose(2, 1, 0) if middle else kernel.transpose(3, 2, 0, 1))
    for i, dense in enumerate(denses):
        put(dense.weight, weights[f"{name('dense', i)}/kernel"].T)
        put(dense.bias, weights[f"{name('dense', i)}/bias"])
