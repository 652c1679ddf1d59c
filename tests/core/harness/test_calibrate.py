"""The calibration of Server: what a rate of queries does to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.harness import calibrate
from benchwright.harness.calibrate import Operation, Outcome, try_rate
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


def taking(seconds: float) -> Callable[[int], Instance]:
    """Opens an instance whose batches take so long."""

    def driver(sessions: Any, batch: Any) -> list[Any]:
        time.sleep(seconds)
        return [np.asarray(batch["x"])]

    def encode(outputs: Any, indices: Any) -> Any:
        return outputs[0]

    return lambda threads: Instance(driver, {}, encode, Response, lambda responses: None)


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
    opened = [taking(seconds)(1)]
    assert try_rate(opened, store, Operation(1, 1, 1), rate, bound_s) is expected


def test_a_long_bound_does_not_hide_that_nobody_keeps_pace(
    store: SampleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second's queries of a trial could all wait within a bound of a minute; in a run the queue
    would grow beyond any bound. Neither the engine nor who sends queries may be outrun."""
    tried: list[float] = []

    def note(*given: Any) -> Outcome:
        tried.append(given[3])
        return try_rate(*given)

    monkeypatch.setattr(calibrate, "try_rate", note)
    found = calibrate.calibrate_unbounded_server(taking(0.0), store, 60.0, 1, {})
    assert found.bound_s == 60.0
    opened = [taking(0.0)(1)]
    slower = found.samples_per_second * calibrate.TRIAL_STEP
    assert try_rate(opened, store, found, slower, 60.0) is Outcome.KEPT
    assert found.samples_per_second <= tried[0]


def test_a_bound_too_tight_for_the_engine_grows_to_the_next_round_figure(
    store: SampleStore,
) -> None:
    found = calibrate.calibrate_unbounded_server(taking(0.020), store, 0.001, 1, {})
    assert 0.2 <= found.bound_s <= 1.0


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

    def opening(threads: int) -> Instance:
        return Instance(driver, {}, lambda found, _: found[0], Response, lambda responses: None)

    assert calibrate.calibrate_offline(opening, store, 1, {}).batch == expected
