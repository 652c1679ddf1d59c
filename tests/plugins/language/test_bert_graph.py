"""The graph: what it computes, against NumPy and against the torch module."""

from __future__ import annotations

from math import erf
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from benchwright_language.bert_config import LARGE, TINY, Encoder
from benchwright_language.bert_graph import build_graph

SMALL = Encoder(vocabulary=11, hidden=6, layers=2, heads=2, intermediate=8, positions=7)
Floats = NDArray[np.float32]


def weights_of(encoder: Encoder, seed: int = 0) -> dict[str, Floats]:
    draw = np.random.default_rng(seed)
    return {
        name: draw.normal(size=shape).astype(np.float32) * np.float32(0.5)
        for name, shape in encoder.shapes().items()
    }


def session_of(encoder: Encoder, weights: dict[str, Floats]) -> onnxruntime.InferenceSession:
    model = build_graph(encoder, weights, "small").model().SerializeToString()
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def plainly(encoder: Encoder, w: dict[str, Floats], ids: Any, segments: Any) -> Floats:
    """The encoder for one sequence without padding, in float64, as BERT's paper describes it."""

    def norm(x: Any, name: str) -> Any:
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x: Any, name: str) -> Any:
        return x @ w[f"{name}.weight"].T.astype(np.float64) + w[f"{name}.bias"]

    stem = "bert.embeddings"
    x = (
        w[f"{stem}.word_embeddings.weight"][ids].astype(np.float64)
        + w[f"{stem}.position_embeddings.weight"][: len(ids)]
        + w[f"{stem}.token_type_embeddings.weight"][segments]
    )
    x = norm(x, f"{stem}.LayerNorm")
    width = encoder.hidden // encoder.heads
    for number in range(encoder.layers):
        layer = f"bert.encoder.layer.{number}"
        parts = [linear(x, f"{layer}.attention.self.{n}") for n in ("query", "key", "value")]
        mixed = []
        for head in range(encoder.heads):
            q, k, v = (part[:, head * width : (head + 1) * width] for part in parts)
            scores = np.exp(q @ k.T / np.sqrt(width))
            mixed.append(scores / scores.sum(-1, keepdims=True) @ v)
        attended = linear(np.concatenate(mixed, 1), f"{layer}.attention.output.dense")
        x = norm(x + attended, f"{layer}.attention.output.LayerNorm")
        inner = linear(x, f"{layer}.intermediate.dense")
        inner = inner * 0.5 * (1 + np.vectorize(erf)(inner / np.sqrt(2)))
        x = norm(x + linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    return linear(x, "qa_outputs").astype(np.float32)


def test_it_computes_bert_whatever_the_padding() -> None:
    weights = weights_of(SMALL)
    session = session_of(SMALL, weights)
    ids = np.array([[2, 5, 3, 7, 10, 3], [2, 4, 4, 3, 0, 0]])
    segments = np.array([[0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 0, 0]])
    mask = (np.arange(6) < np.array([[6], [4]])).astype(np.int64)
    found = session.run(
        ["output_start_logits", "output_end_logits"],
        {"input_ids": ids, "input_mask": mask, "segment_ids": segments},
    )
    for row, count in enumerate((6, 4)):
        expected = plainly(SMALL, weights, ids[row, :count], segments[row, :count])
        for column in (0, 1):
            np.testing.assert_allclose(
                found[column][row, :count], expected[:, column], rtol=1e-4, atol=1e-5
            )


def test_names_types_and_axes_are_those_of_the_official_model() -> None:
    session = session_of(SMALL, weights_of(SMALL))
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [
        (name, "tensor(int64)", ["N", "tokens"])
        for name in ("input_ids", "input_mask", "segment_ids")
    ]
    assert [(o.name, o.type, o.shape) for o in session.get_outputs()] == [
        (name, "tensor(float)", ["N", "tokens"])
        for name in ("output_start_logits", "output_end_logits")
    ]


def test_the_official_size_is_that_of_bert_large() -> None:
    shapes = LARGE.shapes()
    total = sum(int(np.prod(shape)) for shape in shapes.values())
    # 31.78 M in the embeddings, 24 layers of 12.60 M, and the head's 2 x 1024 + 2.
    assert total == 31_782_912 + 24 * 12_596_224 + 2_050
    assert len(shapes) == 5 + 24 * 16 + 2


def test_the_torch_module_is_the_graph() -> None:
    torch = pytest.importorskip("torch")
    from benchwright_language.bert_module import build

    torch.manual_seed(0)
    module = build(**TINY._asdict()).eval()
    weights = {name: weight.numpy() for name, weight in module.state_dict().items()}
    assert {name: weight.shape for name, weight in weights.items()} == TINY.shapes()
    ids = torch.randint(0, TINY.vocabulary, (3, 20))
    mask = torch.ones(3, 20, dtype=torch.int64)
    mask[1, 12:] = 0
    segments = (torch.arange(20) > 6).long().expand(3, 20).contiguous()
    with torch.no_grad():
        expected = module(ids, mask, segments)
    names = ("input_ids", "input_mask", "segment_ids")
    given = {n: t.numpy() for n, t in zip(names, (ids, mask, segments), strict=True)}
    found = session_of(TINY, weights).run(None, given)
    real = mask.numpy().astype(bool)
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one[real], two.numpy()[real], atol=1e-5)
