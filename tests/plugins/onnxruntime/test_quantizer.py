"""Static int8: which nodes it takes, what ranges come from, what resnet50 still knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from benchwright.contracts.program import Graph, Program
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.errors import BenchwrightError
from benchwright.onnxgraph import GraphWriter
from benchwright.testing.exercises import chain, dense, tokens
from benchwright.testing.workbench import (
    Running,
    at_hand,
    backend_named,
    prepare,
    require_benchmark,
)
from benchwright_onnxruntime.quantizer import StaticInt8
from benchwright_onnxruntime.quantizer_options import StaticInt8Options


def quantize(
    program: Program, model: Path, samples: Iterator[Mapping[str, Any]], out: Path, **options: Any
) -> Mapping[str, Any]:
    out.mkdir(parents=True)
    given = StaticInt8Options(**options).model_dump(mode="json")
    return StaticInt8().quantize(program, model, samples, given, out)


def images(count: int = 4) -> Iterator[dict[str, Any]]:
    for seed in range(count):
        yield {"x": np.random.RandomState(seed).uniform(-1, 1, (4, 6, 6)).astype(np.float32)}


def residual(folder: Path) -> Program:
    """Two convolutions around which the input goes, a mask that is added, a dense layer."""
    folder.mkdir(parents=True)
    writer = GraphWriter("residual")
    writer.input("x", "float32", (BATCH, 4, 6, 6))
    random = np.random.RandomState(0)

    def conv(source: str, name: str) -> str:
        kernel = random.uniform(-1, 1, (4, 4, 1, 1)).astype(np.float32)
        return writer.node("Conv", [source, writer.weight(f"{name}.w", kernel)], f"{name}.out")

    first = writer.node("Relu", [conv("x", "first")], "first.relu")
    joined = writer.node("Add", [conv(first, "second"), first], "joined")
    masked = writer.node("Add", [joined, writer.constant(-1e4, "float32")], "masked")
    part = writer.node("Concat", [joined, masked], "both", axis=1)
    flat = writer.node("Flatten", [part], "flat", axis=1)
    dense_ = random.uniform(-1, 1, (288, 3)).astype(np.float32)
    product = writer.node("MatMul", [flat, writer.weight("dense.w", dense_)], "y")
    writer.output(product, "float32", (BATCH, 3))
    writer.save(folder / "residual.onnx")
    inputs = (TensorSpec("x", "float32", (BATCH, 4, 6, 6)),)
    outputs = (TensorSpec("y", "float32", (BATCH, 3)),)
    graph = Graph("main", inputs, outputs, onnx="residual.onnx")
    return Program("residual", (graph,), inputs, outputs)


def quantised_tensors(path: Path) -> set[str]:
    """Tensors that are turned into integers in the graph."""
    graph = onnx.load(str(path)).graph
    return {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"}


def test_a_residual_sum_is_quantised_and_a_mask_is_not(tmp_path: Path) -> None:
    program = residual(tmp_path / "model")
    facts = quantize(program, tmp_path / "model", images(), tmp_path / "out")
    assert facts["graphs"]["residual.onnx"]["nodes"] == 5
    assert facts["graphs"]["residual.onnx"]["calls"] == 4
    found = quantised_tensors(tmp_path / "out" / "residual.onnx")
    assert {"x", "first.relu", "second.out", "joined"} <= found
    assert "masked" not in found


def test_nodes_can_be_left_out(tmp_path: Path) -> None:
    program = residual(tmp_path / "model")
    quantize(program, tmp_path / "model", images(), tmp_path / "out", exclude=["y", "joined"])
    found = quantised_tensors(tmp_path / "out" / "residual.onnx")
    assert "x" in found
    assert not {"flat", "joined"} & found


def test_activations_are_unsigned_and_weights_signed_by_channel(tmp_path: Path) -> None:
    program = residual(tmp_path / "model")
    quantize(program, tmp_path / "model", images(), tmp_path / "out")
    graph = onnx.load(str(tmp_path / "out" / "residual.onnx")).graph
    held = {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}
    assert held["first.w_quantized"].dtype == np.int8
    assert held["first.w_scale"].shape == (4,)
    assert held["x_zero_point"].dtype == np.uint8
    # The range of the four samples in 255 steps.
    low = min(sample["x"].min() for sample in images())
    high = max(sample["x"].max() for sample in images())
    assert held["x_scale"] == pytest.approx((high - low) / 255, rel=1e-5)


def test_a_graph_that_would_err_too_much_stays_as_it_is(tmp_path: Path) -> None:
    program = residual(tmp_path / "model")
    good = quantize(program, tmp_path / "model", images(), tmp_path / "good")
    assert 0 < good["graphs"]["residual.onnx"]["error"] < 0.05
    kept = quantize(program, tmp_path / "model", images(), tmp_path / "kept", tolerance=1e-9)
    assert kept["graphs"]["residual.onnx"]["nodes"] == 0
    assert kept["graphs"]["residual.onnx"]["error"] == good["graphs"]["residual.onnx"]["error"]
    assert not quantised_tensors(tmp_path / "kept" / "residual.onnx")


def test_ranges_of_every_graph_come_from_the_programs_own_loop(tmp_path: Path) -> None:
    """The second graph is fed by the first: no sample says what it is given."""
    exercise = chain()
    model = exercise.write_model(tmp_path / "model")
    batch = exercise.samples(6, 1)
    samples = ({"x": batch["x"][row]} for row in range(6))
    facts = quantize(exercise.program, model, samples, tmp_path / "out")
    assert {name: item["calls"] for name, item in facts["graphs"].items()} == {
        "dense.onnx": 6,
        "decode.onnx": 6,
    }
    graph = onnx.load(str(tmp_path / "out" / "decode.onnx")).graph
    held = {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}
    (hidden,) = dense().answers(batch)
    assert held["h_scale"] == pytest.approx(hidden.max() / 255, rel=1e-4)


def test_no_more_calls_are_kept_than_asked_for(tmp_path: Path) -> None:
    program = residual(tmp_path / "model")
    facts = quantize(program, tmp_path / "model", images(20), tmp_path / "out", calls=3)
    assert facts["graphs"]["residual.onnx"]["calls"] == 3


def test_ragged_samples_go_through_the_driver_one_by_one(tmp_path: Path) -> None:
    """A graph that has nothing to quantise stays as it is."""
    exercise = tokens()
    model = exercise.write_model(tmp_path / "model")

    def samples() -> Iterator[dict[str, Any]]:
        for length in (2, 5):
            yield {
                "ids": np.zeros(length, np.int64),
                "mask": np.ones(length, np.float32),
            }

    program = Program(
        "tokens",
        exercise.program.graphs,
        exercise.program.inputs,
        exercise.program.outputs,
        load_driver=lambda: _stacked,
    )
    facts = quantize(program, model, samples(), tmp_path / "out")
    assert facts["graphs"]["tokens.onnx"]["nodes"] == 0
    assert facts["graphs"]["tokens.onnx"]["calls"] == 2


def _stacked(sessions: Any, batch: Mapping[str, Any]) -> Any:
    assert all(len(items) == 1 for items in batch.values())
    return sessions["main"].run({name: np.stack(items) for name, items in batch.items()})


def test_without_samples_the_graph_is_named(tmp_path: Path) -> None:
    exercise = dense()
    model = exercise.write_model(tmp_path / "model")
    with pytest.raises(BenchwrightError, match=r"ranges of dense\.onnx cannot be measured"):
        quantize(exercise.program, model, iter(()), tmp_path / "out")


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_resnet50_in_int8_knows_what_it_knew(backend: str, tmp_path: Path) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino", reason="openvino is not installed")
    info = require_benchmark("resnet50")
    (preset,) = at_hand(info, ("tiny",))
    item = prepare(info, preset, tmp_path / "prepared")
    store = item.store()
    samples = (
        {name: array[0] for name, array in store.load([index]).slice(0, 1).items()}
        for index in range(64)
    )
    out = tmp_path / "int8"
    facts = quantize(item.program(), item.model, samples, out)["graphs"]["resnet50.onnx"]
    assert facts["bytes_after"] < 0.5 * facts["bytes_before"]
    encoder = item.benchmark.encoder(preset.name)
    running = Running(item.program(), backend_named(backend), out, tmp_path / "engine", encoder)
    score = item.benchmark.score(preset.name, item.dataset, running.entries(store))
    assert score.values["acc"] >= 0.99 * (preset.reference or {})["acc"]
