"""The recommendation benchmarks: click-through prediction (dlrm-v2)."""

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
    """dlrm-v2 on Criteo's clicks, with a tiny preset on generated ones."""
    from benchwright_recommendation.descriptors import dlrm_v2

    return [dlrm_v2("dlrm-v2-99", 0.99), dlrm_v2("dlrm-v2-99.9", 0.999)]
