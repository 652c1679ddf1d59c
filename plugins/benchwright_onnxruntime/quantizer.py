"""Static int8: ranges are measured on calibration samples, and pairs of QuantizeLinear and
DequantizeLinear say in the graph where integers are computed with.

Activations are uint8 and weights int8, which x86 CPUs multiply best; OpenVINO takes the same
graphs. A graph keeps its file name and the names and dtypes of its inputs and outputs.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchwright.contracts.program import Array, Graph, Program, Session
from benchwright.contracts.quantizer import Quantizer
from benchwright.errors import BenchwrightError
from benchwright_onnxruntime.backend import OnnxRuntimeSession, open_model

try:
    import onnx
    from onnxruntime import quantization
except ModuleNotFoundError as missing:
    raise BenchwrightError(
        "quantising needs the package `onnx`",
        why=str(missing),
        fix="pip install 'benchwright[quantize]'",
    ) from missing

WEIGHED = ("Conv", "ConvTranspose", "MatMul", "Gemm")
"""Operators that are quantised where their second input is a weight."""

FOLLOWING = (
    "Add", "AveragePool", "Clip", "Flatten", "GlobalAveragePool", "MaxPool", "Relu", "Reshape",
    "Squeeze", "Transpose",
)  # fmt: skip
"""Operators that stay in integers where all that they take comes out of quantised ones. So the sum
at a residual block's end is quantised, and one with a mask or with coordinates is not."""

_METHODS = {
    "minmax": quantization.CalibrationMethod.MinMax,
    "entropy": quantization.CalibrationMethod.Entropy,
    "percentile": quantization.CalibrationMethod.Percentile,
}

_COMPARED = 16
"""Of so many calls a graph's quantised form is held to what it was."""

Feeds = list[dict[str, Array]]


class StaticInt8(Quantizer):
    """The quantizer behind the name `onnxruntime-int8`."""

    def quantize(
        self,
        program: Program,
        model: Path,
        calibration: Iterable[Mapping[str, Array]],
        options: Mapping[str, Any],
        out: Path,
    ) -> Mapping[str, Any]:
        calls = _record(program, model, calibration, options["calls"])
        facts: dict[str, Any] = {
            "scheme": "static QDQ: uint8 activations, int8 weights",
            "ranges": options["method"],
            "graphs": {},
        }
        for name, feeds in calls.items():
            nodes, error = _quantize(model / name, feeds, options, out / name)
            facts["graphs"][name] = {
                "calls": len(feeds),
                "nodes": nodes,
                "error": error,
                "bytes_before": _size(model / name),
                "bytes_after": _size(out / name),
            }
        return facts


class _Recorder:
    """A session that keeps an even choice of the inputs that it is given."""

    def __init__(self, session: Session, feeds: Feeds, limit: int) -> None:
        self._session = session
        self._feeds = feeds
        self._limit = limit
        self._seen = 0
        self._random = random.Random(0)

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        self._seen += 1
        place = self._seen - 1
        if place >= self._limit:
            place = self._random.randrange(self._seen)
        if place < self._limit:
            kept = {name: np.array(array) for name, array in inputs.items()}
            self._feeds[place : place + 1] = [kept]
        return self._session.run(inputs)


def _record(
    program: Program, model: Path, calibration: Iterable[Mapping[str, Array]], limit: int
) -> dict[str, Feeds]:
    """What each graph's file is called with when the program answers the samples in float32."""
    feeds: dict[str, Feeds] = {}
    sessions: dict[str, Session] = {}
    for graph in program.graphs:
        kept = feeds.setdefault(_file(graph, program), [])
        sessions[graph.name] = _Recorder(_session(model, graph), kept, limit)
    driver = program.load_driver()
    for sample in calibration:
        batch: dict[str, Any] = {
            spec.name: [sample[spec.name]] if spec.ragged else np.array(sample[spec.name])[None]
            for spec in program.inputs
        }
        driver(sessions, batch)
    for name, kept in feeds.items():
        if not kept:
            raise BenchwrightError(
                f"the ranges of {name} cannot be measured",
                where=str(model / name),
                why="no calibration sample led to a call of this graph",
            )
    return feeds


def _file(graph: Graph, program: Program) -> str:
    if graph.onnx is None:
        raise BenchwrightError(f"graph `{graph.name}` of `{program.name}` has no ONNX form")
    return graph.onnx


def _settings() -> Any:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.log_severity_level = 3
    return settings


def _session(model: Path, graph: Graph) -> Session:
    session = open_model(model / str(graph.onnx), _settings())
    return OnnxRuntimeSession(session, [spec.name for spec in graph.outputs])


def _quantize(
    source: Path, feeds: Feeds, options: Mapping[str, Any], target: Path
) -> tuple[int, float | None]:
    """Writes a graph's quantised form, or the graph as it is where that would err too much.

    Returns how many nodes are quantised, and the error (see `_error`) of the quantised form.
    """
    model = onnx.load(str(source))
    _name_nodes(model.graph)
    chosen = [name for name in _choose(model.graph) if name not in options["exclude"]]
    large = model.ByteSize() > onnx.checker.MAXIMUM_PROTOBUF // 2
    if not chosen:
        _save(model, target, large)
        return 0, None
    with _without_advice():
        quantization.quantize_static(
            model,
            str(target),
            _Reader(feeds),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=options["per_channel"],
            reduce_range=options["reduce_range"],
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_quantize=chosen,
            calibrate_method=_METHODS[options["method"]],
            use_external_data_format=large,
            # One call's tensors in memory at a time.
            extra_options={"CalibStridedMinMax": 1},
        )
    error = _error(source, target, feeds[:_COMPARED])
    if error is not None and error > options["tolerance"]:
        _save(onnx.load(str(source)), target, large)
        return 0, error
    return len(chosen), error


def _save(model: Any, target: Path, large: bool) -> None:
    beside = target.with_name(f"{target.name}.data")
    beside.unlink(missing_ok=True)
    onnx.save(model, str(target), save_as_external_data=large, location=beside.name)


def _error(original: Path, quantised: Path, feeds: Feeds) -> float | None:
    """How far the quantised graph's floats lie from the original's, as a share of these: the root
    of the mean square, of the worst output. None where there is nothing to compare."""
    sessions = [open_model(path, _settings()) for path in (original, quantised)]
    apart: dict[int, float] = {}
    size: dict[int, float] = {}
    for feed in feeds:
        wanted, found = (session.run(None, feed) for session in sessions)
        for place, (one, two) in enumerate(zip(wanted, found, strict=True)):
            # How many detections there are, say, may differ.
            if one.dtype.kind == "f" and one.shape == two.shape:
                values = one.astype(np.float64)
                apart[place] = apart.get(place, 0.0) + float(np.square(values - two).sum())
                size[place] = size.get(place, 0.0) + float(np.square(values).sum())
    shares = [(apart[place] / size[place]) ** 0.5 for place in apart if size[place] > 0]
    return round(max(shares), 4) if shares else None


def _name_nodes(graph: Any) -> None:
    """Gives every node a name: nodes are chosen by it."""
    for number, node in enumerate(graph.node):
        if not node.name:
            node.name = f"{node.op_type}_{number}"


def _choose(graph: Any) -> Iterator[str]:
    """The names of the nodes to quantise, in the graph's order."""
    weights = {item.name for item in graph.initializer if item.data_type == onnx.TensorProto.FLOAT}
    constants = {item.name for item in graph.initializer}
    whole: set[str] = set()
    for node in graph.node:
        taken = [name for name in node.input if name and name not in constants]
        if node.op_type in WEIGHED:
            fits = len(node.input) > 1 and node.input[1] in weights and len(taken) == 1
        else:
            fits = node.op_type in FOLLOWING and bool(taken) and whole.issuperset(taken)
            fits = fits and (node.op_type != "Add" or len(taken) == 2)
        if fits:
            whole.update(node.output)
            yield node.name


class _Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Hands recorded calls to ONNX Runtime's calibration."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds
        self._left = iter(feeds)

    def __len__(self) -> int:
        return len(self._feeds)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._left = iter(self._feeds[start_index:end_index])

    def get_next(self) -> dict[str, Array] | None:
        return next(self._left, None)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keeps advice on how to call the quantizer, which is no user's business, from the log."""
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _size(path: Path) -> int:
    beside = path.with_name(f"{path.name}.data")
    return path.stat().st_size + (beside.stat().st_size if beside.exists() else 0)
