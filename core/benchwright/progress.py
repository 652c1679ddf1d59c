"""How long work tells how far it is, without knowing who shows it."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[int, int | None], None]
"""Called with (done, total) in the work's own unit; total is None while unknown."""


def silent(done: int, total: int | None) -> None:
    """A progress callback that shows nothing."""
