"""BERT with a span head as an ONNX graph, whatever its size and weights.

Weights go by the names of the official PyTorch checkpoint (see Encoder.shapes), linear layers as
[outputs, inputs]; inputs and outputs by the names of the official ONNX model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchwright_language.bert_config import Encoder

if TYPE_CHECKING:
    from benchwright.onnxgraph import GraphWriter

Weights = Mapping[str, NDArray[np.float32]]

IDS, MASK, SEGMENTS = "input_ids", "input_mask", "segment_ids"
START, END = "output_start_logits", "output_end_logits"
AXES = ("N", "tokens")
EPSILON = 1e-12
"""Of the layer normalisations."""
MASKED = -10_000.0
"""Added to the attention scores of positions that the mask leaves out."""


def build_graph(encoder: Encoder, weights: Weights, name: str) -> GraphWriter:
    """The graph: int64 [N, tokens] ids, mask (1: a token, 0: padding) and segments in, start and
    end logits float32 [N, tokens] out."""
    from benchwright.onnxgraph import GraphWriter

    writer = GraphWriter(name)
    for tensor in (IDS, MASK, SEGMENTS):
        writer.input(tensor, "int64", AXES)
    _Layers(writer, encoder, weights).write()
    for tensor in (START, END):
        writer.output(tensor, "float32", AXES)
    return writer


class _Layers:
    """The parts of the encoder as nodes. Each method takes and returns names of values."""

    def __init__(self, writer: GraphWriter, encoder: Encoder, weights: Weights) -> None:
        self._writer = writer
        self._node = writer.node
        self._encoder = encoder
        self._weights = weights

    def write(self) -> None:
        hidden = self._embedded()
        bias = self._mask_bias()
        for number in range(self._encoder.layers):
            hidden = self._layer(hidden, bias, f"bert.encoder.layer.{number}")
        logits = self._linear(hidden, "qa_outputs")
        for column, tensor in enumerate((START, END)):
            index = self._writer.constant(column, "int64")
            self._node("Gather", [logits, index], tensor, axis=2)

    def _embedded(self) -> str:
        """Words, positions and segments, added and normalised: [N, tokens, hidden]."""
        stem = "bert.embeddings"
        words = self._node("Gather", [self._weight(f"{stem}.word_embeddings.weight"), IDS])
        segments = self._weight(f"{stem}.token_type_embeddings.weight")
        zero, one, two = (self._writer.constant([number], "int64") for number in (0, 1, 2))
        count = self._node("Slice", [self._node("Shape", [IDS]), one, two])
        table = self._weight(f"{stem}.position_embeddings.weight")
        positions = self._node("Slice", [table, zero, count, zero])
        total = self._node("Add", [words, self._node("Gather", [segments, SEGMENTS])])
        return self._norm(self._node("Add", [total, positions]), f"{stem}.LayerNorm")

    def _mask_bias(self) -> str:
        """[N, 1, 1, tokens]: zero for tokens, `MASKED` for padding."""
        axes = self._writer.constant([1, 2], "int64")
        kept = self._node("Cast", [self._node("Unsqueeze", [MASK, axes])], to=1)
        left_out = self._node("Sub", [self._writer.constant(1.0, "float32"), kept])
        return self._node("Mul", [left_out, self._writer.constant(MASKED, "float32")])

    def _layer(self, hidden: str, bias: str, name: str) -> str:
        mixed = self._linear(
            self._attention(hidden, bias, f"{name}.attention.self"),
            f"{name}.attention.output.dense",
        )
        hidden = self._norm(
            self._node("Add", [mixed, hidden]), f"{name}.attention.output.LayerNorm"
        )
        inner = self._gelu(self._linear(hidden, f"{name}.intermediate.dense"))
        outer = self._linear(inner, f"{name}.output.dense")
        return self._norm(self._node("Add", [outer, hidden]), f"{name}.output.LayerNorm")

    def _attention(self, hidden: str, bias: str, name: str) -> str:
        query = self._heads(hidden, f"{name}.query", [0, 2, 1, 3])
        key = self._heads(hidden, f"{name}.key", [0, 2, 3, 1])
        value = self._heads(hidden, f"{name}.value", [0, 2, 1, 3])
        width = self._encoder.hidden // self._encoder.heads
        root = self._writer.constant(width**0.5, "float32")
        scores = self._node("Div", [self._node("MatMul", [query, key]), root])
        shares = self._node("Softmax", [self._node("Add", [scores, bias])], axis=3)
        mixed = self._node("Transpose", [self._node("MatMul", [shares, value])], perm=[0, 2, 1, 3])
        shape = self._writer.constant([0, 0, self._encoder.hidden], "int64")
        return self._node("Reshape", [mixed, shape])

    def _heads(self, hidden: str, name: str, order: list[int]) -> str:
        heads = self._encoder.heads
        shape = self._writer.constant([0, 0, heads, self._encoder.hidden // heads], "int64")
        parted = self._node("Reshape", [self._linear(hidden, name), shape])
        return self._node("Transpose", [parted], perm=order)

    def _linear(self, source: str, name: str) -> str:
        kernel = self._writer.weight(f"{name}.weight", self._weights[f"{name}.weight"].T)
        product = self._node("MatMul", [source, kernel])
        return self._node("Add", [product, self._weight(f"{name}.bias")])

    def _norm(self, source: str, name: str) -> str:
        scale, shift = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self._node("LayerNormalization", [source, scale, shift], axis=-1, epsilon=EPSILON)

    def _gelu(self, source: str) -> str:
        """x / 2 * (1 + erf(x / sqrt 2)), in the order that engines know it by."""
        root, one, half = (self._writer.constant(v, "float32") for v in (2**0.5, 1.0, 0.5))
        erf = self._node("Erf", [self._node("Div", [source, root])])
        grown = self._node("Mul", [source, self._node("Add", [erf, one])])
        return self._node("Mul", [grown, half])

    def _weight(self, name: str) -> str:
        return self._writer.weight(name, self._weights[name])
