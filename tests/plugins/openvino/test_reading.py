"""Reductions whose axes OpenVINO loses are computed over those axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

openvino = pytest.importorskip("openvino", reason="openvino is not installed")

from onnx import TensorProto, helper, save

from benchwright import onnxgraph
from benchwright.onnxgraph import GraphWriter
from benchwright_openvino.reading import MISREAD, read

VALUES = np.random.RandomState(0).uniform(0.1, 3, (2, 3, 5)).astype(np.float32)


def numpys(operator: str, axes: tuple[int, ...] | None, keep: bool) -> Any:
    if operator == "ReduceL1":
        return np.abs(VALUES).sum(axis=axes, keepdims=keep)
    values = VALUES if operator == "ReduceLogSum" else np.exp(VALUES)
    return np.log(values.sum(axis=axes, keepdims=keep))


def write(path: Path, node: Any, opset: int) -> None:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "B", 5])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "reduction", inputs, outputs)
    opsets = [helper.make_opsetid("", opset)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))


def computed(path: Path, values: Any = VALUES) -> Any:
    core = openvino.Core()
    compiled = core.compile_model(read(core, path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    request.infer([values])
    return np.array(request.get_output_tensor(0).data)


@pytest.mark.parametrize("operator", MISREAD)
@pytest.mark.parametrize("opset", [11, 13, 17])
@pytest.mark.parametrize("keep", [True, False])
def test_a_reduction_keeps_to_its_axes(
    operator: str, opset: int, keep: bool, tmp_path: Path
) -> None:
    for axes in ([-1], [0, 2]):
        node = helper.make_node(operator, ["x"], ["y"], axes=axes, keepdims=int(keep))
        write(tmp_path / "g.onnx", node, opset)
        wanted = numpys(operator, tuple(axes), keep)
        found = computed(tmp_path / "g.onnx")
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_large_numbers_do_not_overflow(tmp_path: Path) -> None:
    node = helper.make_node("ReduceLogSumExp", ["x"], ["y"], axes=[2])
    write(tmp_path / "g.onnx", node, 17)
    found = computed(tmp_path / "g.onnx", np.full((1, 1, 5), 200, np.float32))
    np.testing.assert_allclose(found, [[[200 + np.log(5)]]], rtol=1e-6)


def test_weights_beside_a_rewritten_graph_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxgraph, "INLINE_BYTES", 0)
    monkeypatch.setattr(onnxgraph, "SMALL_BYTES", 16)
    writer = GraphWriter("beside")
    writer.input("x", "float32", ("N", "B", 5))
    weight = writer.weight("w", np.arange(20, dtype=np.float32).reshape(5, 4) / 20)
    product = writer.node("MatMul", ["x", weight])
    writer.node("ReduceL1", [product], "y", axes=[-1], keepdims=0)
    writer.output("y", "float32", ("N", "B"))
    writer.save(tmp_path / "beside.onnx")
    assert (tmp_path / "beside.onnx.data").exists()
    wanted = (VALUES @ (np.arange(20, dtype=np.float32).reshape(5, 4) / 20)).sum(-1)
    np.testing.assert_allclose(computed(tmp_path / "beside.onnx"), wanted, rtol=1e-5)
