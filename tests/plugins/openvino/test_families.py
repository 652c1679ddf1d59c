"""What OpenVINO makes of the benchmarks' graphs is what ONNX Runtime makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("openvino", reason="openvino is not installed")

from benchwright.testing.examination import installed
from benchwright.testing.workbench import Running, at_hand, backend_named, prepare

BENCHMARKS = ("resnet50", "retinanet", "bert-99", "3d-unet-99", "gptj-99", "rnnt", "dlrm-v2-99")


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_both_answer_alike(name: str, tmp_path: Path) -> None:
    info = installed().benchmarks[name]
    (preset,) = at_hand(info, ("tiny",))
    item = prepare(info, preset, tmp_path / "prepared")
    store, indices = item.store(), [0, 1, 2]
    encoder = item.benchmark.encoder(preset.name)
    one, two = (
        Running(
            item.program(), backend_named(backend), item.model, tmp_path / backend, encoder
        ).outputs(store, indices)
        for backend in ("openvino", "onnxruntime")
    )
    for found, wanted in zip(one, two, strict=True):
        for left, right in zip(found, wanted, strict=True):
            _require_near(np.asarray(left), np.asarray(right))


def _require_near(found: Any, wanted: Any) -> None:
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if found.dtype.kind == "f":
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
    else:
        # Of thousands of voxels, one may be undecided between two classes.
        assert (found != wanted).mean() < 1e-3
