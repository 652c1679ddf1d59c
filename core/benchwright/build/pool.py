"""Worker processes: started when there is work, spoken to over a socket each, ended with us."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from benchwright.build.wire import line

_GRACE_SECONDS = 10.0
"""How long a worker may clean up after a task that was interrupted."""

_END_SECONDS = 2.0
_BLOCK = 1 << 16
_TAIL = 4000


class Worker:
    """One worker process. task: the name of the task that it makes, or None."""

    def __init__(self) -> None:
        self.task: str | None = None
        # What it prints outside of a task's log: read only when it ends unexpectedly.
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        self.channel, theirs = socket.socketpair()
        self._rest = b""
        script = Path(__file__).with_name("worker.py")
        with theirs:
            # A process group of its own: Ctrl-C reaches us alone, and we end all of it.
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(script), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.send({"path": sys.path, "argv": sys.argv, "parent": os.getpid()})

    def send(self, message: dict[str, Any]) -> None:
        """Sends one message; that nobody listens shows when we listen."""
        with contextlib.suppress(OSError):
            self.channel.sendall(line(message))

    def receive(self) -> Iterator[dict[str, Any]]:
        """What has come, at least a part of it; `lost` as the last when the worker has ended."""
        try:
            block = self.channel.recv(_BLOCK)
        except OSError:
            block = b""
        *lines, self._rest = (self._rest + block).split(b"\n")
        for text in lines:
            yield json.loads(text)
        if not block:
            yield {"lost": self._how_it_ended()}

    def _how_it_ended(self) -> str:
        try:
            code = self.process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self.process.wait()
        cause = f"signal {-code}" if code < 0 else f"exit status {code}"
        if code == -signal.SIGKILL:
            cause += ", which often means that memory ran out"
        self._output.seek(0)
        said = self._output.read()[-_TAIL:].decode(errors="replace").strip()
        return f"{cause}\n{said}" if said else cause

    def terminate(self) -> None:
        """Asks it to end its task and itself."""
        with contextlib.suppress(OSError):
            os.kill(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Ends it and all that it started, at once."""
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Forgets a worker; one that still lives ends all that it started when it sees this."""
        self.channel.close()
        self._output.close()


class Pool:
    """The workers of one build."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()
        self._guard: subprocess.Popen[str] | None = None

    def begin(self, task: str, calls: list[Any]) -> None:
        """Gives a task's calls to a worker that has nothing to do."""
        worker = next((worker for worker in self.workers if worker.task is None), None)
        if worker is None:
            self._start_guard()
            worker = Worker()
            self.workers.append(worker)
            self._tell_guard(f"+{worker.process.pid}")
            self._selector.register(worker.channel, selectors.EVENT_READ, worker)
        worker.task = task
        worker.send({"calls": calls})

    def messages(self, timeout: float | None = None) -> list[tuple[str, dict[str, Any]]]:
        """What tasks have told since the last call: (task, message); waits for the first."""
        found = []
        for key, _ in self._selector.select(timeout):
            worker: Worker = key.data
            for message in worker.receive():
                if worker.task is not None:
                    found.append((worker.task, message))
                if "done" in message:
                    worker.task = None
                elif "lost" in message:
                    self._drop(worker)
        return found

    def stop(self) -> list[tuple[str, dict[str, Any]]]:
        """Ends every worker, those that work too; what they have told before they ended."""
        found = []
        for worker in self.workers:
            worker.terminate()
        end = time.monotonic() + _GRACE_SECONDS
        while self.workers and (left := end - time.monotonic()) > 0:
            found += self.messages(left)
        self.kill()
        if self._guard is not None:
            self._guard.communicate()
            self._guard = None
        return found

    def _start_guard(self) -> None:
        """Before the first worker, so that there is no moment without."""
        if self._guard is None:
            script = Path(__file__).with_name("guard.py")
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )

    def _tell_guard(self, text: str) -> None:
        if self._guard is None or self._guard.stdin is None:
            return
        with contextlib.suppress(OSError):
            self._guard.stdin.write(f"{text}\n")
            self._guard.stdin.flush()

    def kill_at_once(self) -> None:
        """Ends every worker, and all that they started, without waiting for it."""
        for worker in list(self.workers):
            worker.kill()

    def kill(self) -> None:
        """Ends every worker, and all that they started."""
        for worker in list(self.workers):
            worker.kill()
            self._drop(worker)

    def _drop(self, worker: Worker) -> None:
        # Whatever the worker's task has started and left ends with it.
        worker.kill()
        self.workers.remove(worker)
        self._selector.unregister(worker.channel)
        worker.process.wait()
        worker.close()
        self._tell_guard(f"-{worker.process.pid}")
