"""The language benchmarks: news summarisation (gptj-99, gptj-99.9)."""

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
    """gptj at both qualities."""
    from benchwright_language import gptj_descriptors

    return [*gptj_descriptors.benchmarks()]
