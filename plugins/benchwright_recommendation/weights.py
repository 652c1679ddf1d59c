"""Where a model's weights come from when nothing trained them here: the official snapshot, or a
seeded generator. Both are streamed, since the official tables are larger than most memories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchwright.errors import BenchwrightError
from benchwright.onnxgraph import Blocks
from benchwright_recommendation.architecture import Architecture
from benchwright_recommendation.snapshot import METADATA, Snapshot

_SEED = 2024
_BLOCK = 1 << 24


def official_name(name: str, architecture: Architecture) -> str:
    """What torchrec calls a weight in the state of the reference's model."""
    part, index, *rest = name.split(".")
    kind = ".".join(rest)
    if part == "tables":
        table = f"embedding_bags.t_cat_{index}"
        return f"model.sparse_arch.embedding_bag_collection.{table}.{kind}"
    if part == "cross":
        stem = {"v": "V_kernels", "w": "W_kernels", "bias": "bias"}[kind]
        return f"model.inter_arch.crossnet.{stem}.{index}"
    if part == "bottom":
        return f"model.dense_arch.model._mlp.{index}._linear.{kind}"
    if int(index) == len(architecture.top) - 1:
        return f"model.over_arch.model.1.{kind}"
    return f"model.over_arch.model.0._mlp.{index}._linear.{kind}"


def from_snapshot(folder: Path, architecture: Architecture) -> dict[str, Blocks]:
    """The weights of the snapshot that lies in this folder or somewhere below it."""
    found = sorted(folder.rglob(METADATA))
    if len(found) != 1:
        raise BenchwrightError(
            f"{len(found)} snapshots found where one is needed",
            where=str(folder),
            why=f"a snapshot is a folder with {METADATA}",
            fix="use the weights that MLCommons publishes for DLRM-DCNv2",
        )
    snapshot = Snapshot(found[0].parent)
    return {
        name: snapshot.tensor(official_name(name, architecture), shape)
        for name, shape in architecture.weights()
    }


def random(architecture: Architecture) -> dict[str, Blocks]:
    """Seeded weights of the size that training leaves them at: uniform, of a bound that keeps a
    layer's output near its input's size."""
    return {
        name: Blocks(np.dtype(np.float32), shape, _Uniform(index, name, shape))
        for index, (name, shape) in enumerate(architecture.weights())
    }


class _Uniform:
    """The values of one weight, the same each time they are read."""

    def __init__(self, index: int, name: str, shape: tuple[int, ...]) -> None:
        self._index = index
        # A bag sums ids of a table, a layer its inputs.
        self._bound = 0.05 if name.startswith("tables") else (3 / shape[-1]) ** 0.5
        self._count = int(np.prod(shape))

    def __call__(self) -> Iterator[NDArray[np.float32]]:
        generator = np.random.Generator(np.random.PCG64([_SEED, self._index]))
        for start in range(0, self._count, _BLOCK):
            count = min(_BLOCK, self._count - start)
            yield (generator.random(count, np.float32) * 2 - 1) * np.float32(self._bound)
