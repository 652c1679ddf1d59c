"""The torch forms of the benchmarks compute what their graphs compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `torch`")
pytest.importorskip("safetensors", reason="needs the extra `torch`")

from benchwright.testing.examination import installed
from benchwright.testing.workbench import Running, at_hand, backend_named, prepare

BENCHMARKS = ("resnet50", "retinanet", "bert-99", "3d-unet-99", "gptj-99", "rnnt", "dlrm-v2-99")


def test_every_family_that_states_the_torch_form_is_here() -> None:
    families = {item.family for item in installed().benchmarks.values() if "torch" in item.forms}
    assert families == {installed().benchmarks[name].family for name in BENCHMARKS}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_module_and_graph_give_the_same(name: str, tmp_path: Path) -> None:
    info = installed().benchmarks[name]
    (preset,) = at_hand(info, ("tiny",))
    item = prepare(info, preset, tmp_path / "prepared")
    store, indices = item.store(), [0, 1, 2]
    one, two = (
        Running(
            item.program(),
            backend_named(backend),
            item.model,
            tmp_path / backend,
            item.benchmark.encoder(preset.name),
        ).outputs(store, indices)
        for backend in ("pytorch", "onnxruntime")
    )
    assert len(one) == len(two)
    for found, wanted in zip(one, two, strict=True):
        assert len(found) == len(wanted) == len(indices)
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
