"""The speech benchmarks: speech to text (rnnt)."""

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
    """rnnt on LibriSpeech, with a tiny preset on generated voices and a synthetic one on noise."""
    from benchwright_speech.descriptors import rnnt

    return [rnnt()]
