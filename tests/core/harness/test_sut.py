"""The systems under test: every query is answered once, with its own sample's bytes."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Sequence
from contextlib import closing
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

SPEC = TensorSpec("x", "float32", (BATCH, 3))


class Response:
    """What loadgen's QuerySampleResponse holds."""

    def __init__(self, number: int, data: int, size: int) -> None:
        self.id, self.data, self.size = number, data, size


class Answers:
    """Collects responses as loadgen does: the bytes are copied before the call returns."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.found: dict[int, bytes] = {}
        self.twice: list[int] = []

    def complete(self, responses: Sequence[Any]) -> None:
        with self.lock:
            for item in responses:
                if item.id in self.found:
                    self.twice.append(item.id)
                self.found[item.id] = ctypes.string_at(item.data, item.size) if item.size else b""

    def wait(self, count: int, sut: Sut) -> None:
        end = time.monotonic() + 20
        while len(self.found) < count and sut.failure is None and time.monotonic() < end:
            time.sleep(0.001)


def double(sessions: Any, batch: Any) -> list[Any]:
    return [np.asarray(batch["x"]) * 2]


def first_column(outputs: Any, indices: Any) -> Any:
    return np.stack([outputs[0][:, 0], indices.astype(np.float32)], axis=1)


def ragged_rows(outputs: Any, indices: Any) -> Any:
    """Responses of different sizes, some empty."""
    return [np.full(int(index) % 3, index, np.int64) for index in indices]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    """40 samples; sample i holds i in all its places."""
    folder = tmp_path_factory.mktemp("samples")
    with SampleWriter(folder, (SPEC,), 40) as writer:
        for number in range(40):
            writer.add({"x": np.full(3, number, np.float32)})
    return SampleStore.open(folder)


def instances(count: int, answers: Answers, encoder: Any = first_column) -> list[Instance]:
    return [Instance(double, {}, encoder, Response, answers.complete) for _ in range(count)]


def expected(index: int) -> bytes:
    return np.array([2 * index, index], np.float32).tobytes()


def check(answers: Answers, ids: Sequence[int], indices: Sequence[int]) -> None:
    assert answers.twice == []
    assert answers.found == {
        number: expected(index) for number, index in zip(ids, indices, strict=True)
    }


LOADED = st.permutations(range(40)).flatmap(
    lambda order: st.integers(1, 40).map(lambda count: order[:count])
)


@given(LOADED, st.integers(1, 70), st.integers(1, 3), st.data())
def test_offline_answers_every_sample_once(
    store: SampleStore, loaded: list[int], batch: int, count: int, data: st.DataObject
) -> None:
    picked = data.draw(st.lists(st.sampled_from(loaded), max_size=120) | st.just(loaded * 3))
    ids = [1000 + 7 * place for place in range(len(picked))]
    answers = Answers()
    sut = OfflineSut(instances(count, answers), store, batch)
    sut.load(loaded)
    sut.issue(ids, picked)
    answers.wait(len(ids), sut)
    sut.close()
    assert sut.failure is None
    check(answers, ids, picked)


@given(LOADED, st.data())
def test_streams_answer_on_the_issuing_thread(
    store: SampleStore, loaded: list[int], data: st.DataObject
) -> None:
    answers = Answers()
    sut = StreamSut(instances(1, answers), store)
    sut.load(loaded)
    picked = data.draw(st.lists(st.sampled_from(loaded), min_size=1, max_size=8))
    sut.issue(list(range(len(picked))), picked)
    check(answers, range(len(picked)), picked)
    sut.unload(loaded)


@given(LOADED, st.integers(2, 5), st.data())
def test_streams_share_the_samples_of_a_query_out(
    store: SampleStore, loaded: list[int], count: int, data: st.DataObject
) -> None:
    answers = Answers()
    with closing(StreamSut(instances(count, answers), store)) as sut:
        sut.load(loaded)
        picked = data.draw(st.lists(st.sampled_from(loaded), min_size=1, max_size=12))
        sut.issue(list(range(len(picked))), picked)
        # Nothing is waited for: the query is answered when `issue` returns.
        check(answers, range(len(picked)), picked)


def test_each_instance_of_a_stream_keeps_to_its_thread(store: SampleStore) -> None:
    seen: dict[int, set[int]] = {0: set(), 1: set(), 2: set()}

    def driver_of(number: int) -> Any:
        def driver(sessions: Any, batch: Any) -> list[Any]:
            seen[number].add(threading.get_ident())
            return double(sessions, batch)

        return driver

    answers = Answers()
    made = [
        Instance(driver_of(number), {}, first_column, Response, answers.complete)
        for number in range(3)
    ]
    with closing(StreamSut(made, store)) as sut:
        sut.load(range(40))
        for query in range(10):
            sut.issue([query * 8 + place for place in range(8)], list(range(8)))
    assert [len(threads) for threads in seen.values()] == [1, 1, 1]
    assert seen[0] == {threading.get_ident()}
    assert len(answers.found) == 80


def test_a_failure_on_another_instance_is_the_querys(store: SampleStore) -> None:
    def broken(sessions: Any, batch: Any) -> Any:
        raise RuntimeError("the chip is gone")

    answers = Answers()
    failing = Instance(broken, {}, first_column, Response, answers.complete)
    made = [*instances(1, answers), failing]
    with closing(StreamSut(made, store)) as sut:
        sut.load(range(40))
        with pytest.raises(RuntimeError, match="the chip is gone"):
            sut.issue(list(range(8)), list(range(8)))


@given(LOADED, st.integers(1, 16), st.integers(1, 3), st.sampled_from([0, 500]), st.data())
def test_server_answers_every_query_once(
    store: SampleStore,
    loaded: list[int],
    batch: int,
    count: int,
    deadline_us: int,
    data: st.DataObject,
) -> None:
    picked = data.draw(st.lists(st.sampled_from(loaded), max_size=60))
    answers = Answers()
    sut = ServerSut(instances(count, answers), store, batch, deadline_us)
    sut.load(loaded)
    for number, index in enumerate(picked):
        sut.issue([number], [index])
    answers.wait(len(picked), sut)
    sut.close()
    assert sut.failure is None
    check(answers, range(len(picked)), picked)


def test_server_takes_a_query_of_several_samples(store: SampleStore) -> None:
    answers = Answers()
    sut = ServerSut(instances(2, answers), store, 4)
    sut.load(range(40))
    sut.issue(list(range(9)), list(range(9)))
    answers.wait(9, sut)
    sut.close()
    check(answers, range(9), range(9))


@pytest.mark.parametrize("kind", ["offline", "stream"])
def test_responses_may_have_different_sizes(store: SampleStore, kind: str) -> None:
    answers = Answers()
    made = instances(1, answers, ragged_rows)
    sut: Sut = OfflineSut(made, store, 7) if kind == "offline" else StreamSut(made, store)
    sut.load(range(40))
    sut.issue(list(range(40)), list(range(40)))
    answers.wait(40, sut)
    sut.close()
    assert answers.found == {
        index: np.full(index % 3, index, np.int64).tobytes() for index in range(40)
    }


@pytest.mark.parametrize("kind", [OfflineSut, ServerSut])
def test_a_failing_engine_is_told_and_nothing_hangs(store: SampleStore, kind: Any) -> None:
    def broken(sessions: Any, batch: Any) -> Any:
        raise RuntimeError("the chip is gone")

    answers, told = Answers(), []
    made = [Instance(broken, {}, first_column, Response, answers.complete)]
    sut = kind(made, store, 4)
    sut.on_failure = told.append
    sut.load(range(40))
    sut.issue([1, 2], [1, 2])
    answers.wait(2, sut)
    sut.close()
    assert [str(error) for error in told] == ["the chip is gone"]


def test_ragged_samples_come_back_as_they_were(tmp_path: Path) -> None:
    specs = (TensorSpec("a", "int64", (BATCH, "length")), TensorSpec("b", "float32", ("d", "h")))
    random = np.random.default_rng(0)
    rows = [{"a": np.arange(n), "b": random.random((n, n + 1), np.float32)} for n in (3, 1, 4, 2)]
    with SampleWriter(tmp_path, specs, len(rows)) as writer:
        for row in rows:
            writer.add(row)
    loaded = SampleStore.open(tmp_path).load([2, 0, 3])
    for place, index in enumerate([2, 0, 3]):
        for name in ("a", "b"):
            assert np.array_equal(loaded.ragged[name][place], rows[index][name])
            assert np.array_equal(loaded.slice(place, place + 1)[name][0], rows[index][name])
    assert loaded.slots.tolist() == [1, -1, 0, 2]
    gathered = loaded.gather(np.array([2, 0]))
    assert np.array_equal(gathered["a"][0], rows[3]["a"])


def test_samples_that_are_missing_or_misshapen_are_refused(tmp_path: Path) -> None:
    writer = SampleWriter(tmp_path, (SPEC,), 2)
    with pytest.raises(BenchwrightError, match="shape"):
        writer.add({"x": np.zeros(4, np.float32)})
    writer.add({"x": np.zeros(3, np.float32)})
    with pytest.raises(BenchwrightError, match="1 of 2"):
        writer.close()
    with pytest.raises(BenchwrightError, match="cannot be read"):
        SampleStore.open(tmp_path / "nothing")
