"""Sessions on torch modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from benchwright.contracts.program import Array, Graph
from benchwright.errors import BenchwrightError


class PyTorchSession:
    """One graph of one instance: its module is called with the graph's inputs in their order.

    The module may be shared by instances, since it keeps nothing from call to call. Inputs are
    read where they lie. Floats are cast to the module's precision, and outputs to the dtypes that
    the graph states.
    """

    def __init__(
        self, module: Callable[..., Any], graph: Graph, dtype: torch.dtype, threads: int
    ) -> None:
        self._module = module
        self._graph = graph
        self._inputs = [spec.name for spec in graph.inputs]
        self._dtype = dtype
        self._threads = threads
        self._half = dtype != torch.float32
        self._names = getattr(module, "output_names", None)
        self._dtypes = [getattr(torch, spec.dtype) for spec in graph.outputs]

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Computes one batch; see contracts.program.Session."""
        # How many threads compute is kept by torch for each thread that calls it.
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        given = [torch.from_numpy(inputs[name]) for name in self._inputs]
        with torch.inference_mode():
            if self._half:
                given = [item.to(self._dtype) if item.is_floating_point() else item
                         for item in given]  # fmt: skip
                with torch.autocast("cpu", self._dtype):
                    found = self._module(*given)
            else:
                found = self._module(*given)
            return [
                np.ascontiguousarray(tensor.to(dtype).numpy())
                for tensor, dtype in zip(self._ordered(found), self._dtypes, strict=True)
            ]

    def _ordered(self, found: Any) -> Sequence[torch.Tensor]:
        tensors = (found,) if isinstance(found, torch.Tensor) else tuple(found)
        if self._names is not None:
            by_name = dict(zip(self._names, tensors, strict=True))
            return [by_name[spec.name] for spec in self._graph.outputs]
        if len(tensors) != len(self._dtypes):
            raise BenchwrightError(
                f"the module of graph `{self._graph.name}` returns {len(tensors)} tensors; the "
                f"graph states {len(self._dtypes)} outputs"
            )
        return tensors
