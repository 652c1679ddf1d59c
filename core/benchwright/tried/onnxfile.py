"""What an ONNX file says of its inputs and outputs, read without its weights.

A protobuf message is read field by field from the mapped file, and whatever is not asked for is
passed over by its length: this takes milliseconds whatever the model's size, and needs neither the
package `onnx` nor memory. Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchwright.errors import BenchwrightError

DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}
"""ONNX's element types by NumPy's names; others have none."""

EXTERNAL = 1
"""TensorProto.data_location of a tensor whose values lie in a file beside the graph."""

Field = tuple[int, int | memoryview]


class Tensor(NamedTuple):
    """An input or output as the file declares it: a dimension is a number, or its symbol's name
    ("" where it has none); shape is None where the file does not say even the rank."""

    name: str
    dtype: str
    shape: tuple[int | str, ...] | None


class OnnxFile(NamedTuple):
    """inputs: what has to be given (initializers are not among them); tables: the rows of each
    table that an input's values select from, by the input's name; external: the names of files
    with weights, relative to the graph; opset: of ONNX's own operators."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    tables: dict[str, int]
    external: tuple[str, ...]
    producer: str
    opset: int


def read_onnx(path: Path) -> OnnxFile:
    """Reads what a model file declares; BenchwrightError where it is none."""
    try:
        with path.open("rb") as file:
            # Unmapped when the last view of it is gone, also those that an error holds.
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _model(memoryview(mapped))
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise BenchwrightError(
            "this is not an ONNX model",
            where=str(path),
            why=str(error) or type(error).__name__,
            fix="name a file that was exported to ONNX",
        ) from None
    except OSError as error:
        raise BenchwrightError(
            "this file cannot be read", where=str(path), why=error.strerror or str(error)
        ) from error


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number in it is too long")


def _fields(view: memoryview) -> Iterator[Field]:
    """(number, value) of each field: an int, or the bytes of what has a length."""
    at, end = 0, len(view)
    while at < end:
        key, at = _varint(view, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(view, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(view, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"it has a field of the unknown kind {kind}")
        if at + size > end:
            raise ValueError("it ends early")
        yield key >> 3, view[at : at + size]
        at += size


def _text(value: int | memoryview) -> str:
    if isinstance(value, int):
        raise ValueError("it has a number where a text is due")
    return bytes(value).decode()


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("it has a number where a message is due")
    return value


def _model(view: memoryview) -> OnnxFile:
    graph: memoryview | None = None
    producer, opset = "", 0
    for number, value in _fields(view):
        if number == 7:
            graph = _message(value)
        elif number == 2:
            producer = _text(value)
        elif number == 8:
            opset = max(opset, _opset(_message(value)))
    if graph is None:
        raise ValueError("it has no graph")
    return _graph(graph, producer, opset)


def _opset(view: memoryview) -> int:
    domain, version = "", 0
    for number, value in _fields(view):
        if number == 1:
            domain = _text(value)
        elif number == 2 and isinstance(value, int):
            version = value
    return version if domain in ("", "ai.onnx") else 0


class _Weight(NamedTuple):
    name: str
    rows: int
    external: str


def _graph(view: memoryview, producer: str, opset: int) -> OnnxFile:
    weights: dict[str, _Weight] = {}
    inputs, outputs, nodes = [], [], []
    for number, value in _fields(view):
        if number == 1:
            nodes.append(_message(value))
        elif number == 5:
            weight = _weight(_message(value))
            weights[weight.name] = weight
        elif number == 11:
            inputs.append(_tensor(_message(value)))
        elif number == 12:
            outputs.append(_tensor(_message(value)))
    given = tuple(item for item in inputs if item.name not in weights)
    return OnnxFile(
        given,
        tuple(outputs),
        _tables(nodes, {item.name for item in given}, weights),
        tuple(dict.fromkeys(item.external for item in weights.values() if item.external)),
        producer,
        opset,
    )


def _weight(view: memoryview) -> _Weight:
    """An initializer's name, first dimension, and where its values lie if not here."""
    name, external, location, rows = "", "", 0, -1
    for number, value in _fields(view):
        if number == 1 and rows < 0:
            # Dimensions may be packed into one field or have a field each.
            rows = value if isinstance(value, int) else _varint(value, 0)[0] if len(value) else 0
        elif number == 8:
            name = _text(value)
        elif number == 13:
            entry = dict(_fields(_message(value)))
            if _text(entry.get(1, memoryview(b""))) == "location":
                external = _text(entry.get(2, memoryview(b"")))
        elif number == 14 and isinstance(value, int):
            location = value
    return _Weight(name, max(rows, 0), external if location == EXTERNAL else "")


def _tensor(view: memoryview) -> Tensor:
    """A ValueInfoProto."""
    name, dtype = "", "unknown"
    shape: tuple[int | str, ...] | None = None
    for number, value in _fields(view):
        if number == 1:
            name = _text(value)
        elif number == 2:
            for kind, inner in _fields(_message(value)):
                # 1: a tensor; the other kinds (sequences, maps) have no array.
                dtype = "unknown"
                if kind == 1:
                    dtype, shape = _tensor_type(_message(inner))
    return Tensor(name, dtype, shape)


def _tensor_type(view: memoryview) -> tuple[str, tuple[int | str, ...] | None]:
    dtype, shape = "unknown", None
    for number, value in _fields(view):
        if number == 1 and isinstance(value, int):
            dtype = DTYPES.get(value, "unknown")
        elif number == 2:
            shape = tuple(
                _dimension(_message(dim)) for key, dim in _fields(_message(value)) if key == 1
            )
    return dtype, shape


def _dimension(view: memoryview) -> int | str:
    size: int | str = ""
    for number, value in _fields(view):
        if number == 1 and isinstance(value, int):
            # Some exporters write -1 or 0 for what may be anything.
            size = value if 0 < value < 1 << 63 else ""
        elif number == 2:
            size = _text(value)
    return size


_PASSED_ON = ("Cast", "Reshape", "Unsqueeze", "Squeeze", "Identity", "Clip")
"""Operators whose first output holds the values of their first input."""


def _tables(
    nodes: list[memoryview], inputs: set[str], weights: dict[str, _Weight]
) -> dict[str, int]:
    """The rows of the table that each input selects from: of a Gather along axis 0."""
    origin = {name: name for name in inputs}
    renamed: dict[str, str] = {}
    found: dict[str, int] = {}
    for node in nodes:
        names, made, kind, axis = _node(node)
        if kind in _PASSED_ON and names and made:
            if names[0] in origin:
                origin[made[0]] = origin[names[0]]
            if kind == "Identity" and names[0] in weights:
                renamed[made[0]] = names[0]
        elif kind == "Gather" and axis == 0 and len(names) == 2:
            table, source = renamed.get(names[0], names[0]), origin.get(names[1])
            if source is not None and table in weights:
                rows = weights[table].rows
                found[source] = min(rows, found.get(source, rows))
    return found


def _node(view: memoryview) -> tuple[list[str], list[str], str, int]:
    """Inputs, outputs, operator and its attribute `axis` of a NodeProto."""
    names: list[str] = []
    made: list[str] = []
    kind, axis = "", 0
    for number, value in _fields(view):
        if number == 1:
            names.append(_text(value))
        elif number == 2:
            made.append(_text(value))
        elif number == 4:
            kind = _text(value)
        elif number == 5 and kind == "Gather":
            attribute = dict(_fields(_message(value)))
            if _text(attribute.get(1, memoryview(b""))) == "axis":
                axis = int(attribute[3]) if isinstance(attribute.get(3), int) else 0
    return names, made, kind, axis
