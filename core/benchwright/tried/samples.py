"""Samples of a tried model: made up from a seed, or taken from a file of the user's."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchwright.contracts.program import Array
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.errors import UsageError, did_you_mean
from benchwright.tried.described import Description, Input

MOST_BYTES = 64_000_000
"""What all samples together take at most where nobody says how many there are to be."""

MOST_SAMPLES = 1024
LEAST_SAMPLES = 16


def specs(description: Description) -> tuple[TensorSpec, ...]:
    """The sample tensors: what differs by sample, with the batch first."""
    return tuple(
        TensorSpec(item.name, item.dtype, (BATCH, *item.shape))
        for item in description.inputs
        if item.fill != "constant"
    )


def usual_count(inputs: tuple[Input, ...], sizes: Mapping[str, tuple[int, int]]) -> int:
    """How many samples there are where nobody says."""
    total = 0
    for item in inputs:
        dims = [sizes[dim][1] if isinstance(dim, str) else dim for dim in item.shape]
        total += int(np.prod(dims, dtype=np.int64)) * np.dtype(item.dtype).itemsize
    return max(LEAST_SAMPLES, min(MOST_SAMPLES, MOST_BYTES // max(1, total)))


def make(description: Description, data: Path | None) -> Iterator[Mapping[str, Array]]:
    """Every sample, in order. What a sample has depends on the seed and its number alone.

    data: the file of real inputs, where there is one; what it lacks is made up.
    """
    given: Mapping[str, Array] = {}
    if data is not None:
        with np.load(data, allow_pickle=False) as found:
            given = {name: found[name] for name in found.files}
    for number in range(description.samples):
        random = np.random.Generator(np.random.PCG64([description.seed, number]))
        sizes = {
            name: int(random.integers(low, high + 1))
            for name, (low, high) in description.sizes.items()
        }
        made = {}
        for item in description.inputs:
            if item.fill == "constant":
                continue
            if item.name in given:
                made[item.name] = given[item.name][number].astype(item.dtype)
            else:
                made[item.name] = _filled(item, sizes, description, random)
        yield made


def _filled(
    item: Input,
    sizes: Mapping[str, int],
    description: Description,
    random: np.random.Generator,
) -> Array:
    shape = tuple(sizes[dim] if isinstance(dim, str) else dim for dim in item.shape)
    if item.fill in ("tokens", "bytes"):
        return random.integers(0, int(item.limit), shape).astype(item.dtype)
    if item.fill == "ones":
        return np.ones(shape, item.dtype)
    if item.fill == "positions":
        last = shape[-1] if shape else 1
        return np.broadcast_to(np.arange(last), shape).astype(item.dtype)
    if item.fill == "size":
        return np.full(shape, _length(sizes, description), item.dtype)
    if item.fill == "normal":
        return random.standard_normal(shape, np.float32).astype(item.dtype)
    return np.zeros(shape, item.dtype)


def _length(sizes: Mapping[str, int], description: Description) -> int:
    """How long the sample is: along the last dimension of the first input that has one."""
    for item in description.inputs:
        if item.shape and item.fill != "size":
            last = item.shape[-1]
            return sizes[last] if isinstance(last, str) else last
    return 1


def data_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each array in an .npz file, without reading it; UsageError where it is none, and
    where its arrays do not have the same number of samples."""
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if not name.endswith(".npy"):
                    continue
                with archive.open(name) as stream:
                    version = np.lib.format.read_magic(stream)
                    read = (
                        np.lib.format.read_array_header_1_0
                        if version == (1, 0)
                        else np.lib.format.read_array_header_2_0
                    )
                    shape, _, dtype = read(stream)
                if dtype.hasobject or not shape:
                    raise ValueError(f"`{name}` is no array with a sample in each row")
                shapes[name.removesuffix(".npy")] = tuple(shape)
        counts = {shape[0] for shape in shapes.values()}
        if len(counts) != 1 or 0 in counts:
            raise ValueError(f"its arrays have {sorted(counts)} rows, one for each sample")
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(
            "this file of inputs cannot be used",
            where=str(path),
            why=str(error),
            fix="write it with `numpy.savez(file, input_name=array, …)`, samples first",
        ) from error
    return shapes


def check_names(shapes: Mapping[str, Any], inputs: Mapping[str, Any], path: Path) -> None:
    """UsageError where a file of inputs has an array that is no input of the model."""
    for name in shapes:
        if name not in inputs:
            raise UsageError(
                f"the model has no input `{name}`; {did_you_mean(name, inputs)}", where=str(path)
            )
