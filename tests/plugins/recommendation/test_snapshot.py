"""The reader of torchsnapshot folders, on small ones written in that format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from benchwright.errors import BenchwrightError
from benchwright_recommendation import snapshot, weights
from benchwright_recommendation.snapshot import METADATA, Snapshot

from .conftest import SMALL

Manifest = dict[str, dict[str, Any]]


def _tensor(folder: Path, location: str, values: NDArray[Any]) -> dict[str, Any]:
    """Appends values to a file of the snapshot, as its batched files hold them; their entry."""
    path = folder / location
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        begin = file.tell()
        file.write(np.ascontiguousarray(values).tobytes())
        end = file.tell()
    return {
        "type": "Tensor",
        "location": location,
        "serializer": "buffer_protocol",
        "dtype": f"torch.{values.dtype}",
        "shape": list(values.shape),
        "replicated": False,
        "byte_range": [begin, end],
    }


def _part(
    folder: Path, location: str, values: NDArray[Any], begin: tuple[int, int], end: tuple[int, int]
) -> dict[str, Any]:
    piece = values[begin[0] : end[0], begin[1] : end[1]]
    return {
        "offsets": list(begin),
        "sizes": list(piece.shape),
        "tensor": _tensor(folder, location, piece),
    }


def _write(folder: Path, manifest: Manifest, *, as_yaml: bool = False) -> None:
    content = {"version": "0.1.0", "world_size": 2, "manifest": manifest}
    text = yaml.safe_dump(content) if as_yaml else json.dumps(content)
    (folder / METADATA).write_text(text)


VALUES = np.arange(35, dtype=np.float32).reshape(7, 5)


def _rows(folder: Path) -> Manifest:
    """Rows over two ranks."""
    return {
        "0/model/t": {
            "type": "ShardedTensor",
            "shards": [_part(folder, "batched/a", VALUES, (0, 0), (3, 5))],
        },
        "1/model/t": {
            "type": "ShardedTensor",
            "shards": [_part(folder, "batched/b", VALUES, (3, 0), (7, 5))],
        },
    }


def _columns(folder: Path) -> Manifest:
    """Columns over two ranks, the second's cut into rows once more."""
    return {
        "0/model/t": {
            "type": "ShardedTensor",
            "shards": [_part(folder, "sharded/a", VALUES, (0, 0), (7, 2))],
        },
        "1/model/t": {
            "type": "ShardedTensor",
            "shards": [
                _part(folder, "sharded/b", VALUES, (4, 2), (7, 5)),
                _part(folder, "sharded/c", VALUES, (0, 2), (4, 5)),
            ],
        },
    }


def _chunks(folder: Path) -> Manifest:
    chunks = [
        _part(folder, "replicated/a", VALUES, (0, 0), (5, 5)),
        _part(folder, "replicated/b", VALUES, (5, 0), (7, 5)),
    ]
    entry = {
        "type": "ChunkedTensor",
        "dtype": "torch.float32",
        "shape": [7, 5],
        "chunks": chunks,
        "replicated": True,
    }
    return {"0/model/t": entry, "1/model/t": entry}


def _whole(folder: Path) -> Manifest:
    """Replicated, with other entries about, and a file of its own (no byte range)."""
    _tensor(folder, "batched/x", np.ones(3, np.float32))
    entry = _tensor(folder, "0/model/t", VALUES)
    del entry["byte_range"]
    return {
        "0/model": {"type": "dict", "keys": ["t"]},
        "0/model/t": entry,
        "1/model/t": entry,
        "0/optimizer/t": _tensor(folder, "batched/x", np.zeros((7, 5), np.float32)),
        "0/progress/steps": {"type": "int", "serialized_value": "4", "readable": None},
    }


@pytest.mark.parametrize("as_yaml", [False, True])
@pytest.mark.parametrize("layout", [_rows, _columns, _chunks, _whole])
def test_a_tensor_is_put_together(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    layout: Callable[[Path], Manifest],
    *,
    as_yaml: bool,
) -> None:
    # Two rows at a time.
    monkeypatch.setattr(snapshot, "_BLOCK_BYTES", 2 * 5 * 4)
    _write(tmp_path, layout(tmp_path), as_yaml=as_yaml)
    found = Snapshot(tmp_path)
    assert found.names() == ["t"]
    blocks = found.tensor("t", (7, 5))
    assert [block.shape for block in blocks.read()] == [(2, 5), (2, 5), (2, 5), (1, 5)]
    assert blocks.whole().tolist() == VALUES.tolist()


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_floats_become_float32(tmp_path: Path, dtype: str) -> None:
    _write(tmp_path, {"0/model/t": _tensor(tmp_path, "a", VALUES.astype(dtype))})
    found = Snapshot(tmp_path).tensor("t", (7, 5)).whole()
    assert found.dtype == np.float32
    assert found.tolist() == VALUES.tolist()


def _change(**values: Any) -> Callable[[Path], Manifest]:
    def layout(folder: Path) -> Manifest:
        return {"0/model/t": {**_tensor(folder, "a", VALUES), **values}}

    return layout


def _half(folder: Path) -> Manifest:
    manifest = _rows(folder)
    del manifest["1/model/t"]
    return manifest


def _lost_file(folder: Path) -> Manifest:
    manifest = _rows(folder)
    (folder / "batched/b").unlink()
    return manifest


def _cut_file(folder: Path) -> Manifest:
    manifest = _rows(folder)
    (folder / "batched/b").write_bytes(b"0000")
    return manifest


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        (_half, "parts are 15 numbers, not 35"),
        (_lost_file, "No such file"),
        (_cut_file, "cannot be read"),
        (_change(serializer="torch_save"), "kept by `torch_save`, which is never loaded"),
        (_change(dtype="torch.bfloat16"), "dtype is torch.bfloat16"),
        (_change(location="../a"), "outside the snapshot"),
        (_change(location="/etc/passwd"), "outside the snapshot"),
        (_change(byte_range=[0, 8]), r"8 bytes for \[7, 5\]"),
        (_change(shape=[7, 6]), "lies outside"),
        (_change(shape=[35]), "cannot be read"),
        (
            lambda folder: {"0/model/u": _tensor(folder, "a", VALUES)},
            "no tensor `t`\n.*`u`|no tensor `t`",
        ),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, layout: Callable[[Path], Manifest], told: str
) -> None:
    _write(tmp_path, layout(tmp_path))
    with pytest.raises(BenchwrightError, match=told) as failure:
        Snapshot(tmp_path).tensor("t", (7, 5))
    assert str(tmp_path / METADATA) in str(failure.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "a: b", '{"manifest": 3}', "!!python/object:os.x {}"]
)
def test_metadata_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / METADATA).write_text(text)
    with pytest.raises(BenchwrightError, match="no readable torchsnapshot") as failure:
        Snapshot(tmp_path)
    assert str(tmp_path / METADATA) in str(failure.value)


def test_a_folder_without_a_snapshot_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchwrightError, match="0 snapshots found") as failure:
        weights.from_snapshot(tmp_path, SMALL)
    assert str(tmp_path) in str(failure.value)


def test_every_weight_has_a_name_of_its_own_in_the_reference() -> None:
    """Names as torchrec's DLRM_DCN gives them inside the reference's DLRMTrain."""
    names = [weights.official_name(name, SMALL) for name, _ in SMALL.weights()]
    assert len(set(names)) == len(names)
    table = "model.sparse_arch.embedding_bag_collection.embedding_bags.t_cat_{}.weight"
    assert {
        "model.dense_arch.model._mlp.0._linear.weight",
        "model.dense_arch.model._mlp.1._linear.bias",
        table.format(0),
        table.format(25),
        "model.inter_arch.crossnet.V_kernels.0",
        "model.inter_arch.crossnet.W_kernels.1",
        "model.inter_arch.crossnet.bias.1",
        "model.over_arch.model.0._mlp.0._linear.weight",
        "model.over_arch.model.1.bias",
    } <= set(names)
