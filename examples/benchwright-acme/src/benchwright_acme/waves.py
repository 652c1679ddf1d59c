"""The benchmark `waves`: sine, square, triangle or saw? Generated, noisy, of any phase.

The classifier is a bank of matched filters, one for each shape and each of 32 phases; the
shape whose best filter answers loudest is the label. Nothing is trained, nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchwright.contracts.benchmark import Benchmark, Encoder, Score
from benchwright.contracts.program import Array, Driver, Graph, Program, Sessions
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.progress import ProgressCallback

if TYPE_CHECKING:
    import onnx

    from benchwright.harness.samples import SampleWriter

SHAPES = ("sine", "square", "triangle", "saw")
LENGTH, PHASES, COUNT = 64, 32, 512
NOISE = 0.1
SEED = 7
SIGNALS, LABELS = "signals.npy", "labels.txt"

_SIGNAL = TensorSpec("signal", "float32", (BATCH, LENGTH))
_ANSWERS = TensorSpec("answers", "float32", (BATCH, len(SHAPES) * PHASES))
_LABEL = TensorSpec("label", "int64", (BATCH,))


def wave(shape: str, phase: float) -> NDArray[np.float64]:
    """Two periods of a shape, [LENGTH], mean square 1."""
    turn = (2 * np.arange(LENGTH) / LENGTH + phase) % 1.0
    values = {
        "sine": np.sin(2 * np.pi * turn),
        "square": np.where(turn < 0.5, 1.0, -1.0),
        "triangle": 4 * np.abs(turn - 0.5) - 1,
        "saw": 2 * turn - 1,
    }[shape]
    return np.asarray(values / np.sqrt(np.mean(values**2)))


def encode(outputs: Sequence[Array], indices: Array) -> Array:
    """Labels int64 [B] → one int64 for each sample."""
    return np.ascontiguousarray(outputs[0], dtype=np.int64).reshape(-1, 1)


def _load_driver() -> Driver:
    return _drive


def _drive(sessions: Sessions, batch: Mapping[str, Array]) -> Sequence[Array]:
    (answers,) = sessions["features"].run(batch)
    return sessions["head"].run({_ANSWERS.name: answers})


def fused_program(preset: str) -> Program:
    """Both graphs as one."""
    graph = Graph("main", (_SIGNAL,), (_LABEL,), onnx="whole.onnx")
    return Program(f"waves-{preset}-fused", (graph,), (_SIGNAL,), (_LABEL,))


class Waves(Benchmark):
    """The benchmark behind the name `waves`."""

    def program(self, preset: str) -> Program:
        features = Graph("features", (_SIGNAL,), (_ANSWERS,), onnx="features.onnx")
        head = Graph("head", (_ANSWERS,), (_LABEL,), onnx="head.onnx")
        return Program(f"waves-{preset}", (features, head), (_SIGNAL,), (_LABEL,), _load_driver)

    def assemble_model(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        for name, model in _models().items():
            (out / name).write_bytes(model.SerializeToString(deterministic=True))

    def assemble_dataset(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        # RandomState's streams are frozen: every NumPy gives the same data set.
        random = np.random.RandomState(SEED)
        labels = random.randint(0, len(SHAPES), COUNT)
        signals = [
            wave(SHAPES[label], random.uniform()) + NOISE * random.standard_normal(LENGTH)
            for label in labels
        ]
        out.mkdir()
        np.save(out / SIGNALS, np.array(signals, dtype=np.float32))
        (out / LABELS).write_text("".join(f"{SHAPES[label]}\n" for label in labels))

    def validate_dataset(self, preset: str, dataset: Path) -> int:
        signals, labels = _read(dataset)
        if len(signals) != len(labels):
            raise BenchwrightError(
                f"{len(signals)} signals have {len(labels)} labels", where=str(dataset)
            )
        return len(labels)

    def preprocess(
        self, preset: str, dataset: Path, out: SampleWriter, progress: ProgressCallback
    ) -> None:
        signals, _ = _read(dataset)
        for number, signal in enumerate(signals, 1):
            out.add({_SIGNAL.name: signal - signal.mean()})
            progress(number, len(signals))

    def encoder(self, preset: str) -> Encoder:
        return encode

    def score(self, preset: str, dataset: Path, responses: Iterable[Entry]) -> Score:
        _, labels = _read(dataset)
        answers: dict[int, int] = {}
        for entry in responses:
            if len(entry.data) != 8 or not 0 <= entry.qsl_idx < len(labels):
                raise BenchwrightError(
                    f"the response for sample {entry.qsl_idx} cannot be scored",
                    why=f"{len(entry.data)} bytes; needed are 8, and a sample below {len(labels)}",
                )
            answers[entry.qsl_idx] = int(np.frombuffer(entry.data, np.int64)[0])
        good = sum(labels[index] == answer for index, answer in answers.items())
        percent = 100.0 * good / len(answers) if answers else 0.0
        text = f"accuracy={percent:.3f}%, good={good}, total={len(answers)}\n"
        return Score({"acc": percent}, text, len(answers))


def _read(dataset: Path) -> tuple[NDArray[np.float32], list[int]]:
    try:
        signals = np.load(dataset / SIGNALS, allow_pickle=False)
        words = (dataset / LABELS).read_text(encoding="ascii").split()
        labels = [SHAPES.index(word) for word in words]
    except (OSError, ValueError) as error:
        raise BenchwrightError(
            "this is no data set of waves",
            where=str(dataset),
            why=str(error),
            fix=f"it holds {SIGNALS} and {LABELS}; the `dataset` task makes it",
        ) from error
    if signals.ndim != 2 or signals.shape[1] != LENGTH:
        raise BenchwrightError(
            f"the signals have the shape {signals.shape}",
            where=str(dataset / SIGNALS),
            why=f"each has {LENGTH} values",
        )
    return signals.astype(np.float32), labels


def _models() -> dict[str, onnx.ModelProto]:
    from onnx import TensorProto, helper, numpy_helper

    filters = np.array(
        [wave(shape, phase / PHASES) for shape in SHAPES for phase in range(PHASES)]
    ).T.astype(np.float32)
    bank = numpy_helper.from_array(filters, "filters")
    form = numpy_helper.from_array(np.array([-1, len(SHAPES), PHASES], np.int64), "form")
    kinds = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}

    def value(spec: TensorSpec) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(spec.name, kinds[spec.dtype], list(spec.shape))

    listen = helper.make_node("MatMul", ["signal", "filters"], ["answers"])
    decide = [
        helper.make_node("Reshape", ["answers", "form"], ["table"]),
        helper.make_node("ReduceMax", ["table"], ["loudest"], axes=[2], keepdims=0),
        helper.make_node("ArgMax", ["loudest"], ["label"], axis=1, keepdims=0),
    ]
    graphs = {
        "features": ([listen], _SIGNAL, _ANSWERS, [bank]),
        "head": (decide, _ANSWERS, _LABEL, [form]),
        "whole": ([listen, *decide], _SIGNAL, _LABEL, [bank, form]),
    }
    return {
        f"{name}.onnx": helper.make_model(
            helper.make_graph(nodes, name, [value(source)], [value(result)], weights),
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=9,
            producer_name="benchwright-acme",
        )
        for name, (nodes, source, result, weights) in graphs.items()
    }
