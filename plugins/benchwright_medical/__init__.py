"""The medical benchmarks: segmentation of kidney tumours (3d-unet)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import BenchmarkInfo

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


@hookimpl
def benchmarks() -> Iterable[BenchmarkInfo]:
    """3d-unet on KiTS19 at both qualities, with a tiny preset on pieces of a brain."""
    from benchwright_medical.descriptors import unet3d

    return [unet3d("3d-unet-99", 0.99), unet3d("3d-unet-99.9", 0.999)]
