"""Weights in int8: each becomes integers and a scale, and is multiplied out again when it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from benchwright.contracts.program import Array, Program
from benchwright.contracts.quantizer import Quantizer
from benchwright.errors import BenchwrightError

_WEIGHED = {"MatMul": 1, "Gemm": 1, "Conv": 1}
"""Operator → which input holds its weights."""


class AcmeQuantizer(Quantizer):
    """The quantizer behind the name `acme-int8`."""

    def quantize(
        self,
        program: Program,
        model: Path,
        calibration: Iterable[Mapping[str, Array]],
        options: Mapping[str, Any],
        out: Path,
    ) -> Mapping[str, Any]:
        weights, before, after = 0, 0, 0
        for graph in program.graphs:
            if graph.onnx is None:
                raise BenchwrightError(f"graph `{graph.name}` has no ONNX form")
            loaded = _load(model / graph.onnx)
            weights += _quantize(loaded, per_channel=options["per_channel"])
            onnx.save(loaded, str(out / graph.onnx))
            before += (model / graph.onnx).stat().st_size
            after += (out / graph.onnx).stat().st_size
        return {
            "scheme": "symmetric int8 weights",
            "weights": weights,
            "bytes_before": before,
            "bytes_after": after,
            "input_ranges": _ranges(calibration),
        }


def _load(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(str(path))
    except Exception as error:
        # A missing file, and whatever the protobuf library makes of a damaged one.
        raise BenchwrightError(
            "this model cannot be quantised",
            where=str(path),
            why=f"{type(error).__name__}: {error}".splitlines()[0],
            fix="run the `model` task again",
        ) from error


def _quantize(model: onnx.ModelProto, *, per_channel: bool) -> int:
    graph = model.graph
    held = {item.name: item for item in graph.initializer}
    axes: dict[str, int] = {}
    for node in graph.node:
        name = node.input[_WEIGHED[node.op_type]] if node.op_type in _WEIGHED else ""
        if name in held and held[name].data_type == onnx.TensorProto.FLOAT:
            axes[name] = _channel_axis(node, len(held[name].dims))
    nodes = []
    for name, axis in axes.items():
        values = numpy_helper.to_array(held[name])
        others = tuple(index for index in range(values.ndim) if index != axis)
        span = np.abs(values).max(axis=others if per_channel else None, keepdims=True)
        scale = (np.where(span == 0, 1, span) / 127).astype(np.float32)
        whole = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
        graph.initializer.remove(held[name])
        graph.initializer.append(numpy_helper.from_array(whole, f"{name}/int8"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}/scale"))
        # Cast and Mul are in every opset, a quantised weight's own operator is not.
        cast = helper.make_node(
            "Cast", [f"{name}/int8"], [f"{name}/float"], to=onnx.TensorProto.FLOAT
        )
        nodes += [cast, helper.make_node("Mul", [f"{name}/float", f"{name}/scale"], [name])]
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
    return len(axes)


def _channel_axis(node: onnx.NodeProto, rank: int) -> int:
    """The axis of a weight that belongs to the output."""
    if node.op_type == "Conv":
        return 0
    turned = any(item.name == "transB" and item.i for item in node.attribute)
    return rank - 2 if turned else rank - 1


def _ranges(calibration: Iterable[Mapping[str, Array]]) -> dict[str, list[float]]:
    """The least and the largest value of each input over the calibration samples."""
    found: dict[str, list[float]] = {}
    for sample in calibration:
        for name, values in sample.items():
            array = np.asarray(values, dtype=np.float64)
            low, high = found.get(name, [float("inf"), float("-inf")])
            found[name] = [min(low, float(array.min())), max(high, float(array.max()))]
    return found
