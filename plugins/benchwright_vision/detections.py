"""Detections as bytes of the accuracy log, and their mean average precision.

A detection is seven little-endian float32: the sample's index, ymin, xmin, ymax, xmax as shares
of the picture's height and width, score, label. A response is one after the other, best score
first; a picture without detections has an empty response and counts all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchwright.contracts.benchmark import Score
from benchwright.errors import BenchwrightError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchwright.contracts.program import Array, Output
    from benchwright.harness.accuracy_log import Entry
    from benchwright_vision.openimages import DetectionSet

NUMBERS = 7
"""Numbers of one detection."""
LEAST_SCORE = np.float32(0.05)
"""The first score below ends a response."""


@dataclass(frozen=True, slots=True)
class DetectionEncoder:
    """Encodes boxes float32 [n, 4] (x0, y0, x1, y1 in network pixels), scores float32 [n] and
    labels int64 [n] of each sample; side: the network's input, in pixels."""

    side: int

    def __call__(self, outputs: Sequence[Output], indices: Array) -> list[NDArray[np.float32]]:
        side = np.float32(self.side)
        found = []
        for boxes, scores, labels, index in zip(*outputs, indices, strict=True):
            low = scores < LEAST_SCORE
            count = int(low.argmax()) if low.any() else len(scores)
            rows = np.empty((count, NUMBERS), np.float32)
            rows[:, 0] = index
            np.divide(boxes[:count, (1, 0, 3, 2)], side, out=rows[:, 1:5])
            rows[:, 5] = scores[:count]
            rows[:, 6] = labels[:count]
            found.append(rows)
        return found


def decode(entry: Entry) -> NDArray[np.float32]:
    """A response's detections, float32 [n, 7]; BenchwrightError for bytes that are none."""
    if len(entry.data) % (4 * NUMBERS):
        raise _unscorable(entry, f"{len(entry.data)} bytes; a detection has {4 * NUMBERS}")
    rows = np.frombuffer(entry.data, np.float32).reshape(-1, NUMBERS)
    if not np.isfinite(rows).all():
        raise _unscorable(entry, "it has a number that is not finite")
    return rows


def mean_average_precision(data: DetectionSet, responses: Iterable[Entry]) -> Score:
    """COCO's primary metric (intersection over union 0.50 to 0.95, all sizes, at most 100
    detections a picture) in percent, over the pictures that have a response.

    The first response to a sample counts; loadgen's index decides which picture it is of.
    """
    seen: set[int] = set()
    categories = np.array([entry["id"] for entry in data.truth["categories"]])
    found: list[NDArray[np.float64]] = []
    for entry in responses:
        if entry.qsl_idx in seen:
            continue
        if not 0 <= entry.qsl_idx < len(data.pictures):
            raise _unscorable(entry, f"the data set has {len(data.pictures)} samples")
        seen.add(entry.qsl_idx)
        rows = _placed(data, entry)
        unknown = rows[~np.isin(rows[:, 6], categories), 6]
        if len(unknown):
            raise _unscorable(entry, f"the annotations have no category {unknown[0]:g}")
        found.append(rows)
    percent = _evaluate(data, seen, np.concatenate(found)) if found else 0.0
    return Score({"mAP": percent}, f"mAP={percent:.3f}%\n", len(seen))


def _placed(data: DetectionSet, entry: Entry) -> NDArray[np.float64]:
    """Detections as COCO takes them: image id, x, y, width, height, score, category."""
    picture = data.pictures[entry.qsl_idx]
    # As the official script does it: shares times pixels in float32, differences as well.
    _, ymin, xmin, ymax, xmax, score, label = decode(entry).T
    width, height = np.float32(picture.width), np.float32(picture.height)
    left, top = xmin * width, ymin * height
    columns = (
        np.full(len(score), picture.number),
        left,
        top,
        xmax * width - left,
        ymax * height - top,
        score,
        np.trunc(label),
    )
    return np.stack([np.asarray(column, np.float64) for column in columns], 1)


def _evaluate(data: DetectionSet, seen: set[int], found: NDArray[np.float64]) -> float:
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        raise BenchwrightError(
            "the mean average precision needs faster-coco-eval",
            why=str(error),
            fix="pip install 'benchwright[vision]'",
        ) from error
    if not len(found):
        return 0.0
    truth: Any = COCO()
    truth.dataset = data.truth
    truth.createIndex()
    judge: Any = COCOeval_faster(truth, truth.loadRes(found), "bbox", print_function=_quiet)
    judge.params.imgIds = sorted(data.pictures[index].number for index in seen)
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    # Below zero where the logged pictures have no object to find.
    return max(0.0, 100.0 * float(judge.stats[0]))


def _quiet(*text: object) -> None:
    """Takes what the evaluation prints."""


def _unscorable(entry: Entry, why: str) -> BenchwrightError:
    return BenchwrightError(f"the response for sample {entry.qsl_idx} cannot be scored", why=why)
