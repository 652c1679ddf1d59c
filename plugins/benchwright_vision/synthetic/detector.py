"""The official RetinaNet at full size with seeded random weights.

What it finds means nothing, but there is about as much of it as on photographs: some hundred
candidates a picture for the suppression, and a few dozen detections.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from benchwright_vision.retinanet_config import OFFICIAL, RetinaNetConfig, weight_shapes
from benchwright_vision.retinanet_graph import EPSILON, retinanet
from benchwright_vision.synthetic.weights import Generator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED = 20220601
LOGITS_GAIN = 0.014
"""Variance of the class logits' kernels over their inputs; found by counting detections."""
LOGITS_BIAS = -math.log(99)
"""A probability of 0.01 before the picture has its say, as training begins with."""
DELTAS_GAIN = 0.02


def write_model(path: Path) -> None:
    """Writes the graph, 149 MB."""
    retinanet(OFFICIAL, random_weights(OFFICIAL), "retinanet-random").save(path)


def random_weights(config: RetinaNetConfig) -> dict[str, NDArray[np.float32]]:
    """A value for every name of `weight_shapes`, the same at every call."""
    import numpy as np

    generator = Generator(SEED)
    made: dict[str, NDArray[np.float32]] = {}
    for name, shape in weight_shapes(config).items():
        layer, part = name.rsplit(".", 1)
        if part == "running_var":
            made[name] = np.full(shape, 1 - EPSILON, np.float32)
        elif part == "running_mean":
            made[name] = np.zeros(shape, np.float32)
        elif len(shape) > 1:
            made[name] = generator.kernel(shape, _gain(layer))
        elif part == "weight":
            # Small at the end of a branch, so that sixteen sums in a row stay within range.
            made[name] = np.full(shape, 0.25 if layer.endswith("bn3") else 1.0, np.float32)
        elif layer.endswith("cls_logits"):
            made[name] = np.full(shape, LOGITS_BIAS, np.float32)
        else:
            made[name] = generator.bias(*shape)
    return made


def _gain(layer: str) -> float:
    if layer.endswith("cls_logits"):
        return LOGITS_GAIN
    if layer.endswith("bbox_reg"):
        return DELTAS_GAIN
    # Nothing rectifies what the pyramid's convolutions put out.
    return 1.0 if ".fpn." in layer else 2.0
