"""A worker process of a parallel build: makes one task after the other, as it is told.

Run as a script by `benchwright.build.pool`, with one end of a socket and the number of the
process that began it. It leads a process group of its own, so that everything that its tasks
start can be ended with it (see `guard`), and ends when that process does, however that ends.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from types import FrameType
from typing import Any

_PROGRESS_SECONDS = 0.1


def main() -> None:
    """Serves the socket whose descriptor the command line names."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    reader = channel.makefile("rb")
    first = json.loads(reader.readline())
    sys.path[:] = first["path"]
    sys.argv = first["argv"]
    from benchwright.harness.child import die_with_parent

    die_with_parent(first["parent"])
    signal.signal(signal.SIGTERM, _stop)
    # A crash in native code tells where, into the log of the task.
    import faulthandler

    faulthandler.enable()
    jobs: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(reader, jobs), daemon=True).start()
    from benchwright.build import console

    told = _Told(channel)
    try:
        with console.told_to(told):  # type: ignore[arg-type]
            while (job := jobs.get()) is not None:
                told.send({"done": _work(job)})
    except KeyboardInterrupt:
        os._exit(130)


def _stop(number: int, frame: FrameType | None) -> None:
    # Once: what cleans up after it is not to be interrupted too.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _listen(reader: Any, jobs: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Takes jobs; when the other end is gone, ends this process (and the guard its children)."""
    for text in reader:
        jobs.put(json.loads(text))
    os._exit(1)


class _Told:
    """Sends what tasks say to the build's process (an audience of `console`)."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """One message; the listening thread ends us when nobody is there."""
        from benchwright.build.wire import line

        with self._lock:
            self._channel.sendall(line(message))

    def say(self, task: str, text: str) -> None:
        """A line about the task that runs."""
        self.send({"say": text})

    def progress(self, task: str) -> Any:
        """The callback of a task, which sends a few messages a second."""
        last = 0.0

        def update(done: int, total: int | None) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _PROGRESS_SECONDS or done == total:
                last = now
                self.send({"progress": [int(done), None if total is None else int(total)]})

        return update


def _work(job: dict[str, Any]) -> dict[str, Any]:
    """Makes the calls of one task: `returned` of each, or why one failed."""
    from benchwright.build.recipe import resolve
    from benchwright.build.wire import NotPlain, decode, encode

    returned = []
    for path, arguments, named in job["calls"]:
        try:
            value = resolve(path)(*decode(arguments), **decode(named))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            traceback.print_exc()
            text = f"unexpected {type(error).__name__}: {error}"
            return {"failed": text, "traceback": traceback.format_exc()}
        if hasattr(value, "get_msg"):
            return {"failed": str(value.message), "traceback": ""}
        try:
            returned.append(encode(value))
        except NotPlain as error:
            return {"failed": f"{path} returned a value that is no plain data: {error}"}
    return {"returned": returned}


if __name__ == "__main__":
    main()
