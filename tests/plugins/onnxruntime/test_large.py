"""Engines whose weights lie beside the graph."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchwright import onnxgraph
from benchwright.contracts.program import Graph, Program
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.onnxgraph import GraphWriter
from benchwright_onnxruntime import backend
from benchwright_onnxruntime.backend import OnnxRuntimeBackend


def built(model: Path, engine: Path) -> tuple[Program, OnnxRuntimeBackend]:
    """A model of one multiplication, and its engine."""
    model.mkdir()
    engine.mkdir()
    writer = GraphWriter("product")
    writer.input("x", "float32", ("N", 3))
    weight = writer.weight("w", np.arange(1200, dtype=np.float32).reshape(3, 400))
    writer.node("MatMul", ["x", weight], "y")
    writer.output("y", "float32", ("N", 400))
    writer.save(model / "product.onnx")
    inputs = (TensorSpec("x", "float32", (BATCH, 3)),)
    outputs = (TensorSpec("y", "float32", (BATCH, 400)),)
    graph = Graph("main", inputs, outputs, onnx="product.onnx")
    program, runtime = Program("product", (graph,), inputs, outputs), OnnxRuntimeBackend()
    runtime.build_engine(program, model, {"graph_optimization": "all"}, engine)
    return program, runtime


def check(program: Program, runtime: OnnxRuntimeBackend, engine: Path) -> None:
    options = {"memory_pattern": True, "spinning": False}
    session = runtime.open(program, engine, options, 1)["main"]
    (found,) = session.run({"x": np.ones((1, 3), np.float32)})
    assert found[0, :2].tolist() == [1200.0, 1203.0]


def test_an_engine_does_not_need_the_models_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxgraph, "INLINE_BYTES", 0)
    model, engine = tmp_path / "model", tmp_path / "engine"
    program, runtime = built(model, engine)
    shutil.rmtree(model)
    assert sorted(path.name for path in engine.iterdir()) == ["main.onnx", "main.onnx.data"]
    check(program, runtime, engine)


@pytest.mark.parametrize(
    ("large", "files"),
    [(100, ["main.onnx", "main.onnx.data"]), (1_000_000, ["main.onnx"])],
)
def test_many_weights_lie_beside_the_engines_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int, files: list[str]
) -> None:
    monkeypatch.setattr(backend, "LARGE_BYTES", large)
    engine = tmp_path / "engine"
    program, runtime = built(tmp_path / "model", engine)
    assert sorted(path.name for path in engine.iterdir()) == files
    check(program, runtime, engine)
