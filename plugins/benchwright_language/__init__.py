"""The language benchmarks: question answering (bert)."""

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
    """bert-99 and bert-99.9 on SQuAD v1.1, with a tiny preset on generated paragraphs."""
    from benchwright_language.bert_descriptors import bert

    return [*bert()]
