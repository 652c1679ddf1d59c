"""Ctrl-C and SIGTERM while a build runs: the first ends it cleanly, the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from benchwright.errors import ExitCode

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_ONE_BLOW_SECONDS = 0.3
"""Wrappers pass Ctrl-C on to children that have it from the terminal already: that is one."""


class Interrupts:
    """Turns these signals into KeyboardInterrupt, but never within `shielded` code. Where they are
    somebody else's (a program that calls us), they are left alone."""

    def __init__(self, *, ours: bool = True) -> None:
        self._names = _SIGNALS if ours else ()
        self.at_once: list[Callable[[], None]] = []
        """What a second signal calls before the process ends; must neither wait nor raise."""
        self._first: float | None = None
        self._depth = 0
        self._pending = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for name in self._names:
            number = getattr(signal, name, None)
            # What our parent has ignored (nohup) stays ignored.
            if number is None or signal.getsignal(number) is signal.SIG_IGN:
                continue
            with contextlib.suppress(ValueError):  # not the main thread: nothing reaches us
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """What is begun here is ended, then a signal that has come meanwhile takes effect."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        if self._pending and self._depth == 0:
            self._pending = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._first is not None:
            if now - self._first > _ONE_BLOW_SECONDS:
                for end in self.at_once:
                    end()
                os._exit(int(ExitCode.INTERRUPTED))
            return
        self._first = now
        if self._depth:
            self._pending = True
        else:
            raise KeyboardInterrupt
