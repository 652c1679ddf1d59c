"""The 3D U-Net of KiTS19 in MLPerf Inference: its shape, its weights' names, its ONNX graph.

One definition serves every size. Weights carry the names of the official PyTorch checkpoint, so
that those of `module.UNet3d`, which the tiny preset is trained with, fit as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchwright_medical.volumes import CLASSES
from benchwright_medical.windows import INPUT, OUTPUT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchwright.onnxgraph import GraphWriter

    Weights = Mapping[str, NDArray[np.float32]]

EPSILON = 1e-5
"""Added to the variance by instance normalisation: PyTorch's default."""


@dataclass(frozen=True, slots=True)
class Shape:
    """filters: channels from the finest level to the coarsest; each level halves the sides, and
    the bottleneck below the last one halves them once more with as many channels."""

    filters: tuple[int, ...]

    @property
    def levels(self) -> int:
        """How often the sides of a window are halved; its edge must be a multiple of 2**levels."""
        return len(self.filters)

    @property
    def rises(self) -> tuple[tuple[int, int], ...]:
        """Channels in and out of each step of the decoder, from the coarsest."""
        outward = self.filters[::-1]
        return tuple(zip((outward[0], *outward), outward, strict=False))


OFFICIAL = Shape((32, 64, 128, 256, 320))
"""31.2 million weights; windows of 128."""

TINY = Shape((6, 12, 24))
"""Windows of 24."""

SHAPES = {"tiny": TINY, "official": OFFICIAL, "synthetic": OFFICIAL}
"""By preset."""


def weight_shapes(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The name and the shape of every weight, in the official checkpoint's order."""
    filters = shape.filters
    yield from _block("input_block", 1, filters[0])
    for number, (inner, outer) in enumerate(pairwise(filters)):
        yield from _block(f"downsample.{number}", inner, outer)
    yield from _block("bottleneck", filters[-1], filters[-1])
    for number, (inner, outer) in enumerate(shape.rises):
        yield f"upsample.{number}.upsample_conv.0.weight", (inner, outer, 2, 2, 2)
        yield f"upsample.{number}.upsample_conv.0.bias", (outer,)
        yield from _block(f"upsample.{number}", 2 * outer, outer)
    yield "output.conv.0.weight", (CLASSES, filters[0], 1, 1, 1)
    yield "output.conv.0.bias", (CLASSES,)


def _block(name: str, inner: int, outer: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for conv, channels in (("conv1", inner), ("conv2", outer)):
        yield f"{name}.{conv}.0.weight", (outer, channels, 3, 3, 3)
        yield f"{name}.{conv}.1.weight", (outer,)
        yield f"{name}.{conv}.1.bias", (outer,)


def random_weights(shape: Shape, seed: int) -> dict[str, NDArray[np.float32]]:
    """Seeded weights that keep the values' spread from layer to layer: He's normal distribution
    for convolutions, ones and zeros for normalisation."""
    draw = np.random.default_rng(seed)
    weights: dict[str, NDArray[np.float32]] = {}
    for name, size in weight_shapes(shape):
        if len(size) == 5:
            # A transposed convolution has its inputs first, and each output sees one tap.
            fan_in = size[0] if "upsample_conv" in name else int(np.prod(size[1:]))
            values = draw.standard_normal(size, dtype=np.float32)
            weights[name] = values * np.float32(np.sqrt(2.0 / fan_in))
        else:
            weights[name] = np.full(size, 1 if name.endswith(".1.weight") else 0, np.float32)
    return weights


def write_onnx(path: Path, shape: Shape, edge: int, weights: Weights) -> None:
    """Writes the graph: float32 `input` [N, 1, edge, edge, edge] to `output` [N, 3, …], one score
    per class. Raises ValueError for an edge that cannot be halved `levels` times."""
    from benchwright.onnxgraph import GraphWriter

    if edge % 2**shape.levels:
        raise ValueError(f"a window of {edge} cannot be halved {shape.levels} times")
    writer = GraphWriter("unet3d")
    cube = (edge, edge, edge)
    writer.input(INPUT, "float32", ("N", 1, *cube))
    x = _pair(writer, weights, "input_block", INPUT, stride=1)
    skips = [x]
    for number in range(len(shape.filters) - 1):
        x = _pair(writer, weights, f"downsample.{number}", x, stride=2)
        skips.append(x)
    x = _pair(writer, weights, "bottleneck", x, stride=2)
    for number, skip in enumerate(reversed(skips)):
        name = f"upsample.{number}"
        inputs = [x, *_parameters(writer, weights, f"{name}.upsample_conv.0")]
        x = writer.node("ConvTranspose", inputs, kernel_shape=[2] * 3, strides=[2] * 3)
        x = writer.node("Concat", [x, skip], axis=1)
        x = _pair(writer, weights, name, x, stride=1)
    inputs = [x, *_parameters(writer, weights, "output.conv.0")]
    writer.node("Conv", inputs, OUTPUT, kernel_shape=[1] * 3)
    writer.output(OUTPUT, "float32", ("N", CLASSES, *cube))
    writer.save(path)


def _pair(writer: GraphWriter, weights: Weights, name: str, x: str, stride: int) -> str:
    """Two convolutions of 3x3x3, the first with the stride, each normalised and rectified."""
    for conv, step in (("conv1", stride), ("conv2", 1)):
        kernel = writer.weight(f"{name}.{conv}.0.weight", weights[f"{name}.{conv}.0.weight"])
        x = writer.node("Conv", [x, kernel], kernel_shape=[3] * 3, pads=[1] * 6, strides=[step] * 3)
        inputs = [x, *_parameters(writer, weights, f"{name}.{conv}.1")]
        x = writer.node("InstanceNormalization", inputs, epsilon=EPSILON)
        x = writer.node("Relu", [x])
    return x


def _parameters(writer: GraphWriter, weights: Weights, name: str) -> list[str]:
    return [
        writer.weight(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias")
    ]
