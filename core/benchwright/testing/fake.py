"""A backend that answers right and takes as long as it is told: for tests of what is around it.

`FAKE` is its descriptor; as a plugin this module brings it to a project (see `Project.plug`).
It computes with ONNX Runtime, one thread, and sleeps for what is left of its latency.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from benchwright.contracts.backend import Backend, BackendInfo, Capabilities
from benchwright.contracts.program import Array, Graph, Program, Sessions
from benchwright.errors import BenchwrightError
from benchwright.hooks import hookimpl
from benchwright.options import Options

BENCHWRIGHT_INTERFACE = 1


class FakeOptions(Options):
    """What may be set under `backends: {fake: …}`."""

    latency_ms: float = Field(1.0, ge=0, description="the least time that a call takes")
    sample_ms: float = Field(0.0, ge=0, description="what each sample of a batch adds to that")


class FakeSession:
    """One graph on ONNX Runtime, held back to a latency."""

    def __init__(self, session: Any, outputs: Sequence[str], latency: float, each: float) -> None:
        self._session = session
        self._outputs = list(outputs)
        self._latency = latency
        self._each = each

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Computes one batch; see contracts.program.Session."""
        count = len(next(iter(inputs.values())))
        end = time.perf_counter() + self._latency + count * self._each
        outputs: Sequence[Array] = self._session.run(self._outputs, dict(inputs))
        left = end - time.perf_counter()
        if left > 0:
            time.sleep(left)
        return outputs


class FakeBackend(Backend):
    """The backend behind the name `fake`. An engine is the model's ONNX files, as they are."""

    def build_engine(
        self, program: Program, model: Path, options: Mapping[str, Any], out: Path
    ) -> Mapping[str, Any]:
        for graph in program.graphs:
            if graph.onnx is None:
                raise BenchwrightError(f"graph `{graph.name}` of `{program.name}` has no ONNX form")
            source = model / graph.onnx
            _open(source, graph)
            shutil.copyfile(source, out / f"{graph.name}.onnx")
        return {"computed_by": "onnxruntime"}

    def open(
        self, program: Program, engine: Path, options: Mapping[str, Any], threads: int
    ) -> Sessions:
        latency, each = options["latency_ms"] / 1e3, options["sample_ms"] / 1e3
        return {
            graph.name: FakeSession(
                _open(engine / f"{graph.name}.onnx", graph),
                [spec.name for spec in graph.outputs],
                latency,
                each,
            )
            for graph in program.graphs
        }


def _open(path: Path, graph: Graph) -> Any:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(path), settings, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        # ONNX Runtime's exceptions have no common base but Exception.
        raise BenchwrightError("this model cannot be loaded", where=str(path)) from error
    names = {item.name for item in (*session.get_inputs(), *session.get_outputs())}
    for spec in (*graph.inputs, *graph.outputs):
        if spec.name not in names:
            raise BenchwrightError(f"this model has no tensor `{spec.name}`", where=str(path))
    return session


FAKE = BackendInfo(
    name="fake",
    summary="right answers after a settable time, for tests",
    capabilities=Capabilities(forms=("onnx",)),
    load=FakeBackend,
    load_options=lambda: FakeOptions,
    tools=("onnxruntime",),
    requires=("onnxruntime",),
    sources=("benchwright.testing.fake",),
    engine_files=("{graph}.onnx",),
)


@hookimpl
def backends() -> list[BackendInfo]:
    """The fake backend."""
    return [FAKE]
