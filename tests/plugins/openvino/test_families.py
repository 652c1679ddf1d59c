"""What OpenVINO makes of the benchmarks' graphs is what ONNX Runtime makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("openvino", reason="openvino is not installed")

from plugins.alike import BENCHMARKS, require_alike


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_both_answer_alike(name: str, tmp_path: Path) -> None:
    require_alike(name, ("openvino", "onnxruntime"), tmp_path)
