"""Samples that differ in size under the systems under test: batches, order, tokens."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.errors import BenchwrightError
from benchwright.harness.instance import Instance
from benchwright.harness.samples import SampleStore, SampleWriter
from benchwright.harness.sut import OfflineSut, ServerSut, StreamSut, Sut
from core.harness.test_sut import Answers, Response

SPECS = (
    TensorSpec("label", "int64", (BATCH,)),
    TensorSpec("x", "int64", (BATCH, "length")),
)
SIZES = [int(size) for size in np.random.default_rng(5).permutation(np.repeat([1, 3, 10, 40], 6))]
MEDIAN = float(np.median(SIZES))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    """24 samples; sample i is i, as often as its size says."""
    folder = tmp_path_factory.mktemp("ragged")
    with SampleWriter(folder, SPECS, len(SIZES)) as writer:
        for number, size in enumerate(SIZES):
            writer.add({"label": np.int64(number), "x": np.full(size, number, np.int64)})
    return SampleStore.open(folder)


class Driver:
    """Sums every sample; notes which samples came together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.lock = threading.Lock()

    def __call__(self, sessions: Any, batch: Any) -> Sequence[Any]:
        with self.lock:
            self.batches.append([int(label) for label in batch["label"]])
        # A list for what differs in size, an array for what does not.
        return [[item * 2 for item in batch["x"]], np.asarray(batch["label"])]

    def check(self, batch: int) -> None:
        for labels in self.batches:
            largest = max(SIZES[label] for label in labels)
            assert len(labels) == 1 or len(labels) * largest <= batch * MEDIAN


class Tokens(Driver):
    """The same, telling each sample's first token before it goes on."""

    def stream(self, sessions: Any, batch: Any, first_token: Any) -> Sequence[Any]:
        rows = list(range(len(batch["x"])))
        first_token(rows[::2], np.array([batch["x"][row][0] for row in rows[::2]]))
        first_token(rows[1::2], np.array([batch["x"][row][0] for row in rows[1::2]]))
        return self(sessions, batch)


def whole(outputs: Any, indices: Any) -> Any:
    assert [int(index) for index in outputs[1]] == indices.tolist()
    return outputs[0]


def check(answers: Answers, indices: Sequence[int]) -> None:
    assert answers.twice == []
    assert answers.found == {
        number: np.full(SIZES[index], 2 * index, np.int64).tobytes()
        for number, index in enumerate(indices)
    }


PICKED = st.lists(st.integers(0, len(SIZES) - 1), max_size=60)


@given(PICKED, st.integers(1, 30), st.integers(1, 2))
def test_offline_batches_samples_of_like_size(
    store: SampleStore, picked: list[int], batch: int, count: int
) -> None:
    answers, driver = Answers(), Driver()
    made = [Instance(driver, {}, whole, Response, answers.complete) for _ in range(count)]
    sut = OfflineSut(made, store, batch)
    sut.load(range(len(SIZES)))
    sut.issue(list(range(len(picked))), picked)
    answers.wait(len(picked), sut)
    sut.close()
    assert sut.failure is None
    check(answers, picked)
    driver.check(batch)
    if count == 1:
        order = [SIZES[label] for labels in driver.batches for label in labels]
        assert order == sorted(order, reverse=True)


@given(PICKED, st.integers(1, 30))
def test_server_keeps_the_budget(store: SampleStore, picked: list[int], batch: int) -> None:
    answers, driver = Answers(), Driver()
    sut = ServerSut([Instance(driver, {}, whole, Response, answers.complete)], store, batch)
    sut.load(range(len(SIZES)))
    sut.issue(list(range(len(picked))), picked)
    answers.wait(len(picked), sut)
    sut.close()
    assert sut.failure is None
    check(answers, picked)
    driver.check(batch)


def test_a_stream_query_is_one_batch(store: SampleStore) -> None:
    answers, driver = Answers(), Driver()
    sut = StreamSut([Instance(driver, {}, whole, Response, answers.complete)], store)
    sut.load(range(len(SIZES)))
    sut.issue([0, 1, 2], [5, 6, 2])
    check(answers, [5, 6, 2])
    assert driver.batches == [[5, 6, 2]]


class Counted(Response):
    """A response that says how many tokens it holds."""

    def __init__(self, number: int, data: int, size: int, tokens: int = 0) -> None:
        super().__init__(number, data, size)
        self.tokens = tokens


@pytest.mark.parametrize("kind", ["Offline", "Server", "Stream"])
def test_first_tokens_are_told_and_tokens_counted(store: SampleStore, kind: str) -> None:
    answers, first = Answers(), Answers()
    counts: dict[int, int] = {}

    def complete(responses: Sequence[Any]) -> None:
        assert all(item.id in first.found for item in responses)
        counts.update({item.id: item.tokens for item in responses})
        answers.complete(responses)

    made = [Instance(Tokens(), {}, whole, Counted, complete, first.complete)]
    sut: Sut
    if kind == "Offline":
        sut = OfflineSut(made, store, 4)
    else:
        sut = ServerSut(made, store, 4) if kind == "Server" else StreamSut(made, store)
    picked = [3, 3, 0, 9, 20, 1, 7]
    sut.load(range(len(SIZES)))
    sut.issue(list(range(len(picked))), picked)
    answers.wait(len(picked), sut)
    sut.close()
    assert sut.failure is None
    check(answers, picked)
    assert counts == {number: SIZES[index] for number, index in enumerate(picked)}
    assert first.twice == []
    assert first.found == {number: np.int64(index).tobytes() for number, index in enumerate(picked)}


def test_a_driver_that_tells_no_tokens_is_refused() -> None:
    answers = Answers()
    with pytest.raises(BenchwrightError, match="first token") as caught:
        Instance(Driver(), {}, whole, Counted, answers.complete, answers.complete)
    assert "no `stream`" in str(caught.value.why)


def test_sizes_are_those_of_the_first_ragged_tensor(store: SampleStore, tmp_path: Path) -> None:
    assert store.sizes is not None
    assert store.sizes.tolist() == SIZES
    assert store.load([4, 2]).sizes is not None
    assert store.load([4, 2]).sizes.tolist() == [SIZES[4], SIZES[2]]  # type: ignore[union-attr]
