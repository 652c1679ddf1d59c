"""Samples that differ in size: what drivers need to batch them.

A batch of ragged samples comes to a driver as a list of arrays, without padding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchwright.contracts.program import Array


def lengths(items: Sequence[Array]) -> NDArray[np.int64]:
    """The size of each item along its first axis, int64 [B]."""
    return np.fromiter((len(item) for item in items), dtype=np.int64, count=len(items))


def pad(
    items: Sequence[Array], fill: float = 0, *, multiple: int = 1, length: int | None = None
) -> Array:
    """The items in one array [B, length, …], each filled up behind along its first axis.

    length: by default that of the longest item, rounded up to a multiple of `multiple`. Items
    share dtype and all other axes. ValueError where an item is longer than `length`.
    """
    sizes = [len(item) for item in items]
    longest = max(sizes, default=0)
    if length is None:
        length = -(-longest // multiple) * multiple
    elif longest > length:
        raise ValueError(f"an item of length {longest} does not fit into {length}")
    first = items[0]
    if longest == length and min(sizes) == length:
        return np.stack(items)
    padded = np.full((len(items), length, *first.shape[1:]), fill, dtype=first.dtype)
    for row, (item, size) in enumerate(zip(items, sizes, strict=True)):
        padded[row, :size] = item
    return padded
