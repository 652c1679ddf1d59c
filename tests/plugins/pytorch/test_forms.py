"""The torch forms of the benchmarks compute what their graphs compute."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra `torch`")
pytest.importorskip("safetensors", reason="needs the extra `torch`")

from benchwright.testing.examination import installed
from plugins.alike import BENCHMARKS, require_alike


def test_every_family_that_states_the_torch_form_is_here() -> None:
    families = {item.family for item in installed().benchmarks.values() if "torch" in item.forms}
    assert families == {installed().benchmarks[name].family for name in BENCHMARKS}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_module_and_graph_give_the_same(name: str, tmp_path: Path) -> None:
    require_alike(name, ("pytorch", "onnxruntime"), tmp_path)
