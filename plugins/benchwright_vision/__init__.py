"""The vision benchmarks: image classification (resnet50) and object detection (retinanet)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import BenchmarkInfo

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


@hookimpl
def benchmarks() -> Iterable[BenchmarkInfo]:
    """resnet50 on ImageNet and retinanet on OpenImages, each with a tiny preset on digits."""
    from benchwright_vision.descriptors import resnet50
    from benchwright_vision.retinanet_descriptor import retinanet

    return [resnet50(), retinanet()]
