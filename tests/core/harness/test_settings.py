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
