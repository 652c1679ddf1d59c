"""Data sets in KiTS19's form: a folder per case with imaging.nii.gz and segmentation.nii.gz.

Case folders lie in the data set's folder or, as in KiTS19's own repository, in its `data`. The
order of the samples is that of `inference_cases.json` (a JSON array of case names, as MLCommons
keeps it) where the data set has one, else that of MLCommons' list.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from benchwright.errors import BenchwrightError, absent
from benchwright_medical.kits19 import CASES, COPIES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CASE_LIST = "inference_cases.json"
IMAGE, SEGMENTATION = "imaging.nii.gz", "segmentation.nii.gz"
MOST_VOXELS = 2**30
"""A volume of more is taken for a damaged header; the largest of KiTS19 has a quarter of it."""

_NAME = re.compile(r"case_\d{5}")


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its name and its folder."""

    name: str
    folder: Path

    @property
    def image(self) -> Path:
        """The CT image."""
        return self.folder / IMAGE

    @property
    def segmentation(self) -> Path:
        """The labels: 0 background, 1 kidney, 2 tumour."""
        return self.folder / SEGMENTATION


def read_cases(dataset: Path) -> list[Case]:
    """The cases of a data set in order; both files of each must be there.

    A case that KiTS19 lacks because MLCommons made it by copying another is read from that one.
    """
    listed = dataset / CASE_LIST
    names = _read_list(listed) if listed.is_file() else list(CASES)
    source = str(listed) if listed.is_file() else "MLCommons' list of inference cases"
    root = dataset / "data" if (dataset / "data").is_dir() else dataset
    found = []
    for name in names:
        folder = root / name
        if not folder.is_dir() and name in COPIES:
            folder = root / COPIES[name]
        case = Case(name, folder)
        for path in (case.image, case.segmentation):
            if not path.is_file():
                raise BenchwrightError(
                    f"{name} has no {path.name}",
                    where=str(path),
                    why=f"{absent(path)}; {source} names {len(names)} cases, {name} among them",
                    fix=f"a folder is needed for each case, with {IMAGE} and {SEGMENTATION}; "
                    f"another choice of cases goes into {CASE_LIST}",
                )
        found.append(case)
    return found


def _read_list(path: Path) -> list[str]:
    form = 'a JSON array of case names is needed: ["case_00000", …]'
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BenchwrightError(
            "the list of cases cannot be read", where=str(path), why=str(error), fix=form
        ) from error
    if not isinstance(names, list) or not names:
        raise BenchwrightError("this is no list of cases", where=str(path), fix=form)
    for number, name in enumerate(names):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise BenchwrightError(
                f"{name!r} is not the name of a case", where=f"{path}: [{number}]", fix=form
            )
        if name in names[:number]:
            raise BenchwrightError(f"{name} is listed twice", where=f"{path}: [{number}]")
    return names


def write_list(dataset: Path, names: Sequence[str]) -> None:
    """Writes the list of cases."""
    (dataset / CASE_LIST).write_text(json.dumps(list(names), indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Geometry:
    """A volume's shape in voxels and their edges in mm, by axis."""

    shape: tuple[int, ...]
    spacing: tuple[float, ...]


def read_geometry(case: Case) -> Geometry:
    """Reads both headers of a case and holds them to each other; no voxel is read.

    The image's spacing is returned, and counts for its segmentation too.
    """
    image, segmentation = _geometry(case.image), _geometry(case.segmentation)
    if image.shape != segmentation.shape:
        raise BenchwrightError(
            f"the segmentation of {case.name} has another shape than its image",
            where=str(case.segmentation),
            why=f"{segmentation.shape} instead of {image.shape}",
        )
    return image


def read_image(case: Case) -> NDArray[np.float32]:
    """The image in Hounsfield units: float32 [D, H, W]."""
    import numpy as np

    values = _voxels(case.image).astype(np.float32)
    if not np.isfinite(values).all():
        raise BenchwrightError(f"{IMAGE} holds values that are no numbers", where=str(case.image))
    return values


def read_labels(case: Case) -> NDArray[np.uint8]:
    """The classes: uint8 [D, H, W], 0 to 2."""
    import numpy as np

    values = _voxels(case.segmentation)
    wrong = values[~np.isin(values, (0, 1, 2))]
    if wrong.size:
        raise BenchwrightError(
            f"label {wrong[0]:g} is out of range",
            where=str(case.segmentation),
            why=f"{wrong.size} voxels are none of 0 (background), 1 (kidney) and 2 (tumour)",
        )
    return values.astype(np.uint8)


def write_volume(path: Path, values: NDArray[Any], spacing: Sequence[float]) -> None:
    """Writes a NIfTI file with the given voxel edges in mm, compressed; its bytes depend on the
    arguments alone."""
    import nibabel
    import numpy as np

    image = nibabel.Nifti1Image(values, np.diag([*spacing, 1.0]))
    image.header.set_zooms(spacing)
    with path.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        packed.write(image.to_bytes())


def _geometry(path: Path) -> Geometry:
    import nibabel

    try:
        with gzip.open(path) as file:
            shape = tuple(int(size) for size in nibabel.Nifti1Image.from_stream(file).shape)
            file.seek(0)
            # A checked header has 1 in the place of a spacing that is not there.
            header = nibabel.Nifti1Header.from_fileobj(file, check=False)
            spacing = tuple(header["pixdim"][1:4].tolist())
    except _failures() as error:
        _unreadable(path, error)
    if len(shape) != 3 or min(shape) < 1:
        raise BenchwrightError(
            "a volume has three axes", where=str(path), why=f"this one's shape is {shape}"
        )
    voxels = shape[0] * shape[1] * shape[2]
    if voxels > MOST_VOXELS:
        raise BenchwrightError(
            f"the header promises {voxels} voxels", where=str(path), why=f"its shape is {shape}"
        )
    if not all(0 < edge < 1000 for edge in spacing):
        raise BenchwrightError(
            "the header does not say how large a voxel is",
            where=str(path),
            why=f"its pixdim[1..3] is {spacing}; millimetres are needed",
        )
    return Geometry(shape, spacing)


def _voxels(path: Path) -> NDArray[np.float64]:
    import nibabel

    _geometry(path)
    try:
        with gzip.open(path) as file:
            image = nibabel.Nifti1Image.from_stream(file)
            values: NDArray[np.float64] = image.get_fdata(caching="unchanged")
            # The checksum lies behind the last voxel.
            while file.read(1 << 20):
                pass
    except _failures() as error:
        _unreadable(path, error)
    return values


def _failures() -> tuple[type[Exception], ...]:
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError, HeaderTypeError
    from nibabel.wrapstruct import WrapStructError

    told = (ImageFileError, HeaderDataError, HeaderTypeError, WrapStructError)
    return (*told, OSError, EOFError, ValueError, zlib.error)


def _unreadable(path: Path, error: Exception) -> NoReturn:
    why = str(error).strip().splitlines() or [type(error).__name__]
    raise BenchwrightError(
        "this volume cannot be read",
        where=str(path),
        why=why[0],
        fix="replace the file by an undamaged copy",
    ) from error
