"""Preprocessing, sliding windows and Dice, against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchwright_medical import dice
from benchwright_medical.volumes import TARGET_SPACING, Window, image_input, label_volume
from benchwright_medical.windows import SlidingWindows, gaussian, largest, places

SMALL = Window(4)


def normal(value: float) -> float:
    return (value - 101.0) / 76.9


def test_values_are_clipped_and_normalised() -> None:
    image = np.array([-1000, -79, 0, 101, 304, 305, 177.9, 24.1], np.float32).reshape(2, 2, 2)
    found = image_input(np.tile(image, (2, 2, 2)), TARGET_SPACING, SMALL)[0, :2, :2, :2]
    expected = [normal(value) for value in (-79, -79, 0, 101, 304, 304, 177.9, 24.1)]
    assert found.dtype == np.float32
    assert found.ravel().tolist() == pytest.approx(expected, abs=1e-6)
    assert expected[6] == pytest.approx(1.0)


def test_a_volume_smaller_than_the_window_repeats_its_edges() -> None:
    line = np.zeros((1, 1, 3), np.float32) + np.array([101, 177.9, 254.8], np.float32)
    found = image_input(line, TARGET_SPACING, Window(6))
    assert found.shape == (1, 6, 6, 6)
    # Three voxels are short of six: one goes to the low side, two to the high side.
    assert found[0, 3, 3].tolist() == pytest.approx([0, 0, 1, 2, 2, 2], abs=1e-5)


@pytest.mark.parametrize(
    ("size", "low", "result"),
    # Window 128, stride 64: up to 31 voxels over a multiple are cut off, from 32 on filled up.
    [(128, 0, 128), (129, 0, 128), (130, -1, 128), (159, -15, 128), (160, 16, 192), (191, 0, 192)],
)
def test_sides_become_multiples_of_the_stride(size: int, low: int, result: int) -> None:
    image = np.full((128, 128, size), 101, np.float32)
    image[..., :] += 76.9 * np.arange(size) / 64
    label = np.ones((128, 128, size), np.uint8)
    found = image_input(image, TARGET_SPACING, Window(128))
    labels = label_volume(label, TARGET_SPACING, Window(128))
    assert found.shape == (1, 128, 128, result)
    assert labels.shape == (128, 128, result)
    assert labels.dtype == np.uint8
    if low <= 0:
        # Row 0 is the cut-off part's next voxel; it is 1/64 of a deviation to the next.
        assert found[0, 0, 0, 0] == pytest.approx(min(-low / 64, (304 - 101) / 76.9), abs=1e-5)
        assert labels[0, 0, 0] == 1
    else:
        assert found[0, 0, 0, : low + 1].tolist() == pytest.approx([-2.2] * low + [0], abs=1e-5)
        assert labels[0, 0, : low + 1].tolist() == [0] * low + [1]
    filled = max(0, result - size)
    assert (labels[0, 0] == 0).sum() == filled
    assert (found[0, 0, 0] == np.float32(-2.2)).sum() == filled


def test_resampling_is_linear_for_images_and_nearest_for_labels() -> None:
    # Twice as coarse across: six slices become twelve, whose ends keep their places.
    image = np.empty((6, 4, 4), np.float32)
    image[:] = 101 + 76.9 * np.arange(6, dtype=np.float32)[:, None, None] / 2
    label = np.zeros((6, 4, 4), np.uint8)
    label[3:] = 2
    spacing = (2 * TARGET_SPACING[0], *TARGET_SPACING[1:])
    found = image_input(image, spacing, SMALL)
    labels = label_volume(label, spacing, SMALL)
    assert found.shape == (1, 12, 4, 4)
    places_ = np.arange(12) * 5 / 11
    assert found[0, :, 1, 1].tolist() == pytest.approx(
        np.minimum(places_ / 2, 203 / 76.9).tolist(), abs=1e-4
    )
    assert labels[:, 1, 1].tolist() == [2 if place > 2.5 else 0 for place in places_]


def test_the_weight_of_a_window() -> None:
    weight = gaussian(8)
    # Standard deviation 1, samples at -3.5 to 3.5; the cube root of a product of three.
    line = np.exp(-0.5 * (np.arange(8) - 3.5) ** 2)
    expected = np.cbrt(line[0] * line[2] * line[3]) / np.cbrt(line[3] ** 3)
    assert weight.dtype == np.float32
    assert weight.shape == (8, 8, 8)
    assert weight.max() == 1
    assert weight[0, 2, 3] == pytest.approx(expected)
    assert (weight == weight.transpose(2, 0, 1)).all()
    assert gaussian(128).min() > 0


def test_where_windows_lie() -> None:
    found = list(places((8, 4, 6), SMALL))
    corners = [tuple(part.start for part in place) for place in found]
    assert corners == [(0, 0, 0), (0, 0, 2), (2, 0, 0), (2, 0, 2), (4, 0, 0), (4, 0, 2)]
    assert all(part.stop - part.start == 4 for place in found for part in place)
    # As many as the rules' reference counts: one less than strides along each axis.
    assert len(list(places((192, 384, 384), Window(128)))) == 2 * 5 * 5


class Echo:
    """A network whose scores depend on the window's values and on where they lie in it. Its
    output memory is used again by the next call."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self._memory: NDArray[np.float32] | None = None

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        windows = inputs["input"]
        self.calls.append(len(windows))
        scores = np.concatenate([scores_of(window) for window in windows])
        if self._memory is None or len(self._memory) < len(scores):
            self._memory = np.empty_like(scores)
        memory = self._memory[: len(scores)]
        memory[:] = scores
        return [memory]


def scores_of(window: NDArray[np.float32]) -> NDArray[np.float32]:
    ramp = np.arange(window.size, dtype=np.float32).reshape(window.shape) % 7 / 7
    return np.stack([np.sin(3 * window), np.cos(2 * window) * ramp, window * 0.7], axis=1)


def plain_answer(volume: NDArray[np.float32], window: Window) -> NDArray[np.uint8]:
    """Window by window, with weights summed and divided by, in double precision."""
    total = np.zeros((3, *volume.shape[1:]))
    weights = np.zeros(volume.shape[1:])
    weight = gaussian(window.edge).astype(np.float64)
    for place in places(volume.shape[1:], window):
        total[:, *place] += scores_of(volume[:, *place])[0].astype(np.float64) * weight
        weights[place] += weight
    return (total / weights).argmax(axis=0).astype(np.uint8)


@pytest.mark.parametrize("per_call", [1, 4, 100])
def test_the_driver_agrees_with_plain_sums(per_call: int) -> None:
    window = Window(8, per_call)
    draw = np.random.default_rng(1)
    shapes = [(8, 8, 8), (12, 8, 16), (8, 8, 8), (16, 12, 8)]
    volumes = [draw.normal(size=(1, *shape)).astype(np.float32) for shape in shapes]
    session = Echo()
    (found,) = SlidingWindows(window)({"main": session}, {"input": volumes})
    assert len(found) == len(volumes)
    for answer, volume in zip(found, volumes, strict=True):
        assert answer.dtype == np.uint8
        assert answer.shape == volume.shape[1:]
        assert (answer == plain_answer(volume, window)).all()
        assert len(np.unique(answer)) == 3
    # 1, 2 * 3, 1 and 3 * 2 windows, across volumes.
    assert sum(session.calls) == 14
    assert session.calls == {1: [1] * 14, 4: [4, 4, 4, 2], 100: [14]}[per_call]


@given(st.integers(0, 2**32 - 1))
def test_the_largest_score_is_argmax(seed: int) -> None:
    # Few values, so that many are equal: the first of them counts.
    scores = np.random.default_rng(seed).integers(-2, 3, (3, 2, 3, 4)).astype(np.float32)
    expected = scores.argmax(axis=0)
    assert (largest(scores.copy()) == expected).all()


def test_dice_by_hand() -> None:
    label = np.array([0, 0, 1, 1, 1, 1, 2, 2], np.uint8)
    found = np.array([0, 1, 1, 1, 1, 2, 2, 0], np.uint8)
    score = dice.dice(found, label)
    assert score.kidney == pytest.approx(2 * 3 / 8, abs=1e-6)
    assert score.tumour == pytest.approx(2 * 1 / 4, abs=1e-6)
    assert score.composite == pytest.approx(0.625, abs=1e-6)


def test_a_class_that_is_neither_there_nor_found_is_right() -> None:
    nothing = np.zeros(8, np.uint8)
    assert dice.dice(nothing, nothing) == (1.0, 1.0)
    missed = dice.dice(nothing, np.ones(8, np.uint8))
    assert missed.kidney == pytest.approx(1e-6 / 8, rel=1e-3)
    assert missed.tumour == 1.0


def test_the_mean_is_over_cases() -> None:
    composite, parts = dice.mean([dice.Dice(1.0, 0.5), dice.Dice(0.5, 0.0)])
    assert (composite, parts) == (0.5, (0.75, 0.25))
    assert dice.mean([]) == (0.0, (0.0, 0.0))
