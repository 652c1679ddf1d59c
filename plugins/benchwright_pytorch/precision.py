"""In which precision an engine computes. Weights become bfloat16 when the engine is built."""

from __future__ import annotations

from pathlib import Path

from benchwright.bfloat16 import NotedBfloat16, read_note
from benchwright.contracts.program import Program

NOTE = "pytorch.json"
FLOAT32 = "fp32"
INSTEAD = "take `precision: fp32` here"


class Bfloat16(NotedBfloat16):
    """The quantizer behind the name `pytorch-bf16`."""

    note = NOTE
    scheme = "bfloat16 weights and activations"
    instead = INSTEAD

    def check(self, program: Program, model: Path) -> None:
        from benchwright_pytorch.weights import read_state, torch_form

        for graph in program.graphs:
            read_state(model / torch_form(program, graph).weights)


def precision_of(folder: Path) -> str:
    """In which precision a model's graphs are to be computed, or an engine computes."""
    return read_note(folder / NOTE) or FLOAT32
