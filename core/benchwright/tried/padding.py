"""Samples that differ in size in one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchwright.contracts.program import Array


def padded(items: Sequence[Array]) -> Array:
    """Arrays of one rank in one array [B, …], each filled up behind with zeros along every axis:
    a padded token is 0, and so is its mask."""
    shapes = {item.shape for item in items}
    if len(shapes) == 1:
        return np.stack(items)
    largest = np.max([item.shape for item in items], axis=0)
    whole = np.zeros((len(items), *largest), items[0].dtype)
    for row, item in enumerate(items):
        place: tuple[Any, ...] = (row, *(slice(size) for size in item.shape))
        whole[place] = item
    return whole
