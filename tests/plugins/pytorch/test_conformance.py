"""The backend `pytorch` and its bfloat16 pass the examinations that vendors' plugins are put to."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra `torch`")
pytest.importorskip("safetensors", reason="needs the extra `torch`")

from benchwright.testing import BackendExamination
from benchwright.testing.exercises import Exercise
from benchwright.testing.verdict import require_close
from torch_exercises import torch_exercises, torch_tokens


class TestPyTorch(BackendExamination):
    info = "pytorch"
    variants = ({"channels_last": True},)

    @classmethod
    def programs(cls) -> list[Exercise]:
        return torch_exercises()

    def test_a_dynamic_axis_takes_any_length(self, tmp_path: Path) -> None:
        """As the examination's own, which takes its program in the form ONNX alone."""
        compute = self._build(torch_tokens(), tmp_path).open()
        for length in (1, 7, 5, 64):
            exercise = torch_tokens(length)
            batch = exercise.samples(2, length)
            (found,), (wanted,) = compute(batch), exercise.answers(batch)
            require_close(found, wanted, f"length {length}", rtol=self.rtol, atol=self.atol)
