"""Image data sets in ImageNet's form, and images as network inputs.

A data set is a folder with `val_map.txt`: one line per sample, relative path, white space,
label. loadgen's sample index is the line's position from zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright.errors import BenchwrightError, absent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VAL_MAP = "val_map.txt"


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One line of val_map.txt: the image's path and its label from zero."""

    path: Path
    label: int


def read_val_map(dataset: Path, classes: int) -> list[LabelledImage]:
    """The samples of a data set in order; every named file must be there.

    Leaving a missing image out would shift the index of every later one, so it is an error.
    """
    source = dataset / VAL_MAP
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchwrightError(
            f"this data set has no readable {VAL_MAP}",
            where=str(source),
            why=str(error),
            fix="a line per image is needed: relative path, white space, label",
        ) from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{source}:{number}"
        parts = line.rsplit(maxsplit=1)
        if len(parts) != 2 or not parts[1].isdecimal():
            raise BenchwrightError(
                "this line is not `path label`", where=where, why=f"it reads {line!r}"
            )
        label = int(parts[1])
        if label >= classes:
            raise BenchwrightError(
                f"label {label} is out of range",
                where=where,
                why=f"labels go from 0 to {classes - 1}",
            )
        path = _inside(dataset, parts[0], where)
        if not path.is_file():
            raise BenchwrightError(
                f"the image {parts[0]} is missing",
                where=where,
                why=absent(path),
                fix="put the image there or take the line out (and all results with it)",
            )
        found.append(LabelledImage(path, label))
    if not found:
        raise BenchwrightError(
            f"{VAL_MAP} names no image",
            where=str(source),
            fix="a line per image is needed: relative path, white space, label",
        )
    return found


def _inside(dataset: Path, name: str, where: str) -> Path:
    relative = Path(name.strip())
    if relative.is_absolute() or ".." in relative.parts:
        raise BenchwrightError(
            "an image must lie inside the data set's folder", where=where, why=f"it reads {name!r}"
        )
    return dataset / relative


@dataclass(frozen=True, slots=True)
class Geometry:
    """The input's side in pixels, and the side to which the shorter one is resized before the
    centre crop (None: images have the right size already)."""

    side: int
    resize: int | None = None


def network_input(path: Path, geometry: Geometry) -> NDArray[np.float32]:
    """One image as the network takes it: float32 [3, side, side], RGB, channel means subtracted.

    Means 123.68, 116.78, 103.94 and the order of the steps are the ImageNet reference's.
    """
    import numpy as np

    pixels = decode(path)
    if geometry.resize is not None:
        pixels = _resize_shorter(pixels, geometry.resize)
    pixels = _centre_crop(pixels, geometry.side, path)
    values = pixels.astype(np.float32) - np.array([123.68, 116.78, 103.94], np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def decode(path: Path) -> NDArray[np.uint8]:
    """The image as uint8 [height, width, 3] in RGB, turned upright."""
    import numpy as np
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            # OpenCV, which the references read with, looks for the orientation in EXIF only.
            image.info.pop("xmp", None)
            upright = ImageOps.exif_transpose(image)
            return np.asarray((upright or image).convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BenchwrightError(
            "this image cannot be read",
            where=str(path),
            why=str(error),
            fix="replace the file by an undamaged copy; `dataset` checks it again",
        ) from error


def opencv() -> Any:
    """The module cv2, which the references resize with; BenchwrightError where it is missing."""
    try:
        import cv2
    except ImportError as error:
        raise BenchwrightError(
            "resizing images as the reference does needs OpenCV",
            why=str(error),
            fix="pip install 'benchwright[vision]'",
        ) from error
    return cv2


def _resize_shorter(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    cv2 = opencv()
    height, width = pixels.shape[:2]
    shorter = min(height, width)
    new = (int(side * width / shorter), int(side * height / shorter))
    resized: Any = cv2.resize(pixels, new, interpolation=cv2.INTER_AREA)
    return resized  # type: ignore[no-any-return]


def _centre_crop(pixels: NDArray[np.uint8], side: int, path: Path) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if height < side or width < side:
        raise BenchwrightError(
            f"this image has {width}x{height} pixels; at least {side}x{side} are needed",
            where=str(path),
        )
    top, left = int((height - side) / 2), int((width - side) / 2)
    return pixels[top : int((height + side) / 2), left : int((width + side) / 2)]
