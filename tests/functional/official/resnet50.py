"""resnet50: pictures of one colour each, and a network that names the nearest of those colours."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchwright.onnxgraph import GraphWriter
from functional.official.miniature import Miniature, tar

MEANS = np.array([123.68, 116.78, 103.94])
COLOURS = [(200, 30, 40), (30, 180, 60), (20, 60, 220), (240, 230, 50), (15, 20, 25)]
LABELS = [65, 970, 230, 809, 516]
SIZES = [(300, 260), (256, 400), (500, 375), (224, 224), (640, 480)]


def shrink(values: Mapping[str, Any]) -> None:
    """The official graph is what is small."""


def picture(colour: tuple[int, int, int], size: tuple[int, int]) -> bytes:
    """A JPEG file."""
    packed = io.BytesIO()
    Image.new("RGB", size, colour).save(packed, "JPEG", quality=95)
    return packed.getvalue()


def network(name: str = "input_tensor:0", side: int = 224, dtype: str = "float32") -> bytes:
    """A graph with the official one's tensors, 1001 classes and background first; with arguments,
    one that does not fit."""
    graph = GraphWriter("nearest-colour")
    image = graph.input(name, dtype, ("N", 3, side, side))
    image = graph.node("Cast", [image], to=1)
    mean = graph.node("Flatten", [graph.node("GlobalAveragePool", [image])])
    weight, bias = np.zeros((1001, 3), np.float32), np.full(1001, -1e6, np.float32)
    for colour, label in zip(COLOURS, LABELS, strict=True):
        centre = np.array(colour) - MEANS
        weight[label + 1], bias[label + 1] = 2 * centre, -(centre**2).sum()
    scores = graph.node(
        "Gemm", [mean, graph.weight("w", weight), graph.weight("b", bias)], transB=1
    )
    graph.node("Softmax", [scores], "softmax_tensor:0", axis=1)
    graph.node("ArgMax", [scores], "ArgMax:0", axis=1, keepdims=0)
    graph.output("ArgMax:0", "int64", ("N",))
    graph.output("softmax_tensor:0", "float32", ("N", 1001))
    return bytes(graph.model().SerializeToString())


def make(folder: Path) -> Miniature:
    """The validation pictures as their owner packs them, and the labels as Caffe packs them."""
    names = [f"ILSVRC2012_val_{number:08}.JPEG" for number in range(1, len(LABELS) + 1)]
    pictures = map(picture, COLOURS, SIZES)
    lines = [f"{name} {label}\n" for name, label in zip(names, LABELS, strict=True)]
    labels = {"det_synset_words.txt": b"other\n", "val.txt": "".join(lines).encode()}
    return Miniature(
        family="resnet50",
        benchmark="resnet50",
        package="benchwright_vision",
        module=__name__,
        dataset={
            "ILSVRC2012_img_val.tar": tar(dict(zip(names, pictures, strict=True))),
            "caffe_ilsvrc12.tar.gz": tar(labels, "w:gz"),
        },
        model={"resnet50_v1.onnx": network()},
        samples=len(LABELS),
        accuracy={"acc": 100.0},
    )
