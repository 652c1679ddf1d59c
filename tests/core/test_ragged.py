"""Padding of samples that differ in size."""

from __future__ import annotations

import numpy as np
import pytest

from benchwright.ragged import lengths, pad

ITEMS = [np.array([1, 2, 3], np.int64), np.array([4], np.int64), np.array([], np.int64)]


def test_lengths() -> None:
    assert lengths(ITEMS).tolist() == [3, 1, 0]
    assert lengths(ITEMS).dtype == np.int64


def test_items_are_filled_up_to_the_longest() -> None:
    padded = pad(ITEMS, -1)
    assert padded.tolist() == [[1, 2, 3], [4, -1, -1], [-1, -1, -1]]
    assert padded.dtype == np.int64


def test_to_a_multiple_and_to_a_fixed_length() -> None:
    assert pad(ITEMS, multiple=4).shape == (3, 4)
    assert pad(ITEMS, length=6)[0].tolist() == [1, 2, 3, 0, 0, 0]
    with pytest.raises(ValueError, match="length 3 does not fit into 2"):
        pad(ITEMS, length=2)


def test_further_axes_stay() -> None:
    padded = pad([np.ones((2, 5), np.float32), np.ones((1, 5), np.float32)])
    assert padded.shape == (2, 2, 5)
    assert padded[1].sum() == 5


def test_equal_items_are_only_put_together() -> None:
    assert pad([np.arange(3), np.arange(3)]).tolist() == [[0, 1, 2], [0, 1, 2]]
