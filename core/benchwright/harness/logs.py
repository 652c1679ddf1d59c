"""loadgen's detail log: reading it, the round's metric, and settings that did not arrive.

Here is what a log *says*. Why a run is INVALID is told by `verdict`; the responses' bytes are read
by `accuracy_log`. The summary text is never read: its wording changes between versions, the detail
log's keys hardly do (they are the same in 3.1 and 6.0 for all that is used here).

loadgen records no query's own latency unless its trace is on, which costs far too much in a
measured run. So percentiles are all there is; `latency_curve` gives them for plots.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from benchwright.contracts.probe import JSON
from benchwright.errors import BenchwrightError, did_you_mean
from benchwright.harness._detail_log import (
    ACCURACY_FILE,
    DETAIL_FILE,
    PERFORMANCE_COUNT,
    SUMMARY_FILE,
    TOTAL_COUNT,
    DetailLog,
    finite,
    read_detail,
)

__all__ = [
    "ACCURACY_FILE",
    "DETAIL_FILE",
    "SUMMARY_FILE",
    "DetailLog",
    "Metric",
    "difference",
    "latency_curve",
    "metric",
    "plain_metric",
    "read_detail",
    "token_figures",
]

# Doubles are printed with six significant digits.
_PRINTED = 1e-5


@dataclass(frozen=True, slots=True)
class Metric:
    """What a round reports of a scenario. unit: `ms`, `samples/s`, `queries/s` or `tokens/s`.
    value is None when loadgen made no estimate, as after too few queries."""

    name: str
    value: float | None
    unit: str


# By the round's key: the metric's name, its unit, and the scenarios it belongs to.
_METRICS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "result_samples_per_second": ("samples per second", "samples/s", ("Offline",)),
    "result_scheduled_samples_per_sec": ("queries per second", "queries/s", ("Server",)),
    "result_completed_samples_per_sec": ("queries per second", "queries/s", ("Server",)),
    "early_stopping_latency_ss": ("p{} latency", "ms", ("SingleStream",)),
    "early_stopping_latency_ms": ("p{} latency", "ms", ("MultiStream",)),
    "result_tokens_per_second": ("tokens per second", "tokens/s", ("Offline",)),
    "result_completed_tokens_per_second": ("tokens per second", "tokens/s", ("Server",)),
    "result_inferred_tokens_per_second": ("tokens per second", "tokens/s", ("Offline",)),
    "result_inferred_completed_tokens_per_second": ("tokens per second", "tokens/s", ("Server",)),
}


def metric(log: DetailLog, scenario: str, round_metric_key: str) -> Metric:
    """The scenario's result by the key that the round names. Latencies, which loadgen gives in
    ns, are returned in ms.

    Raises BenchwrightError for a log of another scenario and for a key that is no metric of it.
    """
    if log.scenario != scenario:
        raise BenchwrightError(
            f"this log is of a {log.scenario or 'nameless'} run, not of {scenario}",
            where=str(log.path),
            fix="give the log that lies in the scenario's own folder",
        )
    own = {key: row for key, row in _METRICS.items() if scenario in row[2]}
    if round_metric_key not in own:
        raise BenchwrightError(
            f"`{round_metric_key}` is no metric of {scenario} that is known here",
            where=f"metric key of {scenario} in the round's data",
            fix=did_you_mean(round_metric_key, own),
        )
    name, unit, _ = own[round_metric_key]
    value = log.number(round_metric_key) if log.finished else None
    if unit == "ms":
        percentile = log.number("effective_target_latency_percentile")
        name = name.format(f"{percentile * 100:g}" if percentile is not None else "?")
        if log.requested.get("use_token_latencies") is True:
            # loadgen then judges first tokens instead of whole answers.
            name = name.replace("latency", "time to first token")
        # Zero is what loadgen writes when it made no estimate.
        value = value / 1e6 if value else None
    return Metric(name, value, unit)


def plain_metric(log: DetailLog, found: Metric) -> Metric:
    """The same metric without loadgen's allowance for few queries: the plain percentile of the
    latencies as they were measured, rather than an estimate that early stopping vouches for."""
    percentile = log.number("effective_target_latency_percentile")
    if found.unit != "ms" or percentile is None:
        return found
    ns = log.number(f"result_{percentile * 100:.2f}_percentile_latency_ns")
    return Metric(f"plain {found.name}", ns / 1e6 if ns else None, "ms")


def token_figures(log: DetailLog) -> dict[str, float]:
    """What a run in token-latency mode shows: tokens per second, and where queries are answered
    one by one the means of time to first token and time per output token, in ms."""
    found: dict[str, float] = {}
    rate = log.number("result_tokens_per_second") or log.number(
        "result_completed_tokens_per_second"
    )
    for name, value, divisor in (
        ("tokens_per_s", rate, 1.0),
        ("ttft_ms", log.number("result_first_token_mean_latency_ns"), 1e6),
        ("ttft_p99_ms", log.number("result_first_token_99.00_percentile_latency_ns"), 1e6),
        ("tpot_ms", log.number("result_time_to_output_token_mean"), 1e6),
        ("tpot_p99_ms", log.number("result_time_per_output_token_99.00_percentile_ns"), 1e6),
    ):
        if value:
            found[name] = value / divisor
    return found


def latency_curve(log: DetailLog) -> list[tuple[float, float]]:
    """(percentile, latency in ms) in rising order, the smallest as 0 and the largest as 100."""
    extent = log.latency_extent_ns
    points = dict(log.latency_ns)
    if "min" in extent and "max" in extent:
        points |= {0.0: extent["min"], 100.0: extent["max"]}
    return [(percentile, ns / 1e6) for percentile, ns in sorted(points.items())]


# ---- settings that did not arrive

# The names a setting goes by (loadgen's attributes and its configuration files), the detail log's
# name, the factor between their units, and the one scenario that reads it ("" for all).
_NAMES: Mapping[str, tuple[str, int, str]] = {
    "mode": ("test_mode", 1, ""),
    "min_duration": ("min_duration_ms", 1, ""),
    "max_duration": ("max_duration_ms", 1, ""),
    "target_latency": ("target_latency_ns", 1_000_000, ""),
    "performance_sample_count_override": ("performance_sample_count", 1, ""),
    "accuracy_sample_count_override": ("accuracy_sample_count", 1, ""),
    "single_stream_expected_latency_ns": ("target_latency_ns", 1, "SingleStream"),
    "single_stream_target_latency_percentile": ("target_latency_percentile", 1, "SingleStream"),
    "multi_stream_expected_latency_ns": ("target_latency_ns", 1, "MultiStream"),
    "multi_stream_target_latency_percentile": ("target_latency_percentile", 1, "MultiStream"),
    "multi_stream_samples_per_query": ("samples_per_query", 1, "MultiStream"),
    "server_target_qps": ("target_qps", 1, "Server"),
    "server_target_latency_ns": ("target_latency_ns", 1, "Server"),
    "server_target_latency_percentile": ("target_latency_percentile", 1, "Server"),
    "server_max_async_queries": ("max_async_queries", 1, "Server"),
    "ttft_latency": ("server_ttft_latency", 1, "Server"),
    "tpot_latency": ("server_tpot_latency", 1, "Server"),
    "offline_expected_qps": ("target_qps", 1, "Offline"),
}

_LOGGED_WHEN_ON = frozenset({"use_token_latencies"})


@dataclass(frozen=True, slots=True)
class _Rule:
    """A setting that loadgen changes by itself. `value` gives what it must become, from what was
    asked for; None where the rule says nothing."""

    key: str
    scenarios: frozenset[str]
    value: Callable[[_Asked], JSON]
    reason: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for: the caller's settings first, then what the log says was requested."""

    wanted: Mapping[str, JSON]
    log: DetailLog

    def get(self, key: str) -> JSON:
        if key in self.wanted:
            return self.wanted[key]
        values = self.log.values
        return next((values[name] for name in self.echoes(key) if name in values), None)

    def count(self, key: str) -> float:
        return finite(self.get(key)) or 0.0

    def as_exact_as(self, key: str, due: int) -> JSON:
        """`due` as a float, to be compared loosely, when it comes from a rounded log value."""
        return due if key in self.wanted else float(due)

    def echoes(self, key: str) -> Iterator[str]:
        """The `requested_` keys under which loadgen repeats this setting."""
        yield f"requested_{key}"
        for name, (canonical, _, scenario) in _NAMES.items():
            if canonical == key and scenario in ("", self.log.scenario):
                yield f"requested_{name}"


def _offline_samples(asked: _Asked) -> JSON:
    if "samples_per_query" in asked.wanted or asked.get("performance_issue_unique"):
        return None
    seconds = asked.count("min_duration_ms") / 1000
    count = max(asked.count("min_query_count"), int(1.1 * seconds * asked.count("target_qps")))
    return asked.as_exact_as("target_qps", int(count))


def _equal_issue_queries(asked: _Asked) -> JSON:
    loaded = asked.log.qsl_performance_count
    if not asked.get("sample_concatenate_permutation") or not loaded:
        return None
    latency = asked.count("target_latency_ns")
    seconds = asked.count("min_duration_ms") / 1000
    expected = int(2.0 * seconds * (1e9 / latency)) if latency else 0
    count = max(int(asked.count("min_query_count")), expected)
    return asked.as_exact_as("target_latency_ns", count + loaded - count % loaded)


def _all_if_zero(key: str, counted: str) -> Callable[[_Asked], JSON]:
    return lambda asked: None if asked.get(key) else asked.log.values.get(counted)


_ONE_BY_ONE = frozenset({"SingleStream", "MultiStream", "Offline"})
_OFFLINE = frozenset({"Offline"})
_ANY = _ONE_BY_ONE | {"Server"}

_RULES = (
    _Rule("min_query_count", _OFFLINE, lambda _: 1, "Offline sends everything as one query"),
    _Rule(
        "samples_per_query",
        _OFFLINE,
        _offline_samples,
        "Offline's query holds target_qps x min_duration x 1.1 samples, "
        "and min_query_count at the least",
    ),
    _Rule("target_latency_percentile", _OFFLINE, lambda _: 0.99, "Offline has no latency target"),
    _Rule("target_duration_ms", _OFFLINE, lambda _: 0, "Offline ends with its only query"),
    _Rule("target_latency_ns", _ONE_BY_ONE, lambda _: 0, "only Server has a latency bound"),
    _Rule("max_async_queries", _ONE_BY_ONE, lambda _: 1, "queries follow one another"),
    _Rule(
        "min_query_count",
        frozenset({"SingleStream"}),
        _equal_issue_queries,
        "samples are sent equally often, so the count grows to 2 x min_duration / target_latency "
        "and on to the next multiple of the loaded set",
    ),
    _Rule(
        "performance_sample_count",
        _ANY,
        _all_if_zero("performance_sample_count", PERFORMANCE_COUNT),
        "zero leaves the number to the sample library",
    ),
    _Rule(
        "accuracy_sample_count",
        _ANY,
        _all_if_zero("accuracy_sample_count", TOTAL_COUNT),
        "zero means the whole data set",
    ),
)


def difference(expected: Mapping[str, JSON], log: DetailLog) -> list[str]:
    """The settings that loadgen ran without, one sentence each; empty when all arrived.

    expected: settings by the detail log's name (`target_latency_ns`, `mode`), by the name of
    loadgen's attribute (`server_target_qps`; one of another scenario is passed over), or by that
    of its configuration files (`target_latency` in ms; a percentile above 1 is in percent; what
    both know, such as `ttft_latency`, is in the attribute's ns). Whole numbers, seeds above all,
    are compared exactly; others to the digits that loadgen prints. What loadgen changes by itself
    is expected to be changed.
    """
    wanted: dict[str, JSON] = {}
    for name, value in expected.items():
        key, factor, scenario = _NAMES.get(name, (name, 1, ""))
        if scenario in ("", log.scenario):
            wanted[key] = _in_log_units(key, value, factor)
    asked = _Asked(wanted, log)
    keys = list(wanted)
    offline = log.scenario == "Offline" and {"min_query_count", "target_qps"} & set(wanted)
    if offline and "samples_per_query" not in wanted:
        keys.append("samples_per_query")
    return [line for key in keys if (line := _mismatch(key, asked))]


def _mismatch(key: str, asked: _Asked) -> str | None:
    log, value = asked.log, asked.wanted.get(key)
    echo = next((name for name in asked.echoes(key) if name in log.values), None)
    if key in asked.wanted and echo and not _same(value, log.values[echo]):
        return f"{key} was set to {value}, but loadgen was given {log.values[echo]}"
    effective = f"effective_{key}"
    if effective not in log.values:
        off = key in _LOGGED_WHEN_ON and value is False
        if echo or off or key not in asked.wanted:
            return None
        hint = did_you_mean(key, [*log.effective, *_NAMES])
        missing = f"{key} was set to {value}, but loadgen's log does not report it"
        return f"{missing}; {hint}" if hint else missing
    found = log.values[effective]
    for rule in _RULES:
        if rule.key == key and log.scenario in rule.scenarios:
            due = rule.value(asked)
            if due is not None:
                if _same(due, found):
                    return None
                return f"{key} should be {_show(due)} ({rule.reason}), but loadgen used {found}"
    if key not in asked.wanted or _same(value, found):
        return None
    return f"{key} was set to {value}, but loadgen used {found}"


def _in_log_units(key: str, value: JSON, factor: int) -> JSON:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if key == "target_latency_percentile" and value > 1:
        return value / 100
    return value * factor


def _same(wanted: JSON, found: JSON) -> bool:
    if isinstance(wanted, bool) or isinstance(found, bool):
        return isinstance(wanted, int) and isinstance(found, int) and bool(wanted) is bool(found)
    if isinstance(wanted, int) and isinstance(found, int):
        return wanted == found
    if isinstance(wanted, (int, float)) and isinstance(found, (int, float)):
        return math.isclose(wanted, found, rel_tol=_PRINTED)
    return wanted == found


def _show(value: JSON) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
