"""Random pictures as JPEG files, in the official forms of both data sets, from fixed seeds.

Sizes are those that are usual in the real sets: ImageNet's 500 x 375, OpenImages' 1024 x 768,
some of them upright.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright.progress import ProgressCallback
from benchwright_vision.images import VAL_MAP
from benchwright_vision.openimages import ANNOTATIONS, PICTURES
from benchwright_vision.retinanet_config import OFFICIAL

if TYPE_CHECKING:
    import numpy as np

CLASSIFICATION_SIZES = ((500, 375), (500, 375), (500, 375), (375, 500), (500, 333))
DETECTION_SIZES = ((1024, 768), (1024, 683), (1024, 768), (768, 1024), (683, 1024))
"""Width and height, each taken in turn."""
CLASSIFICATION_COUNT = 1024
DETECTION_COUNT = 64
"""How many samples loadgen keeps in memory for the benchmark, in every round."""
CLASSES = 1000
_OBJECTS = 7


def write_classification_set(out: Path, progress: ProgressCallback) -> None:
    """Pictures and a val_map.txt with random labels."""
    import numpy as np

    random = np.random.default_rng(50)
    folder = out / "images"
    folder.mkdir(parents=True)
    lines = []
    for index in range(CLASSIFICATION_COUNT):
        name = f"{index:08d}.jpg"
        size = CLASSIFICATION_SIZES[index % len(CLASSIFICATION_SIZES)]
        write_picture(folder / name, size, random)
        lines.append(f"images/{name} {random.integers(CLASSES)}\n")
        progress(index + 1, CLASSIFICATION_COUNT)
    (out / VAL_MAP).write_text("".join(lines), encoding="ascii")


def write_detection_set(out: Path, progress: ProgressCallback) -> None:
    """Pictures and annotations with a few random boxes in each."""
    import numpy as np

    random = np.random.default_rng(800)
    folder = out / PICTURES
    folder.mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in range(DETECTION_COUNT):
        name = f"{index:016x}.jpg"
        width, height = DETECTION_SIZES[index % len(DETECTION_SIZES)]
        write_picture(folder / name, (width, height), random)
        images.append({"id": index + 1, "file_name": name, "width": width, "height": height})
        for _ in range(_OBJECTS):
            low, high = np.sort(random.random((2, 2)), 0) * (width, height)
            x, y, w, h = (float(value) for value in (*low, *(high - low)))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": int(random.integers(OFFICIAL.classes)),
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                }
            )
        progress(index + 1, DETECTION_COUNT)
    categories = [{"id": number, "name": str(number)} for number in range(OFFICIAL.classes)]
    truth = {"categories": categories, "images": images, "annotations": annotations}
    (out / ANNOTATIONS).parent.mkdir(parents=True)
    (out / ANNOTATIONS).write_text(json.dumps(truth), encoding="ascii")


def write_picture(path: Path, size: tuple[int, int], random: np.random.Generator) -> None:
    """Colour patches with finer ones on top: a JPEG of about the size of a photograph's."""
    import numpy as np
    from PIL import Image

    layers = []
    for cells in (6, 48):
        noise = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        layers.append(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC))
    Image.blend(layers[0], layers[1], 0.3).save(path, quality=90)
