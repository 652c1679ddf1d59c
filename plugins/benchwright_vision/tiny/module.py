"""The trained network as a torch module, for backends that take modules.

Its state's names are those of the shipped graph's weights: normalisations are folded into the
convolutions before them, and the input's scaling into the first.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from benchwright_vision.tiny.residual import CLASSES, STAGES, STEM


class Classifier(nn.Module):
    """Samples float32 [N, 3, 8, 8] to labels int64 [N]; class 0 is background."""

    output_names = ("ArgMax:0",)

    def __init__(self) -> None:
        super().__init__()
        self._weigh("stem", STEM, 3, 3, 3)
        self._strides: list[int] = []
        width = STEM
        for inner, outer, count, first_stride in STAGES:
            for index in range(count):
                stride = first_stride if index == 0 else 1
                name = f"block{len(self._strides)}"
                self._weigh(f"{name}/reduce", inner, width, 1, 1)
                self._weigh(f"{name}/spatial", inner, inner, 3, 3)
                self._weigh(f"{name}/expand", outer, inner, 1, 1)
                if stride != 1 or width != outer:
                    self._weigh(f"{name}/shortcut", outer, width, 1, 1)
                self._strides.append(stride)
                width = outer
        self._weigh("head", CLASSES, width)

    def _weigh(self, name: str, outputs: int, *others: int) -> None:
        self.register_parameter(f"{name}/weight", nn.Parameter(torch.zeros(outputs, *others)))
        self.register_parameter(f"{name}/bias", nn.Parameter(torch.zeros(outputs)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The labels."""
        x = self._conv("stem", x).relu()
        for index, stride in enumerate(self._strides):
            name = f"block{index}"
            inner = self._conv(f"{name}/reduce", x).relu()
            inner = self._conv(f"{name}/spatial", inner, stride).relu()
            inner = self._conv(f"{name}/expand", inner)
            past = x
            if f"{name}/shortcut/weight" in self._parameters:
                past = self._conv(f"{name}/shortcut", x, stride)
            x = (inner + past).relu()
        weight, bias = self._weights("head")
        logits = functional.linear(x.mean(dim=(2, 3)), weight, bias)
        return logits.argmax(dim=1)

    def _conv(self, name: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        weight, bias = self._weights(name)
        return functional.conv2d(x, weight, bias, stride, padding=weight.shape[-1] // 2)

    def _weights(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        weight, bias = self._parameters[f"{name}/weight"], self._parameters[f"{name}/bias"]
        assert weight is not None
        assert bias is not None
        return weight, bias
