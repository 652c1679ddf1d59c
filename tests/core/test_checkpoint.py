"""PyTorch checkpoints as safetensors. What needs torch runs where it is installed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchwright import checkpoint
from benchwright.errors import BenchwrightError


@pytest.fixture
def torch() -> Any:
    pytest.importorskip("safetensors")
    return pytest.importorskip("torch")


def test_tensors_come_out_as_they_were(torch: Any, tmp_path: Path) -> None:
    shared = torch.arange(4, dtype=torch.float32)
    state = {"a": shared, "tied": shared, "half": torch.ones(2, dtype=torch.bfloat16)}
    torch.save({"epoch": 3, "model": {"state": state}}, tmp_path / "c.pt")
    out = tmp_path / "c.safetensors"
    checkpoint.to_safetensors(tmp_path / "c.pt", out, key="model.state")
    found = checkpoint.tensors(out)
    assert sorted(found) == ["a", "half", "tied"]
    assert found["tied"].tolist() == [0, 1, 2, 3]
    assert found["half"].dtype == np.float32
    with pytest.raises(KeyError):
        found["b"]


@pytest.mark.parametrize(
    ("content", "key", "why"),
    [
        ({"epoch": 3}, "model", "it has no `model`"),
        ({"epoch": 3}, None, "`epoch` is a int, not a tensor"),
        ([1], None, "it holds a list, not tensors by name"),
    ],
)
def test_what_is_no_state_dict_is_said(
    torch: Any, tmp_path: Path, content: Any, key: str | None, why: str
) -> None:
    torch.save(content, tmp_path / "c.pt")
    with pytest.raises(BenchwrightError) as caught:
        checkpoint.to_safetensors(tmp_path / "c.pt", tmp_path / "out", key=key)
    assert why in str(caught.value.why)
    assert not (tmp_path / "out").exists()


class _Attack:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path(self.where),))

    def __init__(self, where: Path) -> None:
        self.where = str(where)


def test_a_pickle_that_would_run_code_does_not(torch: Any, tmp_path: Path) -> None:
    source = tmp_path / "c.pt"
    source.write_bytes(pickle.dumps({"w": _Attack(tmp_path / "touched")}))
    with pytest.raises(BenchwrightError, match="cannot be read"):
        checkpoint.to_safetensors(source, tmp_path / "out")
    assert not (tmp_path / "touched").exists()


def test_a_file_that_is_no_safetensors_is_named(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    (tmp_path / "x.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(BenchwrightError, match=r"safetensors file cannot be read") as caught:
        checkpoint.tensors(tmp_path / "x.safetensors")
    assert str(tmp_path) in str(caught.value.where)
