"""bfloat16 for backends that make it of a float32 model by themselves.

Such a model is the same files with a note beside them, which the backend's `build_engine` reads.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from benchwright.build.store.files import link_or_copy
from benchwright.contracts.program import Array, Program
from benchwright.contracts.quantizer import Quantizer
from benchwright.errors import BenchwrightError
from benchwright.plugins import Registry

BFLOAT16 = "bf16"

_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "svebf16")
"""Features by which a CPU multiplies bfloat16, on x86 and on Arm, as Linux spells them."""


class NotedBfloat16(Quantizer):
    """Copies a model and notes that it is to be computed in bfloat16.

    note: the name of the note's file; scheme: what the model's record says of it; instead: what to
    do where the CPU has no bfloat16.
    """

    note: ClassVar[str]
    scheme: ClassVar[str]
    instead: ClassVar[str]

    @abstractmethod
    def check(self, program: Program, model: Path) -> None:
        """BenchwrightError for a model that the backend cannot read."""

    def quantize(
        self,
        program: Program,
        model: Path,
        calibration: Iterable[Mapping[str, Array]],
        options: Mapping[str, Any],
        out: Path,
    ) -> Mapping[str, Any]:
        require_bfloat16(self.instead)
        self.check(program, model)
        for path in sorted(model.rglob("*")):
            if path.is_file():
                target = out / path.relative_to(model)
                target.parent.mkdir(parents=True, exist_ok=True)
                # Models are never written to.
                link_or_copy(path, target)
        write_note(out / self.note, BFLOAT16)
        return {"scheme": self.scheme}


def write_note(note: Path, precision: str) -> None:
    """Notes a precision."""
    note.write_text(json.dumps({"precision": precision}) + "\n", encoding="utf-8")


def read_note(note: Path) -> str | None:
    """The precision that is noted; None where there is no note."""
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["precision"])
    except FileNotFoundError:
        return None


def require_bfloat16(instead: str) -> None:
    """BenchwrightError where this CPU is known not to multiply bfloat16; instead: what to do."""
    identity = Registry().read_system().identity
    features = identity.get("cpu.features")
    if isinstance(features, list) and not set(features) & set(_INSTRUCTIONS):
        raise BenchwrightError(
            "this CPU cannot compute in bf16",
            where=str(identity.get("cpu.model", "")),
            why=f"it has none of the instructions {', '.join(_INSTRUCTIONS)}: emulated, bf16 would "
            "be slower than fp32 and less exact",
            fix=instead,
        )
