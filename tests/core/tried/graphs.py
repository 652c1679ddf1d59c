"""Small ONNX graphs for the tests of tried models, written with the package `onnx`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Dims = Sequence[int | str | None]


def info(name: str, kind: int, dims: Dims | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, dims)


def save(path: Path, nodes, inputs, outputs, weights=(), opset: int = 17) -> Path:
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.save(model, path)
    return path


def weight(name: str, values) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values), name)


def embedding(path: Path, ids: Dims = ("batch", "sequence"), rows: int = 100) -> Path:
    """Token ids [B, S] and a mask to float32 [B, S, 4]: rows of a table, masked."""
    random = np.random.default_rng(0)
    table = weight("table", random.standard_normal((rows, 4), dtype=np.float32))
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["rows"], axis=0),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["rows", "column"], ["hidden"]),
    ]
    return save(
        path,
        nodes,
        [
            info("input_ids", TensorProto.INT64, ids),
            info("attention_mask", TensorProto.INT64, ids),
        ],
        [info("hidden", TensorProto.FLOAT, [*ids, 4])],
        [table, weight("last", np.array([2], np.int64))],
    )


def double(path: Path, dims: Dims, kind: int = TensorProto.FLOAT, name: str = "x") -> Path:
    """One input, added to itself."""
    node = helper.make_node("Add", [name, name], ["y"])
    return save(path, [node], [info(name, kind, dims)], [info("y", kind, dims)])


def decoder(path: Path, vocabulary: int = 11) -> Path:
    """A graph with a key-value cache whose next token is the sum of all tokens seen, modulo the
    vocabulary: what a cache that is lost, or a mask that is wrong, would change.

    The cache holds the tokens themselves, [B, 1, P, 1]."""
    n = helper.make_node
    nodes = [
        n("Cast", ["input_ids"], ["floats"], to=TensorProto.FLOAT),
        n("Unsqueeze", ["floats", "axes"], ["own"]),
        n("Concat", ["past_key_values.0.key", "own"], ["present.0.key"], axis=2),
        n("Concat", ["past_key_values.0.value", "own"], ["present.0.value"], axis=2),
        n("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        n("Unsqueeze", ["mask", "axes"], ["wide"]),
        n("Mul", ["present.0.key", "wide"], ["seen"]),
        n("ReduceSum", ["seen", "summed"], ["sum"], keepdims=0),
        n("Mod", ["sum", "size"], ["token"], fmod=1),
        n("Cast", ["token"], ["index"], to=TensorProto.INT64),
        n("OneHot", ["index", "depth", "values"], ["scores"], axis=-1),
        n("Unsqueeze", ["scores", "step"], ["logits"]),
    ]
    past: Dims = ["batch", 1, "past", 1]
    total: Dims = ["batch", 1, "total", 1]
    return save(
        path,
        nodes,
        [
            info("input_ids", TensorProto.INT64, ["batch", "sequence"]),
            info("attention_mask", TensorProto.INT64, ["batch", "total"]),
            info("past_key_values.0.key", TensorProto.FLOAT, past),
            info("past_key_values.0.value", TensorProto.FLOAT, past),
        ],
        [
            info("logits", TensorProto.FLOAT, ["batch", 1, vocabulary]),
            info("present.0.key", TensorProto.FLOAT, total),
            info("present.0.value", TensorProto.FLOAT, total),
        ],
        [
            weight("axes", np.array([1, 3], np.int64)),
            weight("summed", np.array([1, 2, 3], np.int64)),
            weight("size", np.float32(vocabulary)),
            weight("depth", np.array(vocabulary, np.int64)),
            weight("values", np.array([0, 1], np.float32)),
            weight("step", np.array([1], np.int64)),
        ],
    )
