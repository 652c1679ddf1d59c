"""The drivers of tried models, on graphs whose results are known, through the plain backend's
runtime: whatever the layout, a sample's result does not depend on who shares its batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from benchwright.contracts.program import single_call
from benchwright.tried.describe import describe
from benchwright.tried.described import Description
from benchwright.tried.driver import Call, driver_of
from benchwright.tried.generation import Generate
from benchwright.tried.padding import padded
from benchwright.tried.request import Asked
from benchwright.tried.resolve import Located
from benchwright.tried.samples import make
from core.tried import graphs


class Session:
    """A graph, and the shapes that it was called with."""

    def __init__(self, path: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(path))
        self.calls: list[dict[str, tuple[int, ...]]] = []

    def run(self, inputs: dict[str, Any]) -> list[Any]:
        self.calls.append({name: value.shape for name, value in inputs.items()})
        assert all(value.flags.c_contiguous for value in inputs.values())
        found: list[Any] = self._session.run(None, inputs)
        return found


def described(path: Path, asked: Asked = Asked()) -> Description:  # noqa: B008
    return describe(Located(path.stem, path.parent, path), asked, {})


def batch_of(found: Description, count: int) -> dict[str, Any]:
    samples = [sample for sample, _ in zip(make(found, None), range(count), strict=False)]
    return {name: [sample[name] for sample in samples] for name in samples[0]}


def test_padded() -> None:
    items = [np.ones((1, 2), np.int64), np.full((2, 1), 5)]
    assert padded(items).tolist() == [[[1, 1], [0, 0]], [[5, 0], [5, 0]]]


def test_one_length_needs_no_driver_of_ours(tmp_path: Path) -> None:
    found = described(graphs.embedding(tmp_path / "m.onnx"), Asked(lengths=(4, 4)))
    assert driver_of(found) is single_call


def test_lengths_are_filled_up_within_a_batch(tmp_path: Path) -> None:
    path = graphs.embedding(tmp_path / "m.onnx")
    found = described(path, Asked(lengths=(2, 9)))
    driver, session = driver_of(found), Session(path)
    batch = batch_of(found, 5)
    sizes = [len(ids) for ids in batch["input_ids"]]
    assert len(set(sizes)) > 1
    (whole,) = driver({"main": session}, batch)
    assert session.calls == [{name: (5, max(sizes)) for name in batch}]
    for row, size in enumerate(sizes):
        alone = {name: values[row : row + 1] for name, values in batch.items()}
        (single,) = driver({"main": session}, alone)
        np.testing.assert_array_equal(whole[row, :size], single[0])
        assert not whole[row, size:].any()


@pytest.mark.parametrize(("dims", "calls"), [((1, 2, 2, 2), 5), ((4, 2, 2, 2), 2)])
def test_a_fixed_batch_is_called_as_often_as_it_takes(
    dims: tuple[int, ...], calls: int, tmp_path: Path
) -> None:
    path = graphs.double(tmp_path / "m.onnx", dims)
    found, session = described(path), Session(path)
    values = np.arange(40, dtype=np.float32).reshape(5, 2, 2, 2)
    (result,) = driver_of(found)({"main": session}, {"x": values})
    np.testing.assert_array_equal(result, 2 * values)
    assert session.calls == [{"x": dims}] * calls


def test_a_graph_without_a_batch(tmp_path: Path) -> None:
    path = graphs.double(tmp_path / "m.onnx", (3, 4, 5))
    found, session = described(path), Session(path)
    values = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)
    (result,) = driver_of(found)({"main": session}, {"x": values})
    np.testing.assert_array_equal(np.stack(result), 2 * values)
    assert session.calls == [{"x": (3, 4, 5)}] * 2


def test_a_batch_that_is_not_first(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    path = graphs.save(
        tmp_path / "m.onnx",
        [helper.make_node("Add", ["state", "x"], ["y"])],
        [
            graphs.info("x", TensorProto.FLOAT, ["batch", 3]),
            graphs.info("state", TensorProto.FLOAT, [2, "batch", 3]),
        ],
        [graphs.info("y", TensorProto.FLOAT, [2, "batch", 3])],
    )
    found, session = described(path), Session(path)
    driver = driver_of(found)
    assert isinstance(driver, Call)
    random = np.random.default_rng(0)
    batch = {
        "x": random.random((4, 3), np.float32),
        "state": random.random((4, 2, 3), np.float32),
    }
    (result,) = driver({"main": session}, batch)
    np.testing.assert_allclose(result, batch["state"] + batch["x"][:, None])
    assert session.calls == [{"x": (4, 3), "state": (2, 4, 3)}]


def expected(prompt: list[int], steps: int) -> list[int]:
    """What `graphs.decoder` goes on with: the sum of all tokens so far, modulo 11."""
    tokens, made = list(prompt), []
    for _ in range(steps):
        made.append(sum(tokens) % 11)
        tokens.append(made[-1])
    return made


def test_generation_keeps_its_cache_and_masks_what_fills_up(tmp_path: Path) -> None:
    path = graphs.decoder(tmp_path / "model.onnx")
    found = described(path, Asked(lengths=(2, 6), new_tokens=5))
    assert (found.driver, found.facts["cache"]) == ("generate", [1, 1])
    assert found.sizes == {"prompt": (2, 6)}
    prompts = [[3, 4, 10], [1], [7, 7, 7, 7]]
    batch = {"input_ids": [np.array(prompt) for prompt in prompts]}
    told: list[tuple[list[int], list[int]]] = []
    driver = driver_of(found)
    assert isinstance(driver, Generate)
    session = Session(path)
    (made,) = driver.stream(
        {"main": session}, batch, lambda rows, tokens: told.append((list(rows), tokens.tolist()))
    )
    assert [tokens.tolist() for tokens in made] == [expected(prompt, 5) for prompt in prompts]
    assert told == [([0, 1, 2], [expected(prompt, 1)[0] for prompt in prompts])]
    lengths = [call["past_key_values.0.key"][2] for call in session.calls]
    assert lengths == [0, 4, 5, 6, 7]
    (again,) = driver({"main": session}, batch)
    assert [tokens.tolist() for tokens in again] == [tokens.tolist() for tokens in made]
