"""How long work tells how far it is, without knowing who shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

ProgressCallback = Callable[[int, int | None], None]
"""Called with (done, total) in the work's own unit; total is None while unknown."""


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """What has just happened to one task of a build, for who follows it from Python.

    status: `started`; `running` when it tells how far it is (`done` of `total`, in its own unit;
    total is None while unknown) or says something (`text`); then `executed`, `restored` (from the
    store), `up-to-date` (nothing was to be done) or `failed` (`text` says why), with its seconds.
    number and count: how many tasks have started so far, and how many of the build are due.
    """

    task: str
    status: Literal["started", "running", "executed", "restored", "up-to-date", "failed"]
    number: int = 0
    count: int = 0
    done: int | None = None
    total: int | None = None
    text: str = ""
    seconds: float = 0.0


Follower = Callable[[TaskProgress], None]
"""Called in the thread that runs the build; what it raises is told once, and it is called no more.
"""


def silent(done: int, total: int | None) -> None:
    """A progress callback that shows nothing."""
