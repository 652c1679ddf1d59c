"""The trained network as an ONNX graph with the official tensor names, and its score.

Here is no training; the score comes from ONNX Runtime reading the packed images.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright_vision.tiny.digits import unpack
from benchwright_vision.tiny.residual import CLASSES, INPUT_SCALE, logits_of

if TYPE_CHECKING:
    import numpy as np
    import onnx
    import torch
    from numpy.typing import NDArray

    from benchwright_vision.tiny.residual import ConvNorm, Network

INPUT, LABEL, PROBABILITIES = "input_tensor:0", "ArgMax:0", "softmax_tensor:0"


def to_onnx(network: Network) -> onnx.ModelProto:
    """The inference graph, opset 17, batch axis "N", each normalisation folded into its conv."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def constant(name: str, values: NDArray[np.float64]) -> str:
        weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def array(tensor: torch.Tensor | None) -> NDArray[np.float64]:
        assert tensor is not None
        values: NDArray[np.float64] = tensor.detach().double().numpy()
        return values

    def conv(pair: ConvNorm, source: str, name: str, scale: float = 1.0) -> str:
        deviation = np.sqrt(array(pair.norm.running_var) + pair.norm.eps)
        factor = array(pair.norm.weight) / deviation
        kernel = array(pair.conv.weight) * factor.reshape(-1, 1, 1, 1) * scale
        bias = array(pair.norm.bias) - array(pair.norm.running_mean) * factor
        size, stride = kernel.shape[-1], int(pair.conv.stride[0])
        inputs = [source, constant(f"{name}/weight", kernel), constant(f"{name}/bias", bias)]
        return node(
            "Conv",
            inputs,
            name,
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[size // 2] * 4,
        )

    def relu(source: str) -> str:
        return node("Relu", [source], f"{source}/relu")

    x = relu(conv(network.stem, INPUT, "stem", INPUT_SCALE))
    for index, block in enumerate(network.blocks):
        name = f"block{index}"
        inner = relu(conv(block.reduce, x, f"{name}/reduce"))
        inner = relu(conv(block.spatial, inner, f"{name}/spatial"))
        inner = conv(block.expand, inner, f"{name}/expand")
        past = conv(block.shortcut, x, f"{name}/shortcut") if block.shortcut else x
        x = relu(node("Add", [inner, past], f"{name}/add"))
    x = node("Flatten", [node("GlobalAveragePool", [x], "pool")], "features", axis=1)
    head = [constant("head/weight", array(network.head.weight))]
    head.append(constant("head/bias", array(network.head.bias)))
    logits = node("Gemm", [x, *head], "logits", transB=1)
    node("ArgMax", [logits], LABEL, axis=1, keepdims=0)
    node("Softmax", [logits], PROBABILITIES, axis=1)

    graph = helper.make_graph(
        nodes,
        "resnet50-tiny",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", 3, 8, 8])],
        [
            helper.make_tensor_value_info(LABEL, TensorProto.INT64, ["N"]),
            helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["N", CLASSES]),
        ],
        weights,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
        producer_name="benchwright",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


@dataclass(frozen=True)
class Score:
    """What ONNX Runtime made of the packed images."""

    good: int
    total: int

    @property
    def percent(self) -> float:
        """Accuracy in percent, to three places: one image of 1,024 is 0.098."""
        return round(100.0 * self.good / self.total, 3)


def score(model: bytes, dataset: Path, network: Network) -> Score:
    """Scores the graph on the packed PNGs with ONNX Runtime and holds it to torch's answers.

    Raises ValueError where a label differs, or a probability by more than 1e-4.
    """
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    samples, labels = unpack(dataset)
    found, probabilities = session.run([LABEL, PROBABILITIES], {INPUT: samples})
    logits = logits_of(network, samples).astype(np.float64)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    gap = float(np.abs(probabilities - exponents / exponents.sum(axis=1, keepdims=True)).max())
    differing = int((found != logits.argmax(axis=1)).sum())
    if differing or gap > 1e-4:
        raise ValueError(f"the graph is not the network: {differing} labels differ, gap {gap:.2g}")
    return Score(int((found - 1 == labels).sum()), len(labels))
