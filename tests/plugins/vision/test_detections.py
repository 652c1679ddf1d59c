"""Detections: their bytes in the accuracy log, and mean average precision worked out by hand."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright_vision.detections import DetectionEncoder, decode, mean_average_precision
from benchwright_vision.openimages import DetectionSet, Picture

WIDTH, HEIGHT = 200, 100


def detection_set(*objects: tuple[int, int, list[float], int], pictures: int = 3) -> DetectionSet:
    """objects: position of the picture, category, [x, y, w, h], iscrowd. Ids are no positions."""
    annotations = [
        {
            "id": number,
            "image_id": 10 * position + 5,
            "category_id": category,
            "bbox": box,
            "area": box[2] * box[3],
            "iscrowd": crowd,
        }
        for number, (position, category, box, crowd) in enumerate(objects, start=1)
    ]
    images = [{"id": 10 * position + 5} for position in range(pictures)]
    categories = [{"id": number, "name": str(number)} for number in range(3)]
    truth = {"categories": categories, "images": images, "annotations": annotations}
    made = [Picture(image["id"], Path("x"), WIDTH, HEIGHT) for image in images]
    return DetectionSet(made, truth)


def response(index: int, *found: tuple[list[float], float, int]) -> Entry:
    """found: [x, y, w, h] in pixels, score, label."""
    rows = []
    for (x, y, w, h), score, label in found:
        rows += [index, y / HEIGHT, x / WIDTH, (y + h) / HEIGHT, (x + w) / WIDTH, score, label]
    return Entry(0, index, struct.pack(f"<{len(rows)}f", *rows))


BOX = [20.0, 10.0, 60.0, 50.0]


def test_a_detection_is_seven_floats_in_the_official_order() -> None:
    boxes = np.array([[100, 200, 400, 800]], np.float32)
    outputs = [[boxes], [np.array([0.75], np.float32)], [np.array([263])]]
    (rows,) = DetectionEncoder(800)(outputs, np.array([3]))
    # 3.0, ymin 0.25, xmin 0.125, ymax 1.0, xmax 0.5, score 0.75, label 263.0
    expected = "00004040 0000803E 0000003E 0000803F 0000003F 0000403F 00808343"
    assert rows.tobytes().hex().upper() == expected.replace(" ", "")


def test_a_response_ends_at_the_first_score_below_the_bound() -> None:
    scores = np.array([0.9, 0.05, 0.0499, 0.8], np.float32)
    outputs = [
        [np.zeros((4, 4), np.float32), np.zeros((0, 4), np.float32)],
        [scores, np.zeros(0, np.float32)],
        [np.arange(4), np.zeros(0, np.int64)],
    ]
    first, empty = DetectionEncoder(96)(outputs, np.array([8, 9]))
    assert first[:, 5].tolist() == scores[:2].tolist()
    assert first[:, 0].tolist() == [8, 8]
    assert first.flags.c_contiguous
    assert empty.tobytes() == b""


@settings(deadline=None)
@given(st.integers(0, 24_780), st.lists(st.tuples(*[st.floats(0, 96, width=32)] * 4), max_size=6))
def test_what_is_encoded_is_decoded(index: int, boxes: list[tuple[float, ...]]) -> None:
    count = len(boxes)
    outputs = [
        [np.array(boxes, np.float32).reshape(-1, 4)],
        [np.full(count, 0.5, np.float32)],
        [np.arange(count)],
    ]
    (rows,) = DetectionEncoder(96)(outputs, np.array([index]))
    found = decode(Entry(0, index, rows.tobytes()))
    assert found[:, 0].tolist() == [index] * count
    assert found[:, 6].tolist() == list(range(count))
    np.testing.assert_allclose(found[:, (2, 1, 4, 3)] * 96, outputs[0][0], rtol=1e-5, atol=1e-4)


def test_a_right_box_has_everything_and_a_wrong_class_nothing() -> None:
    data = detection_set((0, 1, BOX, 0))
    assert mean_average_precision(data, [response(0, (BOX, 0.9, 1))]).values == {"mAP": 100.0}
    assert mean_average_precision(data, [response(0, (BOX, 0.9, 2))]).values == {"mAP": 0.0}


def test_half_the_objects_found() -> None:
    """Recall reaches 1/2: the 51 of COCO's 101 recall points up to it have precision 1."""
    data = detection_set((0, 1, BOX, 0), (1, 1, BOX, 0))
    score = mean_average_precision(data, [response(0, (BOX, 0.9, 1)), response(1)])
    assert score.values["mAP"] == pytest.approx(100 * 51 / 101)
    assert score.text == "mAP=50.495%\n"
    assert score.samples == 2
    assert type(score.values["mAP"]) is float


def test_only_logged_pictures_count_and_the_first_response_of_each() -> None:
    data = detection_set((0, 1, BOX, 0), (1, 1, BOX, 0))
    good, bad = response(0, (BOX, 0.9, 1)), response(0, (BOX, 0.9, 2))
    assert mean_average_precision(data, [good, bad]).values["mAP"] == 100.0
    assert mean_average_precision(data, [bad, good]).values["mAP"] == 0.0
    assert mean_average_precision(data, [good, bad]).samples == 1


def test_an_overlap_counts_at_the_thresholds_it_reaches() -> None:
    """Moved by 16 of 60 columns, 44 of 76 overlap: 0.579 reaches two thresholds of ten."""
    data = detection_set((0, 0, BOX, 0))
    moved = response(0, ([36.0, 10.0, 60.0, 50.0], 0.9, 0))
    assert mean_average_precision(data, [moved]).values["mAP"] == pytest.approx(20.0)


def test_a_crowd_is_neither_missed_nor_a_mistake() -> None:
    data = detection_set((0, 1, BOX, 0), (0, 1, [100.0, 0.0, 90.0, 90.0], 1))
    found = response(0, ([105.0, 5.0, 20.0, 20.0], 0.95, 1), (BOX, 0.9, 1))
    assert mean_average_precision(data, [found]).values["mAP"] == 100.0


def test_no_detection_and_no_response() -> None:
    data = detection_set((0, 1, BOX, 0))
    assert mean_average_precision(data, []) == ({"mAP": 0.0}, "mAP=0.000%\n", 0)
    nothing = mean_average_precision(data, [response(0), response(2)])
    assert nothing == ({"mAP": 0.0}, "mAP=0.000%\n", 2)
    # No object in the logged picture: nothing to be found is no accuracy.
    assert mean_average_precision(data, [response(1, (BOX, 0.9, 1))]).values == {"mAP": 0.0}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (Entry(0, 3, b""), "sample 3 cannot be scored"),
        (Entry(0, 1, b"\0" * 27), "sample 1 cannot be scored"),
        (Entry(0, 1, struct.pack("<7f", 1, 0, 0, 1, float("nan"), 0.5, 1)), "sample 1 cannot"),
        (Entry(0, 1, struct.pack("<7f", 1, 0, 0, 1, 1, 0.5, 7)), "sample 1 cannot.*\n.*category 7"),
    ],
)
def test_a_response_that_cannot_be_scored_is_an_error(entry: Entry, told: str) -> None:
    with pytest.raises(BenchwrightError, match=told):
        mean_average_precision(detection_set((0, 1, BOX, 0)), [entry])


def test_the_figure_is_that_of_pycocotools(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    Judge = pytest.importorskip("pycocotools.cocoeval").COCOeval
    random = np.random.default_rng(5)
    objects, entries = [], []
    for position in range(40):
        found = []
        for _ in range(4):
            box = [*random.uniform(0, 60, 2).tolist(), *random.uniform(10, 40, 2).tolist()]
            label = int(random.integers(3))
            objects.append((position, label, box, int(random.random() < 0.1)))
            shift = random.normal(0, 4, 4)
            place = [float(value) for value in np.maximum(np.array(box) + shift, 1)]
            guess = label if random.random() < 0.8 else int(random.integers(3))
            found.append((place, float(random.uniform(0.1, 1)), guess))
        entries.append(response(position, *found))
    data = detection_set(*objects, pictures=40)
    (tmp_path / "truth.json").write_text(json.dumps(data.truth))
    truth: Any = coco.COCO(str(tmp_path / "truth.json"))
    rows = []
    for entry in entries:
        for _, top, left, bottom, right, score, label in decode(entry).astype(np.float64):
            size = ((right - left) * WIDTH, (bottom - top) * HEIGHT)
            place = (left * WIDTH, top * HEIGHT, *size)
            rows.append([10 * entry.qsl_idx + 5, *place, score, label])
    judge = Judge(truth, truth.loadRes(np.array(rows)), "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    ours = mean_average_precision(data, entries).values["mAP"]
    assert 5 < ours < 90
    assert ours == pytest.approx(100 * judge.stats[0], abs=1e-4)
