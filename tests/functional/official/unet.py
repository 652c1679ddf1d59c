"""3d-unet: layers of three densities, and a network that names the nearest of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchwright.onnxgraph import GraphWriter
from functional.official.miniature import Miniature

HOUNSFIELD = np.array([-60, 90, 260], np.int16)
"""Of background, kidney and tumour."""
SHAPES = {"case_00000": (100, 110, 128), "case_00185": (40, 90, 190)}
SPACINGS = {"case_00000": (1.6, 1.2, 1.2), "case_00185": (4.0, 1.2, 1.2)}
"""The second has 100 layers when resampled, and takes two windows."""
CASES = ("case_00000", "case_00185", "case_00400")
"""The last is a copy of the one before it, which no server has."""


def shrink(values: Mapping[str, Any]) -> None:
    """Three cases in place of 43."""
    from benchwright_medical import kits

    kits.CASES = CASES  # type: ignore[assignment]


def network() -> bytes:
    """A graph with the official one's tensors."""
    graph = GraphWriter("nearest-density")
    cube = (128, 128, 128)
    image = graph.input("input", "float32", ("N", 1, *cube))
    centres = ((HOUNSFIELD.clip(-79, 304) - 101) / 76.9).astype(np.float32)
    weight = graph.weight("w", (2 * centres).reshape(3, 1, 1, 1, 1))
    graph.node("Conv", [image, weight, graph.weight("b", -(centres**2))], "output")
    graph.output("output", "float32", ("N", 3, *cube))
    return bytes(graph.model().SerializeToString())


def make(folder: Path) -> Miniature:
    """Image and segmentation of each case; classes differ along the last axis only, which is
    not resampled."""
    from benchwright_medical.kits import write_volume

    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for case, shape in SHAPES.items():
        classes = np.broadcast_to(np.arange(shape[2]) // 7 % 3, shape).astype(np.uint8)
        for kind, values in (("imaging", HOUNSFIELD[classes]), ("segmentation", classes)):
            path = folder / f"{case}-{kind}.nii.gz"
            write_volume(path, values, SPACINGS[case])
            files[path.name] = path.read_bytes()
    return Miniature(
        family="3d-unet",
        benchmark="3d-unet-99",
        package="benchwright_medical",
        module=__name__,
        dataset=files,
        model={"3dunet_kits19_128x128x128_dynbatch.onnx": network()},
        samples=len(CASES),
        accuracy={"DICE": 1.0},
        rate=3.0,
        disk_bytes=100_000_000,
    )
