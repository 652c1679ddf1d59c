"""Detection data sets in the form of OpenImages for MLPerf, which is COCO's.

A data set is a folder with `annotations/openimages-mlperf.json` and the pictures it names under
`validation/data`. loadgen's sample index is a picture's position in `images`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeGuard

from benchwright.errors import BenchwrightError, absent
from benchwright_vision.images import decode, opencv

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ANNOTATIONS = PurePosixPath("annotations/openimages-mlperf.json")
PICTURES = PurePosixPath("validation/data")


@dataclass(frozen=True, slots=True)
class Picture:
    """One entry of `images`; number is its `id`, width and height are in pixels."""

    number: int
    path: Path
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class DetectionSet:
    """The pictures in order; truth: the whole annotation file, checked."""

    pictures: Sequence[Picture]
    truth: Mapping[str, Any]


def read_annotations(dataset: Path, classes: int) -> DetectionSet:
    """The annotation file, checked field by field; the pictures need not be there yet.

    Raises BenchwrightError that names the file, and the line or the field at fault.
    """
    source = dataset / ANNOTATIONS
    try:
        truth = json.loads(source.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise BenchwrightError(
            "the annotations are no JSON", where=f"{source}:{error.lineno}", why=error.msg
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BenchwrightError(
            f"this data set has no readable {ANNOTATIONS.name}",
            where=str(source),
            why=absent(source) if isinstance(error, FileNotFoundError) else str(error),
            fix=f"COCO-style annotations belong there, the pictures under {PICTURES}",
        ) from error
    checker = _Checker(source)
    entries = {name: checker.entries(truth, name) for name in _LISTS}
    categories = checker.categories(entries["categories"], classes)
    numbers = checker.images(entries["images"])
    checker.annotations(entries["annotations"], numbers, categories, classes)
    folder = dataset / PICTURES
    pictures = [
        Picture(image["id"], folder / image["file_name"], image["width"], image["height"])
        for image in entries["images"]
    ]
    return DetectionSet(pictures, truth)


def read_dataset(dataset: Path, classes: int) -> DetectionSet:
    """The whole data set; every named picture must be there.

    Leaving a missing picture out would shift the index of every later one, so it is an error.
    """
    found = read_annotations(dataset, classes)
    for index, picture in enumerate(found.pictures):
        if not picture.path.is_file():
            raise BenchwrightError(
                f"the picture {picture.path.name} is missing",
                where=f"{dataset / ANNOTATIONS}: images[{index}].file_name",
                why=absent(picture.path),
                fix="put the picture there or take the entry out (and all results with it)",
            )
    return found


def network_input(picture: Picture, side: int) -> NDArray[np.float32]:
    """One picture as the network takes it: float32 [3, side, side], RGB in 0..1.

    A picture whose size is not the annotations' is an error: its boxes would be wrong.
    """
    import numpy as np

    pixels = decode(picture.path)
    height, width = pixels.shape[:2]
    if (width, height) != (picture.width, picture.height):
        raise BenchwrightError(
            f"this picture has {width}x{height} pixels",
            where=str(picture.path),
            why=f"{ANNOTATIONS} says {picture.width}x{picture.height} of it (id {picture.number})",
            fix="get the picture again, or correct its width and height there",
        )
    values = resized(pixels, side) / np.float32(255)
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def resized(pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """A picture [height, width, 3] as float32 [side, side, 3], its aspect not kept: interpolated
    on float32, bilinearly and without smoothing, as the reference does it with OpenCV."""
    import numpy as np

    cv2 = opencv()
    found: NDArray[np.float32] = cv2.resize(
        pixels.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR
    )
    return found


_LARGEST = 1e12
"""No figure of a box, in pixels, and no area is as large."""
_LISTS = ("categories", "images", "annotations")


class _Checker:
    """Says of every field whether it is as COCO's evaluation needs it."""

    def __init__(self, source: Path) -> None:
        self._source = source

    def wrong(self, field: str, what: str, value: object) -> BenchwrightError:
        return BenchwrightError(
            what, where=f"{self._source}: {field}", why=f"it is {_short(value)}"
        )

    def entries(self, truth: object, name: str) -> list[dict[str, Any]]:
        if not isinstance(truth, dict):
            raise self.wrong("the file", "annotations are a JSON object", truth)
        found = truth.get(name)
        if not isinstance(found, list) or not found:
            raise self.wrong(name, "this must be a list with at least one entry", found)
        for index, entry in enumerate(found):
            if not isinstance(entry, dict):
                raise self.wrong(f"{name}[{index}]", "this must be an object", entry)
        return found

    def categories(self, entries: list[dict[str, Any]], classes: int) -> set[int]:
        numbers = self._unique("categories", entries, least=0)
        for index, number in enumerate(numbers):
            if number >= classes:
                raise self.wrong(
                    f"categories[{index}].id", f"categories go from 0 to {classes - 1}", number
                )
        return set(numbers)

    def images(self, entries: list[dict[str, Any]]) -> set[int]:
        numbers = self._unique("images", entries, least=0)
        names: set[str] = set()
        for index, entry in enumerate(entries):
            where = f"images[{index}]"
            for side in ("width", "height"):
                value = entry.get(side)
                if not _whole(value) or value < 1:
                    raise self.wrong(f"{where}.{side}", "this must be a number of pixels", value)
            name = entry.get("file_name")
            if not isinstance(name, str) or not name or not _plain(name):
                raise self.wrong(
                    f"{where}.file_name", f"this must name a file inside {PICTURES}", name
                )
            if name in names:
                raise self.wrong(f"{where}.file_name", "this picture is named twice", name)
            names.add(name)
        return set(numbers)

    def annotations(
        self,
        entries: list[dict[str, Any]],
        images: set[int],
        categories: set[int],
        classes: int,
    ) -> None:
        # COCO's evaluation takes a match with number 0 for no match.
        self._unique("annotations", entries, least=1)
        for index, entry in enumerate(entries):
            where = f"annotations[{index}]"
            image, category = entry.get("image_id"), entry.get("category_id")
            if not _whole(image) or image not in images:
                raise self.wrong(f"{where}.image_id", "no image has this id", image)
            if not _whole(category) or not 0 <= category < classes:
                raise self.wrong(
                    f"{where}.category_id", f"categories go from 0 to {classes - 1}", category
                )
            if category not in categories:
                raise self.wrong(f"{where}.category_id", "no category has this id", category)
            box = entry.get("bbox")
            if not isinstance(box, list) or len(box) != 4 or not all(map(_size, box)):
                raise self.wrong(f"{where}.bbox", "this must be [x, y, width, height]", box)
            if not _size(entry.get("area")):
                raise self.wrong(f"{where}.area", "this must be a number", entry.get("area"))
            if entry.get("iscrowd") not in (0, 1):
                raise self.wrong(f"{where}.iscrowd", "this must be 0 or 1", entry.get("iscrowd"))

    def _unique(self, name: str, entries: list[dict[str, Any]], least: int) -> list[int]:
        seen: dict[int, int] = {}
        for index, entry in enumerate(entries):
            number, field = entry.get("id"), f"{name}[{index}].id"
            if not _whole(number) or number < least:
                raise self.wrong(field, f"an id is a whole number from {least} up", number)
            if number in seen:
                raise self.wrong(field, f"{name}[{seen[number]}] has the same id", number)
            seen[number] = index
        return list(seen)


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _size(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 <= value < _LARGEST


def _plain(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _short(value: object) -> str:
    text = "not there" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
