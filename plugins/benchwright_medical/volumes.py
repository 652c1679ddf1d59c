"""CT volumes as network inputs: the preprocessing of KiTS19 in the MLPerf Inference reference.

The order of the steps and every figure are those of mlcommons/inference at v3.1,
vision/medical_imaging/3d-unet-kits19. Arrays go in and come out; files are `kits`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TARGET_SPACING = (1.6, 1.2, 1.2)
"""The voxels' edges in mm after resampling, by axis."""
CLIP = (-79.0, 304.0)
"""Hounsfield units that are kept apart; what lies outside counts as the nearer bound."""
MEAN, DEVIATION = 101.0, 76.9
OUTSIDE = -2.2
"""The value that stands, after normalising, for what no scanner saw."""
CLASSES = 3
"""Background, kidney, tumour."""


@dataclass(frozen=True, slots=True)
class Window:
    """The network's cubic field of view, and how it slides.

    edge: its side in voxels; per_call: how many windows a session computes at once. Windows
    overlap by half, so that volumes are cut and padded to multiples of `stride`.
    """

    edge: int
    per_call: int = 1

    @property
    def stride(self) -> int:
        """The step from one window to the next, in voxels along each axis."""
        return self.edge // 2


def image_input(
    image: NDArray[np.float32], spacing: Sequence[float], window: Window
) -> NDArray[np.float32]:
    """A CT image in Hounsfield units as the network takes it.

    image: float32 [D, H, W]; spacing: its voxels' edges in mm. Returns float32 [1, D', H', W'],
    each side a multiple of the window's stride and at least its edge.
    """
    resampled = _resample(image, spacing, order=1)
    normalised = (np.clip(resampled, *CLIP) - MEAN) / DEVIATION
    fitted = _fit(normalised, window, OUTSIDE)
    return np.ascontiguousarray(fitted[np.newaxis], dtype=np.float32)


def label_volume(
    label: NDArray[np.uint8], spacing: Sequence[float], window: Window
) -> NDArray[np.uint8]:
    """Labels on the grid of `image_input`: uint8 [D', H', W'] from uint8 [D, H, W]."""
    resampled = _resample(label, spacing, order=0)
    return np.ascontiguousarray(_fit(resampled, window, 0))


def _resample(volume: NDArray[Any], spacing: Sequence[float], order: int) -> NDArray[Any]:
    """The volume at the target spacing: nearest voxel (order 0) or linear (order 1)."""
    from scipy import ndimage

    if tuple(spacing) == TARGET_SPACING:
        return volume
    resampled: NDArray[Any] = ndimage.zoom(
        volume,
        np.asarray(spacing) / np.asarray(TARGET_SPACING),
        order=order,
        mode="constant",
        cval=volume.min(),
        grid_mode=False,
    )
    return resampled


def _fit(volume: NDArray[Any], window: Window, outside: float) -> NDArray[Any]:
    """The volume with sides that windows cover exactly.

    A side shorter than the window grows by repeating its edges. Then what is left over a
    multiple of the stride is cut off if it is less than half a stride, and else filled up
    with `outside`. Of an odd number, the smaller half goes to the low side.
    """
    short = [max(0, window.edge - size) for size in volume.shape]
    volume = np.pad(volume, [_halves(count) for count in short], mode="edge")
    cuts: list[slice] = []
    fills: list[tuple[int, int]] = []
    for size in volume.shape:
        rest = size % window.stride
        low, high = _halves(rest if rest < window.stride // 2 else 0)
        cuts.append(slice(low, size - high))
        fills.append(_halves(-(size - low - high) % window.stride))
    return np.pad(volume[tuple(cuts)], fills, constant_values=outside)


def _halves(count: int) -> tuple[int, int]:
    return count // 2, count - count // 2
