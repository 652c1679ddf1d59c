"""Results against a baseline: which is slower, and what cannot be judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.comparison import compare, load_baseline, parse_percent
from benchwright.errors import UsageError
from benchwright.results import RunResult


def record(scenario: str = "Offline", **changes: Any) -> dict[str, Any]:
    made = RunResult(
        "t", "resnet50", "tiny", "acme", "int8", "here", scenario, "performance",
        value=100.0, unit="ms" if scenario == "SingleStream" else "samples/s", valid=True,
    )  # fmt: skip
    return {**made.record(), **changes}


@pytest.mark.parametrize(
    ("scenario", "value", "change"),
    [
        ("Offline", 100.0, 0.0),
        ("Offline", 90.0, -0.1),
        ("Offline", 120.0, 0.2),
        ("SingleStream", 110.0, -0.1),
        ("SingleStream", 80.0, 0.2),
    ],
)
def test_slower_is_less_of_a_rate_and_more_of_a_time(
    scenario: str, value: float, change: float
) -> None:
    (found,) = compare([record(scenario, value=value)], [record(scenario)])
    assert found.change == pytest.approx(change)
    assert found.task == f"performance:resnet50-tiny/acme+int8/{scenario}"
    assert found.problem is None
    assert found.slower(0.05) is (change < -0.05)
    assert not found.slower(0.1001)


@pytest.mark.parametrize(
    ("now", "before", "problem"),
    [
        ({"valid": False}, {}, "it is INVALID"),
        ({"value": None}, {}, "it is INVALID"),
        ({}, {"valid": False}, "the baseline is INVALID"),
        ({}, {"value": 0}, "the baseline is INVALID"),
        ({}, {"system": "there"}, "the baseline is of another system, there"),
        ({}, {"unit": "queries/s"}, "the baseline is in queries/s"),
    ],
)
def test_what_cannot_be_compared(now: dict[str, Any], before: dict[str, Any], problem: str) -> None:
    (found,) = compare([record(**now)], [record(**before)])
    assert (found.problem, found.change, found.slower(0.0)) == (problem, None, False)


def test_what_is_on_one_side_only() -> None:
    accuracy = record(mode="accuracy")
    gone, new = compare([record("Server"), accuracy], [record(), accuracy])
    assert gone.problem == "it has not been run"
    assert gone.task.endswith("/Offline")
    assert (new.new, new.problem, new.value) == (True, None, 100.0)
    assert new.record(0.05)["slower"] is False
    assert new.record(None)["slower"] is None


@given(st.decimals(min_value=0, max_value=99, places=2))
def test_a_percentage(number: Any) -> None:
    assert parse_percent(f"{number}%", "-x") == pytest.approx(float(number) / 100)
    assert parse_percent(f" {number} % ", "-x") == pytest.approx(float(number) / 100)


@pytest.mark.parametrize("text", ["5", "", "%", "-1%", "100%", "1e1%", "5%%", "nan%"])
def test_what_is_no_percentage(text: str) -> None:
    with pytest.raises(UsageError, match="is no tolerance"):
        parse_percent(text, "--fail-if-slower")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "{}", '"x"', "null", "[]", json.dumps([record(mode="accuracy")])],
)
def test_what_is_no_baseline(text: str, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as told:
        load_baseline(path)
    assert told.value.where == str(path)
    assert "results --json" in str(told.value.fix)


def test_a_baseline_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such baseline"):
        load_baseline(tmp_path / "none.json")
