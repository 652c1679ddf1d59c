"""How long a run lasts and what loadgen is told to expect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchwright.harness import settings
from benchwright.harness.calibrate import Operation
from benchwright.harness.settings import Request, duration_ms
from benchwright.rounds import load_round

OPERATION = Operation(1, 1, 4, 0, samples_per_second=200.0, latency_s=0.005)


def request(benchmark: str, scenario: str, duration: str | int = "quick") -> Request:
    round_ = load_round("v3.1")
    key = round_.resolve(benchmark).conf_key
    return Request(scenario, "performance", duration, key, 100, {})


@pytest.mark.parametrize(
    ("benchmark", "scenario", "milliseconds"),
    [
        ("resnet50", "SingleStream", 2000),
        ("resnet50", "Offline", 2000),
        # Bound 15 ms, one in a hundred may be late: pauses of 80 ms are 1 % of 8 s.
        ("resnet50", "Server", 8000),
        # 60 ms: pauses of 35 ms beyond it.
        ("dlrm-v2-99", "Server", 3500),
        ("bert-99", "Server", 2000),
    ],
)
def test_a_quick_server_run_lasts_longer_the_tighter_its_bound(
    benchmark: str, scenario: str, milliseconds: int
) -> None:
    assert duration_ms(load_round("v3.1"), request(benchmark, scenario)) == milliseconds


@pytest.mark.parametrize(("duration", "milliseconds"), [("official", 600_000), (7, 7000)])
def test_other_durations_are_as_asked_for(duration: Any, milliseconds: int) -> None:
    asked = request("resnet50", "Server", duration)
    assert duration_ms(load_round("v3.1"), asked) == milliseconds


def test_what_loadgen_expects_is_below_what_was_calibrated() -> None:
    round_ = load_round("v3.1")
    found = settings.test_settings(round_, request("resnet50", "SingleStream"), OPERATION)
    assert found["single_stream_expected_latency_ns"] == 4_000_000
    assert found["min_query_count"] == 64


def test_first_tokens_are_timed_where_asked_for() -> None:
    round_ = load_round("v3.1")
    plain = request("gptj-99", "Offline")
    asked = replace(plain, pins={"token_latencies": True})
    assert "use_token_latencies" not in settings.test_settings(round_, plain, OPERATION)
    assert settings.test_settings(round_, asked, OPERATION)["use_token_latencies"] is True
    accuracy = replace(asked, mode="accuracy")
    assert "use_token_latencies" not in settings.test_settings(round_, accuracy, OPERATION)


def test_a_strict_run_ends_on_time() -> None:
    round_ = load_round("v6.1")
    for scenario in ("SingleStream", "MultiStream", "Server", "Offline"):
        asked = Request(scenario, "performance", 3, "any", 100, {})
        loose = settings.test_settings(round_, asked, OPERATION)
        strict = settings.test_settings(round_, replace(asked, strict=True), OPERATION)
        assert (loose["max_duration_ms"], strict["max_duration_ms"]) == (0, 3000)
    # An Offline query cannot be ended: loadgen adds a tenth to what is expected.
    assert strict["offline_expected_qps"] * 1.1 == pytest.approx(OPERATION.samples_per_second)
    accuracy = Request("Offline", "accuracy", 3, "any", 100, {}, strict=True)
    assert settings.test_settings(round_, accuracy, OPERATION)["max_duration_ms"] == 0


def test_a_bound_that_was_chosen_is_loadgens() -> None:
    asked = Request("Server", "performance", 3, "any", 100, {})
    found = settings.test_settings(load_round("v6.1"), asked, replace(OPERATION, bound_s=0.05))
    assert found["server_target_latency_ns"] == 50_000_000
    assert found["server_target_qps"] == pytest.approx(0.8 * OPERATION.samples_per_second)


@pytest.mark.parametrize(
    ("scenario", "seconds"),
    [("SingleStream", 64 * 0.005), ("MultiStream", 662 * 0.005), ("Server", 662 / 100.0)],
)
def test_how_long_the_fewest_queries_take(scenario: str, seconds: float) -> None:
    asked = Request(scenario, "performance", 1, "any", 100, {})
    values = settings.test_settings(load_round("v6.1"), asked, OPERATION)
    assert settings.seconds_of_least(values, OPERATION) == pytest.approx(seconds)
