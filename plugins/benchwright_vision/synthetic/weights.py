"""Seeded random weights that keep a signal's size on its way through many layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Generator:
    """Draws one weight after the other from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def kernel(self, shape: tuple[int, ...], gain: float = 2.0) -> NDArray[np.float32]:
        """Normal values of variance `gain` over the inputs of one output (axes 1 on): with 2, the
        size of what a rectifier lets through stays the same."""
        values = self._random.standard_normal(shape, np.float32)
        values *= np.float32((gain / np.prod(shape[1:])) ** 0.5)
        return values

    def bias(self, count: int, deviation: float = 0.1) -> NDArray[np.float32]:
        """Small normal values."""
        return self._random.standard_normal(count, np.float32) * np.float32(deviation)
