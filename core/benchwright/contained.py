"""Calling what others wrote so that it cannot take the program down.

A call runs on a thread of its own. Whatever it raises comes back as a `Fault`; what has not
answered after a while is given up; what it prints is kept out of standard output; and a copy of
the process that it forked ends instead of doing our work a second time. Which plugin the code
belongs to is the caller's business.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO

from benchwright.errors import BenchwrightError, UsageError

LIMIT_VARIABLE = "BENCHWRIGHT_PLUGIN_TIMEOUT"
"""Environment variable: seconds that a plugin's code has for one answer."""

LIMIT_SECONDS = 10.0
"""The same where the variable is not set."""


class Fault(Exception):
    """What a call came to instead of an answer, on one line; `error` is what it raised, if
    anything."""

    def __init__(self, text: str, error: BaseException | None = None) -> None:
        super().__init__(text)
        self.error = error

    @property
    def sentence(self) -> str:
        """What to say of whom the call was to."""
        return f"raised {self}"


class Hung(Fault):
    """There was no answer in time. The thread goes on, and nobody listens to it any more."""

    @property
    def sentence(self) -> str:
        """As it is."""
        return str(self)


def limit_seconds() -> float:
    """How long a plugin's code may take for one answer; UsageError for what is no such number."""
    text = os.environ.get(LIMIT_VARIABLE, "")
    try:
        limit = float(text) if text else LIMIT_SECONDS
    except ValueError:
        limit = -1.0
    if not 0 < limit <= threading.TIMEOUT_MAX:
        raise UsageError(
            f"`{text}` is no number of seconds", where=LIMIT_VARIABLE, fix=f"unset {LIMIT_VARIABLE}"
        )
    return limit


def call(
    function: Callable[[], Any],
    limit: float | None,
    *,
    who: str,
    printed: Callable[[str], None] | None = None,
) -> Any:
    """What `function` returns; Fault where it raises anything at all, Hung after `limit` seconds.

    who: names the code, for whoever finds its output. printed: told once what was printed to
    standard output, which goes to standard error then; without it, output goes where it would.

    A thread cannot be killed: one that is given up stays until the process ends, which it does not
    hold up. Ctrl-C ends the wait, not the thread.
    """
    thread = _Call(function, who)
    with contextlib.nullcontext() if printed is None else _diverted(thread):
        thread.start()
        thread.join(limit)
    if printed is not None and thread.printed:
        printed(thread.printed)
    if thread.answer is None:
        raise Hung(
            f"did not answer within {limit:g} s and was given up ({LIMIT_VARIABLE} sets the limit)"
        )
    value, error = thread.answer
    if error is not None:
        raise Fault(told(error), error) from error
    return value


def told(error: BaseException) -> str:
    """An exception on one line."""
    try:
        text = str(error)
        if isinstance(error, BenchwrightError):
            text = text.replace("\n", ";")
        return " ".join(f"{type(error).__name__}: {text}".split())
    except BaseException:
        # Somebody else's __str__ may raise as well.
        return type(error).__name__


def end_copy(process: int, who: str) -> None:
    """Ends the process if it is not `process`: code that we called has forked, and returned into
    our code in the copy."""
    if os.getpid() != process:
        end_this_copy(who)


def end_this_copy(who: str) -> NoReturn:
    """Ends a forked copy at once, with a line that says so."""
    text = f"{who} forked this process; the copy came back from the call, and is ended\n"
    with contextlib.suppress(OSError):
        os.write(2, text.encode())
    os._exit(0)


class _Call(threading.Thread):
    """One call; `answer` is (value, None) or (None, error) once it has ended."""

    def __init__(self, function: Callable[[], Any], who: str) -> None:
        super().__init__(name=who, daemon=True)
        self._function = function
        self._context = contextvars.copy_context()
        self._process = os.getpid()
        self.answer: tuple[Any, BaseException | None] | None = None
        self.printed = ""

    def run(self) -> None:
        answer: tuple[Any, BaseException | None]
        try:
            answer = self._context.run(self._function), None
        except BaseException as error:
            answer = None, error
        end_copy(self._process, self.name)
        self.answer = answer


@contextlib.contextmanager
def _diverted(thread: _Call) -> Iterator[None]:
    """Sends what the thread prints to standard error, and nobody else's."""
    before = sys.stdout
    stream: Any = _Diverted(before)
    sys.stdout = stream
    try:
        yield
    finally:
        # A thread that was given up may still print; and others may have put theirs on top.
        if thread.answer is not None and sys.stdout is stream:
            sys.stdout = before


class _Diverted:
    """Standard output of everybody but plugins' calls."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        thread = threading.current_thread()
        if not isinstance(thread, _Call):
            return self._stream.write(text)
        thread.printed = thread.printed or text.strip()[:80]
        return sys.stderr.write(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
