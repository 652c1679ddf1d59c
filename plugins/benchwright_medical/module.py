"""The network of `network.Shape` as a PyTorch module: for training, and for backends that take
modules."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from benchwright_medical.network import EPSILON, SHAPES, Shape
from benchwright_medical.volumes import CLASSES


def _normalised(inner: int, outer: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inner, outer, 3, stride, padding=1, bias=False),
        nn.InstanceNorm3d(outer, eps=EPSILON, affine=True),
        nn.ReLU(),
    )


class Pair(nn.Module):
    """Two normalised convolutions, the first with the stride."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _normalised(inner, outer, stride)
        self.conv2 = _normalised(outer, outer, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32 [N, inner, D, H, W] to [N, outer, D/stride, …]."""
        result: torch.Tensor = self.conv2(self.conv1(x))
        return result


class Rise(nn.Module):
    """Doubles the sides, and joins what the encoder saw at this level."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.upsample_conv = nn.Sequential(nn.ConvTranspose3d(inner, outer, 2, 2))
        self.conv1 = _normalised(2 * outer, outer, 1)
        self.conv2 = _normalised(outer, outer, 1)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """float32 [N, inner, D, H, W] and the skip [N, outer, 2D, …] to [N, outer, 2D, …]."""
        joined = torch.cat((self.upsample_conv(x), skip), dim=1)
        result: torch.Tensor = self.conv2(self.conv1(joined))
        return result


class Output(nn.Module):
    """One score per class for every voxel."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv3d(inner, CLASSES, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32 [N, inner, D, H, W] to [N, 3, D, H, W]."""
        result: torch.Tensor = self.conv(x)
        return result


class UNet3d(nn.Module):
    """The whole network; `state_dict` has the names of `network.weight_shapes`."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        filters = shape.filters
        self.input_block = Pair(1, filters[0], 1)
        self.downsample = nn.ModuleList(Pair(inner, outer, 2) for inner, outer in pairwise(filters))
        self.bottleneck = Pair(filters[-1], filters[-1], 2)
        self.upsample = nn.ModuleList(Rise(inner, outer) for inner, outer in shape.rises)
        self.output = Output(filters[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores float32 [N, 3, D, H, W] of windows float32 [N, 1, D, H, W]."""
        x = self.input_block(x)
        skips = [x]
        for down in self.downsample:
            x = down(x)
            skips.append(x)
        x = self.bottleneck(x)
        for up, skip in zip(self.upsample, reversed(skips), strict=True):
            x = up(x, skip)
        result: torch.Tensor = self.output(x)
        return result


def network(preset: str) -> UNet3d:
    """The network of a preset, with fresh weights."""
    return UNet3d(SHAPES[preset])
