"""The language benchmarks: question answering (bert), news summarisation (gptj)."""

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
    """bert on SQuAD v1.1 and gptj on CNN-DailyMail, with tiny presets on generated texts."""
    from benchwright_language.bert_descriptors import bert
    from benchwright_language.gptj_descriptors import gptj

    return [*bert(), *gptj()]
