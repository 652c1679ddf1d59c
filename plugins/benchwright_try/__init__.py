"""The models that were tried in this folder (`benchwright try`), as benchmarks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import BenchmarkInfo

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


@hookimpl
def benchmarks() -> Iterable[BenchmarkInfo]:
    """One benchmark for each description that lies here; usually there is none."""
    import os

    if not os.path.isdir("build/try"):
        return []
    from benchwright.tried.listing import benchmarks as tried

    return list(tried())
