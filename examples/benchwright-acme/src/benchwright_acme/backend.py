"""Building and running engines: ONNX graphs, folded when built, computed by NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from benchwright.contracts.backend import Backend
from benchwright.contracts.program import Array, Graph, Program, Sessions
from benchwright.contracts.tensor import BATCH
from benchwright.errors import BenchwrightError
from benchwright_acme.kernels import Conv


class AcmeSession:
    """One graph. A batch is cut into as many parts as there are streams."""

    def __init__(self, model: onnx.ModelProto, graph: Graph, streams: int) -> None:
        self._outputs = [spec.name for spec in graph.outputs]
        specs = (*graph.inputs, *graph.outputs)
        batches = all(spec.shape[:1] == (BATCH,) for spec in specs)
        # An evaluator is no business of two threads at once: each stream has its own.
        self._streams = [_evaluator(model) for _ in range(streams if batches else 1)]
        self._pool = ThreadPoolExecutor(streams) if len(self._streams) > 1 else None

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Computes one batch; see benchwright.contracts.program.Session."""
        size = len(next(iter(inputs.values())))
        if self._pool is None or size == 1:
            return self._part(self._streams[0], inputs)
        cuts = np.linspace(0, size, min(size, len(self._streams)) + 1).astype(int)
        parts = [
            self._pool.submit(
                self._part,
                stream,
                {name: array[start:stop] for name, array in inputs.items()},
            )
            for stream, start, stop in zip(self._streams, cuts[:-1], cuts[1:], strict=False)
        ]
        done = [part.result() for part in parts]
        return [np.concatenate(pieces) for pieces in zip(*done, strict=True)]

    def _part(self, stream: ReferenceEvaluator, inputs: Mapping[str, Array]) -> list[Array]:
        return [np.asarray(item) for item in stream.run(self._outputs, dict(inputs))]


class AcmeBackend(Backend):
    """The backend behind the name `acme`."""

    def build_engine(
        self, program: Program, model: Path, options: Mapping[str, Any], out: Path
    ) -> Mapping[str, Any]:
        folded = 0
        for graph in program.graphs:
            if graph.onnx is None:
                raise BenchwrightError(
                    f"graph `{graph.name}` of `{program.name}` has no ONNX form",
                    fix="choose a backend that takes one of its forms",
                )
            loaded = _load(model / graph.onnx)
            _check(loaded, graph, model / graph.onnx)
            if options["fold"]:
                folded += _fold(loaded)
            onnx.save(loaded, str(out / f"{graph.name}.onnx"))
        return {"folded_nodes": folded}

    def open(
        self, program: Program, engine: Path, options: Mapping[str, Any], threads: int
    ) -> Sessions:
        return {
            graph.name: AcmeSession(
                _load(engine / f"{graph.name}.onnx"), graph, max(options["streams"], 1)
            )
            for graph in program.graphs
        }


def _evaluator(model: onnx.ModelProto) -> ReferenceEvaluator:
    return ReferenceEvaluator(model, new_ops=[Conv])


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
        # Knows every operator, or says which it does not.
        _evaluator(model)
    except Exception as error:
        # The package's exceptions have no common base but Exception.
        raise BenchwrightError(
            "Acme's compiler cannot read this model",
            where=str(path),
            why=f"{type(error).__name__}: {error}".splitlines()[0],
            fix="delete the file and run the task that makes it again",
        ) from error
    return model


def _check(model: onnx.ModelProto, graph: Graph, path: Path) -> None:
    for kind, specs, found in (
        ("input", graph.inputs, model.graph.input),
        ("output", graph.outputs, model.graph.output),
    ):
        names = [item.name for item in found]
        for spec in specs:
            if spec.name not in names:
                raise BenchwrightError(
                    f"this model has no {kind} `{spec.name}`",
                    where=str(path),
                    why=f"its {kind}s are {', '.join(names)}",
                )


def _fold(model: onnx.ModelProto) -> int:
    """Replaces nodes that read only constants by what they compute; returns how many."""
    graph = model.graph
    constants = {item.name: item for item in graph.initializer}
    outputs = {item.name for item in graph.output}
    kept, folded = [], 0
    for node in graph.node:
        fixed = all(name in constants or not name for name in node.input)
        if not fixed or outputs & set(node.output):
            kept.append(node)
            continue
        folded += 1
        part = onnx.helper.make_graph(
            [node],
            "constant",
            [],
            [onnx.helper.make_empty_tensor_value_info(name) for name in node.output],
            [constants[name] for name in node.input if name],
        )
        evaluator = _evaluator(onnx.helper.make_model(part, opset_imports=model.opset_import))
        for name, value in zip(node.output, evaluator.run(None, {}), strict=True):
            constants[name] = numpy_helper.from_array(np.asarray(value), name)
    used = {name for node in kept for name in node.input}
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(item for name, item in constants.items() if name in used)
    return folded
