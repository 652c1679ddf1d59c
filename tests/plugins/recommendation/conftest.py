"""Small days of clicks, and a small model, for the tests of the recommendation benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from benchwright_recommendation import dlrm
from benchwright_recommendation.architecture import DENSE, OFFICIAL, Architecture
from benchwright_recommendation.criteo import write

SMALL = Architecture(
    rows=tuple(3 + table for table in range(26)),
    hot=OFFICIAL.hot,
    bottom=(4, 2),
    cross_layers=2,
    cross_rank=3,
    top=(5, 1),
)
"""26 tables with bags of official size, everything else as small as can be."""


class Day(NamedTuple):
    """What a written day holds."""

    folder: Path
    dense: NDArray[np.float32]
    bags: list[NDArray[np.int32]]
    labels: NDArray[np.int32]
    offsets: NDArray[np.int64]


def write_day(folder: Path, sizes: Sequence[int] = (3, 1, 4), rows: int = 10, seed: int = 0) -> Day:
    """A random day; `sizes` are its samples, `rows` the rows of the files."""
    random = np.random.default_rng(seed)
    dense = random.normal(size=(rows, DENSE)).astype(np.float32)
    bags = [
        random.integers(0, limit, (rows, hot)).astype(np.int32)
        for limit, hot in zip(SMALL.rows, SMALL.hot, strict=True)
    ]
    labels = np.arange(rows, dtype=np.int32).reshape(-1, 1) % 2
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    write(folder, dense, bags, labels, offsets)
    return Day(folder, dense, bags, labels, offsets)


@pytest.fixture
def day(tmp_path: Path) -> Day:
    """Ten rows, the first eight of them in samples of 3, 1 and 4 pairs."""
    return write_day(tmp_path / "day")


@pytest.fixture
def small_official(monkeypatch: pytest.MonkeyPatch) -> dlrm.Dlrm:
    """The benchmark, its official preset with the small model's sizes."""
    monkeypatch.setitem(dlrm.ARCHITECTURES, "official", SMALL)
    return dlrm.Dlrm()
