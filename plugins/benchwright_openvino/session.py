"""Sessions on compiled models: one request straight through, or a batch cut among several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import openvino

from benchwright.contracts.program import Array, Graph
from benchwright.contracts.tensor import BATCH


class OpenVinoSession:
    """One graph of one instance.

    inputs: the graph's input names with OpenVINO's positions; outputs: how many. Inputs are read
    where they lie unless they are read-only, which OpenVINO does not take; outputs are views of
    OpenVINO's own memory until the next call.
    """

    def __init__(self, compiled: Any, inputs: Sequence[tuple[str, int]], outputs: int) -> None:
        self._request = compiled.create_infer_request()
        self._inputs = tuple(inputs)
        self._outputs = range(outputs)

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Computes one batch; see contracts.program.Session."""
        request = self._request
        for name, place in self._inputs:
            request.set_input_tensor(place, _tensor(inputs[name]))
        request.infer()
        return [request.get_output_tensor(place).data for place in self._outputs]


class StreamedSession:
    """One graph of one instance that computes the parts of a batch side by side, in a queue of as
    many requests as there are streams. Every input and output begins with the batch."""

    def __init__(
        self, compiled: Any, inputs: Sequence[tuple[str, int]], outputs: int, streams: int
    ) -> None:
        self._queue = openvino.AsyncInferQueue(compiled, streams)
        self._requests = list(self._queue)
        self._inputs = tuple(inputs)
        self._outputs = range(outputs)

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Computes one batch; see contracts.program.Session."""
        count = len(inputs[self._inputs[0][0]])
        parts = min(count, len(self._requests))
        edges = [count * part // parts for part in range(parts + 1)]
        for request, start, stop in zip(self._requests, edges, edges[1:], strict=False):
            for name, place in self._inputs:
                request.set_input_tensor(place, _tensor(inputs[name][start:stop]))
            request.start_async()
        used = self._requests[:parts]
        for request in used:
            request.wait()
        if parts == 1:
            return [used[0].get_output_tensor(place).data for place in self._outputs]
        return [
            np.concatenate([request.get_output_tensor(place).data for request in used])
            for place in self._outputs
        ]


def can_be_cut(graph: Graph) -> bool:
    """Whether parts of a batch can be computed apart: every tensor begins with the batch."""
    return bool(graph.inputs) and all(
        spec.shape[:1] == (BATCH,) for spec in (*graph.inputs, *graph.outputs)
    )


def _tensor(array: Array) -> Any:
    return openvino.Tensor(array, shared_memory=array.flags.writeable)
