"""Commands that end with us: a child in a process group of its own, its output in a log.

For work that starts processes of its own, such as pip and compilers. Between us and the command
stands this very file, run as a script: it holds the reading end of a pipe, and when the writing
end closes, because we ended in whatever way, it ends the whole group. Measured runs are started
by `launch`, with nothing in between.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

_POLL_S = 0.2


def run_guarded(
    command: Sequence[str],
    log: TextIO,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float | None = None,
    tick: Callable[[float], None] | None = None,
) -> int:
    """Runs a command to its end; returns its exit status (128 + number for a signal).

    log: a real file, for standard output and standard error; tick: called several times a second
    with the seconds passed. Whatever `tick` raises, Ctrl-C, and subprocess.TimeoutExpired after
    `timeout_s` seconds end the command and all processes in its group first.
    """
    log.flush()
    script = [sys.executable, "-I", str(Path(__file__).resolve()), *command]
    begin = time.monotonic()
    with subprocess.Popen(
        script,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        start_new_session=True,
    ) as guard:
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return guard.wait(timeout=_POLL_S)
                passed = time.monotonic() - begin
                if timeout_s is not None and passed > timeout_s:
                    raise subprocess.TimeoutExpired(list(command), timeout_s)
                if tick is not None:
                    tick(passed)
        except BaseException:
            if guard.stdin is not None:
                guard.stdin.close()
            guard.wait()
            raise


def _main(command: list[str]) -> None:
    """The script: waits for the command, and for the end of whoever started us."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_group_with_parent, daemon=True).start()
    status = child.wait()
    os._exit(status if status >= 0 else 128 - status)


def _end_group_with_parent() -> None:
    # Nothing is ever written to it: this returns when the other end is gone.
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    _main(sys.argv[1:])
