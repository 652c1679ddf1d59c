"""DLRM-DCNv2 as an ONNX graph, whatever its sizes and wherever its weights come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchwright.onnxgraph import GraphWriter
from benchwright_recommendation.architecture import DENSE, Architecture

if TYPE_CHECKING:
    from benchwright.contracts.program import Array

DENSE_INPUT, IDS_INPUT, PREDICTION = "dense", "ids", "prediction"


def click_graph(architecture: Architecture, weights: Mapping[str, Any]) -> GraphWriter:
    """The graph: dense float32 [N, 13] and ids int32 [N, ids] to prediction float32 [N], the
    probability of a click; N counts user-item pairs.

    weights: by the names of `Architecture.weights`.
    """
    graph = GraphWriter("dlrm-dcnv2")
    dense = graph.input(DENSE_INPUT, "float32", ("N", DENSE))
    ids = graph.input(IDS_INPUT, "int32", ("N", architecture.ids))

    def weight(name: str) -> str:
        values: Array = weights[name]
        return graph.weight(name, values)

    def layer(source: str, name: str) -> str:
        return graph.node("Gemm", [source, weight(f"{name}.weight"), weight(f"{name}.bias")],
                          transB=1)  # fmt: skip

    x = dense
    for index in range(len(architecture.bottom)):
        x = graph.node("Relu", [layer(x, f"bottom.{index}")])
    parts = [x, *_bags(graph, ids, architecture, weight)]
    x = _cross(graph, graph.node("Concat", parts, axis=1), architecture, weight)
    for index in range(len(architecture.top) - 1):
        x = graph.node("Relu", [layer(x, f"top.{index}")])
    logit = layer(x, f"top.{len(architecture.top) - 1}")
    probability = graph.node("Sigmoid", [logit])
    graph.node("Squeeze", [probability, graph.constant([1], "int64")], PREDICTION)
    graph.output(PREDICTION, "float32", ("N",))
    return graph


def _bags(graph: GraphWriter, ids: str, architecture: Architecture, weight: Any) -> list[str]:
    """Each feature's embeddings, summed over its ids: [N, dim] for each table."""
    sizes = graph.constant(architecture.hot, "int64")
    split = graph.nodes("Split", [ids, sizes], len(architecture.hot), axis=1)
    axis = graph.constant([1], "int64")
    pooled = []
    for table, (hot, part) in enumerate(zip(architecture.hot, split, strict=True)):
        found = graph.node("Gather", [weight(f"tables.{table}.weight"), part], axis=0)
        if hot == 1:
            pooled.append(graph.node("Squeeze", [found, axis]))
        else:
            pooled.append(graph.node("ReduceSum", [found, axis], keepdims=0))
    return pooled


def _cross(graph: GraphWriter, x0: str, architecture: Architecture, weight: Any) -> str:
    """The low-rank cross network: x becomes x0 * (w (v x) + bias) + x in each layer."""
    x = x0
    for layer in range(architecture.cross_layers):
        low = graph.node("Gemm", [x, weight(f"cross.{layer}.v")], transB=1)
        high = graph.node(
            "Gemm", [low, weight(f"cross.{layer}.w"), weight(f"cross.{layer}.bias")], transB=1
        )
        x = graph.node("Add", [graph.node("Mul", [x0, high]), x])
    return x
