"""Reading ONNX graphs as OpenVINO's models, and what has to be written otherwise first.

OpenVINO (2026.4 and before) loses the axes of three reductions in opsets 13 to 17 and reduces over
everything, without a word. They are written here in terms of others, which it reads right.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchwright.build.store.files import link_or_copy
from benchwright.errors import BenchwrightError

MISREAD = ("ReduceLogSumExp", "ReduceLogSum", "ReduceL1")
_OPSETS = range(13, 18)


def read(core: Any, path: Path) -> Any:
    """The model in this file. RuntimeError as OpenVINO raises it; BenchwrightError where the graph
    has to be rewritten and `onnx` is missing."""
    if not _mentions(path, MISREAD):
        return core.read_model(str(path))
    try:
        import onnx
    except ModuleNotFoundError as missing:
        raise BenchwrightError(
            "OpenVINO misreads an operator of this graph; rewriting it needs the package `onnx`",
            where=str(path),
            why=str(missing),
            fix="pip install 'benchwright[openvino]'",
        ) from missing
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:
        # Whatever the protobuf library makes of a damaged file.
        raise RuntimeError(str(error)) from error
    versions = [item.version for item in model.opset_import if item.domain in ("", "ai.onnx")]
    if not versions or versions[0] not in _OPSETS:
        return core.read_model(str(path))
    _rewrite(model.graph)
    with tempfile.TemporaryDirectory() as folder:
        for beside in path.parent.iterdir():
            # Weights lie in files beside the graph, by name; links that lead away are refused.
            if beside != path and beside.is_file():
                link_or_copy(beside.resolve(), Path(folder, beside.name))
        written = Path(folder, path.name)
        written.write_bytes(model.SerializeToString())
        return core.read_model(str(written))


def _mentions(path: Path, names: Sequence[str]) -> bool:
    with path.open("rb") as file:
        if not path.stat().st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return any(data.find(name.encode()) >= 0 for name in names)


def _rewrite(graph: Any) -> None:
    """Replaces the misread nodes of a graph and of the graphs inside it."""
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _rewrite(attribute.g)
        graph.node.extend(_instead(node) if node.op_type in MISREAD else [node])


def _instead(node: Any) -> Iterator[Any]:
    """The nodes that stand for a misread one; its output keeps its name."""
    from onnx import helper

    given = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    keep, axes = given.get("keepdims", 1), given.get("axes")
    (source,), (target,) = node.input, node.output

    def name(part: str) -> str:
        return f"{target}/{part}"

    def total(of: str, output: str, keepdims: int = keep) -> Iterator[Any]:
        """ReduceSum takes its axes as an input in these opsets."""
        inputs = [of]
        if axes is not None:
            value = helper.make_tensor(name("axes"), 7, [len(axes)], axes)
            yield helper.make_node("Constant", [], [name("axes")], value=value)
            inputs.append(name("axes"))
        yield helper.make_node("ReduceSum", inputs, [output], keepdims=keepdims)

    if node.op_type == "ReduceL1":
        yield helper.make_node("Abs", [source], [name("abs")])
        yield from total(name("abs"), target)
    elif node.op_type == "ReduceLogSum":
        yield from total(source, name("sum"))
        yield helper.make_node("Log", [name("sum")], [target])
    else:
        # Less the largest, so that no exponential overflows.
        where = {} if axes is None else {"axes": axes}
        yield helper.make_node("ReduceMax", [source], [name("max")], keepdims=1, **where)
        yield helper.make_node("Sub", [source, name("max")], [name("less")])
        yield helper.make_node("Exp", [name("less")], [name("exp")])
        yield from total(name("exp"), name("sum"))
        yield helper.make_node("Log", [name("sum")], [name("log")])
        largest = name("max")
        if not keep:
            largest = name("largest")
            yield helper.make_node("ReduceMax", [source], [largest], keepdims=0, **where)
        yield helper.make_node("Add", [name("log"), largest], [target])
