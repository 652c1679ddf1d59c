"""The timed window of a measured process, as its parent sees it: told before it opens, which waits
for the parent, and when it has closed, which does not.

Only a run that something else is to be measured with (a power meter) has this.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol

_OPENS = b"o"
_CLOSED = b"c"
_GO = b"g"


class Window(Protocol):
    """What the parent does about it. Both are called in the parent while it waits for the run."""

    def opens(self) -> None:
        """The test begins when this returns."""

    def closed(self) -> None:
        """The test has just ended."""


class Gate:
    """The parent's end. Enter it, start the process with `child_end` passed on, and let `wait`
    take the place of a wait for the process."""

    def __init__(self, window: Window) -> None:
        self._window = window

    def __enter__(self) -> Gate:
        self._ours, theirs = socket.socketpair()
        self._theirs: socket.socket | None = theirs
        self.child_end = theirs.fileno()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.started()
        self._ours.close()

    def started(self) -> None:
        """The process has its end; ours of the same is closed, so that its death is noticed."""
        if self._theirs is not None:
            self._theirs.close()
            self._theirs = None

    def wait(self, seconds: float) -> bool:
        """Waits for a word of the process, and acts on it; False where nobody is there to speak."""
        self._ours.settimeout(seconds)
        try:
            word = self._ours.recv(1)
        except TimeoutError:
            return True
        except OSError:
            return False
        if word == _OPENS:
            self._window.opens()
            with contextlib.suppress(OSError):
                self._ours.sendall(_GO)
        elif word == _CLOSED:
            self._window.closed()
        return bool(word)


@contextlib.contextmanager
def timed(gate: int | None) -> Iterator[None]:
    """Around the test, in the measured process; gate: the descriptor, or None where nobody asks."""
    if gate is None:
        yield
        return
    # Nothing that the backend starts shall keep it.
    os.set_inheritable(gate, False)
    with socket.socket(fileno=gate) as parent:
        parent.sendall(_OPENS)
        parent.recv(1)
        yield
        parent.sendall(_CLOSED)
