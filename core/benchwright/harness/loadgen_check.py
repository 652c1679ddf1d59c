"""Whether a loadgen module works: a script for a process of its own, standard library only.

    python -P loadgen_check.py SITE LOGS

SITE is the folder that must bring the module, or `-` for the installed one. One short Offline test
runs through everything that the harness calls, with loadgen's logs in LOGS. `check.json` there
says {"file": the module's file} or {"error": what is wrong}. What the logs say is read by the one
who asked.
"""

from __future__ import annotations

import json
import os
import sys
from array import array
from pathlib import Path
from typing import Any, NoReturn

REPORT = "check.json"
SAMPLES = 64

NEEDED = (
    "ConstructFastSUT",
    "ConstructQSL",
    "DestroyFastSUT",
    "DestroyQSL",
    "LogOutputSettings",
    "LogSettings",
    "QuerySampleResponse",
    "QuerySamplesComplete",
    "StartTestWithLogSettings",
    "TestMode",
    "TestScenario",
    "TestSettings",
)
"""What the harness uses of the module."""


def main(site: str, logs: str) -> None:
    """Checks, and writes the report."""
    report = Path(logs) / REPORT

    def fail(error: str) -> NoReturn:
        report.write_text(json.dumps({"error": error}), encoding="utf-8")
        sys.stdout.flush()
        # Also out of loadgen's native frames, which no exception can cross.
        os._exit(1)

    if site != "-":
        sys.path.insert(0, site)
    try:
        import mlperf_loadgen as loadgen
    except Exception as error:
        fail(f"it cannot be imported: {type(error).__name__}: {error}")
    file = Path(str(loadgen.__file__)).resolve()
    if site != "-" and not file.is_relative_to(Path(site).resolve()):
        fail(f"another one was imported: {file}")
    missing = [name for name in NEEDED if not hasattr(loadgen, name)]
    if missing:
        fail(f"it lacks {', '.join(missing)}")
    try:
        answered = _offline(loadgen, logs, fail)
    except Exception as error:
        fail(f"{type(error).__name__}: {error}")
    if answered < SAMPLES:
        fail(f"its Offline test asked for {answered} of {SAMPLES} samples")
    report.write_text(json.dumps({"file": str(file)}), encoding="utf-8")


def _offline(loadgen: Any, logs: str, fail: Any) -> int:
    """Samples that a short Offline test asked for; each is answered with four bytes."""
    answer = array("B", bytes(4))
    address, size = answer.buffer_info()
    answered = 0

    def issue(ids: list[int], indices: list[int]) -> None:
        nonlocal answered
        try:
            loadgen.QuerySamplesComplete(
                [loadgen.QuerySampleResponse(number, address, size) for number in ids]
            )
            answered += len(indices)
        except Exception as error:
            fail(f"{type(error).__name__} while answering: {error}")

    settings = loadgen.TestSettings()
    settings.scenario = loadgen.TestScenario.Offline
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.min_duration_ms = 1
    settings.min_query_count = SAMPLES
    settings.offline_expected_qps = 1.0
    output = loadgen.LogOutputSettings()
    output.outdir = logs
    output.copy_summary_to_stdout = False
    log = loadgen.LogSettings()
    log.log_output = output
    log.enable_trace = False
    system = loadgen.ConstructFastSUT(issue, lambda: None)
    library = loadgen.ConstructQSL(SAMPLES, SAMPLES, lambda indices: None, lambda indices: None)
    loadgen.StartTestWithLogSettings(system, library, settings, log, "")
    loadgen.DestroyQSL(library)
    loadgen.DestroyFastSUT(system)
    return answered


if __name__ == "__main__":
    main(*sys.argv[1:])
