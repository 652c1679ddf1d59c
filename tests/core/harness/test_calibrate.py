"""The calibration of Server: what a rate of queries does to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchwright.contracts.program import Driver
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.harness import calibrate
from benchwright.harness.calibrate import (
    Operation,
    Outcome,
    Room,
    layouts,
    stream_layouts,
    try_rate,
)
from benchwright.harness.instance import Instance
from benchwright.harness.samples import SampleStore, SampleWriter


class Response:
    """What loadgen's QuerySampleResponse holds."""

    def __init__(self, number: int, data: int, size: int) -> None:
        self.id, self.data, self.size = number, data, size


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    folder = tmp_path_factory.mktemp("samples")
    with SampleWriter(folder, (TensorSpec("x", "float32", (BATCH, 3)),), 8) as writer:
        for number in range(8):
            writer.add({"x": np.full(3, number, np.float32)})
    return SampleStore.open(folder)


def taking(seconds: float) -> Callable[[int, int], list[Instance]]:
    """Opens instances whose batches take so long."""

    def driver(sessions: Any, batch: Any) -> list[Any]:
        time.sleep(seconds)
        return [np.asarray(batch["x"])]

    return opening(driver)


def opening(driver: Driver) -> Callable[[int, int], list[Instance]]:
    """Opens instances that compute with this driver."""

    def opened(instances: int, threads: int) -> list[Instance]:
        return [
            Instance(driver, {}, lambda found, _: found[0], Response, lambda responses: None)
            for _ in range(instances)
        ]

    return opened


@pytest.mark.serial
@pytest.mark.parametrize(
    ("seconds", "rate", "bound_s", "expected"),
    [
        pytest.param(0.002, 40, 2.0, Outcome.KEPT, id="slow enough"),
        pytest.param(0.050, 5, 0.010, Outcome.LATE, id="never in time"),
        pytest.param(0.010, 1000, 60.0, Outcome.BEHIND, id="in time now, not for long"),
        pytest.param(0.0, 2_000_000, 60.0, Outcome.BEHIND, id="faster than anyone can send"),
    ],
)
def test_what_a_rate_does(
    store: SampleStore, seconds: float, rate: float, bound_s: float, expected: Outcome
) -> None:
    opened = taking(seconds)(1, 1)
    assert try_rate(opened, store, Operation(1, 1, 1), rate, bound_s) is expected


def test_a_slower_rate_helps_who_is_behind_and_a_longer_bound_who_is_late(
    store: SampleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second's queries of a trial could all wait within a bound of a minute; in a run the queue
    would grow beyond any bound. Neither the engine nor who sends queries may be outrun."""
    outcomes = iter([Outcome.BEHIND, Outcome.LATE, Outcome.BEHIND, Outcome.KEPT])
    tried: list[tuple[float, float]] = []

    def outcome(*given: Any) -> Outcome:
        tried.append(given[3:])
        return next(outcomes)

    monkeypatch.setattr(calibrate, "try_rate", outcome)
    found = calibrate.calibrate_unbounded_server(taking(0.001), store, 1.0, Room(1, 1), {})
    first, step = tried[0][0], calibrate.TRIAL_STEP
    assert [rate / first for rate, _ in tried] == pytest.approx([1, step, step, step**2])
    assert [bound for _, bound in tried] == pytest.approx([0.5, 0.5, 1.0, 1.0])
    assert found.samples_per_second == tried[-1][0]
    assert found.bound_s == 2.0


@pytest.mark.serial
def test_a_bound_too_tight_for_the_engine_grows_to_the_next_round_figure(
    store: SampleStore,
) -> None:
    found = calibrate.calibrate_unbounded_server(taking(0.020), store, 0.001, Room(1, 1), {})
    assert 0.2 <= found.bound_s <= 1.0


@pytest.mark.parametrize(
    ("room", "pins", "expected"),
    [
        (Room(1, 99), {}, [(1, 1)]),
        (Room(2, 99), {}, [(1, 2), (2, 1)]),
        (Room(64, 99), {}, [(1, 64), (64, 1), (16, 4)]),
        (Room(64, 6), {}, [(1, 64), (6, 10)]),
        (Room(64, 1), {}, [(1, 64)]),
        (Room(64, 99), {"threads": 8}, [(8, 8)]),
        (Room(64, 3), {"threads": 8}, [(3, 8)]),
        (Room(8, 1), {"instances": 4}, [(4, 2)]),
        (Room(8, 1), {"instances": 4, "threads": 1}, [(4, 1)]),
    ],
)
def test_layouts_of_queues(
    room: Room, pins: dict[str, int], expected: list[tuple[int, int]]
) -> None:
    """No more instances than memory has room for, but what is pinned is the user's to know."""
    assert layouts(room, pins) == expected


@pytest.mark.parametrize(
    ("room", "samples", "pins", "expected"),
    [
        (Room(2, 99), 1, {}, [(1, 2), (1, 1)]),
        (Room(2, 99), 8, {}, [(1, 2), (2, 1)]),
        (Room(64, 99), 8, {}, [(1, 64), (8, 8)]),
        (Room(64, 2), 8, {}, [(1, 64), (2, 32)]),
        (Room(64, 1), 8, {}, [(1, 64), (1, 1)]),
        (Room(64, 99), 8, {"threads": 4}, [(1, 4)]),
        (Room(64, 99), 8, {"instances": 4}, [(4, 16)]),
        (Room(64, 99), 8, {"instances": 4, "threads": 2}, [(4, 2)]),
    ],
)
def test_layouts_of_streams(
    room: Room, samples: int, pins: dict[str, int], expected: list[tuple[int, int]]
) -> None:
    assert stream_layouts(room, samples, pins) == expected


@pytest.mark.serial
def test_a_query_is_shared_out_where_that_is_sooner(store: SampleStore) -> None:
    """An engine whose time grows with the batch: two instances take half as long."""

    def driver(sessions: Any, batch: Any) -> list[Any]:
        time.sleep(0.004 * len(batch["x"]))
        return [np.asarray(batch["x"])]

    found = calibrate.calibrate_stream(opening(driver), store, 8, Room(2, 2), {})
    assert (found.instances, found.threads) == (2, 1)
    alone = calibrate.calibrate_stream(opening(driver), store, 1, Room(2, 2), {})
    assert alone.instances == 1


@pytest.mark.serial
@pytest.mark.parametrize(
    ("alone", "more", "expected"),
    [
        pytest.param(0.2, 0.0, 4, id="batches cost no more than one sample"),
        pytest.param(0.2, 0.25, 1, id="batches gain nothing"),
    ],
)
def test_slow_samples_are_batched_where_that_pays(
    store: SampleStore, alone: float, more: float, expected: int
) -> None:
    """A model that generates takes its time for one sample, and hardly more for several."""

    def driver(sessions: Any, batch: Any) -> list[Any]:
        time.sleep(alone + more * (len(batch["x"]) - 1))
        return [np.asarray(batch["x"])]

    found = calibrate.calibrate_offline(opening(driver), store, Room(1, 1), {})
    assert found.batch == expected
