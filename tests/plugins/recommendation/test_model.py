"""The model: its graph against NumPy and torch, its sizes against the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from benchwright import onnxgraph
from benchwright_recommendation import weights
from benchwright_recommendation.architecture import OFFICIAL, SYNTHETIC, TINY, Architecture
from benchwright_recommendation.graph import click_graph

from .conftest import SMALL

Weights = dict[str, NDArray[np.float32]]


def _weights(architecture: Architecture) -> Weights:
    random = np.random.default_rng(5)
    return {
        name: random.normal(size=shape).astype(np.float32) / 4
        for name, shape in architecture.weights()
    }


def _pairs(architecture: Architecture, count: int) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(6)
    ids = [
        random.integers(0, rows, (count, hot))
        for rows, hot in zip(architecture.rows, architecture.hot, strict=True)
    ]
    return {
        "dense": random.normal(size=(count, 13)).astype(np.float32),
        "ids": np.concatenate(ids, axis=1).astype(np.int32),
    }


def _by_hand(architecture: Architecture, w: Weights, inputs: dict[str, Any]) -> Any:
    """The model written out, in double precision."""

    def mlp(x: Any, name: str, count: int, *, relu_at_end: bool) -> Any:
        for layer in range(count):
            x = x @ w[f"{name}.{layer}.weight"].T.astype(float) + w[f"{name}.{layer}.bias"]
            if relu_at_end or layer < count - 1:
                x = np.maximum(x, 0)
        return x

    parts = [
        mlp(inputs["dense"].astype(float), "bottom", len(architecture.bottom), relu_at_end=True)
    ]
    column = 0
    for table, hot in enumerate(architecture.hot):
        bag = inputs["ids"][:, column : column + hot]
        parts.append(w[f"tables.{table}.weight"].astype(float)[bag].sum(axis=1))
        column += hot
    x0 = x = np.concatenate(parts, axis=1)
    for layer in range(architecture.cross_layers):
        low = x @ w[f"cross.{layer}.v"].T
        x = x0 * (low @ w[f"cross.{layer}.w"].T + w[f"cross.{layer}.bias"]) + x
    logits = mlp(x, "top", len(architecture.top), relu_at_end=False)[:, 0]
    return 1 / (1 + np.exp(-logits))


def _session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("inline", [True, False])
def test_the_graph_computes_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, inline: bool
) -> None:
    """With its weights inside, and beside it as the official model's are."""
    if not inline:
        monkeypatch.setattr(onnxgraph, "INLINE_BYTES", 0)
    w, inputs = _weights(SMALL), _pairs(SMALL, 9)
    click_graph(SMALL, w).save(tmp_path / "dlrm.onnx")
    (found,) = _session(tmp_path / "dlrm.onnx").run(["prediction"], inputs)
    assert found.shape == (9,)
    np.testing.assert_allclose(found, _by_hand(SMALL, w, inputs), rtol=1e-5)
    assert np.ptp(found) > 0.05
    assert (tmp_path / "dlrm.onnx.data").exists() is not inline


def test_the_torch_module_computes_the_same(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from benchwright_recommendation.module import Dlrm

    module = Dlrm(TINY)
    w = {name: value.numpy() for name, value in module.state_dict().items()}
    assert {name: value.shape for name, value in w.items()} == dict(TINY.weights())
    inputs = _pairs(TINY, 5)
    click_graph(TINY, w).save(tmp_path / "dlrm.onnx")
    (found,) = _session(tmp_path / "dlrm.onnx").run(None, inputs)
    with torch.no_grad():
        logits = module(torch.from_numpy(inputs["dense"]), torch.from_numpy(inputs["ids"]))
    np.testing.assert_allclose(found, torch.sigmoid(logits).numpy(), atol=1e-5)


def test_the_official_sizes_are_the_published_ones() -> None:
    assert len(OFFICIAL.rows) == len(OFFICIAL.hot) == 26
    assert OFFICIAL.ids == 214
    assert OFFICIAL.width == 27 * 128
    # 97.31 GiB of weights are published; tables alone are 204,184,588 rows of 128 numbers.
    assert sum(OFFICIAL.rows) == 204_184_588
    assert OFFICIAL.weight_bytes() / 2**30 == pytest.approx(97.4, abs=0.1)
    # 32.06 MFLOP a pair, without embeddings: two for each weight of the dense layers.
    dense = sum(
        int(np.prod(shape))
        for name, shape in OFFICIAL.weights()
        if not name.startswith("tables") and len(shape) == 2
    )
    assert 2 * dense / 1e6 == pytest.approx(32.06, abs=0.1)


def test_synthetic_differs_from_official_in_rows_alone() -> None:
    assert SYNTHETIC._replace(rows=OFFICIAL.rows) == OFFICIAL
    assert max(SYNTHETIC.rows) == 100_000
    assert SYNTHETIC.weight_bytes() < 540_000_000


def test_random_weights_are_the_same_each_time_and_differ_from_one_another() -> None:
    first, second = weights.random(SMALL), weights.random(SMALL)
    assert {name: blocks.shape for name, blocks in first.items()} == dict(SMALL.weights())
    values = {name: blocks.whole() for name, blocks in first.items()}
    assert all(np.array_equal(values[name], second[name].whole()) for name in values)
    assert len({value.tobytes() for value in values.values()}) == len(values)
    assert all(value.dtype == np.float32 and value.any() for value in values.values())


def test_random_weights_give_predictions_that_differ(tmp_path: Path) -> None:
    click_graph(SMALL, weights.random(SMALL)).save(tmp_path / "dlrm.onnx")
    (found,) = _session(tmp_path / "dlrm.onnx").run(None, _pairs(SMALL, 50))
    assert np.isfinite(found).all()
    assert len(set(found.tolist())) == 50
