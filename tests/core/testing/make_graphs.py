"""Writes the graphs that backends are examined on: `python tests/core/testing/make_graphs.py`.

They are shipped as files because the package `onnx` is no dependency of Benchwright.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchwright.testing import exercises

FOLDER = Path(exercises.__file__).with_name("graphs")
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
Value = tuple[str, int, list[int | str]]


def model(
    name: str,
    nodes: list[tuple[str, list[str], str, dict[str, Any]]],
    inputs: list[Value],
    outputs: list[Value],
    weights: dict[str, Any],
) -> onnx.ModelProto:
    """A checked model of opset 17."""
    graph = helper.make_graph(
        [helper.make_node(op, read, [out], **more) for op, read, out, more in nodes],
        name,
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in weights.items()],
    )
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
        producer_name="benchwright",
    )
    onnx.checker.check_model(made, full_check=True)
    return made


def models() -> dict[str, onnx.ModelProto]:
    """Every graph by file name."""
    return {
        "dense.onnx": model(
            "dense",
            [
                ("MatMul", ["x", "weight"], "product", {}),
                ("Add", ["product", "bias"], "sum", {}),
                ("Relu", ["sum"], "y", {}),
            ],
            [("x", FLOAT, ["N", 16])],
            [("y", FLOAT, ["N", 8])],
            {"weight": exercises.weights(16, 8), "bias": exercises.weights(8)},
        ),
        "label.onnx": model(
            "label",
            [
                ("MatMul", ["x", "weight"], "logits", {}),
                ("ArgMax", ["logits"], "label", {"axis": 1, "keepdims": 0}),
                ("ReduceMax", ["logits"], "score", {"axes": [1], "keepdims": 0}),
            ],
            [("x", FLOAT, ["N", 12])],
            [("label", INT64, ["N"]), ("score", FLOAT, ["N"])],
            {"weight": 2 * np.eye(12, dtype=np.float32)},
        ),
        "tokens.onnx": model(
            "tokens",
            [
                ("Gather", ["table", "ids"], "rows", {}),
                ("Unsqueeze", ["mask", "last"], "column", {}),
                ("Mul", ["rows", "column"], "masked", {}),
                ("ReduceSum", ["masked", "middle"], "y", {"keepdims": 0}),
            ],
            [("ids", INT64, ["N", "L"]), ("mask", FLOAT, ["N", "L"])],
            [("y", FLOAT, ["N", 6])],
            {
                "table": exercises.weights(10, 6),
                "last": np.array([2], np.int64),
                "middle": np.array([1], np.int64),
            },
        ),
        "decode.onnx": model(
            "decode",
            [("MatMul", ["h", "weight"], "y", {})],
            [("h", FLOAT, ["N", 8])],
            [("y", FLOAT, ["N", 3])],
            {"weight": exercises.weights(8, 3)},
        ),
    }


if __name__ == "__main__":
    for name, made in models().items():
        (FOLDER / name).write_bytes(made.SerializeToString())
