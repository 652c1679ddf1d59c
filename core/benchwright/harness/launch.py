"""Starting the process of one run, waiting for it, and ending it with us."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from benchwright.errors import BenchwrightError
from benchwright.harness.child import FAILURE, NOTICE, OUTCOME
from benchwright.harness.window import Gate, Window
from benchwright.progress import ProgressCallback

_MOMENT_SECONDS = 0.5


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
    window: Window | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Runs one specification in a process of its own; returns its outcome.

    folder: where the specification and the outcome are exchanged; progress counts tenths of a
    second against the expected duration; window: told when the test begins and has ended; say:
    given what a person should know before the test.
    BenchwrightError when the process fails.
    """
    path = folder / "spec.json"
    command = [sys.executable, "-m", "benchwright.harness.child", str(path)]
    log.flush()
    begin = time.monotonic()
    total = round(expected_seconds * 10)
    notice = folder / NOTICE
    notice.unlink(missing_ok=True)
    with contextlib.ExitStack() as stack:
        gate = None if window is None else stack.enter_context(Gate(window))
        passed = [] if gate is None else [gate.child_end]
        given = {**spec, "parent": os.getpid(), "gate": None if gate is None else gate.child_end}
        path.write_text(json.dumps(given), encoding="utf-8")
        child = stack.enter_context(
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=passed,
            )
        )
        try:
            if gate is not None:
                gate.started()
            while (code := _ended(child, gate)) is None:
                done = round((time.monotonic() - begin) * 10)
                progress(min(done, total), max(total, done))
                _pass_on(notice, say)
        except BaseException:
            child.kill()
            # The machine is not free before it has gone.
            child.wait()
            raise
    _pass_on(notice, say)
    return _outcome(folder, code, spec)


def _pass_on(notice: Path, say: Callable[[str], None]) -> None:
    if notice.exists():
        say(notice.read_text(encoding="utf-8"))
        notice.unlink()


def _ended(child: subprocess.Popen[bytes], gate: Gate | None) -> int | None:
    """Waits a moment; the process's exit status if it has ended."""
    # A copy that the process left behind may hold the gate open after its death.
    seconds = 0.0 if gate is not None and gate.wait(_MOMENT_SECONDS) else _MOMENT_SECONDS
    try:
        return child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None


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
