"""loadgen's settings of one run: from the round's data, the duration asked for, the calibration
and what the campaign pins. All are set explicitly and read back from the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchwright.harness.calibrate import Operation
from benchwright.rounds import Round

QUICK_MS = 2000
"""Duration of a quick run: long enough for a steady median, short enough to wait for."""

BORNE_PAUSE_MS = 95
"""A quick Server run bears pauses of the machine of so much in all: what comes in a pause is late
by up to its length, and of all queries only few may be later than the latency bound. So it lasts
the longer, the tighter that bound is."""

EXPECTED_SHARE = 0.8
"""loadgen is told to expect queries that take this share of the calibrated latency."""

OFFLINE_HEADROOM = 1.3
"""An Offline query must last the minimum duration, so it is sized above the calibrated rate."""

OFFLINE_EXTRA = 1.1
"""loadgen makes an Offline query so much larger than the expected rate times the duration."""

SERVER_SHARE = 0.5
"""Server queries are issued at this share of the measured capacity."""

UNBOUNDED_SERVER_SHARE = 0.8
"""At this one where the latency bound was chosen for a rate, not the rate for a bound."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the campaign asks of a run: scenario, mode (`performance` or `accuracy`), duration
    (`quick`, `official` or seconds), pinned values, number of samples, and for a compliance
    test its name. strict: a performance run ends when its duration is over, whatever it lacks
    then."""

    scenario: str
    mode: str
    duration: str | int
    conf_key: str
    sample_count: int
    pins: Mapping[str, Any]
    test: str | None = None
    strict: bool = False


def duration_ms(round_: Round, request: Request) -> int:
    """The minimum duration of a performance run, in milliseconds."""
    if request.duration == "official":
        return int(round_.limits.min_duration_ms)
    if request.duration == "quick":
        conf = round_.conf(request.conf_key, request.scenario)
        return max(QUICK_MS, _borne_ms(conf) if request.scenario == "Server" else 0)
    return int(request.duration) * 1000


def _borne_ms(conf: Mapping[str, Any]) -> int:
    late_share = 1 - float(conf["target_latency_percentile"]) / 100
    return round((BORNE_PAUSE_MS - float(conf["target_latency"])) / late_share)


def test_settings(round_: Round, request: Request, operation: Operation) -> dict[str, Any]:
    """Values by attribute of loadgen's TestSettings, for every setting that matters."""
    conf = round_.conf(request.conf_key, request.scenario)
    official = request.duration == "official"
    seeds = round_.seeds_of(request.test)
    values: dict[str, Any] = {
        "scenario": request.scenario,
        "mode": "AccuracyOnly" if request.mode == "accuracy" else "PerformanceOnly",
        "min_duration_ms": duration_ms(round_, request),
        "max_duration_ms": duration_ms(round_, request) if _ends_on_time(request) else 0,
        "max_query_count": 0,
        **seeds._asdict(),
        "sample_concatenate_permutation": bool(conf.get("sample_concatenate_permutation", 0)),
        "performance_sample_count_override": performance_samples(round_, request),
    }
    add = {
        "SingleStream": _single_stream,
        "MultiStream": _multi_stream,
        "Server": _server,
        "Offline": _offline,
    }[request.scenario]
    values.update(add(round_, conf, request, operation, official))
    if takes_token_latencies(round_, request):
        values["use_token_latencies"] = True
        for name in ("ttft_latency", "tpot_latency"):
            if name in conf:
                values[name] = _milliseconds(float(conf[name]))
    return values


def _ends_on_time(request: Request) -> bool:
    return request.strict and request.mode != "accuracy"


def seconds_of_least(values: Mapping[str, Any], operation: Operation) -> float:
    """About how long the fewest queries take that a run has to send, by the calibration."""
    count = int(values["min_query_count"])
    if values["scenario"] == "Server":
        return float(count / values["server_target_qps"])
    if values["scenario"] == "Offline":
        return float(count / operation.samples_per_second) if operation.samples_per_second else 0.0
    return count * operation.latency_s


def takes_token_latencies(round_: Round, request: Request) -> bool:
    """Whether loadgen is told of first tokens: where the round or the campaign says so, and only
    in performance runs."""
    conf = round_.conf(request.conf_key, request.scenario)
    asked = request.pins.get("token_latencies") or conf.get("use_token_latencies")
    return bool(asked) and request.mode != "accuracy"


def performance_samples(round_: Round, request: Request) -> int:
    """How many samples the performance run uses: the round's number where the data set has it."""
    conf = round_.conf(request.conf_key, request.scenario)
    wanted = int(conf.get("performance_sample_count_override", 0)) or request.sample_count
    return min(wanted, request.sample_count)


def _milliseconds(value: float) -> int:
    return max(1, int(value * 1e6))


def _single_stream(
    round_: Round, conf: Mapping[str, Any], request: Request, operation: Operation, official: bool
) -> dict[str, Any]:
    least = round_.limits.early_stopping_min_queries["SingleStream"]
    return {
        "min_query_count": int(conf.get("min_query_count", 100)) if official else least,
        "single_stream_expected_latency_ns": _latency_ns(request, operation),
        "single_stream_target_latency_percentile": conf["target_latency_percentile"] / 100,
    }


def _multi_stream(
    round_: Round, conf: Mapping[str, Any], request: Request, operation: Operation, official: bool
) -> dict[str, Any]:
    return {
        "min_query_count": round_.limits.early_stopping_min_queries["MultiStream"],
        "multi_stream_expected_latency_ns": _latency_ns(request, operation),
        "multi_stream_target_latency_percentile": conf["target_latency_percentile"] / 100,
        "multi_stream_samples_per_query": int(conf["samples_per_query"]),
    }


def _latency_ns(request: Request, operation: Operation) -> int:
    pinned = request.pins.get("expected_latency_ms")
    if pinned:
        return _milliseconds(float(pinned))
    # Too small an expectation is safe; too large a one runs out of pre-generated queries.
    return max(1, int(operation.latency_s * EXPECTED_SHARE * 1e9))


def _server(
    round_: Round, conf: Mapping[str, Any], request: Request, operation: Operation, official: bool
) -> dict[str, Any]:
    pinned = request.pins.get("target_qps")
    bound_was_chosen = operation.bound_s and not request.pins.get("latency_bound_ms")
    share = UNBOUNDED_SERVER_SHARE if bound_was_chosen else SERVER_SHARE
    return {
        "min_query_count": round_.limits.early_stopping_min_queries["Server"],
        "server_target_qps": float(pinned or operation.samples_per_second * share),
        "server_target_latency_ns": _milliseconds(
            operation.bound_s * 1e3 or float(conf["target_latency"])
        ),
        "server_target_latency_percentile": conf["target_latency_percentile"] / 100,
        "server_coalesce_queries": False,
    }


def _offline(
    round_: Round, conf: Mapping[str, Any], request: Request, operation: Operation, official: bool
) -> dict[str, Any]:
    # A query cannot be ended once it is sent: a strict one is sized to last as long as asked.
    room = 1 / OFFLINE_EXTRA if request.strict else OFFLINE_HEADROOM
    qps = request.pins.get("target_qps") or operation.samples_per_second * room
    return {
        "min_query_count": int(conf.get("min_query_count", 1)) if official else 1,
        "offline_expected_qps": float(qps),
    }


_CONF_NAMES = {
    "min_duration_ms": ("min_duration", 1),
    "min_query_count": ("min_query_count", 1),
    "performance_sample_count_override": ("performance_sample_count_override", 1),
    "single_stream_expected_latency_ns": ("target_latency", 1e6),
    "multi_stream_expected_latency_ns": ("target_latency", 1e6),
    "server_target_qps": ("target_qps", 1),
    "offline_expected_qps": ("target_qps", 1),
}
"""TestSettings attribute → (user.conf key, divisor): what a submitter states in user.conf."""


def user_conf(values: Mapping[str, Any]) -> dict[str, int | float]:
    """The settings that belong into a user.conf, by its keys."""
    found: dict[str, int | float] = {}
    for name, (key, divisor) in _CONF_NAMES.items():
        if name in values:
            found[key] = values[name] if divisor == 1 else values[name] / divisor
    return found


def apply(settings: Any, loadgen: Any, values: Mapping[str, Any], scratch: Path) -> tuple[str, ...]:
    """Sets every value on loadgen's TestSettings object.

    Returns the names that this loadgen's binding does not offer (v3.1's lacks
    `sample_concatenate_permutation`): one that is off is loadgen's default, one that is on is set
    through a configuration file in the folder `scratch`.
    """
    missing = tuple(
        name
        for name in values
        if name not in ("scenario", "mode") and not hasattr(type(settings), name)
    )
    wanted = {name: int(values[name]) for name in missing if values[name]}
    if wanted:
        # Read first: a configuration file also sets what is set explicitly below.
        conf = scratch / "binding.conf"
        lines = [f"*.{values['scenario']}.{name} = {value}" for name, value in wanted.items()]
        conf.write_text("\n".join(lines) + "\n", encoding="utf-8")
        settings.FromConfig(str(conf), "any", values["scenario"])
    for name, value in values.items():
        if name == "scenario":
            settings.scenario = getattr(loadgen.TestScenario, value)
        elif name == "mode":
            settings.mode = getattr(loadgen.TestMode, value)
        elif name not in missing:
            setattr(settings, name, value)
    return missing
