"""Preprocessed samples on disk: a folder of .npy files that are memory-mapped when read.

A fixed-shape tensor is one file `<tensor>.npy` [count, …]. A ragged one is `<tensor>.npy` with
all values end to end, `<tensor>.offsets.npy` int64 [count + 1], and `<tensor>.shapes.npy`
int64 [count, rank]. `samples.json` describes them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchwright.contracts.program import Array
from benchwright.contracts.tensor import TensorSpec
from benchwright.errors import BenchwrightError

INDEX = "samples.json"


class SampleWriter:
    """Writes samples in data set order, one at a time, without holding them in memory."""

    def __init__(self, folder: Path, tensors: Sequence[TensorSpec], count: int) -> None:
        self._folder = folder
        self._specs = tuple(tensors)
        self._count = count
        self._written = 0
        self._fixed: dict[str, np.memmap[Any, Any]] = {}
        self._streams: dict[str, Any] = {}
        self._offsets: dict[str, list[int]] = {}
        self._shapes: dict[str, list[tuple[int, ...]]] = {}

    def __enter__(self) -> SampleWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        for stream in self._streams.values():
            stream.close()

    def add(self, sample: Mapping[str, Array]) -> None:
        """Appends one sample: an array for each tensor, without the batch dimension."""
        if self._written == self._count:
            raise BenchwrightError(
                f"preprocessing writes more than {self._count} samples", where=str(self._folder)
            )
        for spec in self._specs:
            value = np.asarray(sample[spec.name], dtype=spec.dtype, order="C")
            self._check_shape(spec, value)
            if spec.ragged:
                self._add_ragged(spec, value)
            else:
                self._add_fixed(spec, value)
        self._written += 1

    def _check_shape(self, spec: TensorSpec, value: Array) -> None:
        wanted = spec.sample_shape
        fits = len(wanted) == value.ndim and all(
            isinstance(size, str) or size == found
            for size, found in zip(wanted, value.shape, strict=True)
        )
        if not fits:
            raise BenchwrightError(
                f"sample {self._written} has shape {value.shape} instead of {wanted}",
                where=spec.name,
            )

    def _add_fixed(self, spec: TensorSpec, value: Array) -> None:
        if spec.name not in self._fixed:
            self._fixed[spec.name] = np.lib.format.open_memmap(
                self._folder / f"{_file(spec)}.npy",
                mode="w+",
                dtype=np.dtype(spec.dtype),
                shape=(self._count, *value.shape),
            )
        self._fixed[spec.name][self._written] = value

    def _add_ragged(self, spec: TensorSpec, value: Array) -> None:
        if spec.name not in self._streams:
            path = self._folder / f"{_file(spec)}.npy"
            self._streams[spec.name] = path.open("wb")
            self._streams[spec.name].write(_header(spec, _ANY_COUNT))
            self._offsets[spec.name] = [0]
            self._shapes[spec.name] = []
        self._streams[spec.name].write(value.tobytes())
        self._offsets[spec.name].append(self._offsets[spec.name][-1] + value.size)
        self._shapes[spec.name].append(value.shape)

    def close(self) -> None:
        """Completes the files; BenchwrightError when samples are missing."""
        if self._written != self._count:
            raise BenchwrightError(
                f"preprocessing wrote {self._written} of {self._count} samples",
                where=str(self._folder),
            )
        for spec in self._specs:
            if spec.name in self._fixed:
                self._fixed[spec.name].flush()
            elif spec.name in self._streams:
                self._close_ragged(spec)
        self._fixed.clear()
        tensors = [
            {"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape), "file": _file(spec)}
            for spec in self._specs
        ]
        text = json.dumps({"count": self._count, "tensors": tensors}, indent=1, sort_keys=True)
        (self._folder / INDEX).write_text(text + "\n", encoding="utf-8")

    def _close_ragged(self, spec: TensorSpec) -> None:
        stream = self._streams.pop(spec.name)
        stream.seek(0)
        stream.write(_header(spec, self._offsets[spec.name][-1]))
        stream.close()
        np.save(
            self._folder / f"{_file(spec)}.offsets.npy",
            np.asarray(self._offsets[spec.name], dtype=np.int64),
        )
        np.save(
            self._folder / f"{_file(spec)}.shapes.npy",
            np.asarray(self._shapes[spec.name], dtype=np.int64),
        )


_ANY_COUNT = 10**18
"""Stands in a file's beginning until the count is known: as long as any."""


def _header(spec: TensorSpec, count: int) -> bytes:
    """How a one-dimensional .npy file begins; equally long for every count."""
    buffer = io.BytesIO()
    described = {"descr": np.dtype(spec.dtype).str, "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(buffer, described)
    return buffer.getvalue()


def _file(spec: TensorSpec) -> str:
    """A tensor's name as a file name: ONNX names may hold `:` and `/`."""
    return "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in spec.name)


@dataclass(frozen=True)
class SampleStore:
    """Preprocessed samples, memory-mapped. `fixed` by tensor name [count, …]; `ragged` by tensor
    name (values, offsets, shapes). A sample's size is the number of elements of its first ragged
    tensor."""

    count: int
    fixed: Mapping[str, Array]
    ragged: Mapping[str, tuple[Array, Array, Array]]

    @classmethod
    def open(cls, folder: Path) -> SampleStore:
        """Opens the samples of a preprocessed artifact."""
        index = folder / INDEX
        try:
            description = json.loads(index.read_text(encoding="utf-8"))
            fixed: dict[str, Array] = {}
            ragged: dict[str, tuple[Array, Array, Array]] = {}
            for tensor in description["tensors"]:
                stem = folder / tensor["file"]
                values = np.load(f"{stem}.npy", mmap_mode="r", allow_pickle=False)
                offsets = Path(f"{stem}.offsets.npy")
                if offsets.exists():
                    shapes = np.load(f"{stem}.shapes.npy", allow_pickle=False)
                    ragged[tensor["name"]] = (
                        values,
                        np.load(offsets, allow_pickle=False),
                        shapes,
                    )
                else:
                    fixed[tensor["name"]] = values
            return cls(int(description["count"]), fixed, ragged)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BenchwrightError(
                "the preprocessed samples cannot be read",
                where=str(index),
                why=f"{type(error).__name__}: {error}",
                fix="run the `preprocess` task of this data set again",
            ) from error

    @property
    def sizes(self) -> NDArray[np.int64] | None:
        """Each sample's size, int64 [count]; None where all have one shape."""
        if not self.ragged:
            return None
        _, offsets, _ = next(iter(self.ragged.values()))
        sizes: NDArray[np.int64] = np.diff(offsets)
        return sizes

    def load(self, indices: Sequence[int]) -> LoadedSamples:
        """Copies the given samples to memory, contiguous in the given order."""
        order = np.asarray(indices, dtype=np.int64)
        fixed = {name: np.ascontiguousarray(array[order]) for name, array in self.fixed.items()}
        ragged: dict[str, list[Array]] = {}
        for name, (values, offsets, shapes) in self.ragged.items():
            ragged[name] = [
                np.array(values[offsets[i] : offsets[i + 1]]).reshape(shapes[i]) for i in order
            ]
        slots = np.full(self.count, -1, dtype=np.int64)
        slots[order] = np.arange(order.size)
        sizes = self.sizes
        return LoadedSamples(fixed, ragged, slots, None if sizes is None else sizes[order])


@dataclass(frozen=True)
class LoadedSamples:
    """Samples in memory in load order; `slots` int64 [count of the data set] maps a sample's
    index to its place, -1 where it is not loaded; `sizes` int64 by place where they differ."""

    fixed: Mapping[str, Array]
    ragged: Mapping[str, Sequence[Array]]
    slots: NDArray[np.int64]
    sizes: NDArray[np.int64] | None = None

    def budget(self, batch: int) -> float:
        """How much a batch of ragged samples may amount to, in count times largest size: as much
        as `batch` samples of the median size."""
        assert self.sizes is not None
        return batch * max(1.0, float(np.median(self.sizes)))

    def slice(self, start: int, stop: int) -> dict[str, Any]:
        """The samples in consecutive places: views, nothing is copied."""
        batch: dict[str, Any] = {name: array[start:stop] for name, array in self.fixed.items()}
        batch.update({name: items[start:stop] for name, items in self.ragged.items()})
        return batch

    def gather(self, places: NDArray[np.int64]) -> dict[str, Any]:
        """The samples in any places: copied together."""
        batch: dict[str, Any] = {name: array.take(places, 0) for name, array in self.fixed.items()}
        for name, items in self.ragged.items():
            batch[name] = [items[place] for place in places]
        return batch
