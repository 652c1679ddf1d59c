"""Starting the process of one run, waiting for it, and ending it with us."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from benchwright.errors import BenchwrightError
from benchwright.harness.child import FAILURE, OUTCOME
from benchwright.progress import ProgressCallback


def usable_cores() -> int:
    """Logical CPUs this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def launch(
    spec: Mapping[str, Any],
    folder: Path,
    log: TextIO,
    *,
    expected_seconds: float,
    progress: ProgressCallback,
) -> dict[str, Any]:
    """Runs one specification in a process of its own; returns its outcome.

    folder: where the specification and the outcome are exchanged; progress counts tenths of a
    second against the expected duration. BenchwrightError when the process fails.
    """
    path = folder / "spec.json"
    path.write_text(json.dumps({**spec, "parent": os.getpid()}), encoding="utf-8")
    command = [sys.executable, "-m", "benchwright.harness.child", str(path)]
    log.flush()
    begin = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
    ) as child:
        try:
            total = round(expected_seconds * 10)
            while True:
                try:
                    code = child.wait(timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    done = round((time.monotonic() - begin) * 10)
                    progress(min(done, total), max(total, done))
        except BaseException:
            child.kill()
            # The machine is not free before it has gone.
            child.wait()
            raise
    return _outcome(folder, code, spec)


def _outcome(folder: Path, code: int, spec: Mapping[str, Any]) -> dict[str, Any]:
    failure = folder / FAILURE
    if failure.exists():
        told = json.loads(failure.read_text(encoding="utf-8"))
        raise BenchwrightError(
            told["what"], where=told.get("where"), why=told.get("why"), fix=told.get("fix")
        )
    outcome = folder / OUTCOME
    if code != 0 or not outcome.exists():
        cause = f"signal {-code}" if code < 0 else f"exit status {code}"
        raise BenchwrightError(
            "the process of this run ended before the test did",
            where=str(spec.get("task", "")),
            why=f"{cause} of `python -m benchwright.harness.child`",
            fix="see the log; signal 9 often means that memory ran out",
        )
    found: dict[str, Any] = json.loads(outcome.read_text(encoding="utf-8"))
    return found
