"""ResNet-50 v1.5 with seeded random weights as ONNX.

The layers are those of the official model (1,001 classes, class 0 background; each normalisation
folded into its convolution; stride 2 in the 3x3 convolution of a stage's first block, which is
what makes it v1.5). Tensor names are the official model's too. Speed only: it knows nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchwright.errors import BenchwrightError

if TYPE_CHECKING:
    from numpy.typing import NDArray

STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))
"""(blocks, channels of the 3x3 convolution) of each stage; a block puts out four times that."""

CLASSES = 1001
SEED = 20231109
PARAMETERS = 25_532_521
"""Weights and biases: 23,454,912 + 26,560 in convolutions, 2,050,048 + 1,001 in the classifier."""


def write(path: Path) -> None:
    """Writes the model file, 102 MB. BenchwrightError where the `onnx` package is missing."""
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise BenchwrightError(
            "this benchmark writes a model and needs the package `onnx`",
            fix="pip install 'benchwright[test]'",
        ) from error
    model = Builder().model()
    onnx.checker.check_model(model)
    onnx.save(model, path)


class Builder:
    """Adds nodes and weights one after the other, and counts the weights."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(SEED)
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self.parameters = 0

    def model(self) -> Any:
        """The model, an onnx.ModelProto of opset 17 with a symbolic batch."""
        from onnx import TensorProto, helper

        flow = self._conv("input_tensor:0", "stem", 3, 64, size=7, stride=2)
        flow = self._node("Relu", [flow], "stem_relu")
        flow = self._node(
            "MaxPool", [flow], "stem_pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
        )
        channels = 64
        for stage, (blocks, width) in enumerate(STAGES):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                flow = self._block(flow, f"s{stage}b{block}", channels, width, stride)
                channels = 4 * width
        flow = self._node("GlobalAveragePool", [flow], "pool")
        flow = self._node("Flatten", [flow], "features")
        inputs = [
            flow,
            self._constant("classifier_w", (channels, CLASSES), channels),
            self._constant("classifier_b", (CLASSES,), CLASSES),
        ]
        flow = self._node("Gemm", inputs, "logits")
        flow = self._node("Softmax", [flow], "softmax_tensor:0", axis=1)
        self._node("ArgMax", [flow], "ArgMax:0", axis=1, keepdims=0)
        images = helper.make_tensor_value_info(
            "input_tensor:0", TensorProto.FLOAT, ["N", 3, 224, 224]
        )
        labels = helper.make_tensor_value_info("ArgMax:0", TensorProto.INT64, ["N"])
        graph = helper.make_graph(self._nodes, "resnet50-random", [images], [labels], self._weights)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name=""
        )

    def _block(self, source: str, name: str, channels: int, width: int, stride: int) -> str:
        flow = self._node("Relu", [self._conv(source, f"{name}_a", channels, width)], f"{name}_ar")
        flow = self._conv(flow, f"{name}_b", width, width, size=3, stride=stride)
        flow = self._node("Relu", [flow], f"{name}_br")
        # Small at the end of a branch, so that sixteen sums in a row stay within range.
        flow = self._conv(flow, f"{name}_c", width, 4 * width, scale=0.25)
        if channels != 4 * width:
            source = self._conv(source, f"{name}_d", channels, 4 * width, stride=stride)
        return self._node("Relu", [self._node("Add", [flow, source], f"{name}_add")], f"{name}_out")

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
        shape = (filters, channels, size, size)
        weights = self._constant(f"{name}_w", shape, channels * size * size, scale)
        bias = self._constant(f"{name}_bias", (filters,), 100 * filters)
        return self._node(
            "Conv",
            [source, weights, bias],
            name,
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[size // 2] * 4,
        )

    def _constant(self, name: str, shape: tuple[int, ...], fan_in: int, scale: float = 1.0) -> str:
        from onnx import numpy_helper

        values: NDArray[np.float32] = self._random.standard_normal(shape, np.float32)
        values *= np.float32(scale * (2.0 / fan_in) ** 0.5)
        self.parameters += values.size
        self._weights.append(numpy_helper.from_array(values, name))
        return name

    def _node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output
