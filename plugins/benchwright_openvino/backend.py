"""Building and opening OpenVINO engines.

An engine is the compiled model of each of the program's graphs, one file `<graph>.blob` by graph
name, reduced to the outputs that the program names, in their order. `engine.json` says for which
precision and by which device each was compiled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchwright.bfloat16 import BFLOAT16, require_bfloat16
from benchwright.contracts.backend import Backend
from benchwright.contracts.program import Graph, Program, Session, Sessions
from benchwright.errors import BenchwrightError
from benchwright.fitting import Found, require_fit
from benchwright_openvino.precision import INSTEAD, precision_of

try:
    import openvino
except ModuleNotFoundError as missing:
    raise BenchwrightError(
        "the backend `openvino` needs the package `openvino`",
        why=str(missing),
        fix="pip install 'benchwright[openvino]'",
    ) from missing

from benchwright_openvino.reading import read
from benchwright_openvino.session import OpenVinoSession, StreamedSession, can_be_cut

DEVICE = "CPU"
ENGINE = "engine.json"
_AGAIN = "delete it and run the engine task again"
_MODEL_AGAIN = (
    "the file is damaged or uses operators this version does not know; delete it and run the "
    "model task again"
)

Value = TypeVar("Value")


class OpenVinoBackend(Backend):
    """The backend behind the name `openvino`."""

    @cached_property
    def _core(self) -> Any:
        return openvino.Core()

    def build_engine(
        self, program: Program, model: Path, options: Mapping[str, Any], out: Path
    ) -> Mapping[str, Any]:
        precision = precision_of(model)
        if precision == BFLOAT16:
            require_bfloat16(INSTEAD)
        settings = {"INFERENCE_PRECISION_HINT": precision}
        for graph in program.graphs:
            found = read_graph(program, graph, model)
            compiled = _explained(
                lambda found=found: self._core.compile_model(found, DEVICE, settings),  # type: ignore[misc]
                model / str(graph.onnx),
                _MODEL_AGAIN,
            )
            with (out / f"{graph.name}.blob").open("wb") as file:
                file.write(compiled.export_model().getbuffer())
        facts = {"precision": precision, **self._device()}
        (out / ENGINE).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        return facts

    def open(
        self, program: Program, engine: Path, options: Mapping[str, Any], threads: int
    ) -> Sessions:
        precision = self._precision_of(engine)
        streams = min(options["streams"], threads)
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": options["performance_hint"].upper(),
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": options["pinning"],
            "ENABLE_HYPER_THREADING": options["hyper_threading"],
        }
        return {
            graph.name: self._open(engine / f"{graph.name}.blob", graph, settings, streams)
            for graph in program.graphs
        }

    def _open(self, path: Path, graph: Graph, settings: Mapping[str, Any], streams: int) -> Session:
        compiled = _explained(
            lambda: self._core.import_model(path.read_bytes(), DEVICE, dict(settings)),
            path,
            _AGAIN,
        )
        places = {name: place for place, port in enumerate(compiled.inputs) for name in port.names}
        inputs = [(spec.name, places[spec.name]) for spec in graph.inputs]
        if streams > 1 and can_be_cut(graph):
            return StreamedSession(compiled, inputs, len(graph.outputs), streams)
        return OpenVinoSession(compiled, inputs, len(graph.outputs))

    def _device(self) -> dict[str, Any]:
        able = self._core.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")
        return {
            "openvino": openvino.get_version(),
            "device": self._core.get_property(DEVICE, "FULL_DEVICE_NAME"),
            "capabilities": sorted(able),
        }

    def _precision_of(self, engine: Path) -> str:
        """What an engine was compiled for; BenchwrightError where that was another CPU or version:
        OpenVINO would compute with what was chosen there."""
        path = engine / ENGINE
        try:
            made = json.loads(path.read_text(encoding="utf-8"))
            precision = str(made.pop("precision"))
        except (OSError, ValueError, KeyError) as error:
            raise BenchwrightError(
                "this is no engine of OpenVINO",
                where=str(path),
                why=f"{type(error).__name__}: {error}",
                fix="run the engine task again",
            ) from error
        for name, value in self._device().items():
            if made.get(name) != value:
                raise BenchwrightError(
                    "this engine was compiled elsewhere",
                    where=str(path),
                    why=f"its {name} is {made.get(name)}, here it is {value}",
                    fix=_AGAIN,
                )
        return precision


def read_graph(program: Program, graph: Graph, model: Path) -> Any:
    """A graph as OpenVINO's model; BenchwrightError where it has no ONNX form, where the file is
    missing or damaged, and where it lacks a tensor."""
    if graph.onnx is None:
        raise BenchwrightError(
            f"graph `{graph.name}` of `{program.name}` has no ONNX form",
            fix="choose a backend that takes one of its forms",
        )
    path = model / graph.onnx
    found = _explained(lambda: read(openvino.Core(), path), path, _MODEL_AGAIN)
    return _reduced(found, graph, path)


def _reduced(model: Any, graph: Graph, path: Path) -> Any:
    """The model with the graph's outputs alone, in its order."""
    known = {name: port for port in model.outputs for name in port.names}
    require_fit(graph, path, dict(_input(port, graph) for port in model.inputs), known)
    results = [known[spec.name].get_node() for spec in graph.outputs]
    return openvino.Model(results, model.get_parameters(), model.get_friendly_name())


def _input(port: Any, graph: Graph) -> tuple[str, Found]:
    """A model's input by the name that the graph has for it, with its dtype and axes."""
    wanted = {spec.name for spec in graph.inputs} & set(port.names)
    shape = port.get_partial_shape()
    # An ONNX file may leave its shapes out.
    axes = (
        None
        if shape.rank.is_dynamic
        else [size.get_length() if size.is_static else "?" for size in shape]
    )
    dtype = np.dtype(port.get_element_type().to_dtype()).name
    return min(wanted, default=port.get_any_name()), (dtype, axes)


def _explained(call: Callable[[], Value], path: Path, fix: str) -> Value:
    if not path.is_file():
        raise BenchwrightError(
            "OpenVINO cannot load this model", where=str(path), why="there is no such file", fix=fix
        )
    try:
        return call()
    except RuntimeError as error:
        # What OpenVINO raises; the last line of its text says why, the others where in its source.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise BenchwrightError(
            "OpenVINO cannot load this model",
            where=str(path),
            why=lines[-1] if lines else type(error).__name__,
            fix=fix,
        ) from error
