"""dlrm-v2: clicks that follow one dense feature and one table, and weights that know it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from functional.official.miniature import Miniature, zipped

if TYPE_CHECKING:
    from benchwright_recommendation.architecture import Architecture

GROUPS = [100, 200, 150]
"""User-item pairs of each sample."""
TABLE = 20
"""The one that counts: a hundred ids a pair."""


def small() -> Architecture:
    """Bags of official size; tables, layers and cross network as small as can be."""
    from benchwright_recommendation.architecture import OFFICIAL

    return OFFICIAL._replace(
        rows=tuple(min(rows, 50) for rows in OFFICIAL.rows),
        bottom=(4, 2),
        cross_layers=2,
        cross_rank=3,
        top=(5, 1),
    )


def shrink(values: Mapping[str, Any]) -> None:
    """The small architecture is the official preset's."""
    from benchwright_recommendation.architecture import ARCHITECTURES

    ARCHITECTURES["official"] = small()


def weights() -> dict[str, Any]:
    """By the names of `Architecture.weights`: the logit is the first dense feature plus the first
    numbers of the pair's embeddings in `TABLE`, less 1."""
    found: dict[str, Any] = {name: np.zeros(shape, np.float32) for name, shape in small().weights()}
    for layer in ("bottom.0", "bottom.1", "top.0", "top.1"):
        found[f"{layer}.weight"][0, 0] = 1
    found["top.0.weight"][0, 2 * (1 + TABLE)] = 1
    found["top.1.bias"][0] = -1
    random = np.random.default_rng(1)
    found[f"tables.{TABLE}.weight"][:, 0] = random.random(50) / 50
    return found


def snapshot(tensors: Mapping[str, Any]) -> dict[str, bytes]:
    """A torchsnapshot folder's files: the even tables in shards by rows over two ranks."""
    from benchwright_recommendation.weights import official_name

    manifest: dict[str, Any] = {"0/model": {"type": "dict", "keys": []}}
    files: dict[str, bytes] = {}

    def stored(place: str, values: Any) -> dict[str, Any]:
        begin = len(files.get(place, b""))
        files[place] = files.get(place, b"") + np.ascontiguousarray(values).tobytes()
        return {
            "type": "Tensor",
            "location": place,
            "serializer": "buffer_protocol",
            "dtype": "torch.float32",
            "shape": list(values.shape),
            "replicated": False,
            "byte_range": [begin, len(files[place])],
        }

    for name, values in tensors.items():
        official = official_name(name, small())
        if not name.startswith("tables") or int(name.split(".")[1]) % 2:
            manifest[f"0/model/{official}"] = stored("0/all", values)
            continue
        half = len(values) // 2
        for rank, part, begin in ((0, values[:half], 0), (1, values[half:], half)):
            shard = {
                "offsets": [begin, 0],
                "sizes": list(part.shape),
                "tensor": stored(f"sharded/{rank}", part),
            }
            manifest[f"{rank}/model/{official}"] = {"type": "ShardedTensor", "shards": [shard]}
    content = {"version": "0.1.0", "world_size": 2, "manifest": manifest}
    return {".snapshot_metadata": json.dumps(content).encode(), **files}


def make(folder: Path) -> Miniature:
    """A day of clicks as MLCommons preprocesses it, and the weights as they are published."""
    architecture, tensors = small(), weights()
    rows = sum(GROUPS) + 7
    random = np.random.default_rng(0)
    dense = random.random((rows, 13)).astype(np.float32)
    bags = {
        str(table): random.integers(0, limit, (rows, hot)).astype(np.int32)
        for table, (limit, hot) in enumerate(zip(architecture.rows, architecture.hot, strict=True))
    }
    pooled = tensors[f"tables.{TABLE}.weight"][:, 0][bags[str(TABLE)]].sum(axis=1)
    labels = (dense[:, 0] + pooled > np.median(dense[:, 0] + pooled)).astype(np.int32)[:, None]
    ends = np.cumsum(GROUPS).tolist()
    lines = [f"{end - size}, {end}, {size}\n" for end, size in zip(ends, GROUPS, strict=True)]

    def written(write: Any, *arguments: Any, **arrays: Any) -> bytes:
        file = io.BytesIO()
        write(file, *arguments, **arrays)
        return file.getvalue()

    return Miniature(
        family="dlrm-v2",
        benchmark="dlrm-v2-99",
        package="benchwright_recommendation",
        module=__name__,
        dataset={
            "day_23_dense.npy": written(np.save, dense),
            "day_23_sparse_multi_hot.npz": written(np.savez, **bags),
            "day_23_labels.npy": written(np.save, labels),
            "dlrm_trace_of_aggregated_samples.txt": "".join(lines).encode(),
        },
        model={"dlrm-v2-weights.zip": zipped(
            {f"model_weights/{name}": content for name, content in snapshot(tensors).items()}
        )},
        samples=len(GROUPS),
        accuracy={"AUC": 100.0},
    )  # fmt: skip
