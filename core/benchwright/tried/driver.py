"""Drivers of tried models that are one graph, called once a batch: whatever its tensors' layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchwright.contracts.program import Array, Driver, Output, Sessions, single_call
from benchwright.contracts.tensor import BATCH
from benchwright.tried.described import Description, Input
from benchwright.tried.padding import padded


def driver_of(description: Description) -> Driver:
    """The driver of a description's program."""
    if description.generates:
        from benchwright.tried.generation import Generate, Translate

        return (Generate if description.driver == "generate" else Translate)(description)
    plain = all(
        item.axis == 0 and not any(isinstance(dim, str) for dim in item.shape)
        for item in description.inputs
    )
    outputs = description.graphs[0].outputs
    first = all(shape[:1] == (BATCH,) for _, _, shape in outputs)
    if plain and first and description.batch == 0:
        return single_call
    return Call(description)


class Call:
    """One call for as many samples as the graph takes."""

    def __init__(self, description: Description) -> None:
        self._inputs = [item for item in description.inputs if item.fill != "constant"]
        self._constants = {
            item.name: np.full((), item.limit, item.dtype)
            for item in description.inputs
            if item.fill == "constant"
        }
        self._size = description.batch
        graph = description.graphs[0]
        self._axes = [
            shape.index(BATCH) if BATCH in shape else None for _, _, shape in graph.outputs
        ]

    def __call__(self, sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[Output]:
        """See contracts.program.Driver."""
        session = sessions["main"]
        count = len(batch[self._inputs[0].name])
        if self._size == 0:
            return self._by_sample(session.run(self._feed(batch, 0, count, count)), count)
        size = max(1, self._size)
        found: list[list[Array]] = []
        for start in range(0, count, size):
            taken = min(size, count - start)
            outputs = session.run(self._feed(batch, start, start + taken, size))
            # What comes back may be overwritten by the next call.
            found.append([np.array(item) for item in outputs])
        if self._size < 0:
            return [list(column) for column in zip(*found, strict=True)]
        return [_joined(column, count) for column in zip(*found, strict=True)]

    def _feed(self, batch: Mapping[str, Any], start: int, stop: int, size: int) -> dict[str, Array]:
        """The graph's inputs for some samples, the last repeated where it takes more."""
        feed: dict[str, Array] = dict(self._constants)
        for item in self._inputs:
            values = batch[item.name][start:stop]
            if self._size < 0:
                feed[item.name] = np.ascontiguousarray(values[0])
                continue
            whole = values if isinstance(values, np.ndarray) else padded(values)
            if len(whole) < size:
                whole = np.concatenate([whole, np.repeat(whole[-1:], size - len(whole), axis=0)])
            feed[item.name] = _laid_out(whole, item)
        return feed

    def _by_sample(self, outputs: Sequence[Array], count: int) -> list[Output]:
        found: list[Output] = []
        for output, axis in zip(outputs, self._axes, strict=True):
            if axis is not None:
                output = np.moveaxis(output, axis, 0) if axis else output
            if output.ndim and output.shape[0] == count:
                found.append(output)
            else:
                # What does not depend on the sample is every sample's.
                found.append([output] * count)
        return found


def _laid_out(whole: Array, item: Input) -> Array:
    if not item.axis:
        return np.ascontiguousarray(whole)
    return np.ascontiguousarray(np.moveaxis(whole, 0, item.axis))


def _joined(parts: Sequence[Array], count: int) -> Output:
    if parts[0].ndim and all(part.shape[1:] == parts[0].shape[1:] for part in parts):
        whole = np.concatenate(parts)
        if len(whole) >= count:
            return whole[:count]
    return [parts[0]] * count
