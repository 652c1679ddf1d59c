"""Scenes for retinanet's tiny preset: handwritten digits at several sizes on textured ground.

Digits come from the same split as resnet50's (`digits`), so that those of the evaluation scenes
are never in a training scene. Here is no training; Pillow is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchwright_vision.tiny.digits import Images, Labels

SIZES = ((96, 96), (128, 96), (96, 128), (112, 112), (120, 90), (90, 120))
"""Width and height of the pictures; the network's input is always square."""
SMALLEST, LARGEST = 14.0, 60.0
"""The side of a whole digit, blank border included, in pixels."""
MOST = 5
"""Digits of one scene; at least one."""
LEAST_CONTRAST = 60.0
"""By how much a digit's ink differs from the ground's mean, of 255, summed over the channels
and divided by their number."""


class Scene(NamedTuple):
    """pixels uint8 [height, width, 3] RGB; boxes float64 [k, 4], x, y, width and height of the
    ink in pixels; labels int64 [k], the digits."""

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]


def draw(images: Images, labels: Labels, random: np.random.Generator, tilt: float = 0.0) -> Scene:
    """One scene with digits out of `images` (uint8 [n, 8, 8], ink is bright).

    tilt: each is turned by up to so many degrees, which training uses to see more digits.
    """
    width, height = SIZES[random.integers(len(SIZES))]
    ground = _ground(width, height, random)
    boxes: list[tuple[float, float, float, float]] = []
    found: list[int] = []
    for _ in range(int(random.integers(1, MOST + 1))):
        chosen = int(random.integers(len(images)))
        box = _paste(ground, images[chosen], boxes, random, tilt)
        if box is not None:
            boxes.append(box)
            found.append(int(labels[chosen]))
    pixels = np.clip(np.rint(ground), 0, 255).astype(np.uint8)
    return Scene(pixels, np.array(boxes, np.float64).reshape(-1, 4), np.array(found, np.int64))


def _ground(width: int, height: int, random: np.random.Generator) -> NDArray[np.float32]:
    """A colour with smooth patches, stripes and grain: float32 [height, width, 3]."""
    colour = random.uniform(40, 215, 3).astype(np.float32)
    patches = _smooth(random.standard_normal((6, 6, 3)), width, height)
    angle, pitch = random.uniform(0, np.pi), random.uniform(4, 20) / (2 * np.pi)
    x = np.arange(width, dtype=np.float32) * np.float32(np.cos(angle) / pitch)
    y = np.arange(height, dtype=np.float32) * np.float32(np.sin(angle) / pitch)
    stripes = np.sin(x[None] + y[:, None])[..., None]
    grain = random.standard_normal((height, width, 3), np.float32)
    strength = random.uniform(0, (22, 16, 9)).astype(np.float32)
    made = colour + strength[0] * patches + strength[1] * stripes + strength[2] * grain
    return np.asarray(made, np.float32)


def _paste(
    ground: NDArray[np.float32],
    digit: NDArray[np.uint8],
    others: Iterable[tuple[float, float, float, float]],
    random: np.random.Generator,
    tilt: float,
) -> tuple[float, float, float, float] | None:
    """Draws the digit where it covers no other one; its box, or None where no place was found."""
    height, width = ground.shape[:2]
    side = float(np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST))))
    stretch = float(np.exp(random.uniform(-0.2, 0.2)))
    wide, tall = round(side * stretch), round(side / stretch)
    ink = _smooth(digit[..., None] / 255.0, wide, tall)
    if tilt:
        ink = _turned(ink, random.uniform(-tilt, tilt))
    ink = np.clip(ink, 0, 1)
    columns, rows = (np.flatnonzero(ink[..., 0].max(axis) > 0.25) for axis in (0, 1))
    for _ in range(20):
        left = int(random.integers(0, width - wide + 1))
        top = int(random.integers(0, height - tall + 1))
        box = (
            float(left + columns[0]),
            float(top + rows[0]),
            float(columns[-1] - columns[0] + 1),
            float(rows[-1] - rows[0] + 1),
        )
        if not any(_touch(box, other) for other in others):
            break
    else:
        return None
    place = ground[top : top + tall, left : left + wide]
    mean = place.mean((0, 1))
    colour = random.uniform(0, 255, 3)
    while np.abs(colour - mean).mean() < LEAST_CONTRAST:
        colour = random.uniform(0, 255, 3)
    place += ink.astype(np.float32) * (colour.astype(np.float32) - place)
    return box


def _turned(ink: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    """A digit [h, w, 1] turned about its middle; what leaves the frame is lost."""
    from PIL import Image

    turned = Image.fromarray(ink[..., 0]).rotate(degrees, Image.Resampling.BILINEAR)
    return np.asarray(turned)[..., None]


def _touch(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    """Whether two boxes overlap."""
    return all(
        one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2]
        for axis in (0, 1)
    )


def _smooth(values: NDArray[np.float64], width: int, height: int) -> NDArray[np.float32]:
    """Each channel of [h, w, c] resized with cubic interpolation: float32 [height, width, c]."""
    from PIL import Image

    planes = [
        np.asarray(
            Image.fromarray(values[..., channel].astype(np.float32)).resize(
                (width, height), Image.Resampling.BICUBIC
            )
        )
        for channel in range(values.shape[2])
    ]
    return np.stack(planes, -1)
