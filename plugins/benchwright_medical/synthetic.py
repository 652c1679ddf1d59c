"""The synthetic preset: the official network with random weights, and random volumes of real sizes.

For speed only: what the network answers means nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchwright_medical import kits
from benchwright_medical.kits19 import VOLUMES, Volume
from benchwright_medical.network import OFFICIAL, random_weights, write_onnx
from benchwright_medical.volumes import CLIP, TARGET_SPACING, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchwright.progress import ProgressCallback

SEED = 2019
STAND_INS = ("case_00138", "case_00203", "case_00157", "case_00189", "case_00185")
"""Cases whose sizes are taken: the 10th, 30th, 50th, 70th and 90th percentile of KiTS19's 43 by
number of windows (16, 45, 50, 96 and 125; 66 on average, where all 43 have 64)."""
COARSER = 2
"""Voxel edges are this many times those after resampling, which keeps the files small."""


def write_model(path: Path, window: Window) -> None:
    """Writes the official graph with seeded weights."""
    write_onnx(path, OFFICIAL, window.edge, random_weights(OFFICIAL, SEED))


def write_dataset(dataset: Path, progress: ProgressCallback) -> None:
    """Writes the stand-ins in KiTS19's form, voxels drawn at random, with their list."""
    dataset.mkdir(parents=True)
    draw = np.random.default_rng(SEED)
    spacing = [COARSER * edge for edge in TARGET_SPACING]
    chosen = [volume for volume in VOLUMES if volume.case in STAND_INS]
    for number, volume in enumerate(chosen, start=1):
        folder = dataset / volume.case
        folder.mkdir()
        shape = grid(volume)
        values = draw.integers(int(CLIP[0]), int(CLIP[1]) + 1, shape, np.int16)
        kits.write_volume(folder / kits.IMAGE, values, spacing)
        kits.write_volume(folder / kits.SEGMENTATION, _labels(shape), spacing)
        progress(number, len(chosen))
    kits.write_list(dataset, [volume.case for volume in chosen])


def grid(volume: Volume) -> tuple[int, int, int]:
    """A real case's shape, sampled so coarsely as the files are."""
    extents = zip(volume.shape, volume.spacing, TARGET_SPACING, strict=True)
    depth, height, width = (
        round(size * edge / (COARSER * target)) for size, edge, target in extents
    )
    return depth, height, width


def _labels(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A block of kidney with a block of tumour inside."""
    labels = np.zeros(shape, np.uint8)
    for number, share in ((1, 4), (2, 8)):
        labels[tuple(slice(size // 2, size // 2 + size // share) for size in shape)] = number
    return labels
