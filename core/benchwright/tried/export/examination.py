"""Exports held to the original: both compute random inputs of two sizes.

Only the exporting process imports this.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from benchwright.errors import BenchwrightError
from benchwright.tried.export.units import Unit

TOLERANCE = 1e-2
"""An export that differs by more than this share of the largest value computes something else."""


class Examined(NamedTuple):
    """What a graph takes and gives, in its order, and how far it is from the original at most."""

    inputs: Sequence[str]
    outputs: Sequence[str]
    difference: float


def examine(unit: Unit, out: Path) -> Examined:
    """Computes with the export and the original; BenchwrightError where they differ."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(out / unit.file), settings, providers=["CPUExecutionProvider"]
    )
    inputs = [item.name for item in session.get_inputs()]
    outputs = [item.name for item in session.get_outputs()]
    largest = 0.0
    for size in (1, 2):
        tensors = unit.sample(size)
        given = dict(zip(unit.inputs, tensors, strict=True))
        original = unit.module(*tensors)
        wanted = dict(zip(unit.outputs(), original, strict=True))
        for name in (*inputs, *outputs):
            if name not in given and name not in wanted:
                raise _differs(unit, name, "the original has no such tensor")
        found = session.run(outputs, {name: given[name].numpy() for name in inputs})
        for name, value in zip(outputs, found, strict=True):
            largest = max(largest, _difference(unit, name, value, wanted[name].numpy()))
    return Examined(inputs, outputs, largest)


def _difference(unit: Unit, name: str, found: np.ndarray, wanted: np.ndarray) -> float:
    if found.shape != wanted.shape:
        raise _differs(unit, name, f"its shape is {found.shape}, not {wanted.shape}")
    difference = float(np.max(np.abs(found - wanted), initial=0.0))
    allowed = TOLERANCE * max(1.0, float(np.max(np.abs(wanted), initial=0.0)))
    if not difference <= allowed:
        raise _differs(unit, name, f"it differs by {difference:.3g}")
    return difference


def _differs(unit: Unit, name: str, why: str) -> BenchwrightError:
    return BenchwrightError(
        f"the export of this model does not compute what the original does (`{name}`)",
        where=unit.file,
        why=why,
        fix="try another `--exporter`, a newer transformers, or an ONNX file from elsewhere",
    )
