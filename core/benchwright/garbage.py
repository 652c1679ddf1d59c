"""When Python looks for garbage: not while a graph of tasks is built that stays until the end.

50,000 tasks are a million objects; going through them again and again for garbage that is not
there takes a third of a build that has nothing to do.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def none_until_work() -> Iterator[None]:
    """For a process that ends with its build: collects nothing until `work_begins`, and does not
    go through everything once more at the end."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()


def work_begins() -> None:
    """Called when a task runs in this process: what is there stays, what comes is collected."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
