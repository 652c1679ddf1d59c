"""Real logs for the tests: short loadgen runs over a system that does nothing, or naps.

Run as a script it is the child process that makes one run; imported, `make` starts that child for
a run named in `RUNS`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from array import array
from pathlib import Path
from typing import Any

import pytest

TOTAL = 64
LATE = 10_000_000_000
"""A latency bound in ns that no test run ever breaks."""

RESPONSE = array("f", [1.5, -2.5])

SEEDS = {
    "qsl_rng_seed": 2**64 - 59,
    "sample_index_rng_seed": 14276810075590677512,
    "schedule_rng_seed": 3936089224930324775,
}


def _run(scenario: str, *, mode: str = "PerformanceOnly", **rest: Any) -> dict[str, Any]:
    options = {k: rest.pop(k) for k in list(rest) if k in OPTIONS}
    settings = {"scenario": scenario, "mode": mode, "min_duration_ms": 20, **SEEDS, **rest}
    return {"settings": settings, **options}


OPTIONS = {
    "nap_s",
    "total",
    "loaded",
    "audit",
    "late_every",
    "late_s",
    "stagger",
    "die_at",
    "tokens",
}

RUNS: dict[str, dict[str, Any]] = {
    # VALID, one for each scenario
    "offline": _run("Offline", nap_s=0.03, offline_expected_qps=12345.678, min_query_count=64),
    "single": _run(
        "SingleStream", nap_s=0.0002, single_stream_expected_latency_ns=50_000, min_query_count=100
    ),
    "multi": _run(
        "MultiStream",
        nap_s=0.0002,
        stagger=True,
        multi_stream_expected_latency_ns=50_000,
        min_query_count=662,
    ),
    "server": _run(
        "Server", server_target_qps=8000, server_target_latency_ns=LATE, min_query_count=700
    ),
    # INVALID, each for its own reason
    "offline-short": _run(
        "Offline", offline_expected_qps=1, min_query_count=64, min_duration_ms=1000
    ),
    "single-few": _run(
        "SingleStream", nap_s=0.005, single_stream_expected_latency_ns=500_000, min_query_count=5
    ),
    "single-enough": _run(
        "SingleStream", nap_s=0.005, single_stream_expected_latency_ns=500_000, min_query_count=64
    ),
    "single-ran-out": _run(
        "SingleStream",
        single_stream_expected_latency_ns=2_000_000_000,
        min_query_count=1,
        min_duration_ms=2000,
    ),
    "multi-few": _run(
        "MultiStream", nap_s=0.001, multi_stream_expected_latency_ns=100_000, min_query_count=5
    ),
    "multi-ran-out": _run(
        "MultiStream",
        multi_stream_expected_latency_ns=2_000_000_000,
        min_query_count=5,
        min_duration_ms=2000,
    ),
    "server-overload": _run(
        "Server",
        nap_s=0.001,
        server_target_qps=4000,
        server_target_latency_ns=20_000_000,
        min_query_count=200,
    ),
    "server-hopeless": _run(
        "Server",
        nap_s=0.002,
        server_target_qps=200,
        server_target_latency_ns=1_000_000,
        min_query_count=20,
    ),
    "server-few": _run(
        "Server", server_target_qps=8000, server_target_latency_ns=LATE, min_query_count=100
    ),
    "server-unsure": _run(
        "Server",
        late_every=200,
        late_s=0.5,
        server_target_qps=8000,
        server_target_latency_ns=400_000_000,
        min_query_count=700,
    ),
    "server-one": _run(
        "Server",
        server_target_qps=1000,
        server_target_latency_ns=LATE,
        min_query_count=1,
        min_duration_ms=0,
    ),
    "server-outstanding": _run(
        "Server",
        late_every=1,
        late_s=0.4,
        server_target_qps=8000,
        server_target_latency_ns=LATE,
        server_max_async_queries=10,
        min_query_count=700,
    ),
    "server-tokens": _run(
        "Server",
        tokens=True,
        nap_s=0.002,
        server_target_qps=500,
        min_query_count=20,
        use_token_latencies=True,
        ttft_latency=LATE,
        tpot_latency=1000,
    ),
    "max-duration": _run(
        "SingleStream",
        single_stream_expected_latency_ns=2000,
        min_query_count=64,
        min_duration_ms=200,
        max_duration_ms=50,
    ),
    "max-queries": _run(
        "SingleStream",
        nap_s=0.0002,
        single_stream_expected_latency_ns=1_000_000,
        min_query_count=100,
        max_query_count=70,
        min_duration_ms=3000,
    ),
    "bad-audit": _run(
        "SingleStream",
        nap_s=0.005,
        single_stream_expected_latency_ns=500_000,
        min_query_count=5,
        audit="*.*.mode = performance\n",
    ),
    "killed": _run(
        "SingleStream",
        nap_s=0.001,
        die_at=150,
        single_stream_expected_latency_ns=50_000,
        min_query_count=1000,
    ),
    # other kinds
    "audited": _run(
        "Offline",
        nap_s=0.03,
        offline_expected_qps=1000,
        min_query_count=128,
        audit="*.*.mode = 2\n*.*.accuracy_log_rng_seed = 720381539243781796\n"
        "*.*.accuracy_log_sampling_target = 32\n",
    ),
    "offline-padded": _run(
        "Offline",
        nap_s=0.03,
        offline_expected_qps=1000,
        min_query_count=100,
        sample_concatenate_permutation=True,
        performance_sample_count_override=32,
    ),
    "single-equal": _run(
        "SingleStream",
        nap_s=0.0002,
        single_stream_expected_latency_ns=123_456,
        min_query_count=64,
        sample_concatenate_permutation=True,
    ),
    "accuracy": _run("Offline", mode="AccuracyOnly", offline_expected_qps=10, min_query_count=1),
    "accuracy-sets": _run(
        "SingleStream",
        mode="AccuracyOnly",
        loaded=24,
        single_stream_expected_latency_ns=50_000,
        min_query_count=1,
    ),
    "accuracy-tokens": _run(
        "Offline",
        mode="AccuracyOnly",
        tokens=True,
        offline_expected_qps=10,
        min_query_count=1,
        use_token_latencies=True,
    ),
}

_made: dict[str, Path] = {}


def make(name: str, factory: pytest.TempPathFactory) -> Path:
    """Makes the named run, once per session, and returns the folder of its logs."""
    if name not in _made:
        folder = factory.mktemp(name)
        spec = json.dumps({**RUNS[name], "folder": str(folder)})
        child = subprocess.run(
            [sys.executable, __file__, spec],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        expected = 9 if "die_at" in RUNS[name] else 0
        assert child.returncode == expected, child.stdout + child.stderr
        _made[name] = folder
    return _made[name]


class _System:
    """Answers each query with the same eight bytes, at once, after a nap, or late."""

    def __init__(self, loadgen: Any, spec: dict[str, Any]) -> None:
        self._loadgen = loadgen
        self._spec = spec
        self._queries = 0
        self._address, items = RESPONSE.buffer_info()
        self._size = items * RESPONSE.itemsize

    def _answer(self, ids: list[int]) -> None:
        tokens = (3,) if self._spec.get("tokens") else ()
        self._loadgen.QuerySamplesComplete(
            [self._loadgen.QuerySampleResponse(i, self._address, self._size, *tokens) for i in ids]
        )

    def issue(self, samples: list[Any]) -> None:
        spec, ids = self._spec, [sample.id for sample in samples]
        self._queries += 1
        if self._queries == spec.get("die_at"):
            os._exit(9)
        if spec.get("tokens"):
            self._loadgen.FirstTokenComplete(
                [self._loadgen.QuerySampleResponse(i, self._address, 4, 1) for i in ids]
            )
        if spec.get("late_every") and self._queries % spec["late_every"] == 0:
            threading.Timer(spec["late_s"], self._answer, [ids]).start()
            return
        if spec.get("stagger"):
            self._answer(ids[:-1])
            ids = ids[-1:]
        if spec.get("nap_s"):
            time.sleep(spec["nap_s"])
        self._answer(ids)


def _child(spec: dict[str, Any]) -> None:
    import mlperf_loadgen as loadgen

    settings = loadgen.TestSettings()
    for name, value in spec["settings"].items():
        kind = {"scenario": loadgen.TestScenario, "mode": loadgen.TestMode}.get(name)
        setattr(settings, name, getattr(kind, value) if kind else value)
    folder = Path(spec["folder"])
    audit = folder / "audit.config"
    if "audit" in spec:
        audit.write_text(spec["audit"])
    output = loadgen.LogOutputSettings()
    output.outdir = spec["folder"]
    output.copy_summary_to_stdout = False
    log = loadgen.LogSettings()
    log.log_output = output
    log.enable_trace = False
    system = loadgen.ConstructSUT(_System(loadgen, spec).issue, lambda: None)
    library = loadgen.ConstructQSL(
        spec.get("total", TOTAL), spec.get("loaded", TOTAL), lambda _: None, lambda _: None
    )
    loadgen.StartTestWithLogSettings(system, library, settings, log, str(audit))


if __name__ == "__main__":
    _child(json.loads(sys.argv[1]))
