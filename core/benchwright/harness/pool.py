"""The sessions of an engine that are open in a run's process, and how many memory has room for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchwright.contracts.program import Sessions

MEMORY_SHARE = 0.7
"""Instances may take this share of the memory that is free."""

TIMES_FILES = 2.0
"""An open engine is reckoned to take so many times what its files do: the weights, arranged for the
kernels, beside what they were read from, or the tensors between the operators."""


class SessionPool:
    """Sessions by how many threads each computes with, opened when they are first asked for.

    Those of the two numbers of threads asked for last stay open, so that what a calibration has
    opened need not be opened again, and memory holds no more.
    """

    def __init__(self, open_sessions: Callable[[int], Sessions]) -> None:
        self._open = open_sessions
        self._by_threads: dict[int, list[Sessions]] = {}

    def take(self, instances: int, threads: int) -> list[Sessions]:
        """So many sessions with so many threads each; the same ones every time."""
        found = self._by_threads.pop(threads, [])
        while len(self._by_threads) > 1:
            self._by_threads.pop(next(iter(self._by_threads)))
        self._by_threads[threads] = found
        while len(found) < instances:
            found.append(self._open(threads))
        return found[:instances]


def most_instances(engine: Path) -> int:
    """How many instances of an engine the memory holds that is free now; at least one."""
    import psutil

    size = sum(path.stat().st_size for path in engine.rglob("*") if path.is_file())
    free = psutil.virtual_memory().available
    return max(1, int(free * MEMORY_SHARE / (TIMES_FILES * max(1, size))))
