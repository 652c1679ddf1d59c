"""The data of the synthetic preset: random clicks, grouped as the official samples are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchwright_recommendation import trace
from benchwright_recommendation.architecture import DENSE, Architecture
from benchwright_recommendation.criteo import write

SAMPLES = 512
"""The first samples of the official trace: sizes have its distribution, 100 to 700 pairs."""

_SEED = 23


def write_clicks(folder: Path, architecture: Architecture) -> None:
    """Writes a day of random pairs: counts, ids uniform over each table, 3 clicks in 100."""
    offsets = trace.draw(SAMPLES * trace.QUANTILES[-1])[: SAMPLES + 1]
    rows = int(offsets[-1])
    random = np.random.Generator(np.random.PCG64(_SEED))
    counts = np.floor(random.lognormal(1.0, 1.5, (rows, DENSE)))
    bags = [
        random.integers(0, size, (rows, hot), np.int32)
        for size, hot in zip(architecture.rows, architecture.hot, strict=True)
    ]
    labels = (random.random((rows, 1)) < 0.03).astype(np.int32)
    write(folder, np.log(counts + 3).astype(np.float32), bags, labels, offsets)
