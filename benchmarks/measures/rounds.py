"""Rounds: processes that measure the harness and its baseline one after the other.

A round compares within itself, so that what else the machine does falls on both sides; several
rounds tell how much that still varies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchwright.errors import BenchwrightError
from benchwright.harness.lock import machine_alone
from measures.registry import Note

CHILD = Path(__file__).parent.with_name("child.py")
TIMEOUT_S = 600.0

Figures = dict[str, float]


def rounds(
    module: str, spec: Mapping[str, Any], count: int, note: Note, line: Callable[[Figures], str]
) -> list[Figures]:
    """Runs `module.measure(spec)` so many times, each in a new process that has the machine to
    itself as far as Benchwright goes. line: what to say of a round."""
    name = module.rsplit(".", 1)[-1].replace("_", "-")
    found = []
    for number in range(1, count + 1):
        with machine_alone(f"benchmark {name}", note):
            figures = _round(module, spec)
        note(f"{name} {number}/{count}: {line(figures)}{_load()}")
        found.append(figures)
    return found


def _round(module: str, spec: Mapping[str, Any]) -> Figures:
    with tempfile.TemporaryDirectory(prefix="benchwright-benchmark-") as folder:
        path = Path(folder, "spec.json")
        told = {**spec, "module": module, "scratch": folder, "parent": os.getpid()}
        path.write_text(json.dumps(told), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(CHILD), str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        answer = path.with_name("answer.json")
        if not answer.exists():
            last = done.stderr.strip().splitlines() or ["it said nothing"]
            raise BenchwrightError(
                "the process of a round failed",
                where=module,
                why=f"exit status {done.returncode}; {last[-1]}",
            )
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    if "error" in found:
        raise BenchwrightError(**found["error"])
    return found


def _load() -> str:
    """The machine's load, where more waits to run than there are cores."""
    if not hasattr(os, "getloadavg"):
        return ""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    return f" (load {load:.1f} on {cores} cores: not quiet)" if load > 1.25 * cores else ""
