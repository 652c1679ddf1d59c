"""Writing ONNX graphs node by node: one definition of a model, whatever its weights are.

A plugin describes a model once, in terms of a configuration and of weights by name; trained,
converted and random weights then give the same graph. Needs the package `onnx`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchwright.errors import BenchwrightError

if TYPE_CHECKING:
    import onnx
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.generic]

INLINE_BYTES = 256_000_000
"""Weights beyond this lie in a file beside the graph: a protobuf message ends at 2 GiB, and to
write one takes several times its size of memory."""

ALIGNMENT = 4096
"""Where a weight in that file begins, so that engines may map it."""

SMALL_BYTES = 1024
"""Weights up to this stay in the graph: shapes and axes must be seen when it is checked."""

IR_VERSION = 9


class Blocks(NamedTuple):
    """A weight that is never in memory as a whole, such as a table made of many files' parts.

    read gives its values in order, as C-contiguous arrays of the given dtype and any size.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    read: Callable[[], Iterable[NDArray[Any]]]

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return self.size * self.dtype.itemsize

    def whole(self) -> NDArray[Any]:
        """All of it in memory."""
        return np.concatenate([block.reshape(-1) for block in self.read()]).reshape(self.shape)


class GraphWriter:
    """Collects the nodes and weights of one graph.

    Names are free as long as they differ; a node that is given no name gets one from its
    operator. Weights are held by reference until `save`, so that memory-mapped ones are never
    read as a whole.
    """

    def __init__(self, name: str, *, opset: int = 17) -> None:
        self._helper = _helper()
        self._name = name
        self._opset = opset
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, Array | Blocks] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._used: dict[str, int] = {}

    @property
    def parameters(self) -> int:
        """How many numbers the weights are, constants included."""
        return sum(array.size for array in self._weights.values())

    def input(self, name: str, dtype: str, shape: Sequence[int | str]) -> str:
        """Declares an input; a dimension is a size or a symbol."""
        self._inputs.append(self._value(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str, shape: Sequence[int | str]) -> str:
        """Declares the node output `name` as an output of the graph."""
        self._outputs.append(self._value(name, dtype, shape))
        return name

    def weight(self, name: str, values: Array | Blocks) -> str:
        """Adds a weight, in its own dtype; returns its name. BenchwrightError for a second one."""
        if name in self._weights:
            raise BenchwrightError(f"the graph {self._name} has two weights named `{name}`")
        self._weights[name] = values
        return name

    def constant(self, values: ArrayLike, dtype: str) -> str:
        """Adds a small unnamed array, such as a shape or a list of axes."""
        return self.weight(self._fresh("constant"), np.asarray(values, dtype=dtype))

    def node(
        self, operator: str, inputs: Sequence[str], output: str | None = None, **attributes: Any
    ) -> str:
        """Adds a node of one output and returns that output's name."""
        name = output or self._fresh(operator.lower())
        self._add(operator, inputs, [name], attributes)
        return name

    def nodes(
        self, operator: str, inputs: Sequence[str], count: int, **attributes: Any
    ) -> list[str]:
        """Adds a node of `count` outputs and returns their names."""
        names = [self._fresh(operator.lower()) for _ in range(count)]
        self._add(operator, inputs, names, attributes)
        return names

    def model(self) -> onnx.ModelProto:
        """The whole model with its weights inside, checked."""
        from onnx import checker

        model = self._model([_inline(name, array) for name, array in self._weights.items()])
        checker.check_model(model, full_check=True)
        return model

    def save(self, path: Path) -> None:
        """Writes the model; large weights go to `<path>.data`, one after the other."""
        if sum(array.nbytes for array in self._weights.values()) <= INLINE_BYTES:
            path.write_bytes(self.model().SerializeToString(deterministic=True))
            return
        from onnx import checker

        beside = path.with_name(f"{path.name}.data")
        with beside.open("wb") as file:
            weights = [
                _inline(name, array)
                if array.nbytes <= SMALL_BYTES
                else self._external(name, array, file, beside.name)
                for name, array in self._weights.items()
            ]
        path.write_bytes(self._model(weights).SerializeToString(deterministic=True))
        checker.check_model(str(path))

    def _external(
        self, name: str, array: Array | Blocks, file: Any, place: str
    ) -> onnx.TensorProto:
        from onnx import TensorProto

        file.seek(-file.tell() % ALIGNMENT, 1)
        offset = file.tell()
        for block in array.read() if isinstance(array, Blocks) else _parts(array):
            file.write(block.data)
        tensor = TensorProto(
            name=name,
            data_type=self._helper.np_dtype_to_tensor_dtype(array.dtype),
            dims=array.shape,
            data_location=TensorProto.EXTERNAL,
        )
        facts = {"location": place, "offset": offset, "length": array.nbytes}
        for key, value in facts.items():
            tensor.external_data.add(key=key, value=str(value))
        return tensor

    def _model(self, weights: Sequence[onnx.TensorProto]) -> onnx.ModelProto:
        graph = self._helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, weights
        )
        model: onnx.ModelProto = self._helper.make_model(
            graph,
            opset_imports=[self._helper.make_opsetid("", self._opset)],
            ir_version=IR_VERSION,
            producer_name="benchwright",
        )
        return model

    def _add(
        self, operator: str, inputs: Sequence[str], outputs: list[str], attributes: dict[str, Any]
    ) -> None:
        self._nodes.append(
            self._helper.make_node(operator, inputs, outputs, name=outputs[0], **attributes)
        )

    def _value(self, name: str, dtype: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
        element = self._helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        made: onnx.ValueInfoProto = self._helper.make_tensor_value_info(name, element, list(shape))
        return made

    def _fresh(self, stem: str) -> str:
        number = self._used.get(stem, 0)
        self._used[stem] = number + 1
        return f"{stem}_{number}"


def _inline(name: str, array: Array | Blocks) -> onnx.TensorProto:
    from onnx import numpy_helper

    whole = array.whole() if isinstance(array, Blocks) else np.asarray(array, order="C")
    return numpy_helper.from_array(whole, name)


def _parts(array: Array) -> Iterable[Array]:
    """An array in parts of 64 MiB, so that a memory-mapped one is not read at once."""
    flat = array.reshape(-1)
    step = max(1, (1 << 26) // array.itemsize)
    for start in range(0, flat.size, step):
        yield np.ascontiguousarray(flat[start : start + step])


def _helper() -> Any:
    try:
        from onnx import helper
    except ModuleNotFoundError as error:
        raise BenchwrightError(
            "writing a model's graph needs the package `onnx`",
            why=str(error),
            fix="pip install onnx",
        ) from error
    return helper
