"""Compliance tests: comparing performance and responses, on logs written for each case."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from benchwright.harness.accuracy_log import Entry
from benchwright.harness.compliance import (
    accuracies_agree,
    sampled,
    verify,
    verify_accuracy,
    verify_performance,
)
from benchwright.harness.logs import DetailLog, read_detail
from benchwright.rounds import load_round

KEYS = {
    "Offline": "result_samples_per_second",
    "Server": "result_completed_samples_per_sec",
    "SingleStream": "early_stopping_latency_ss",
    "MultiStream": "early_stopping_latency_ms",
}


def log(folder: Path, scenario: str, score: float, **more: object) -> DetailLog:
    """A detail log of a VALID run with this result."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "effective_scenario": scenario,
        "effective_test_mode": "PerformanceOnly",
        "result_validity": "VALID",
        "result_99.90_percentile_latency_ns": 1,
        KEYS[scenario]: score,
        **more,
    }
    lines = []
    for number, (key, value) in enumerate(values.items()):
        record = {"key": key, "value": value, "time_ms": number, "metadata": {"is_error": False}}
        lines.append(f":::MLLOG {json.dumps(record)}\n")
    path = folder / "mlperf_log_detail.txt"
    path.write_text("".join(lines))
    return read_detail(path)


@pytest.mark.parametrize(
    ("test", "scenario", "was", "now", "passed"),
    [
        # Ten percent either way.
        ("TEST01", "Offline", 1000.0, 1099.0, True),
        ("TEST01", "Offline", 1000.0, 1101.0, False),
        ("TEST01", "Offline", 1000.0, 901.0, True),
        ("TEST01", "Offline", 1000.0, 899.0, False),
        ("TEST01", "Server", 1000.0, 899.0, False),
        ("TEST01", "SingleStream", 300_000, 335_000, False),
        # Twenty where latencies are short.
        ("TEST01", "SingleStream", 200_000, 235_000, True),
        ("TEST01", "SingleStream", 200_001, 235_000, False),
        ("TEST01", "MultiStream", 1_600_000, 1_300_000, True),
        ("TEST01", "MultiStream", 1_600_001, 1_300_000, False),
        # Slower is no fault; rates of streams are compared with the bound that latencies have.
        ("TEST04", "Offline", 1000.0, 1099.0, True),
        ("TEST04", "Offline", 1000.0, 1101.0, False),
        ("TEST04", "Offline", 1000.0, 1.0, True),
        ("TEST04", "SingleStream", 1_200_000, 1_001_000, True),
        ("TEST04", "SingleStream", 1_200_000, 999_000, False),
        ("TEST04", "SingleStream", 1_200_000, 9_000_000, True),
        # Faster is no fault.
        ("TEST05", "Offline", 1000.0, 951.0, True),
        ("TEST05", "Offline", 1000.0, 949.0, False),
        ("TEST05", "Offline", 1000.0, 2000.0, True),
        ("TEST05", "Server", 1000.0, 951.0, True),
        ("TEST05", "Server", 1000.0, 949.0, False),
        ("TEST05", "SingleStream", 1_000_000, 1_049_000, True),
        ("TEST05", "SingleStream", 1_000_000, 1_051_000, False),
        ("TEST05", "SingleStream", 1_000_000, 10, True),
        ("TEST05", "MultiStream", 1_600_000, 1_900_000, True),
    ],
)
def test_performance_within_the_tests_tolerance(
    tmp_path: Path, test: str, scenario: str, was: float, now: float, passed: bool
) -> None:
    round_ = load_round("v3.1")
    found = verify_performance(
        round_,
        round_.audit[test],
        log(tmp_path / "a", scenario, was),
        log(tmp_path / "b", scenario, now),
    )
    assert found.passed is passed
    assert found.text.splitlines()[-1] == ("TEST PASS" if passed else "TEST FAIL")
    assert ("TEST PASS" in found.text) is passed
    assert found.timing is not passed
    assert bool(found.reasons) is not passed


def test_how_much_faster_or_slower_is_told(tmp_path: Path) -> None:
    round_ = load_round("v3.1")
    before, after = (
        log(tmp_path / "a", "SingleStream", 1e6),
        log(tmp_path / "b", "SingleStream", 5e5),
    )
    (told,) = verify_performance(round_, round_.audit["TEST04"], before, after).reasons
    assert "100.0% faster" in told
    assert "20 % are allowed on the fast side" in told
    (told,) = verify_performance(round_, round_.audit["TEST05"], after, before).reasons
    assert "100.0% slower" in told


@pytest.mark.parametrize(
    ("change", "told", "again"),
    [
        ({"result_validity": "INVALID"}, "the test's run is not VALID", True),
        ({"effective_target_latency_ns": 2}, "the latency bounds differ: 1 and 2 ns", False),
        ({"result_completed_samples_per_sec": 0}, "there is no `result_completed", False),
    ],
)
def test_runs_that_cannot_be_compared(
    tmp_path: Path, change: dict[str, object], told: str, again: bool
) -> None:
    round_ = load_round("v3.1")
    bound = {"effective_target_latency_ns": 1}
    found = verify_performance(
        round_,
        round_.audit["TEST01"],
        log(tmp_path / "a", "Server", 10.0, **bound),
        log(tmp_path / "b", "Server", 10.0, **{**bound, **change}),
    )
    assert not found.passed
    assert told in found.reasons[0]
    assert told in found.text
    assert found.timing is again


def test_a_performance_run_that_is_invalid_is_not_the_tests_fault(tmp_path: Path) -> None:
    round_ = load_round("v3.1")
    found = verify_performance(
        round_,
        round_.audit["TEST04"],
        log(tmp_path / "a", "Offline", 1.0, result_validity="INVALID"),
        log(tmp_path / "b", "Offline", 1.0),
    )
    assert found.reasons == ("the performance run is not VALID",)
    assert not found.timing


def entries(*pairs: tuple[int, bytes]) -> list[Entry]:
    return [Entry(number, index, data) for number, (index, data) in enumerate(pairs)]


ONE, TWO = struct.pack("<f", 1.0), struct.pack("<f", 2.0)


@pytest.mark.parametrize(
    ("element", "responses", "differing"),
    [
        ("float32", [(0, ONE), (1, TWO), (0, ONE)], 0),
        ("float32", [(0, TWO)], 1),
        # The low bytes of 1.0 and 2.0 are alike.
        ("byte", [(0, TWO)], 0),
        ("float32", [(0, ONE + TWO)], 0),
        ("float32", [(0, b"")], 1),
        ("float32", [(2, b"")], 0),
        ("float32", [(2, ONE)], 1),
        # A response is compared with the one before it, which here differs from the first.
        ("float32", [(0, TWO), (0, TWO)], 1),
        # A sample that the accuracy run does not have is no difference.
        ("float32", [(9, TWO), (0, ONE)], 0),
    ],
)
def test_first_elements_of_responses_are_compared(
    element: str, responses: list[tuple[int, bytes]], differing: int
) -> None:
    reference = entries((0, ONE), (1, TWO), (2, b""), (0, TWO))
    found = verify_accuracy(reference, entries(*responses), element)
    assert found.passed is (differing == 0)
    assert f"with another first element ({element}): {differing}\n" in found.text
    assert ("TEST PASS" in found.text) is found.passed
    assert "for a sample seen before: 1\n" in found.text
    assert not found.timing


def test_a_run_that_logged_nothing_has_proved_nothing() -> None:
    found = verify_accuracy(entries((0, ONE)), [], "float32")
    assert not found.passed
    assert "logged no response" in found.reasons[0]


def test_the_samples_of_the_tests_run() -> None:
    reference = entries((0, ONE), (1, TWO), (2, ONE))
    assert [e.qsl_idx for e in sampled(reference, entries((2, ONE), (0, TWO), (2, ONE)))] == [0, 2]


@pytest.mark.parametrize(
    ("benchmark", "was", "now", "agree"),
    [
        ("bert-99", 90.0, 90.8, True),
        ("bert-99", 90.0, 91.0, False),
        ("bert-99.9", 90.0, 90.08, True),
        ("bert-99.9", 90.0, 90.8, False),
        ("bert-99", 0.0, 90.0, False),
        ("bert-99", 90.0, 0.0, False),
    ],
)
def test_accuracies_in_place_of_equal_responses(
    benchmark: str, was: float, now: float, agree: bool
) -> None:
    told = accuracies_agree(load_round("v3.1"), benchmark, {"F1": was}, {"F1": now})
    assert (told == ()) is agree


def test_each_test_compares_what_its_files_say(tmp_path: Path) -> None:
    round_ = load_round("v3.1")
    for name in ("performance", "run", "accuracy"):
        log(tmp_path / name, "Offline", 100.0)
        (tmp_path / name / "mlperf_log_accuracy.json").write_text(
            '[\n{ "seq_id" : 0, "qsl_idx" : 0, "data" : "0000803F" }\n]\n'
        )
    places = [tmp_path / name for name in ("run", "performance", "accuracy")]
    found = verify(round_, "TEST01", "resnet50", *places)
    assert {name: item.passed for name, item in found.items()} == {
        "verify_accuracy.txt": True,
        "verify_performance.txt": True,
    }
    assert "(float32)" in found["verify_accuracy.txt"].text
    assert "(byte)" in verify(round_, "TEST01", "rnnt", *places)["verify_accuracy.txt"].text
    assert list(verify(round_, "TEST04", "resnet50", *places)) == ["verify_performance.txt"]


def test_seeds_of_a_test() -> None:
    old, new = load_round("v3.1"), load_round("v6.1")
    assert old.seeds_of("TEST05") == old.test05_seeds
    assert old.seeds_of("TEST01") == old.seeds_of(None) == old.seeds
    assert new.seeds_of("TEST05") == new.seeds
