"""Graphs written node by node: what ONNX Runtime makes of them, and weights that lie beside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from benchwright import onnxgraph
from benchwright.errors import BenchwrightError
from benchwright.onnxgraph import Blocks, GraphWriter


def _answer(path: Path) -> list[list[float]]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.array([[1, 0, 2]], np.float32)})
    return [[float(value) for value in row] for row in found]


@pytest.fixture
def writer() -> GraphWriter:
    """y = split(x @ w + [1, 2])[1], x float32 [N, 3]."""
    writer = GraphWriter("small", opset=18)
    writer.input("x", "float32", ("N", 3))
    weight = writer.weight("w", np.arange(6, dtype=np.float32).reshape(3, 2))
    flow = writer.node("MatMul", ["x", weight])
    flow = writer.node("Add", [flow, writer.constant([1, 2], "float32")])
    _, second = writer.nodes("Split", [flow], 2, axis=1, num_outputs=2)
    writer.node("Identity", [second], "y")
    writer.output("y", "float32", ("N", 1))
    return writer


def test_a_graph_computes_what_was_written(writer: GraphWriter, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    writer.save(path)
    # Column 1 of w is 1, 3, 5: 1 + 2 * 5 + 2.
    assert _answer(path) == [[13.0]]
    assert [file.name for file in tmp_path.iterdir()] == ["small.onnx"]
    assert writer.parameters == 8


def test_the_same_graph_gives_the_same_bytes(writer: GraphWriter, tmp_path: Path) -> None:
    writer.save(tmp_path / "one.onnx")
    writer.save(tmp_path / "two.onnx")
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()


def test_large_weights_lie_beside_the_graph(
    writer: GraphWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxgraph, "INLINE_BYTES", 8)
    monkeypatch.setattr(onnxgraph, "SMALL_BYTES", 0)
    path = tmp_path / "small.onnx"
    writer.save(path)
    beside = tmp_path / "small.onnx.data"
    # The second weight begins at the next page.
    assert beside.stat().st_size == onnxgraph.ALIGNMENT + 8
    assert _answer(path) == [[13.0]]


def test_a_memory_mapped_weight_in_any_layout_is_written_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxgraph, "INLINE_BYTES", 0)
    monkeypatch.setattr(onnxgraph, "SMALL_BYTES", 0)
    mapped = np.memmap(tmp_path / "w", dtype=np.float32, mode="w+", shape=(2, 3))
    mapped[:] = np.arange(6).reshape(2, 3)
    writer = GraphWriter("mapped")
    writer.input("x", "float32", ("N", 3))
    writer.node("MatMul", ["x", writer.weight("w", mapped.T)], "y")
    writer.output("y", "float32", ("N", 2))
    writer.save(tmp_path / "mapped.onnx")
    assert _answer(tmp_path / "mapped.onnx") == [[4.0, 13.0]]


@pytest.mark.parametrize("inline", [0, 1000])
def test_a_weight_may_come_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: int
) -> None:
    monkeypatch.setattr(onnxgraph, "INLINE_BYTES", inline)
    monkeypatch.setattr(onnxgraph, "SMALL_BYTES", inline)
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    blocks = Blocks(rows.dtype, (3, 2), lambda: iter([rows[:2], rows[2]]))
    writer = GraphWriter("blocks")
    writer.input("x", "float32", ("N", 3))
    writer.node("MatMul", ["x", writer.weight("w", blocks)], "y")
    writer.output("y", "float32", ("N", 2))
    writer.save(tmp_path / "blocks.onnx")
    assert _answer(tmp_path / "blocks.onnx") == [[8.0, 11.0]]
    assert writer.parameters == 6


def test_shapes_stay_in_a_graph_whose_weights_lie_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime needs their values to check the graph."""
    monkeypatch.setattr(onnxgraph, "INLINE_BYTES", 0)
    writer = GraphWriter("shapes")
    writer.input("x", "float32", ("N", 3))
    weight = writer.weight("w", np.ones((3, 300), np.float32))
    sizes = writer.constant([1, 299], "int64")
    first, _ = writer.nodes("Split", [writer.node("MatMul", ["x", weight]), sizes], 2, axis=1)
    writer.node("Identity", [first], "y")
    writer.output("y", "float32", ("N", 1))
    writer.save(tmp_path / "shapes.onnx")
    assert (tmp_path / "shapes.onnx.data").stat().st_size == 3600
    assert _answer(tmp_path / "shapes.onnx") == [[3.0]]


def test_a_name_is_used_once(writer: GraphWriter) -> None:
    with pytest.raises(BenchwrightError, match="two weights named `w`"):
        writer.weight("w", np.zeros(1, np.float32))


def test_a_scalar_stays_a_scalar() -> None:
    writer = GraphWriter("scalar")
    writer.input("x", "float32", ("N", 3))
    # A scalar index takes the axis away; an index of one element keeps it.
    writer.node("Gather", ["x", writer.constant(1, "int64")], "y", axis=1)
    writer.output("y", "float32", ("N",))
    assert list(writer.model().graph.initializer[0].dims) == []
