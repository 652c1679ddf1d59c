"""The way from a task's action to the person who waits, and what must not go that way.

An action speaks through `say` and `progress_of`; the runner says who listens (`told_to`). All
else that is printed while it works, also by native code, goes to the task's log (`captured`).
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from benchwright.progress import ProgressCallback, silent


class Audience:
    """Who listens where nobody else does, under plain doit: standard error."""

    def say(self, task: str, text: str) -> None:
        """A line about a task that runs."""
        print(f"  {text}", file=person(), flush=True)

    def progress(self, task: str) -> ProgressCallback:
        """How a task may tell how far it is."""
        return silent


_audience = Audience()
_person: TextIO | None = None
"""Standard error as it was before `captured` pointed it to a log."""


def person() -> TextIO:
    """Standard error of whoever started us, also while `captured` points it to a log."""
    return _person or sys.stderr


def say(task: str, text: str) -> None:
    """Tells the person who waits."""
    _audience.say(task, text)


def progress_of(task: str) -> ProgressCallback:
    """The progress callback of a task that begins."""
    return _audience.progress(task)


@contextlib.contextmanager
def told_to(audience: Audience) -> Iterator[None]:
    """Sends what tasks of this process say to `audience`."""
    global _audience
    before, _audience = _audience, audience
    try:
        yield
    finally:
        _audience = before


def own_stderr() -> TextIO:
    """A stream to where standard error goes now, whatever it is pointed to later; to be closed
    unless it is sys.stderr itself."""
    copy = _copy(sys.stderr, 2)
    return sys.stderr if copy is None else _text(copy, sys.stderr)


@contextlib.contextmanager
def captured(log: TextIO) -> Iterator[None]:
    """Points standard output and error of this process and its children at a log file."""
    global _person
    before = _person
    _flush()
    person = None
    with contextlib.ExitStack() as undo:
        descriptors = {1: _copy(sys.__stdout__, 1), 2: _copy(sys.__stderr__, 2)}
        for number, saved in descriptors.items():
            if saved is not None:
                os.dup2(log.fileno(), number)
                undo.callback(_restore, saved, number)
        if descriptors[2] is not None and _at(sys.stderr, 2):
            person = _text(os.dup(descriptors[2]), sys.stderr)
            undo.callback(person.close)
        undo.callback(_flush)
        _person = person or sys.stderr
        # Python's own streams as well: they may have been replaced by something without a file.
        undo.enter_context(contextlib.redirect_stdout(log))
        undo.enter_context(contextlib.redirect_stderr(log))
        try:
            yield
        finally:
            _person = before


def _restore(saved: int, number: int) -> None:
    os.dup2(saved, number)
    os.close(saved)


def _at(stream: Any, number: int) -> bool:
    """Whether a stream really writes to a descriptor."""
    try:
        return bool(stream.fileno() == number)
    except (AttributeError, OSError, ValueError):
        return False


def _copy(stream: Any, number: int) -> int | None:
    return os.dup(number) if _at(stream, number) else None


def _text(descriptor: int, like: Any) -> TextIO:
    encoding = getattr(like, "encoding", None) or "utf-8"
    return io.TextIOWrapper(
        open(descriptor, "wb", buffering=0),
        encoding=encoding,
        errors="backslashreplace",
        write_through=True,
    )


def _flush() -> None:
    """Python's buffers and the C library's, so that every text goes where it was printed to."""
    import ctypes

    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    with contextlib.suppress(Exception):
        ctypes.CDLL(None).fflush(None)
