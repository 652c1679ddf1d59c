"""The Dice score of a segmentation, as KiTS19's scoring in MLPerf Inference takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchwright_medical.volumes import CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMOOTH = 1e-6
"""Added above and below the line: a class that is neither there nor found scores 1."""


class Dice(NamedTuple):
    """Fractions from 0 to 1, higher is better."""

    kidney: float
    tumour: float

    @property
    def composite(self) -> float:
        """The mean of the two."""
        return (self.kidney + self.tumour) / 2


def dice(found: NDArray[np.uint8], label: NDArray[np.uint8]) -> Dice:
    """Scores one case; both uint8 of one size, classes 0 to 2. Background does not count."""
    pairs = np.bincount(
        (label.reshape(-1).astype(np.intp) * CLASSES + found.reshape(-1)), minlength=CLASSES**2
    ).reshape(CLASSES, CLASSES)
    both, marked = np.diag(pairs), pairs.sum(axis=0) + pairs.sum(axis=1)
    values = (2.0 * both + _SMOOTH) / (marked + _SMOOTH)
    return Dice(float(values[1]), float(values[2]))


def mean(cases: Sequence[Dice]) -> tuple[float, Dice]:
    """The means over cases: of the composites, and of each class. Zeros where there is no case."""
    if not cases:
        return 0.0, Dice(0.0, 0.0)
    count = len(cases)
    kidney = sum(case.kidney for case in cases) / count
    tumour = sum(case.tumour for case in cases) / count
    return sum(case.composite for case in cases) / count, Dice(kidney, tumour)
