"""Waveforms as the graph `features` takes them: preemphasised, mirrored at both ends, in hops.

The reference mirrors half an FFT at each end; its window is only two hops long, so that one
mirrored hop at each end is all that a frame can see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchwright_speech.config import HOP, PREEMPHASIS, STACKED, TIME_FACTOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_STEP = STACKED * TIME_FACTOR


def frames(samples: int) -> int:
    """How many frames a waveform has: one is centred on every hop's first sample."""
    return samples // HOP + 1


def lay_out(waveforms: Sequence[Floats]) -> tuple[Floats, NDArray[np.int64]]:
    """A batch of waveforms, float32 [samples] each, for the graph `features`.

    Returns float32 [B, hops, 160] and the waveforms' sizes, int64 [B]. Hop 0 is the mirrored
    beginning; frame t is seen through a window over hops t and t + 1. The number of frames is a
    multiple of six: what one output of the encoder stands for.
    """
    sizes = np.fromiter(map(len, waveforms), dtype=np.int64, count=len(waveforms))
    hops = -(-frames(int(sizes.max())) // _STEP) * _STEP + 1
    laid = np.zeros((len(waveforms), hops * HOP), dtype=np.float32)
    for row, waveform in zip(laid, waveforms, strict=True):
        _lay(row, waveform)
    return laid.reshape(len(waveforms), hops, HOP), sizes


def _lay(row: Floats, waveform: Floats) -> None:
    end = HOP + len(waveform)
    body = row[HOP:end]
    body[0] = waveform[0]
    np.multiply(waveform[:-1], np.float32(-PREEMPHASIS), out=body[1:])
    body[1:] += waveform[1:]
    row[:HOP] = body[HOP:0:-1]
    room = min(HOP, len(row) - end)
    row[end : end + room] = body[-2 : -2 - room : -1]
