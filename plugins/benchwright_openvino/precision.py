"""In which precision an engine computes. OpenVINO makes bfloat16 of a float32 model by itself."""

from __future__ import annotations

from pathlib import Path

from benchwright.bfloat16 import NotedBfloat16, read_note
from benchwright.contracts.program import Program

NOTE = "openvino.json"
FLOAT32 = "f32"
"""As OpenVINO's property INFERENCE_PRECISION_HINT spells it."""

INSTEAD = "take `precision: fp32`, or int8, here"


class Bfloat16(NotedBfloat16):
    """The quantizer behind the name `openvino-bf16`."""

    note = NOTE
    scheme = "bfloat16 weights and activations, chosen by OpenVINO"
    instead = INSTEAD

    def check(self, program: Program, model: Path) -> None:
        from benchwright_openvino.backend import read_graph

        for graph in program.graphs:
            read_graph(program, graph, model)


def precision_of(model: Path) -> str:
    """In which precision a model folder's graphs are to be computed: `f32` or `bf16`."""
    return read_note(model / NOTE) or FLOAT32
