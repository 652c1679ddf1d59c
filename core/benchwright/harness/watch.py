"""What other people's code may do to a measured process besides raising where we call it: raise in
a thread that it started, and fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchwright.contained import end_this_copy
from benchwright.errors import BenchwrightError


def threads_that_raise(give_up: Callable[[BaseException], Any], task: str) -> None:
    """From now on, an exception that ends any thread goes to `give_up`: whoever waits for that
    thread would wait for ever."""

    def ended(given: threading.ExceptHookArgs) -> None:
        if given.exc_type is SystemExit:
            return
        name = given.thread.name if given.thread is not None else "without a name"
        error = BenchwrightError(
            f"a thread of the measured process raised {given.exc_type.__name__}: {given.exc_value}",
            where=task,
            why=f"the thread `{name}` was started by the backend, the benchmark, or a library "
            "of theirs",
            fix="the log has the traceback",
        )
        give_up(error.with_traceback(given.exc_traceback))

    threading.excepthook = ended


def threads_that_raise_no_more() -> None:
    """What a thread raises is only printed again."""
    threading.excepthook = threading.__excepthook__


class Forks:
    """Counts the forks of this process, and ends a copy that comes back to us: it would answer
    loadgen's queries a second time.

    instance: the class whose `complete` everything that is computed goes through. A copy that is
    meant, such as a worker of multiprocessing, never gets there. Nothing is added to what is
    measured.
    """

    def __init__(self, instance: Any, who: str) -> None:
        self.count = 0

        def counted() -> None:
            self.count += 1

        def ended(*given: Any) -> None:
            end_this_copy(who)

        def copied() -> None:
            instance.complete = ended

        os.register_at_fork(after_in_parent=counted, after_in_child=copied)


def check_sessions(sessions: Any, graphs: Sequence[str], backend: str) -> None:
    """BenchwrightError where `open` gave anything but a session for each graph."""
    if not isinstance(sessions, Mapping):
        found = type(sessions).__name__
    else:
        lacking = [name for name in graphs if not hasattr(sessions.get(name), "run")]
        if not lacking:
            return
        found = f"no session for {', '.join(f'`{name}`' for name in lacking)}"
    raise BenchwrightError(
        f"the backend `{backend}` did not open the engine",
        why=f"its `open` gave {found}; it must give a session for each of the program's graphs "
        f"({', '.join(graphs)}) by name",
    )
