"""The trained network as a torch module, for backends that take modules.

As in the shipped graph, normalisations are folded into the convolutions before them, and the
input's scaling into the first.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from benchwright_vision.tiny.residual import CLASSES, STAGES, STEM


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2)


class Bottleneck(nn.Module):
    """1x1, 3x3 (which carries the stride), 1x1; a projection where shapes differ."""

    def __init__(self, width: int, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.reduce = _conv(width, inner, 1)
        self.spatial = _conv(inner, inner, 3, stride)
        self.expand = _conv(inner, outer, 1)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width != outer:
            self.shortcut = _conv(width, outer, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32 [N, width, side, side] to [N, outer, side / stride, side / stride]."""
        inner = self.expand(self.spatial(self.reduce(x).relu()).relu())
        joined: torch.Tensor = inner + self.shortcut(x)
        return joined.relu()


class Classifier(nn.Module):
    """Samples float32 [N, 3, 8, 8] to labels int64 [N]; class 0 is background."""

    output_names = ("ArgMax:0",)

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, STEM, 3)
        self._blocks: list[str] = []
        width = STEM
        for inner, outer, count, first_stride in STAGES:
            for index in range(count):
                stride = first_stride if index == 0 else 1
                self._blocks.append(f"block{len(self._blocks)}")
                self.add_module(self._blocks[-1], Bottleneck(width, inner, outer, stride))
                width = outer
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The labels."""
        x = self.stem(x).relu()
        for name in self._blocks:
            x = self.get_submodule(name)(x)
        logits: torch.Tensor = self.head(x.mean(dim=(2, 3)))
        return logits.argmax(dim=1)

    def graph_state(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The state that the shipped graph's weights are: its names have slashes."""
        return {name.replace("/", "."): values for name, values in weights.items()}
