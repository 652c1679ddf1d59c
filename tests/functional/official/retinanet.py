"""retinanet: a rectangle of one colour on black, and a network that finds its sides and names its
colour; one picture has nothing to find."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchwright.onnxgraph import GraphWriter
from functional.official.miniature import Miniature, zipped

SIDE = 800
PICTURES = [
    ("0a1b.jpg", (400, 300), (40, 60, 200, 150), 0),
    ("2c3d.jpg", (300, 420), (10, 20, 250, 300), 1),
    ("4e5f.jpg", (320, 240), None, None),
    ("6a7b.jpg", (640, 480), (300, 100, 280, 330), 2),
]
"""Name, width and height, box as x, y, width, height, and which colour it has."""
LABELS = [17, 263, 5]
"""Of red, green and blue."""


def shrink(values: Mapping[str, Any]) -> None:
    """The official graph is what is small; the pictures' bucket is on this machine."""
    from benchwright_vision import openimages_download

    openimages_download.BUCKET = values["bucket"]


def picture(size: tuple[int, int], box: tuple[int, ...] | None, colour: int | None) -> bytes:
    """A JPEG file."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    if box is not None:
        x, y, width, height = box
        pixels[y : y + height, x : x + width, colour] = 255
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "JPEG", quality=98, subsampling=0)
    return packed.getvalue()


def network() -> bytes:
    """A graph with the official one's tensors, for one picture a call."""
    graph = GraphWriter("rectangle")
    image = graph.input("images", "float32", (1, 3, SIDE, SIDE))
    bright = graph.node("ReduceMax", [image], axes=[0, 1], keepdims=0)
    half, one = graph.constant(0.3, "float32"), graph.constant([1], "int64")

    def sides(axis: int) -> list[str]:
        line = graph.node("ReduceMax", [bright], axes=[axis], keepdims=0)
        lit = graph.node("Cast", [graph.node("Greater", [line, half])], to=1)
        first = graph.node("ArgMax", [lit], axis=0, keepdims=1)
        last = graph.node("ArgMax", [lit], axis=0, keepdims=1, select_last_index=1)
        return [first, graph.node("Add", [last, one])]

    (left, right), (top, bottom) = sides(0), sides(1)
    box = graph.node("Concat", [left, top, right, bottom], axis=0)
    box = graph.node("Cast", [box], to=1)
    box = graph.node("Reshape", [box, graph.constant([1, 4], "int64")])
    colour = graph.node("ReduceMean", [image], axes=[0, 2, 3], keepdims=0)
    colour = graph.node("ArgMax", [colour], axis=0, keepdims=1)
    label = graph.node("Gather", [graph.constant(LABELS, "int64"), colour])
    least = graph.node("Reshape", [half, one])
    whole = graph.node("ReduceMax", [bright], keepdims=0)
    seen = graph.node("Greater", [graph.node("Reshape", [whole, one]), least])
    for name, values in (("boxes", box), ("scores", least), ("labels", label)):
        graph.node("Compress", [values, seen], name, axis=0)
    graph.output("boxes", "float32", ("found", 4))
    graph.output("scores", "float32", ("found",))
    graph.output("labels", "int64", ("found",))
    return bytes(graph.model().SerializeToString())


def annotations() -> bytes:
    """The file that MLCommons' script makes of OpenImages' own."""
    images = [
        {"id": number, "file_name": name, "width": size[0], "height": size[1]}
        for number, (name, size, _, _) in enumerate(PICTURES, start=1)
    ]
    boxes = [
        {
            "id": number,
            "image_id": number,
            "category_id": LABELS[colour],
            "bbox": list(box),
            "area": box[2] * box[3],
            "iscrowd": 0,
        }
        for number, (_, _, box, colour) in enumerate(PICTURES, start=1)
        if box is not None and colour is not None
    ]
    categories = [{"id": number, "name": f"thing {number}"} for number in range(264)]
    content = {"categories": categories, "images": images, "annotations": boxes}
    return json.dumps(content).encode()


def make(folder: Path) -> Miniature:
    """The zipped annotations, the pictures in their bucket, the network."""
    return Miniature(
        family="retinanet",
        benchmark="retinanet",
        package="benchwright_vision",
        module=__name__,
        dataset={
            "openimages-mlperf_annotations_2.1.json.zip": zipped(
                {"openimages-mlperf_annotations_2.1.json": annotations()}
            )
        },
        model={"resnext50_32x4d_fpn.onnx": network()},
        bucket={name: picture(size, box, colour) for name, size, box, colour in PICTURES},
        samples=len(PICTURES),
        accuracy={"mAP": 100.0},
        disk_bytes=100_000_000,
    )
