"""Building and opening ONNX Runtime engines.

An engine is the optimised graph of each of the program's graphs, one ONNX file by graph name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from benchwright.contracts.backend import Backend
from benchwright.contracts.program import Array, Graph, Program, Sessions
from benchwright.errors import BenchwrightError
from benchwright.fitting import require_fit
from benchwright.onnxgraph import SMALL_BYTES

_PROVIDERS = ["CPUExecutionProvider"]
_LEVELS = {
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "disabled": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
_ELEMENTS = {"tensor(float)": "float32", "tensor(double)": "float64"} | {
    f"tensor({name})": name
    for name in ("float16", "bool", *(f"{sign}int{bits}" for sign in ("", "u")
                                      for bits in (8, 16, 32, 64)))
}  # fmt: skip
"""ONNX Runtime's names of element types, and NumPy's."""
LARGE_BYTES = 16_000_000
"""A model file of this size has its weights kept beside the engine's graph: one of 91 MB opens in
0.04 s instead of 0.12."""
_QUIET = 3
"""ONNX Runtime's log level `error`."""


class OnnxRuntimeSession:
    """One graph, ready to run."""

    def __init__(self, session: Any, outputs: Sequence[str]) -> None:
        self._run = session.run
        self._outputs = list(outputs)

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Computes one batch; see contracts.program.Session."""
        outputs: Sequence[Array] = self._run(self._outputs, inputs)
        return outputs


class OnnxRuntimeBackend(Backend):
    """The backend behind the name `onnxruntime`."""

    def build_engine(
        self, program: Program, model: Path, options: Mapping[str, Any], out: Path
    ) -> Mapping[str, Any]:
        for graph in program.graphs:
            if graph.onnx is None:
                raise BenchwrightError(
                    f"graph `{graph.name}` of `{program.name}` has no ONNX form",
                    fix="choose a backend that takes one of its forms",
                )
            settings = onnxruntime.SessionOptions()
            settings.graph_optimization_level = _LEVELS[options["graph_optimization"]]
            settings.optimized_model_filepath = str(out / f"{graph.name}.onnx")
            settings.log_severity_level = _QUIET
            if _weighs_much(model / graph.onnx):
                _keep_weights_beside(settings, f"{graph.name}.onnx.data")
            session = open_model(model / graph.onnx, settings)
            _check(session, graph, model / graph.onnx)
            del session
        return {"graph_optimization": options["graph_optimization"]}

    def open(
        self, program: Program, engine: Path, options: Mapping[str, Any], threads: int
    ) -> Sessions:
        settings = onnxruntime.SessionOptions()
        # The graph was optimised when the engine was built.
        settings.graph_optimization_level = _LEVELS["disabled"]
        settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        settings.inter_op_num_threads = 1
        settings.intra_op_num_threads = threads
        settings.enable_mem_pattern = bool(options["memory_pattern"]) and not program.ragged
        settings.log_severity_level = _QUIET
        settings.add_session_config_entry(
            "session.intra_op.allow_spinning", "1" if options["spinning"] else "0"
        )
        return {
            graph.name: OnnxRuntimeSession(
                open_model(engine / f"{graph.name}.onnx", settings),
                [spec.name for spec in graph.outputs],
            )
            for graph in program.graphs
        }


def _weighs_much(model: Path) -> bool:
    """Whether weights are better kept beside the graph: where they are so in the model, and where
    reading them with the graph would take most of the time that opening an engine takes."""
    if model.with_name(f"{model.name}.data").exists():
        return True
    return model.is_file() and model.stat().st_size > LARGE_BYTES


def _keep_weights_beside(settings: Any, name: str) -> None:
    """Lets the engine have a file of weights of its own, which is mapped and not read. Where the
    model has one, it would otherwise go on naming that, or pass the 2 GiB that a graph may have."""
    option = "session.optimized_model_external_initializers"
    settings.add_session_config_entry(f"{option}_file_name", name)
    settings.add_session_config_entry(f"{option}_min_size_in_bytes", str(SMALL_BYTES))


def open_model(path: Path, settings: Any) -> Any:
    """ONNX Runtime's session of a model; BenchwrightError where it does not load."""
    try:
        return onnxruntime.InferenceSession(str(path), settings, providers=_PROVIDERS)
    except Exception as error:
        # ONNX Runtime's exceptions have no common base but Exception.
        raise BenchwrightError(
            "ONNX Runtime cannot load this model",
            where=str(path),
            why=str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__,
            fix="the file is damaged or uses operators this version does not know; "
            "delete it and run the model task again",
        ) from error


def _check(session: Any, graph: Graph, path: Path) -> None:
    # An ONNX file may leave its shapes out.
    inputs = {
        item.name: (_ELEMENTS.get(item.type, item.type), item.shape or None)
        for item in session.get_inputs()
    }
    require_fit(graph, path, inputs, [item.name for item in session.get_outputs()])
