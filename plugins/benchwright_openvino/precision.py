"""In which precision an engine computes: the note that lies beside a model, who writes it, and
whether this CPU has bfloat16.

OpenVINO makes bfloat16 of a float32 model by itself. A model that is to be computed so is the same
files with a note beside them, which `build_engine` reads.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchwright.contracts.program import Array, Program
from benchwright.contracts.quantizer import Quantizer
from benchwright.errors import BenchwrightError
from benchwright.plugins import Registry

NOTE = "openvino.json"
FLOAT32, BFLOAT16 = "f32", "bf16"
"""As OpenVINO's property INFERENCE_PRECISION_HINT spells them."""

_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "svebf16")
"""Features by which a CPU multiplies bfloat16, on x86 and on Arm, as Linux spells them."""


class Bfloat16(Quantizer):
    """The quantizer behind the name `openvino-bf16`."""

    def quantize(
        self,
        program: Program,
        model: Path,
        calibration: Iterable[Mapping[str, Array]],
        options: Mapping[str, Any],
        out: Path,
    ) -> Mapping[str, Any]:
        from benchwright_openvino.backend import read_graph

        require_bfloat16()
        for graph in program.graphs:
            read_graph(program, graph, model)
        for path in sorted(model.rglob("*")):
            if path.is_file():
                target = out / path.relative_to(model)
                target.parent.mkdir(parents=True, exist_ok=True)
                place(path, target)
        (out / NOTE).write_text(json.dumps({"precision": BFLOAT16}) + "\n", encoding="utf-8")
        return {"scheme": "bfloat16 weights and activations, chosen by OpenVINO"}


def precision_of(model: Path) -> str:
    """In which precision a model folder's graphs are to be computed: `f32` or `bf16`."""
    try:
        note = json.loads((model / NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return FLOAT32
    return str(note["precision"])


def require_bfloat16() -> None:
    """BenchwrightError where this CPU is known not to multiply bfloat16."""
    identity = Registry().read_system().identity
    features = identity.get("cpu.features")
    if isinstance(features, list) and not set(features) & set(_INSTRUCTIONS):
        raise BenchwrightError(
            "this CPU cannot compute in bf16",
            where=str(identity.get("cpu.model", "")),
            why=f"it has none of the instructions {', '.join(_INSTRUCTIONS)}: emulated, bf16 would "
            "be slower than fp32 and less exact",
            fix="take `precision: fp32`, or int8, here",
        )


def place(source: Path, target: Path) -> None:
    """A second name for the same file where the disk allows that: models are never written to."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
