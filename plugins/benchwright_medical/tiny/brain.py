"""The tiny preset's cases: pieces of an averaged brain, imaged by a simulated scanner.

The brain is the ICBM 152 (2009a, symmetric) T1 template with its maps of grey and white matter,
1 mm voxels, as the package nilearn ships them. Here is no training and no network; nilearn's
files are read where they are installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchwright_medical.volumes import TARGET_SPACING, Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Draw = np.random.Generator

WINDOW = Window(24, per_call=8)
EVALUATION = 43
"""As many cases as the official benchmark has."""
SEED = 152
POSTERIOR = (20, 118)
"""Template planes from back to front, in mm, that training cases are cut from."""
ANTERIOR = (126, 214)
"""Those that evaluation cases are cut from: a gap of 8 mm lies between the two."""
SIDES = (22, 41)
"""A case's smallest and largest side on the resampled grid, in voxels."""
NOTICE = """\
These volumes are cut from the ICBM 152 Nonlinear atlas (2009a, symmetric):
Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre,
Montreal Neurological Institute, McGill University.
The atlas may be used, copied, modified and distributed without fee where this notice appears in
all copies. It comes without any warranty. What was done to it is on the card of the tiny preset.
"""
_FILES = "nilearn/datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"


@dataclass(frozen=True, slots=True)
class Brain:
    """A block of the template, axes from below, from the back and from the left, 1 mm voxels.

    t1: float32, 0 to 1; tissue: uint8, 1 grey matter, 2 white matter, 0 all else.
    """

    t1: NDArray[np.float32]
    tissue: NDArray[np.uint8]

    def between(self, planes: tuple[int, int]) -> Brain:
        """The part between two planes of the second axis."""
        part = slice(*planes)
        return Brain(self.t1[:, part], self.tissue[:, part])


@dataclass(frozen=True, slots=True)
class Scan:
    """One case as it is written: int16 Hounsfield-like values, labels, voxel edges in mm."""

    image: NDArray[np.int16]
    label: NDArray[np.uint8]
    spacing: tuple[float, float, float]


def load() -> Brain:
    """The whole template. A voxel belongs to the tissue whose map gives it a half or more."""
    import numpy as np

    t1, grey, white = (_read(name) for name in ("t1", "gm", "wm"))
    tissue = np.zeros(t1.shape, np.uint8)
    tissue[grey >= 128] = 1
    tissue[(white >= 128) & (white >= grey)] = 2
    return Brain(t1.astype(np.float32) / np.float32(255), tissue)


def _read(name: str) -> NDArray[np.uint8]:
    import importlib.metadata

    import nibabel
    import numpy as np

    path = importlib.metadata.distribution("nilearn").locate_file(_FILES.format(name))
    return np.asarray(nibabel.load(str(path)).dataobj).transpose(2, 1, 0)


def scans(brain: Brain, count: int, seed: int) -> Iterator[Scan]:
    """Seeded cases of differing place, size, voxel edges, contrast and noise."""
    import numpy as np

    draw = np.random.default_rng(seed)
    for _ in range(count):
        while (scan := _scan(brain, draw)) is None:
            pass
        yield scan


def _scan(brain: Brain, draw: Draw) -> Scan | None:
    """One case, or None where the place drawn holds too little of either tissue."""
    import numpy as np
    from scipy import ndimage

    edges = (draw.choice([1.0, 1.5, 2.0, 2.5, 3.0]), *[draw.uniform(0.9, 1.5)] * 2)
    spacing = [float(np.float32(round(edge, 2))) for edge in edges]
    sides = draw.integers(SIDES[0], SIDES[1] + 1, 3) * TARGET_SPACING
    shape = [round(side / edge) for side, edge in zip(sides, spacing, strict=True)]
    lines = []
    for size, edge, room in zip(shape, spacing, brain.t1.shape, strict=True):
        length = (size - 1) * edge
        lines.append(draw.uniform(0, room - 1 - length) + edge * np.arange(size))
    grid = np.stack(np.meshgrid(*lines, indexing="ij"))
    label = ndimage.map_coordinates(brain.tissue, grid, order=0)
    if min((label == tissue).mean() for tissue in (1, 2)) < 0.1:
        return None
    # A thick slice averages what lies inside it.
    seen = ndimage.gaussian_filter(brain.t1, [0.3 * (edge - 0.9) for edge in spacing])
    values = ndimage.map_coordinates(seen, grid, order=1)
    image = _scanner(values, draw)
    return Scan(image, label, (spacing[0], spacing[1], spacing[2]))


def _scanner(values: NDArray[np.float32], draw: Draw) -> NDArray[np.int16]:
    """Values from 0 to 1 as a scanner of its own contrast, shading and noise would show them."""
    import numpy as np

    axes = np.meshgrid(*(np.linspace(-1, 1, size) for size in values.shape), indexing="ij")
    slope = draw.normal(0, 0.06, 3)
    shading = np.exp(sum(weight * axis for weight, axis in zip(slope, axes, strict=True)))
    low, span = draw.uniform(-79, -20), draw.uniform(230, 300)
    contrast = values ** draw.uniform(0.8, 1.3)
    noise = draw.normal(0, draw.uniform(5, 12), values.shape)
    image: NDArray[np.int16] = np.rint(low + span * contrast * shading + noise).astype(np.int16)
    return image


def write(scans_: Sequence[Scan], dataset: Path) -> None:
    """Writes the cases in KiTS19's form, with their list and the atlas's notice."""
    from benchwright_medical.kits import IMAGE, SEGMENTATION, write_list, write_volume

    dataset.mkdir(parents=True)
    names = [f"case_{number:05d}" for number in range(len(scans_))]
    for name, scan in zip(names, scans_, strict=True):
        folder = dataset / name
        folder.mkdir()
        write_volume(folder / IMAGE, scan.image, scan.spacing)
        write_volume(folder / SEGMENTATION, scan.label, scan.spacing)
    write_list(dataset, names)
    (dataset / "NOTICE").write_text(NOTICE, encoding="utf-8")
