"""One benchmark on two backends: what both answer, compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchwright.testing.examination import installed
from benchwright.testing.workbench import Running, at_hand, backend_named, prepare

BENCHMARKS = ("resnet50", "retinanet", "bert-99", "3d-unet-99", "gptj-99", "rnnt", "dlrm-v2-99")


def require_alike(name: str, backends: tuple[str, str], place: Path) -> None:
    """The first samples of a benchmark's tiny preset have the same answers on both backends."""
    info = installed().benchmarks[name]
    (preset,) = at_hand(info, ("tiny",))
    item = prepare(info, preset, place / "prepared")
    store, indices = item.store(), [0, 1, 2]
    encoder = item.benchmark.encoder(preset.name)
    one, two = (
        Running(
            item.program(), backend_named(backend), item.model, place / backend, encoder
        ).outputs(store, indices)
        for backend in backends
    )
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
