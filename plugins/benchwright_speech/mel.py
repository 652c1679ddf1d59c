"""Mel filters on Slaney's scale, as matrices: linear up to 1 kHz, logarithmic above.

The formulas are those of M. Slaney's Auditory Toolbox (1998): 200/3 Hz a mel below 1,000 Hz,
and a factor of 6.4 every 27 mels above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_HERTZ_PER_MEL = 200 / 3
_CORNER_HERTZ = 1000.0
_CORNER_MELS = _CORNER_HERTZ / _HERTZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def mels(hertz: ArrayLike) -> NDArray[np.float64]:
    """Hz to mels."""
    values = np.asarray(hertz, dtype=np.float64)
    above = _CORNER_MELS + np.log(np.maximum(values, _CORNER_HERTZ) / _CORNER_HERTZ) / _LOG_STEP
    return np.where(values < _CORNER_HERTZ, values / _HERTZ_PER_MEL, above)


def hertz(mels: ArrayLike) -> NDArray[np.float64]:
    """Mels to Hz."""
    values = np.asarray(mels, dtype=np.float64)
    above = _CORNER_HERTZ * np.exp(_LOG_STEP * np.maximum(values - _CORNER_MELS, 0))
    return np.where(values < _CORNER_MELS, values * _HERTZ_PER_MEL, above)


def filters(rate: int, fft: int, count: int) -> NDArray[np.float64]:
    """Triangular filters of equal area from 0 Hz to half the rate: [count, fft // 2 + 1].

    The filters' corners lie at equal distances in mels; each filter begins at the peak of the
    one before and ends at the peak of the next; its height is 2 / (end - begin) in Hz.
    """
    bins = np.linspace(0, rate / 2, fft // 2 + 1)
    corners = hertz(np.linspace(0, mels(rate / 2), count + 2))
    begin, peak, end = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (bins - begin) / (peak - begin), (end - bins) / (end - peak)
    triangles = np.maximum(0, np.minimum(rising, falling))
    result: NDArray[np.float64] = triangles * (2 / (end - begin))
    return result
