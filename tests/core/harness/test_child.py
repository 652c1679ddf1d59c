"""What the process of one run says of itself."""

from __future__ import annotations

import subprocess
import sys

LARGE = 300 << 20
PARENT = f"""
import subprocess, sys
held = bytearray({LARGE})
held[::4096] = bytes([1]) * len(held[::4096])
code = "from benchwright.harness.child import peak_memory; print(peak_memory())"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
"""


def test_the_memory_of_a_run_is_its_own_and_not_that_of_what_started_it() -> None:
    found = subprocess.run(
        [sys.executable, "-c", PARENT], capture_output=True, text=True, check=True, timeout=120
    )
    assert 5_000_000 < int(found.stdout) < LARGE // 2
