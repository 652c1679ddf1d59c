"""Many processes that open one new state file in the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

CODE = """
import sys
import time
from doit.dependency import JSONCodec
from benchwright.build.state import StateBackend

begin = float(sys.stdin.readline())
for number in range(60):
    while time.monotonic() < begin + number * 0.02:
        pass
    state = StateBackend(f"state-{number}.db", JSONCodec())
    state.set("task", "deps:", ())
    state.dump()
"""


def test_all_get_in(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CODE],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    begin = time.monotonic() + 0.5
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{begin}\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, told
