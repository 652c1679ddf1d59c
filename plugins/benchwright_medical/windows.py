"""Sliding-window segmentation: the driver between volumes of any size and a network of one.

Windows of all volumes of a batch go through the network together, `per_call` at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchwright_medical.volumes import CLASSES, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchwright.contracts.program import Output, Sessions

    Place = tuple[slice, slice, slice]

INPUT, OUTPUT = "input", "output"
"""The tensors of the official graph: float32 [N, 1, edge, edge, edge] and [N, 3, …]."""


def gaussian(edge: int) -> NDArray[np.float32]:
    """How much a window's answer counts at each of its voxels: float32 [edge, edge, edge].

    The cube root of a three-dimensional Gaussian of standard deviation edge/8, its largest
    value 1: voxels in the middle, which see most around them, count most.
    """
    place = np.arange(edge) - (edge - 1) / 2
    line = np.exp(-(place**2) / (2 * (0.125 * edge) ** 2))
    cube = np.cbrt(np.multiply.outer(np.multiply.outer(line, line), line))
    return np.asarray(cube / cube.max(), dtype=np.float32)


def places(shape: Sequence[int], window: Window) -> Iterator[Place]:
    """Where the windows of a volume [D, H, W] lie; the last axis runs fastest."""
    starts = [range(0, size - window.edge + 1, window.stride) for size in shape]
    for corner in itertools.product(*starts):
        low, row, column = (slice(start, start + window.edge) for start in corner)
        yield low, row, column


class SlidingWindows:
    """The driver: float32 [1, D, H, W] volumes in, uint8 [D, H, W] class volumes out.

    A voxel's class is the largest of the sums of the weighted answers that cover it. Dividing
    them by the summed weights, as the reference does, would change no comparison.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._weight = gaussian(window.edge)

    def __call__(self, sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[Output]:
        session = sessions["main"]
        volumes: Sequence[NDArray[np.float32]] = batch[INPUT]
        sums: dict[int, NDArray[np.float32]] = {}
        found: list[NDArray[np.uint8]] = []
        for group in _grouped(self._windows(volumes), self._window.per_call):
            inputs = np.stack([volumes[number][:, *place] for number, place in group])
            (answers,) = session.run({INPUT: inputs})
            for (number, place), answer in zip(group, answers, strict=True):
                if number not in sums:
                    # A volume's windows follow each other: the volumes before are complete.
                    found += self._finish(sums)
                    sums[number] = np.zeros((CLASSES, *volumes[number].shape[1:]), np.float32)
                sums[number][:, *place] += answer * self._weight
        found += self._finish(sums)
        return [found]

    def _windows(self, volumes: Sequence[NDArray[np.float32]]) -> Iterator[tuple[int, Place]]:
        for number, volume in enumerate(volumes):
            for place in places(volume.shape[1:], self._window):
                yield number, place

    @staticmethod
    def _finish(sums: dict[int, NDArray[np.float32]]) -> list[NDArray[np.uint8]]:
        finished = [largest(total) for total in sums.values()]
        sums.clear()
        return finished


def _grouped(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while group := list(itertools.islice(items, size)):
        yield group


def largest(scores: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The class of the largest score, the first of equal ones: uint8 [D, H, W] from
    float32 [classes, D, H, W]. Several times as fast as `argmax` over a leading axis. Overwrites
    `scores`."""
    best = scores[0]
    classes = np.zeros(best.shape, np.uint8)
    for number, score in enumerate(scores[1:], start=1):
        np.copyto(classes, np.uint8(number), where=score > best)
        np.maximum(best, score, out=best)
    return classes
