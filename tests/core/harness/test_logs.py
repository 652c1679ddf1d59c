"""Reading loadgen's detail log, on logs that loadgen wrote."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchwright.errors import BenchwrightError
from benchwright.harness._detail_log import MESSAGES_KEPT
from benchwright.harness.logs import (
    DETAIL_FILE,
    DetailLog,
    difference,
    latency_curve,
    metric,
    read_detail,
)
from core.harness.loadgen_runs import RUNS, SEEDS, TOTAL, make

Run = Callable[[str], Path]

VALID = {
    "offline": ("Offline", "result_samples_per_second"),
    "single": ("SingleStream", "early_stopping_latency_ss"),
    "multi": ("MultiStream", "early_stopping_latency_ms"),
    "server": ("Server", "result_completed_samples_per_sec"),
}


@pytest.fixture(scope="session")
def loadgen_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return lambda name: make(name, tmp_path_factory)


@pytest.fixture
def detail(loadgen_run: Run) -> Callable[[str], DetailLog]:
    return lambda name: read_detail(loadgen_run(name) / DETAIL_FILE)


def settings_of(name: str) -> dict[str, object]:
    return dict(RUNS[name]["settings"])


def lines_of(folder: Path) -> list[str]:
    return (folder / DETAIL_FILE).read_text().splitlines(keepends=True)


def record(key: str, value: object, **metadata: bool) -> str:
    return ":::MLLOG " + json.dumps({"key": key, "value": value, "metadata": metadata}) + "\n"


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / DETAIL_FILE
    path.write_text("".join(lines))
    return path


# ---- reading


@pytest.mark.parametrize("name", VALID)
def test_a_valid_run(name: str, detail: Callable[[str], DetailLog]) -> None:
    log = detail(name)
    assert log.valid
    assert log.finished
    assert (log.scenario, log.mode) == (VALID[name][0], "PerformanceOnly")
    assert log.version.split(" @ ")[0] == metadata.version("mlcommons-loadgen")
    assert (log.min_duration_met, log.min_queries_met, log.early_stopping_met) == (True,) * 3
    assert log.perf_constraints_met is (True if name == "server" else None)
    assert (log.qsl_total_count, log.qsl_performance_count) == (TOTAL, TOTAL)
    assert log.skipped_lines == 0
    assert log.last_key == "num_errors"
    assert log.duration_s is not None
    assert log.requested["min_duration_ms"] == log.effective["min_duration_ms"] == 20


def test_counts(detail: Callable[[str], DetailLog]) -> None:
    assert (detail("offline").query_count, detail("offline").sample_count) == (
        1,
        int(1.1 * 0.02 * 12345.678),
    )
    assert detail("server").query_count == detail("server").sample_count == 700
    multi = detail("multi")
    assert multi.query_count is not None
    assert multi.sample_count == 8 * multi.query_count
    assert detail("offline-padded").sample_count == 128  # 100, on to the next multiple of 32


def test_latencies_are_those_of_queries_in_multistream(
    detail: Callable[[str], DetailLog],
) -> None:
    multi = detail("multi")
    assert list(multi.latency_ns) == [50.0, 90.0, 95.0, 97.0, 99.0, 99.9]
    assert multi.latency_ns[50.0] == multi.values["result_50.00_percentile_per_query_latency_ns"]
    # Seven of a query's eight samples were answered before the nap.
    assert multi.latency_ns[50.0] > multi.values["result_50.00_percentile_latency_ns"]  # type: ignore[operator]
    single = detail("single")
    assert single.latency_ns[99.9] == single.values["result_99.90_percentile_latency_ns"]
    assert single.latency_extent_ns == {
        name: single.values[f"result_{name}_latency_ns"] for name in ("min", "mean", "max")
    }


@pytest.mark.parametrize("name", VALID)
def test_the_latency_curve_rises(name: str, detail: Callable[[str], DetailLog]) -> None:
    curve = latency_curve(detail(name))
    assert [point[0] for point in curve] == [0, 50, 90, 95, 97, 99, 99.9, 100]
    assert [point[1] for point in curve] == sorted(point[1] for point in curve)
    assert curve[2][1] == detail(name).latency_ns[90.0] / 1e6


def test_a_run_of_no_length_has_results_that_are_no_numbers(
    detail: Callable[[str], DetailLog],
) -> None:
    log = detail("server-one")  # one query: 0 queries in 0 seconds
    assert log.finished
    assert log.skipped_lines == 0
    assert "result_scheduled_samples_per_sec" in log.values
    assert metric(log, "Server", "result_scheduled_samples_per_sec").value is None


def test_infinities(tmp_path: Path) -> None:
    text = record("a", 1.5) + record("b", 2.5)
    path = write(tmp_path, text.replace("1.5,", "-inf,").replace("2.5,", "inf,"))
    assert dict(read_detail(path).values) == {"a": float("-inf"), "b": float("inf")}


def test_accuracy_runs_finish_with_their_last_set(
    detail: Callable[[str], DetailLog], loadgen_run: Run, tmp_path: Path
) -> None:
    log = detail("accuracy-sets")  # 64 samples, 24 at a time
    assert log.finished
    assert not log.valid
    assert (log.mode, log.sample_count, log.query_count) == ("AccuracyOnly", TOTAL, None)
    lines = lines_of(loadgen_run("accuracy-sets"))
    last = max(i for i, line in enumerate(lines) if '"power_end"' in line)
    assert not read_detail(write(tmp_path, *lines[:last])).finished


def test_errors_and_warnings(detail: Callable[[str], DetailLog]) -> None:
    assert any("Ran out of generated queries" in e for e in detail("single-ran-out").errors)
    assert any("Found Audit Config" in w for w in detail("audited").warnings)
    assert not any("Audit" in e for e in detail("audited").errors)


def test_messages_are_kept_up_to_a_bound(tmp_path: Path) -> None:
    lines = [record("error_runtime", f"no {i}", is_error=True) for i in range(MESSAGES_KEPT + 5)]
    log = read_detail(write(tmp_path, *lines, record("warning", 7, is_warning=True)))
    assert len(log.errors) == MESSAGES_KEPT
    assert (log.errors[0], log.errors[-1]) == ("no 0", f"no {MESSAGES_KEPT - 1}")
    assert log.warnings == ("7",)


def test_durations_are_added_up_to_the_millisecond(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        record("power_begin", "12-31-2025 23:59:59.900"),
        record("power_end", "01-01-2026 00:00:01.023"),
        record("power_begin", "01-01-2026 00:00:02.000"),
        record("power_end", "01-01-2026 00:00:02.500"),
    )
    assert read_detail(path).duration_s == 1.623


def test_a_killed_run_is_not_finished(detail: Callable[[str], DetailLog]) -> None:
    log = detail("killed")
    assert not log.finished
    assert not log.valid
    assert log.scenario == "SingleStream"


def test_lines_that_are_no_records_are_counted(loadgen_run: Run, tmp_path: Path) -> None:
    lines = lines_of(loadgen_run("offline"))
    damaged = [
        "hello\n",
        "\n",
        lines[0],
        ":::MLLOG [1]\n",
        ":::MLLOG {}\n",
        ":::MLLOG " + "[" * 100_000 + "\n",
        *lines[1:-1],
        lines[-1][:40],
    ]
    log = read_detail(write(tmp_path, *damaged))
    assert log.skipped_lines == 5
    assert log.valid  # what was lost is the count of errors, after the last result


@pytest.mark.parametrize("content", ["", "\n\n", "hello\nworld\n", "[\n]\n"])
def test_a_file_that_is_no_detail_log(content: str, tmp_path: Path) -> None:
    with pytest.raises(BenchwrightError, match="no detail log"):
        read_detail(write(tmp_path, content))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BenchwrightError, match="cannot be read") as caught:
        read_detail(tmp_path / DETAIL_FILE)
    assert caught.value.where == str(tmp_path / DETAIL_FILE)


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1))
def test_a_log_cut_anywhere(
    share: float, loadgen_run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = (loadgen_run("single") / DETAIL_FILE).read_bytes()
    cut = whole[: int(share * len(whole))]
    path = tmp_path_factory.getbasetemp() / "cut.txt"
    path.write_bytes(cut)
    if b"}}" not in cut:
        with pytest.raises(BenchwrightError):
            read_detail(path)
        return
    log = read_detail(path)
    assert log.skipped_lines <= 1
    assert log.finished is (b'"result_99.90_percentile_latency_ns"' in cut[: cut.rfind(b"}}") + 2])
    assert log.valid is log.finished


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "result_50.00_percentile_latency_ns",
        "effective_min_query_count",
        "power_end",
        "generated_samples_per_query",
        "result_validity",
        "effective_test_mode",
    ]
)
LINES = st.text() | ODD.map(lambda value: f":::MLLOG {json.dumps(value)}")
RECORDS = st.builds(
    lambda key, value, meta: (
        ":::MLLOG " + json.dumps({"key": key, "value": value, "metadata": meta})
    ),
    KEYS | st.text(),
    ODD,
    ODD | st.fixed_dictionaries({"is_error": ODD}),
)


@settings(max_examples=150, deadline=None)
@given(junk=st.lists(LINES, max_size=4), records=st.lists(RECORDS, max_size=4))
def test_any_text_is_read_or_refused(
    junk: list[str],
    records: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes("\n".join([*junk, *records]).encode("utf-8", "surrogatepass"))
    if not records:
        with contextlib.suppress(BenchwrightError):
            read_detail(path)
        return
    log = read_detail(path)
    assert log.values
    assert log.valid in (True, False)
    assert isinstance(latency_curve(log), list)
    assert isinstance(difference({"min_query_count": 1}, log), list)


# ---- the metric


@pytest.mark.parametrize(
    ("name", "expected_name", "unit", "scale"),
    [
        ("offline", "samples per second", "samples/s", 1),
        ("single", "p90 latency", "ms", 1e6),
        ("multi", "p99 latency", "ms", 1e6),
        ("server", "queries per second", "queries/s", 1),
    ],
)
def test_metrics(
    name: str, expected_name: str, unit: str, scale: float, detail: Callable[[str], DetailLog]
) -> None:
    scenario, key = VALID[name]
    log = detail(name)
    found = metric(log, scenario, key)
    assert (found.name, found.unit) == (expected_name, unit)
    assert found.value == log.values[key] / scale  # type: ignore[operator]
    assert found.value > 0  # type: ignore[operator]


def test_server_has_a_metric_for_each_kind_of_round(detail: Callable[[str], DetailLog]) -> None:
    log = detail("server")
    scheduled = metric(log, "Server", "result_scheduled_samples_per_sec")
    assert scheduled.value == log.values["result_scheduled_samples_per_sec"]
    assert scheduled.unit == "queries/s"


@pytest.mark.parametrize("name", ["single-few", "multi-few", "killed"])
def test_no_estimate_no_value(name: str, detail: Callable[[str], DetailLog]) -> None:
    log = detail(name)
    key = "early_stopping_latency_ms" if name == "multi-few" else "early_stopping_latency_ss"
    assert metric(log, log.scenario, key).value is None


def test_other_percentiles_have_their_name(loadgen_run: Run, tmp_path: Path) -> None:
    text = "".join(lines_of(loadgen_run("single")))
    old = '"effective_target_latency_percentile", "value": 0.9,'
    assert old in text
    log = read_detail(write(tmp_path, text.replace(old, old.replace("0.9,", "0.999,"))))
    assert metric(log, *VALID["single"]).name == "p99.9 latency"


def test_metrics_that_do_not_fit_are_refused(detail: Callable[[str], DetailLog]) -> None:
    with pytest.raises(BenchwrightError, match="of a Offline run, not of Server"):
        metric(detail("offline"), "Server", "result_completed_samples_per_sec")
    with pytest.raises(BenchwrightError, match="did you mean `result_samples_per_second`"):
        metric(detail("offline"), "Offline", "result_sample_per_second")
    with pytest.raises(BenchwrightError, match="no metric of SingleStream"):
        metric(detail("single"), "SingleStream", "early_stopping_latency_ms")


# ---- settings that did not arrive

ARRIVED = [name for name, run in RUNS.items() if "audit" not in run and name != "killed"]


@pytest.mark.parametrize("name", ARRIVED)
def test_what_was_set_has_arrived(name: str, detail: Callable[[str], DetailLog]) -> None:
    assert difference(settings_of(name), detail(name)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scenario", "FourStream"),
        ("mode", "AccuracyOnly"),
        ("min_duration_ms", 21),
        ("min_duration", 600_000),
        ("max_duration_ms", 1),
        ("max_query_count", 1),
        *((seed, value + 1) for seed, value in SEEDS.items()),
        ("accuracy_log_rng_seed", 720381539243781796),
        ("accuracy_log_sampling_target", 4096),
        ("accuracy_log_probability", 0.01),
        ("performance_sample_count", 32),
        ("performance_sample_count_override", 32),
        ("samples_per_query", 9),
        ("performance_issue_unique", True),
        ("performance_issue_same", 1),
        ("performance_issue_same_index", 3),
        ("sample_concatenate_permutation", True),
        ("min_query_count", 24576),
        ("use_token_latencies", True),
        ("print_timestamps", "no"),
    ],
)
def test_what_has_not_arrived_is_named(
    name: str, key: str, value: object, detail: Callable[[str], DetailLog]
) -> None:
    found = difference({key: value}, detail(name))  # type: ignore[dict-item]
    assert found
    assert str(value) in found[0]
    canonical = {"mode": "test_mode", "min_duration": "min_duration_ms"}.get(key, key)
    assert found[0].startswith(canonical.removesuffix("_override"))


@pytest.mark.parametrize(
    ("name", "key", "good", "bad"),
    [
        ("single", "single_stream_expected_latency_ns", 50_000, 50_001),
        ("single", "single_stream_target_latency_percentile", 0.9, 0.99),
        ("single", "target_latency_percentile", 90, 99),
        ("single", "target_latency", 0.05, 0.06),
        ("single", "target_qps", 20_000, 19_000),
        ("multi", "multi_stream_samples_per_query", 8, 4),
        ("multi", "multi_stream_expected_latency_ns", 50_000, 80_000_000),
        ("multi", "multi_stream_target_latency_percentile", 0.99, 0.97),
        ("server", "server_target_qps", 8000.0, 8000.5),
        ("server", "target_qps", 8000, 9000),
        ("server", "server_target_latency_ns", 10_000_000_000, 10_000_000),
        ("server", "target_latency", 10_000, 10),
        ("server", "target_latency_percentile", 99, 99.9),
        ("server", "server_max_async_queries", 0, 5),
        ("server", "server_coalesce_queries", False, True),
        ("server-tokens", "tpot_latency", 1000, 2000),
        ("server-tokens", "use_token_latencies", 1, 0),
        # printed as 12345.7
        ("offline", "offline_expected_qps", 12345.678, 12346.5),
        ("offline", "target_qps", 12345.678, 12340),
    ],
)
def test_each_scenario_has_its_own_settings(
    name: str, key: str, good: float, bad: float, detail: Callable[[str], DetailLog]
) -> None:
    assert difference({key: good}, detail(name)) == []
    assert len(difference({key: bad}, detail(name))) in (1, 2)


def test_settings_of_another_scenario_are_passed_over(detail: Callable[[str], DetailLog]) -> None:
    assert difference({"server_target_qps": 5, "offline_expected_qps": 5}, detail("single")) == []


def test_seeds_are_never_rounded(detail: Callable[[str], DetailLog]) -> None:
    log = detail("offline")
    assert log.effective["qsl_rng_seed"] == 18446744073709551557
    for off in (-1, 1):
        [line] = difference({"qsl_rng_seed": 18446744073709551557 + off}, log)
        assert line == (
            f"qsl_rng_seed was set to {18446744073709551557 + off}, "
            "but loadgen was given 18446744073709551557"
        )


def test_an_audit_file_shows(detail: Callable[[str], DetailLog]) -> None:
    lines = difference(
        {"accuracy_log_sampling_target": 0, "accuracy_log_rng_seed": 0, "min_query_count": 128},
        detail("audited"),
    )
    assert [line.split()[0] for line in lines] == [
        "accuracy_log_sampling_target",
        "accuracy_log_rng_seed",
    ]
    wanted = {"accuracy_log_sampling_target": 32, "accuracy_log_rng_seed": 720381539243781796}
    assert difference(wanted, detail("audited")) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "key", "wanted"),
    [
        ("offline", "min_query_count", {"min_query_count": 64}),
        ("offline", "samples_per_query", {"min_query_count": 64}),
        ("offline", "samples_per_query", {"offline_expected_qps": 12345.678}),
        ("offline", "target_latency_percentile", {"target_latency_percentile": 90}),
        ("single", "target_latency_ns", {"target_latency_ns": 50_000}),
        ("single", "max_async_queries", {"max_async_queries": 3}),
        ("single-equal", "min_query_count", {"min_query_count": 64}),
        ("server", "performance_sample_count", {"performance_sample_count_override": 0}),
        ("server", "accuracy_sample_count", {"accuracy_sample_count_override": 0}),
    ],
)
def test_loadgen_changes_some_settings_by_rule(
    name: str, key: str, wanted: dict[str, float], detail: Callable[[str], DetailLog]
) -> None:
    log = detail(name)
    assert difference(wanted, log) == []  # type: ignore[arg-type]
    values = {**log.values, f"effective_{key}": 12321}
    [line] = difference(wanted, dataclasses.replace(log, values=values))  # type: ignore[arg-type]
    assert line.startswith(f"{key} should be ")
    assert line.endswith("but loadgen used 12321")


def test_an_unknown_setting_is_not_passed_over(detail: Callable[[str], DetailLog]) -> None:
    [line] = difference({"min_duraton_ms": 20}, detail("offline"))
    assert "does not report it; did you mean `min_duration_ms`?" in line


def test_a_log_without_settings_confirms_none(tmp_path: Path) -> None:
    log = read_detail(write(tmp_path, record("loadgen_version", "6")))
    assert len(difference({"min_query_count": 1, "scenario": "Offline"}, log)) == 2
