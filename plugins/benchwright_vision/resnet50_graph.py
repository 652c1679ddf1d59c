"""ResNet-50 v1.5 as an ONNX graph, with seeded random weights.

The layers are those of the official model (1,001 classes, class 0 background; each normalisation
folded into its convolution; stride 2 in the 3x3 convolution of a stage's first block, which is
what makes it v1.5). Tensor names are the official model's too. Speed only: it knows nothing.
"""

from __future__ import annotations

from pathlib import Path

from benchwright.onnxgraph import GraphWriter
from benchwright_vision.synthetic.weights import Generator

INPUT, OUTPUT = "input_tensor:0", "ArgMax:0"
PROBABILITIES = "softmax_tensor:0"
STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))
"""(blocks, channels of the 3x3 convolution) of each stage; a block puts out four times that."""

CLASSES = 1001
SEED = 20231109
PARAMETERS = 25_532_521
"""Weights and biases: 23,454,912 + 26,560 in convolutions, 2,050,048 + 1,001 in the classifier."""


def write(path: Path) -> None:
    """Writes the model file, 102 MB. BenchwrightError where the `onnx` package is missing."""
    resnet50().save(path)


def resnet50() -> GraphWriter:
    """The graph, of opset 17 with a symbolic batch "N", not yet saved."""
    return _ResNet50().writer


class _ResNet50:
    """Adds the layers from picture to label."""

    def __init__(self) -> None:
        self._random = Generator(SEED)
        self.writer = w = GraphWriter("resnet50-random")
        w.input(INPUT, "float32", ("N", 3, 224, 224))
        flow = w.node("Relu", [self._conv(INPUT, "stem", 3, 64, size=7, stride=2)])
        flow = w.node("MaxPool", [flow], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        channels = 64
        for stage, (blocks, width) in enumerate(STAGES):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                flow = self._block(flow, f"s{stage}b{block}", channels, width, stride)
                channels = 4 * width
        flow = w.node("Flatten", [w.node("GlobalAveragePool", [flow])])
        kernel = w.weight("classifier_w", self._random.kernel((CLASSES, channels)))
        bias = w.weight("classifier_b", self._random.bias(CLASSES))
        flow = w.node("Gemm", [flow, kernel, bias], transB=1)
        flow = w.node("Softmax", [flow], PROBABILITIES, axis=1)
        w.node("ArgMax", [flow], OUTPUT, axis=1, keepdims=0)
        w.output(OUTPUT, "int64", ("N",))

    def _block(self, source: str, name: str, channels: int, width: int, stride: int) -> str:
        w = self.writer
        flow = w.node("Relu", [self._conv(source, f"{name}_a", channels, width)])
        flow = w.node("Relu", [self._conv(flow, f"{name}_b", width, width, size=3, stride=stride)])
        # Small at the end of a branch, so that sixteen sums in a row stay within range.
        flow = self._conv(flow, f"{name}_c", width, 4 * width, scale=0.25)
        if channels != 4 * width:
            source = self._conv(source, f"{name}_d", channels, 4 * width, stride=stride)
        return w.node("Relu", [w.node("Add", [flow, source])], f"{name}_out")

    def _conv(
        self,
        source: str,
        name: str,
        channels: int,
        filters: int,
        *,
        size: int = 1,
        stride: int = 1,
        scale: float = 1.0,
    ) -> str:
        kernel = self._random.kernel((filters, channels, size, size), 2 * scale**2)
        inputs = [
            source,
            self.writer.weight(f"{name}_w", kernel),
            self.writer.weight(f"{name}_bias", self._random.bias(filters)),
        ]
        return self.writer.node(
            "Conv",
            inputs,
            name,
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[size // 2] * 4,
        )
