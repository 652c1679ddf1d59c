"""Weights out of a torchsnapshot folder, read with NumPy alone.

Such a folder has `.snapshot_metadata`, which is JSON (YAML in old ones): a manifest of entries by
`<rank>/<name of the stateful>/<name of the tensor>`. A tensor's bytes lie in a file of the folder,
whole (`Tensor`), in chunks (`ChunkedTensor`) or in shards over the ranks (`ShardedTensor`), as
plain little-endian values where the serializer is `buffer_protocol`. Anything else would be a
pickle and is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from benchwright.errors import BenchwrightError, did_you_mean
from benchwright.onnxgraph import Blocks

METADATA = ".snapshot_metadata"

_DTYPES = {"torch.float32": "<f4", "torch.float64": "<f8", "torch.float16": "<f2"}
_PARTS = {"ShardedTensor": "shards", "ChunkedTensor": "chunks"}
_BLOCK_BYTES = 1 << 26


class _Piece(NamedTuple):
    """A rectangle of a tensor: where it begins in it, and its values."""

    offsets: tuple[int, ...]
    values: NDArray[Any]


class Snapshot:
    """The tensors of one stateful (`model`) of a snapshot; their bytes stay on the disk."""

    def __init__(self, folder: Path, stateful: str = "model") -> None:
        self._folder = folder
        self._where = folder / METADATA
        prefix = re.compile(rf"\d+/{re.escape(stateful)}/")
        self._entries: dict[str, list[Mapping[str, Any]]] = {}
        for path, entry in _manifest(self._where).items():
            match = prefix.match(path)
            if match and isinstance(entry, dict) and entry.get("type") in ("Tensor", *_PARTS):
                self._entries.setdefault(unquote(path[match.end() :]), []).append(entry)

    def names(self) -> list[str]:
        """The names of the tensors."""
        return list(self._entries)

    def tensor(self, name: str, shape: tuple[int, ...]) -> Blocks:
        """A tensor by name as float32; it must have the given shape and be complete."""
        if name not in self._entries:
            raise BenchwrightError(
                f"this snapshot has no tensor `{name}`",
                where=str(self._where),
                why=did_you_mean(name, self._entries) or f"it has {len(self._entries)} tensors",
                fix="use the snapshot of the whole model, with all of its files",
            )
        try:
            pieces = list(self._pieces(name, shape))
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise BenchwrightError(
                f"the tensor `{name}` of this snapshot cannot be read",
                where=str(self._where),
                why=f"{type(error).__name__}: {error}",
                fix="get the snapshot again: a file is damaged or missing",
            ) from error
        covered = sum(piece.values.size for piece in pieces)
        if covered != math.prod(shape):
            raise BenchwrightError(
                f"the tensor `{name}` of this snapshot is not {list(shape)}",
                where=str(self._where),
                why=f"its parts are {covered} numbers, not {math.prod(shape)}",
                fix="use the snapshot of this model, with the parts of all ranks",
            )
        return Blocks(np.dtype(np.float32), shape, lambda: _blocks(pieces, shape))

    def _pieces(self, name: str, shape: tuple[int, ...]) -> Iterator[_Piece]:
        seen = set()
        for entry in self._entries[name]:
            if entry["type"] == "Tensor":
                parts = [{"offsets": [0] * len(shape), "sizes": entry["shape"], "tensor": entry}]
            else:
                parts = entry[_PARTS[entry["type"]]]
            for part in parts:
                offsets, sizes = tuple(part["offsets"]), tuple(part["sizes"])
                ends = zip(offsets, sizes, shape, strict=True)
                if not all(start >= 0 and start + size <= whole for start, size, whole in ends):
                    raise ValueError(f"a part {list(sizes)} at {list(offsets)} lies outside")
                # Every rank lists what is replicated.
                if offsets not in seen:
                    seen.add(offsets)
                    yield _Piece(offsets, self._values(part["tensor"], sizes))

    def _values(self, tensor: Mapping[str, Any], sizes: tuple[int, ...]) -> NDArray[Any]:
        if tensor["serializer"] != "buffer_protocol":
            raise ValueError(f"it is kept by `{tensor['serializer']}`, which is never loaded")
        if tensor["dtype"] not in _DTYPES:
            raise ValueError(f"its dtype is {tensor['dtype']}; known are {', '.join(_DTYPES)}")
        dtype = np.dtype(_DTYPES[tensor["dtype"]])
        location = PurePosixPath(tensor["location"])
        if location.is_absolute() or ".." in location.parts:
            raise ValueError(f"its file {location} lies outside the snapshot")
        path = self._folder / location
        begin, end = tensor.get("byte_range") or (0, path.stat().st_size)
        if end - begin != math.prod(sizes) * dtype.itemsize:
            raise ValueError(f"{location} has {end - begin} bytes for {list(sizes)} {dtype}")
        return np.memmap(path, dtype, "r", begin, sizes)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        try:
            read = json.loads(text)
        except json.JSONDecodeError:
            import yaml

            read = yaml.safe_load(text)
        manifest = read["manifest"]
        if not isinstance(manifest, dict):
            raise TypeError("its `manifest` is no mapping")
    except Exception as error:
        # YAML's errors have no common base with the others.
        raise BenchwrightError(
            "this is no readable torchsnapshot",
            where=str(path),
            why=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            fix=f"a folder with {METADATA} and the files it names is needed",
        ) from error
    return manifest


def _blocks(pieces: list[_Piece], shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
    """The values of all pieces in order, some rows at a time."""
    step = max(1, _BLOCK_BYTES // (4 * math.prod(shape[1:])))
    for start in range(0, shape[0], step):
        stop = min(start + step, shape[0])
        block = np.empty((stop - start, *shape[1:]), np.float32)
        for offsets, values in pieces:
            first, last = max(start, offsets[0]), min(stop, offsets[0] + len(values))
            if first < last:
                inner = (
                    slice(begin, begin + size)
                    for begin, size in zip(offsets[1:], values.shape[1:], strict=True)
                )
                block[first - start : last - start, *inner] = values[
                    first - offsets[0] : last - offsets[0]
                ]
        yield block
