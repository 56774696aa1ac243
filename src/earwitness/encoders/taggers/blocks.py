"""Convolution blocks that the taggers are built of; every convolution has a bias and is followed by a normalisation."""

from torch import Tensor, nn
from torch.nn.functional import max_pool1d, max_pool2d

Pair = int | tuple[int, int]


class Conv2dBlock(nn.Module):
    """Convolution 3 x 3, normalisation, ReLU, maximum over `pool` (frequencies, times)."""

    def __init__(self, n_in: int, n_out: int, pool: Pair) -> None:
        super().__init__()
        self.pool = pool
        self.conv = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.bn = nn.BatchNorm2d(n_out)

    def forward(self, image: Tensor) -> Tensor:
        return max_pool2d(self.bn(self.conv(image)).relu(), self.pool)


class Conv1dBlock(nn.Module):
    """Convolution over time, normalisation, ReLU, maximum over `pool` times."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int = 1, pool: int = 1) -> None:
        super().__init__()
        self.pool = pool
        self.conv = nn.Conv1d(n_in, n_out, kernel, stride, padding=kernel // 2)
        self.bn = nn.BatchNorm1d(n_out)

    def forward(self, sequence: Tensor) -> Tensor:
        return max_pool1d(self.bn(self.conv(sequence)).relu(), self.pool)


class ResidualBlock(nn.Module):
    """Two convolutions 3 x 3 beside a third or nothing, summed, ReLU.

    Parameters
    ----------
    stride
        Of the first and the third convolution; None: there is no third, and what comes in is added.
    pool
        Of the maximum at the end.
    """

    def __init__(self, n_in: int, n_out: int, stride: Pair | None = None, pool: Pair = 1) -> None:
        super().__init__()
        self.pool = pool
        self.conv_1 = nn.Conv2d(n_in, n_out, 3, 1 if stride is None else stride, padding=1)
        self.bn_1 = nn.BatchNorm2d(n_out)
        self.conv_2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.bn_2 = nn.BatchNorm2d(n_out)
        self.shortcut = stride is not None
        if stride is not None:
            self.conv_3 = nn.Conv2d(n_in, n_out, 3, stride, padding=1)
            self.bn_3 = nn.BatchNorm2d(n_out)

    def forward(self, image: Tensor) -> Tensor:
        answer = self.bn_2(self.conv_2(self.bn_1(self.conv_1(image)).relu()))
        beside = self.bn_3(self.conv_3(image)) if self.shortcut else image
        return max_pool2d((answer + beside).relu(), self.pool)


class SqueezeBlock(nn.Module):
    """Two convolutions over time, each channel weighed by a gate that sees the mean of all, beside a shortcut.

    The shortcut is a third convolution where the stride or the number of channels changes. Hu, Shen and Sun (2018).
    Squeeze-and-excitation networks. CVPR.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int = 3, stride: int = 1, pool: int = 3) -> None:
        super().__init__()
        self.pool = pool
        self.conv_1 = nn.Conv1d(n_in, n_out, kernel, stride, padding=kernel // 2)
        self.bn_1 = nn.BatchNorm1d(n_out)
        self.conv_2 = nn.Conv1d(n_out, n_out, kernel, padding=kernel // 2)
        self.bn_2 = nn.BatchNorm1d(n_out)
        self.dense1 = nn.Linear(n_out, n_out)
        self.dense2 = nn.Linear(n_out, n_out)
        self.shortcut = stride != 1 or n_in != n_out
        if self.shortcut:
            self.conv_3 = nn.Conv1d(n_in, n_out, kernel, stride, padding=kernel // 2)
            self.bn_3 = nn.BatchNorm1d(n_out)

    def forward(self, sequence: Tensor) -> Tensor:
        answer = self.bn_2(self.conv_2(self.bn_1(self.conv_1(sequence)).relu()))
        gate = self.dense2(self.dense1(answer.mean(2)).relu()).sigmoid()
        beside = self.bn_3(self.conv_3(sequence)) if self.shortcut else sequence
        return max_pool1d((answer * gate[:, :, None] + beside).relu(), self.pool)
