"""Every backend tells of an ONNX file that does not fit the program, when the engine is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchwright.contracts.program import Graph, Program
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.distributions import NOT_INSTALLED, tool_version
from benchwright.errors import BenchwrightError
from benchwright.onnxgraph import GraphWriter
from benchwright.testing.workbench import backend_named

INPUTS = (TensorSpec("x", "float32", (BATCH, 16)),)
OUTPUTS = (TensorSpec("y", "float32", (BATCH,)),)
PROGRAM = Program("sum", (Graph("main", INPUTS, OUTPUTS, onnx="sum.onnx"),), INPUTS, OUTPUTS)
OPTIONS: dict[str, dict[str, Any]] = {
    "onnxruntime": {"graph_optimization": "all"},
    "openvino": {},
}
BACKENDS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(tool_version(name) == NOT_INSTALLED, reason="not installed"),
    )
    for name in OPTIONS
]


def write(folder: Path, inputs: dict[str, tuple[str, tuple[int | str, ...]]], output: str) -> Path:
    """A graph that adds up all of its first input; the others count for nothing but the type."""
    folder.mkdir()
    graph = GraphWriter("sum")
    names = [graph.input(name, dtype, shape) for name, (dtype, shape) in inputs.items()]
    total = graph.node("ReduceSum", [graph.node("Cast", [names[0]], to=1)], keepdims=1)
    graph.node("Identity", [graph.node("Flatten", [total])], output)
    graph.output(output, "float32", (1, 1))
    graph.save(folder / "sum.onnx")
    return folder


def build(backend: str, model: Path, out: Path) -> None:
    out.mkdir()
    backend_named(backend).load().build_engine(PROGRAM, model, OPTIONS[backend], out)


FITS = ("float32", ("N", 16))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("inputs", "output", "told"),
    [
        ({"image": FITS}, "y", "this model has no input `x`"),
        ({"x": FITS}, "z", "this model has no output `y`"),
        ({"x": FITS, "mask": FITS}, "y", "this model also takes the input `mask`"),
        ({"x": ("float64", ("N", 16))}, "y", r"the input `x` of this model is float64 \[., 16\]"),
        ({"x": ("float32", ("N", 20))}, "y", r"the input `x` of this model is float32 \[., 20\]"),
        ({"x": ("float32", ("N", 4, 4))}, "y", r"`x` of this model is float32 \[., 4, 4\]"),
    ],
)
def test_a_model_that_does_not_fit(
    backend: str,
    inputs: dict[str, tuple[str, tuple[int | str, ...]]],
    output: str,
    told: str,
    tmp_path: Path,
) -> None:
    model = write(tmp_path / "model", inputs, output)
    with pytest.raises(BenchwrightError, match=told) as fault:
        build(backend, model, tmp_path / "engine")
    assert fault.value.where == str(model / "sum.onnx")
    assert fault.value.why
    assert fault.value.fix == "use the model file that the benchmark names"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [("N", 16), ("any", "width"), (1, 16)])
def test_axes_that_are_open_on_either_side_fit(
    backend: str, shape: tuple[int | str, ...], tmp_path: Path
) -> None:
    model = write(tmp_path / "model", {"x": ("float32", shape)}, "y")
    build(backend, model, tmp_path / "engine")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html>Sign in</html>", None])
def test_a_file_that_is_no_model(backend: str, content: bytes | None, tmp_path: Path) -> None:
    model = write(tmp_path / "model", {"x": FITS}, "y")
    whole = (model / "sum.onnx").read_bytes()
    (model / "sum.onnx").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(BenchwrightError, match=r"sum\.onnx: .* cannot load this model"):
        build(backend, model, tmp_path / "engine")
