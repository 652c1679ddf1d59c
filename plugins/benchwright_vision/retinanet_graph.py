"""RetinaNet as one ONNX graph, from picture to detections, whatever its size and weights are.

Input `images` float32 [1, 3, side, side], RGB in 0..1; outputs `boxes` float32 [n, 4] (x0, y0,
x1, y1 in pixels), `scores` float32 [n], highest first, and `labels` int64 [n], as in the official
graph. Normalisations are folded into their convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from benchwright.onnxgraph import GraphWriter
from benchwright_vision.retinanet_config import (
    ANCHORS,
    DEVIATION,
    MEAN,
    RetinaNetConfig,
    anchors,
    blocks,
    heads,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.float32]]

INPUT, OUTPUTS = "images", ("boxes", "scores", "labels")
LARGEST_STRETCH = math.log(1000 / 16)
"""Bound of the predicted logarithm of a box's size over its anchor's."""
EPSILON = 1e-5
"""Added to a normalisation's variance."""


def retinanet(config: RetinaNetConfig, weights: Weights, name: str) -> GraphWriter:
    """The whole graph, not yet saved; weights by the names of `weight_shapes`, float32."""
    writer = GraphWriter(name)
    writer.input(INPUT, "float32", (1, 3, config.side, config.side))
    logits, deltas = _Network(config, weights, writer).levels()
    _detect(config, writer, logits, deltas)
    count = "detections"
    for output, dtype, shape in zip(
        OUTPUTS, ("float32", "float32", "int64"), ((count, 4), (count,), (count,)), strict=True
    ):
        writer.output(output, dtype, shape)
    return writer


class _Network:
    """The convolutions: backbone, feature pyramid, heads."""

    def __init__(self, config: RetinaNetConfig, weights: Weights, writer: GraphWriter) -> None:
        self._config = config
        self._weights = weights
        self._writer = writer
        self._added: set[str] = set()

    def levels(self) -> tuple[list[str], list[str]]:
        """Class logits [1, 9 * classes, H, W] and box deltas [1, 36, H, W] of each level."""
        pyramid = self._pyramid(self._backbone(self._standardised()))
        (class_head, logits, _), (box_head, deltas, _) = heads(self._config)
        return (
            [self._head(level, class_head, logits) for level in pyramid],
            [self._head(level, box_head, deltas) for level in pyramid],
        )

    def _standardised(self) -> str:
        w = self._writer
        mean = w.constant(np.reshape(MEAN, (3, 1, 1)), "float32")
        factor = w.constant(1 / np.reshape(DEVIATION, (3, 1, 1)), "float32")
        return w.node("Mul", [w.node("Sub", [INPUT, mean]), factor])

    def _backbone(self, flow: str) -> list[str]:
        """The maps at strides 8, 16 and 32."""
        w = self._writer
        flow = self._normalised(flow, "backbone.body.conv1", "backbone.body.bn1", 2)
        flow = w.node("Relu", [flow])
        flow = w.node("MaxPool", [flow], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        ends = []
        for block in blocks(self._config):
            if block.stride == 2:
                ends.append(flow)
            name = block.name
            inner = w.node("Relu", [self._normalised(flow, f"{name}.conv1", f"{name}.bn1")])
            inner = self._normalised(
                inner, f"{name}.conv2", f"{name}.bn2", block.stride, self._config.groups
            )
            inner = self._normalised(w.node("Relu", [inner]), f"{name}.conv3", f"{name}.bn3")
            if block.projects:
                flow = self._normalised(
                    flow, f"{name}.downsample.0", f"{name}.downsample.1", block.stride
                )
            flow = w.node("Relu", [w.node("Add", [inner, flow])])
        return [*ends[1:], flow]

    def _pyramid(self, maps: list[str]) -> list[str]:
        w = self._writer
        below = ""
        levels: list[str] = []
        for level in reversed(range(len(maps))):
            flow = self._conv(maps[level], f"backbone.fpn.inner_blocks.{level}")
            if below:
                side = self._config.grids[level]
                size = w.constant([1, self._config.features, side, side], "int64")
                larger = w.node(
                    "Resize",
                    [below, "", "", size],
                    mode="nearest",
                    coordinate_transformation_mode="asymmetric",
                    nearest_mode="floor",
                )
                flow = w.node("Add", [flow, larger])
            below = flow
            levels.insert(0, self._conv(flow, f"backbone.fpn.layer_blocks.{level}"))
        for extra in range(self._config.extra_levels):
            source = levels[-1] if extra == 0 else w.node("Relu", [levels[-1]])
            levels.append(self._conv(source, f"backbone.fpn.extra_blocks.p{6 + extra}", 2))
        return levels

    def _head(self, flow: str, head: str, last: str) -> str:
        for layer in range(self._config.depth):
            flow = self._writer.node("Relu", [self._conv(flow, f"{head}.conv.{2 * layer}")])
        return self._conv(flow, f"{head}.{last}")

    def _normalised(self, flow: str, conv: str, norm: str, stride: int = 1, groups: int = 1) -> str:
        def array(part: str) -> NDArray[np.float64]:
            return self._weights[f"{norm}.{part}"].astype(np.float64)

        factor = array("weight") / np.sqrt(array("running_var") + EPSILON)
        kernel = self._weights[f"{conv}.weight"] * factor.reshape(-1, 1, 1, 1)
        bias = array("bias") - array("running_mean") * factor
        return self._add(flow, conv, kernel, bias, stride, groups)

    def _conv(self, flow: str, name: str, stride: int = 1) -> str:
        kernel, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return self._add(flow, name, kernel, bias, stride)

    def _add(
        self,
        flow: str,
        name: str,
        kernel: NDArray[np.floating],
        bias: NDArray[np.floating],
        stride: int,
        groups: int = 1,
    ) -> str:
        if name not in self._added:
            self._added.add(name)
            self._writer.weight(f"{name}.weight", kernel.astype(np.float32))
            self._writer.weight(f"{name}.bias", bias.astype(np.float32))
        size = kernel.shape[-1]
        return self._writer.node(
            "Conv",
            [flow, f"{name}.weight", f"{name}.bias"],
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[size // 2] * 4,
            group=groups,
        )


def _detect(config: RetinaNetConfig, w: GraphWriter, logits: list[str], deltas: list[str]) -> None:
    """From the heads' maps to the graph's outputs.

    Each level's best scores are found among the logits as they lie in memory (anchor, class,
    cell), so that the large maps are never transposed.
    """
    flat = w.constant([-1], "int64")
    best, places, offsets = [], [], []
    cells = [grid * grid for grid in config.grids]
    for index, (level, count) in enumerate(zip(logits, cells, strict=True)):
        kept = min(config.candidates, ANCHORS * config.classes * count)
        values = w.node("Reshape", [level, flat])
        found = w.nodes("TopK", [values, w.constant([kept], "int64")], 2, axis=0, sorted=0)
        best.append(found[0])
        places.append(found[1])
        offsets += [(count, ANCHORS * sum(cells[:index]))] * kept
    scores = w.node("Sigmoid", [w.node("Concat", best, axis=0)])
    place = w.node("Concat", places, axis=0)

    # place = (anchor * classes + class) * cells + cell
    per_map = w.constant([count for count, _ in offsets], "int64")
    per_anchor = w.constant([count * config.classes for count, _ in offsets], "int64")
    start = w.constant([first for _, first in offsets], "int64")
    anchor = w.node("Div", [place, per_anchor])
    plane = w.node("Div", [place, per_map])
    cell = w.node("Sub", [place, w.node("Mul", [plane, per_map])])
    labels = w.node("Mod", [plane, w.constant(config.classes, "int64")])
    row = w.node("Add", [w.node("Add", [w.node("Mul", [anchor, per_map]), cell]), start])

    boxes = _decoded(config, w, deltas, row)
    # One suppression for all classes: each class's boxes are moved to a place of their own.
    far = w.node("Mul", [w.node("Cast", [labels], to=1), w.constant(config.side + 1, "float32")])
    apart = w.node("Add", [boxes, w.node("Unsqueeze", [far, w.constant([1], "int64")])])
    kept_rows = w.node(
        "NonMaxSuppression",
        [
            w.node("Unsqueeze", [apart, w.constant([0], "int64")]),
            w.node("Unsqueeze", [scores, w.constant([0, 1], "int64")]),
            w.constant([config.detections], "int64"),
            w.constant([config.overlap], "float32"),
            w.constant([config.score], "float32"),
        ],
    )
    # Rows are (picture, class, box): the last column is wanted.
    column = w.node("Gather", [kept_rows, w.constant([2], "int64")], axis=1)
    chosen = w.node("Reshape", [column, flat])
    for source, output in zip((boxes, scores, labels), OUTPUTS, strict=True):
        w.node("Gather", [source, chosen], output, axis=0)


def _decoded(config: RetinaNetConfig, w: GraphWriter, deltas: list[str], row: str) -> str:
    """Boxes [k, 4] of the anchors in the given rows, clipped to the picture."""
    tables = []
    for level, grid in zip(deltas, config.grids, strict=True):
        planes = w.node("Reshape", [level, w.constant([ANCHORS, 4, grid * grid], "int64")])
        turned = w.node("Transpose", [planes], perm=[0, 2, 1])
        tables.append(w.node("Reshape", [turned, w.constant([-1, 4], "int64")]))
    table = w.node("Concat", tables, axis=0) if len(tables) > 1 else tables[0]
    halves = w.constant([2, 2], "int64")
    shift, stretch = w.nodes("Split", [w.node("Gather", [table, row], axis=0), halves], 2, axis=1)
    known = w.weight("anchors", np.concatenate(anchors(config)))
    centre, size = w.nodes("Split", [w.node("Gather", [known, row], axis=0), halves], 2, axis=1)
    middle = w.node("Add", [w.node("Mul", [shift, size]), centre])
    bounded = w.node("Min", [stretch, w.constant(LARGEST_STRETCH, "float32")])
    half = w.node(
        "Mul",
        [w.node("Mul", [w.node("Exp", [bounded]), size]), w.constant(0.5, "float32")],
    )
    corners = w.node(
        "Concat", [w.node("Sub", [middle, half]), w.node("Add", [middle, half])], axis=1
    )
    return w.node("Clip", [corners, w.constant(0, "float32"), w.constant(config.side, "float32")])
