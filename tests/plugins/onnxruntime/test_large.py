"""Engines of models whose weights lie beside the graph."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchwright import onnxgraph
from benchwright.contracts.program import Graph, Program
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.onnxgraph import GraphWriter
from benchwright_onnxruntime.backend import OnnxRuntimeBackend


def test_an_engine_does_not_need_the_models_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxgraph, "INLINE_BYTES", 0)
    model, engine = tmp_path / "model", tmp_path / "engine"
    model.mkdir()
    engine.mkdir()
    writer = GraphWriter("beside")
    writer.input("x", "float32", ("N", 3))
    weight = writer.weight("w", np.arange(1200, dtype=np.float32).reshape(3, 400))
    writer.node("MatMul", ["x", weight], "y")
    writer.output("y", "float32", ("N", 400))
    writer.save(model / "beside.onnx")
    inputs = (TensorSpec("x", "float32", (BATCH, 3)),)
    outputs = (TensorSpec("y", "float32", (BATCH, 400)),)
    graph = Graph("main", inputs, outputs, onnx="beside.onnx")
    program, backend = Program("beside", (graph,), inputs, outputs), OnnxRuntimeBackend()
    backend.build_engine(program, model, {"graph_optimization": "all"}, engine)
    shutil.rmtree(model)
    assert sorted(path.name for path in engine.iterdir()) == ["main.onnx", "main.onnx.data"]
    options = {"memory_pattern": True, "spinning": False}
    session = backend.open(program, engine, options, 1)["main"]
    (found,) = session.run({"x": np.ones((1, 3), np.float32)})
    assert found[0, :2].tolist() == [1200.0, 1203.0]
