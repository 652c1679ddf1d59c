"""The causes of INVALID results, on logs that loadgen wrote for each of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchwright.harness.logs import DETAIL_FILE, DetailLog, read_detail
from benchwright.harness.verdict import ERRORS_SHOWN, Reason, explain
from core.harness.loadgen_runs import RUNS, make

Run = Callable[[str], Path]
Detail = Callable[[str], DetailLog]

VALID = ("offline", "single", "multi", "server", "audited", "single-enough")
ACCURACY = ("accuracy", "accuracy-sets", "accuracy-tokens")


@pytest.fixture(scope="session")
def loadgen_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return lambda name: make(name, tmp_path_factory)


@pytest.fixture(scope="session")
def detail(loadgen_run: Run) -> Detail:
    return lambda name: read_detail(loadgen_run(name) / DETAIL_FILE)


def causes(log: DetailLog) -> dict[str, Reason]:
    """The reasons by constraint. loadgen compares two clocks to the millisecond, and so, in runs
    as short as these, may complain of them."""
    reasons = [reason for reason in explain(log) if "system_clock" not in reason.found]
    found = {reason.constraint: reason for reason in reasons}
    assert len(found) == len(reasons)
    return found


def changed(log: DetailLog, **values: object) -> DetailLog:
    return dataclasses.replace(log, values={**log.values, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*VALID, *ACCURACY])
def test_nothing_to_explain(name: str, detail: Detail) -> None:
    assert explain(detail(name)) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("offline-short", ["minimum duration"]),
        ("single-few", ["early stopping"]),
        ("single-ran-out", ["minimum duration", "early stopping"]),
        ("multi-few", ["early stopping"]),
        ("multi-ran-out", ["minimum duration", "early stopping"]),
        ("server-overload", ["latency at p99"]),
        ("server-hopeless", ["latency at p99"]),
        ("server-few", ["early stopping"]),
        ("server-unsure", ["early stopping"]),
        ("server-one", ["early stopping"]),
        ("server-tokens", ["time per output token at p99"]),
        (
            "server-outstanding",
            ["outstanding queries", "minimum duration", "minimum queries", "early stopping"],
        ),
        ("max-duration", ["maximum duration", "minimum duration"]),
        ("max-queries", ["maximum queries", "minimum duration", "minimum queries"]),
        ("bad-audit", ["early stopping", "loadgen error"]),
        ("killed", ["the run's end"]),
    ],
)
def test_each_cause_is_told_once(name: str, expected: list[str], detail: Detail) -> None:
    log = detail(name)
    assert not log.valid
    assert list(causes(log)) == expected
    for reason in explain(log):
        assert "\n" not in str(reason)
        assert "nan" not in str(reason)
        assert all((reason.found, reason.required, reason.change))


def test_every_invalid_run_is_covered() -> None:
    [mark] = [m for m in test_each_cause_is_told_once.pytestmark if m.name == "parametrize"]
    told = {name for name, _ in mark.args[1]}
    assert told | set(VALID) | set(ACCURACY) | {"offline-padded", "single-equal"} == set(RUNS)


def test_the_sentence() -> None:
    reason = Reason("minimum duration", "it took 1 s", "2 s is required", "50 % short", "wait")
    assert str(reason) == "minimum duration: it took 1 s, but 2 s is required (50 % short); wait"
    assert "(" not in str(dataclasses.replace(reason, by=""))


def test_offline_gets_a_rate_that_lasts(detail: Detail) -> None:
    log = detail("offline-short")
    reason = causes(log)["minimum duration"]
    rate = log.values["result_samples_per_second"]
    assert isinstance(rate, (int, float))
    assert isinstance(reason.value, float)
    assert reason.setting == "target_qps"
    assert rate <= reason.value <= rate * 1.001
    # Where the rate holds, the next query outlasts the second that is required.
    assert int(1.1 * reason.value) / rate > 1
    assert f"{reason.value:.6g}" in reason.change
    assert "from 1 " in reason.change
    assert reason.required == "at least 1 s is required"
    found = log.values["result_max_latency_ns"] / 1e6  # type: ignore[operator]
    assert f"{found:.6g} ms" in reason.found


@pytest.mark.parametrize("name", ["single-ran-out", "multi-ran-out"])
def test_streams_get_an_expected_latency(name: str, detail: Detail) -> None:
    log = detail(name)
    reason = causes(log)["minimum duration"]
    assert reason.setting == "target_latency_ns"
    assert reason.value == log.latency_extent_ns["mean"]
    assert reason.value < 2_000_000_000
    assert f"{reason.value / 1e6:.4g} ms" in reason.change


def test_early_stopping_of_streams(detail: Detail) -> None:
    log = detail("single-few")
    reason = causes(log)["early stopping"]
    assert (reason.setting, reason.value) == ("min_query_count", 64)
    assert reason.found == f"{log.query_count} queries were processed"
    assert "64 queries" in reason.required
    assert "p90" in reason.required
    assert reason.by == f"{64 - (log.query_count or 0)} missing"
    assert "or min_duration_ms to about" in reason.change
    # The same run with that number of queries is VALID (test_nothing_to_explain).
    few, enough = RUNS["single-few"], RUNS["single-enough"]
    assert {**few["settings"], "min_query_count": 64} == enough["settings"]
    assert causes(detail("multi-few"))["early stopping"].value == 662


def test_early_stopping_of_server(detail: Detail) -> None:
    few = causes(detail("server-few"))["early stopping"]
    assert few.value == 459
    assert few.found.startswith("0 of ")
    assert "lower target_qps" not in few.change
    unsure = causes(detail("server-unsure"))["early stopping"]
    assert unsure.found == "3 of 700 queries were over the latency limit"
    assert unsure.value == 1001
    assert "or lower target_qps a little" in unsure.change


def test_server_over_its_bound(detail: Detail) -> None:
    log = detail("server-overload")
    reason = causes(log)["latency at p99"]
    assert reason.setting == "target_qps"
    assert reason.value is not None
    assert reason.value == pytest.approx(0.9 * log.values["result_completed_samples_per_sec"])  # type: ignore[operator]
    assert reason.value < 4000
    found = log.values["result_99.00_percentile_latency_ns"]
    assert isinstance(found, int)
    assert f"{found / 1e6:.6g} ms" in reason.found
    assert reason.required == "at most 20 ms is allowed"
    assert float(reason.by.split()[0]) == pytest.approx(found / 20e6, rel=0.01)
    assert "from 4000 to" in reason.change


def test_server_never_advises_more_than_was_asked(detail: Detail) -> None:
    log = changed(detail("server-overload"), result_completed_samples_per_sec=4100.0)
    assert causes(log)["latency at p99"].value == pytest.approx(0.9 * 4000)


def test_server_that_no_rate_can_help(detail: Detail) -> None:
    reason = causes(detail("server-hopeless"))["latency at p99"]
    assert "no lower rate helps" in reason.change
    assert (reason.setting, reason.value) == ("", None)


def test_server_with_a_percentile_that_is_not_logged(detail: Detail) -> None:
    log = changed(detail("server-overload"), effective_target_latency_percentile=0.98)
    reason = causes(log)["latency at p98"]
    late = log.values["result_overlatency_query_count"]
    assert reason.found == f"{late} of 200 queries were over the latency limit"


def test_bounds_that_end_a_run(detail: Detail) -> None:
    duration = causes(detail("max-duration"))["maximum duration"]
    assert (duration.setting, duration.value) == ("max_duration_ms", 0)
    assert "200 ms" in duration.required
    log = detail("max-queries")
    queries = causes(log)
    rate = log.values["result_qps_with_loadgen_overhead"]
    assert queries["minimum duration"].found == f"the run lasted {69e3 / rate:.6g} ms"  # type: ignore[operator]
    assert "after 70 queries" in queries["maximum queries"].found
    assert queries["minimum queries"].by == "30 missing"
    assert queries["minimum duration"].change == "remove the bound that ended the run"
    waiting = causes(detail("server-outstanding"))["outstanding queries"]
    assert waiting.found.startswith("11 queries")
    assert waiting.required == "max_async_queries allows 10"


def test_samples_sent_once_cannot_last_longer(detail: Detail) -> None:
    log = changed(detail("offline-short"), effective_performance_issue_unique=True)
    assert "performance_issue_unique" in causes(log)["minimum duration"].change
    assert causes(log)["minimum duration"].value is None


def test_server_that_ended_early_for_no_known_cause(detail: Detail) -> None:
    log = changed(detail("server-few"), result_min_duration_met=False)
    reason = causes(log)["minimum duration"]
    assert (reason.setting, reason.value) == ("min_query_count", math.ceil(0.02 * 8000))


def test_loadgen_errors_are_quoted(detail: Detail) -> None:
    reason = causes(detail("bad-audit"))["loadgen error"]
    assert "value needs to be integer or double" in reason.found
    log = detail("single-few")
    many = dataclasses.replace(log, errors=tuple(f"a sample twice {i}" for i in range(9)) * 2)
    quoted = [r for r in explain(many) if r.constraint == "loadgen error"]
    assert len(quoted) == ERRORS_SHOWN
    assert [r.by for r in quoted] == [""] * (ERRORS_SHOWN - 1) + [f"and {9 - ERRORS_SHOWN} more"]
    assert "answer each sample once" in quoted[0].change


def test_an_accuracy_run_with_an_error(detail: Detail) -> None:
    log = dataclasses.replace(detail("accuracy"), errors=("Encountered incomplete samples",))
    [reason] = explain(log)
    assert reason.constraint == "loadgen error"


def test_a_log_that_breaks_off(loadgen_run: Run, tmp_path: Path, detail: Detail) -> None:
    whole = (loadgen_run("offline") / DETAIL_FILE).read_text()
    path = tmp_path / DETAIL_FILE
    path.write_text(whole[: whole.index('"result_mean_latency_ns"')])
    log = read_detail(path)
    assert log.values["result_validity"] == "VALID"
    reason = causes(log)["the run's end"]
    assert "`result_max_latency_ns`" in reason.found
    assert "the log ends early" in causes(detail("killed"))["the run's end"].found


def test_an_unknown_cause_is_still_a_reason(detail: Detail) -> None:
    log = changed(
        detail("offline"), result_validity="INVALID", result_invalid_reason="The moon is full. "
    )
    reason = causes(log)["loadgen's verdict"]
    assert "“The moon is full.”" in reason.found
    assert DETAIL_FILE in reason.change


ODD = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=3)
ALTERED = st.dictionaries(
    st.sampled_from(
        [
            "result_validity",
            "result_perf_constraints_met",
            "result_min_duration_met",
            "result_min_queries_met",
            "early_stopping_met",
            "early_stopping_result",
            "result_query_count",
            "result_mean_latency_ns",
            "result_samples_per_second",
            "result_completed_samples_per_sec",
            "result_qps_with_loadgen_overhead",
            "effective_min_duration_ms",
            "effective_min_query_count",
            "effective_target_qps",
            "effective_target_latency_ns",
            "effective_target_latency_percentile",
            "requested_use_token_latencies",
            "result_overlatency_query_count",
        ]
    ),
    st.booleans() | st.sampled_from(["VALID", "INVALID"]) | ODD,
)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from([*VALID, "offline-short", "single-few", "server-few"]), values=ALTERED)
def test_invalid_always_has_a_reason(
    name: str, values: dict[str, object], loadgen_run: Run
) -> None:
    log = changed(read_detail(loadgen_run(name) / DETAIL_FILE), **values)
    assert bool(explain(log)) is not log.valid
    assert all(str(reason) for reason in explain(log))
