"""RetinaNet's graph: weights as torch has them, anchors by hand, decoding and suppression."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from benchwright_vision.retinanet_config import OFFICIAL, TINY, anchors, weight_shapes
from benchwright_vision.retinanet_graph import retinanet

CLASSES = 3
CONFIG = replace(TINY, classes=CLASSES, features=4, depth=1, candidates=40, detections=30)


def zero_weights() -> dict[str, NDArray[np.float32]]:
    """Weights that give the heads' biases whatever the picture is."""
    return {
        name: np.full(shape, float(name.endswith("running_var")), np.float32)
        for name, shape in weight_shapes(CONFIG).items()
    }


def found(
    weights: dict[str, NDArray[np.float32]], config: Any = CONFIG, image: Any = None
) -> list[NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = retinanet(config, weights, "test").model().SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    image = np.zeros((1, 3, config.side, config.side), np.float32) if image is None else image
    answer: list[NDArray[Any]] = session.run(["boxes", "scores", "labels"], {"images": image})
    return answer


def test_the_official_anchors() -> None:
    assert OFFICIAL.grids == (100, 50, 25, 13, 7)
    levels = anchors(OFFICIAL)
    assert sum(map(len, levels)) == 9 * 13_343
    # Ratio 1/2 of size 32: 45.25 x 22.63, its half rounded to 23 x 11; then ratios 1 and 2.
    assert levels[0][0].tolist() == [0, 0, 46, 22]
    assert levels[0][3 * 10_000].tolist() == [0, 0, 32, 32]
    assert levels[0][6 * 10_000].tolist() == [0, 0, 22, 46]
    # int(32 * 2^(1/3)) = 40 and int(32 * 2^(2/3)) = 50.
    assert levels[0][4 * 10_000].tolist() == [0, 0, 40, 40]
    assert levels[0][5 * 10_000].tolist() == [0, 0, 50, 50]
    # One cell to the right, one row below; 13 cells lie 800 // 13 = 61 pixels apart.
    assert levels[0][1].tolist() == [8, 0, 46, 22]
    assert levels[0][100].tolist() == [0, 8, 46, 22]
    assert levels[3][14].tolist() == [61, 61, *levels[3][0][2:]]


def test_the_official_size() -> None:
    """ResNeXt-50 32x4d without its classifier has 22,979,904 weights and 2 x 34,112 numbers of
    normalisation besides (torchvision's 25,028,904 less a classifier of 2,049,000)."""
    shapes = weight_shapes(OFFICIAL)
    body = {name: shape for name, shape in shapes.items() if name.startswith("backbone.body")}
    learnt = {name: shape for name, shape in body.items() if "running" not in name}
    assert sum(math.prod(shape) for shape in learnt.values()) == 25_028_904 - 2_049_000
    assert shapes["head.classification_head.cls_logits.weight"] == (9 * 264, 256, 3, 3)
    assert shapes["backbone.body.layer4.0.conv2.weight"] == (1024, 32, 3, 3)


def test_one_class_above_the_bound_is_decoded_suppressed_and_cut() -> None:
    """All anchors of the middle size and ratio say class 1, all in the same words."""
    weights = zero_weights()
    logits = weights["head.classification_head.cls_logits.bias"]
    logits[:] = -9
    logits[4 * CLASSES + 1] = 2
    boxes, scores, labels = found(weights)
    assert labels.tolist() == [1] * len(labels)
    assert labels.dtype == np.int64
    np.testing.assert_allclose(scores, 1 / (1 + math.exp(-2)), rtol=1e-6)
    # 144, 36 and 9 cells, of which the 40 best of a level are looked at.
    assert 9 <= len(boxes) <= CONFIG.detections
    assert boxes.min() >= 0
    assert boxes.max() <= CONFIG.side
    overlap = pairwise(boxes)
    assert overlap[~np.eye(len(boxes), dtype=bool)].max() <= CONFIG.overlap + 1e-6


def test_a_box_is_its_anchor_moved_and_stretched() -> None:
    weights = zero_weights()
    logits = weights["head.classification_head.cls_logits.bias"]
    logits[:] = -9
    logits[4 * CLASSES + 2] = 2
    deltas = weights["head.regression_head.bbox_reg.bias"]
    deltas[4 * 4 : 4 * 5] = [0.1, -0.2, math.log(0.5), 99.0]
    boxes, _, _ = found(weights)
    expected = []
    for x, y, width, height in np.concatenate(
        [level.reshape(9, -1, 4)[4] for level in anchors(CONFIG)]
    ):
        half = np.array([width / 2, height * 1000 / 16]) / 2
        middle = np.array([x + 0.1 * width, y - 0.2 * height])
        expected.append(np.clip([*(middle - half), *(middle + half)], 0, CONFIG.side))
    distance = np.abs(np.array(expected)[None] - boxes[:, None]).max(-1).min(1)
    assert distance.max() < 1e-3


def test_classes_do_not_suppress_each_other() -> None:
    weights = zero_weights()
    logits = weights["head.classification_head.cls_logits.bias"]
    logits[:] = -9
    one = found(weights | {}, CONFIG)
    assert [len(part) for part in one] == [0, 0, 0]
    logits[4 * CLASSES + 0] = 2
    boxes, _, _ = found(weights)
    logits[4 * CLASSES + 2] = 1
    both, scores, labels = found(weights, replace(CONFIG, candidates=1000, detections=1000))
    assert (labels == 0).sum() == (labels == 2).sum() >= len(boxes)
    assert (np.diff(scores) <= 0).all()
    np.testing.assert_array_equal(
        sorted(both[labels == 0].tolist()), sorted(both[labels == 2].tolist())
    )


def test_scores_must_exceed_the_bound_and_the_best_are_kept() -> None:
    weights = zero_weights()
    logits = weights["head.classification_head.cls_logits.bias"]
    logits[:] = math.log(0.04 / 0.96)
    assert len(found(weights)[0]) == 0
    logits[:] = math.log(0.06 / 0.94)
    assert len(found(weights)[0]) == CONFIG.detections


def pairwise(boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    inside = np.clip(high - low, 0, None).prod(-1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    return np.asarray(inside / np.maximum(area[:, None] + area[None] - inside, 1e-9), np.float64)


@pytest.mark.parametrize("extra", [0, 2])
def test_graph_and_torch_module_are_one_network(extra: int) -> None:
    """Detections worked out from the module's outputs, one anchor and class at a time."""
    torch = pytest.importorskip("torch")
    from benchwright_vision.retinanet_module import RetinaNet

    sizes = (10, 20, 40, 60, 80)[: 3 + extra]
    config = replace(CONFIG, extra_levels=extra, sizes=sizes, candidates=10_000, detections=1000)
    torch.manual_seed(extra)
    network = RetinaNet(config).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if "running_mean" in name:
                value.uniform_(-0.2, 0.2)
            if "running_var" in name:
                value.uniform_(0.1, 0.4)
        network.head.get_parameter("classification_head.cls_logits.weight").normal_(0, 0.05)
        network.head.get_parameter("regression_head.bbox_reg.weight").normal_(0, 0.05)
    state = network.state_dict()
    assert {k: tuple(v.shape) for k, v in state.items() if "tracked" not in k} == weight_shapes(
        config
    )
    image = np.random.default_rng(3).random((1, 3, 96, 96), np.float32)
    with torch.no_grad():
        logits, deltas = (part[0].double().numpy() for part in network(torch.from_numpy(image)))
    scores = 1 / (1 + np.exp(-logits))
    centred = np.concatenate(anchors(config)).astype(np.float64)
    middle = deltas[:, :2] * centred[:, 2:] + centred[:, :2]
    half = np.exp(deltas[:, 2:]) * centred[:, 2:] / 2
    boxes = np.clip(np.concatenate([middle - half, middle + half], 1), 0, 96)
    expected: list[tuple[float, int, list[float]]] = []
    for label in range(CLASSES):
        rows = np.flatnonzero(scores[:, label] > config.score)
        rows = rows[np.argsort(-scores[rows, label])]
        table = pairwise(boxes[rows].astype(np.float32))
        kept: list[int] = []
        for index in range(len(rows)):
            if all(table[index, other] <= config.overlap for other in kept):
                kept.append(index)
        expected += [(scores[rows[k], label], label, boxes[rows[k]].tolist()) for k in kept]
    expected.sort(key=lambda item: -item[0])
    weights = {name: state[name].numpy() for name in weight_shapes(config)}
    got_boxes, got_scores, got_labels = found(weights, config, image)
    assert len(expected) > 10
    # Rounding may turn an overlap of nearly the bound.
    assert abs(len(got_scores) - len(expected)) <= len(expected) // 50
    matched = sum(
        any(
            label == got_labels[k]
            and abs(score - got_scores[k]) < 1e-4
            and np.abs(got_boxes[k] - box).max() < 0.01
            for k in range(len(got_scores))
        )
        for score, label, box in expected
    )
    assert matched >= 0.98 * len(expected)
