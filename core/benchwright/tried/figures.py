"""The figures of a performance result that people compare models by, whatever the scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchwright.results import RunResult


class Figures(NamedTuple):
    """Of one run; None where a scenario has no such figure. qps: queries a second, as they were
    answered; p50 to p99: latency of a query in ms; the last three are of models that generate:
    tokens a second, and the means of time to first token and time per further token in ms."""

    qps: float | None
    samples_per_s: float | None
    p50: float | None
    p90: float | None
    p99: float | None
    peak_memory_bytes: int | None
    model_bytes: int | None
    tokens_per_s: float | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None


def figures(result: RunResult) -> Figures:
    """What a performance run shows."""
    details = result.details
    curve = {float(percentile): ms for percentile, ms in details.get("latency_ms", ())}
    count, seconds = details.get("query_count"), result.duration_s
    qps = count / seconds if count and seconds else None
    rate = qps
    if result.scenario == "Offline":
        # One query, whose samples' latencies count from its beginning.
        qps, curve = None, {}
        rate = result.value if result.unit == "samples/s" else None
    elif result.scenario == "MultiStream" and qps is not None:
        settings: Mapping[str, Any] = details.get("settings", {})
        rate = qps * float(settings.get("multi_stream_samples_per_query", 1))
    tokens: Mapping[str, Any] = details.get("tokens") or {}
    return Figures(
        qps,
        rate,
        curve.get(50.0),
        curve.get(90.0),
        curve.get(99.0),
        details.get("peak_memory_bytes"),
        details.get("model_bytes"),
        tokens.get("tokens_per_s"),
        tokens.get("ttft_ms"),
        tokens.get("tpot_ms"),
    )


def by_kind(results: Sequence[RunResult]) -> dict[tuple[str, str, str, str], list[RunResult]]:
    """Runs that differ in nothing but when they were made, by (model, backend, precision,
    scenario)."""
    found: dict[tuple[str, str, str, str], list[RunResult]] = {}
    for result in results:
        key = (result.benchmark, result.backend, result.precision, result.scenario)
        found.setdefault(key, []).append(result)
    return found
