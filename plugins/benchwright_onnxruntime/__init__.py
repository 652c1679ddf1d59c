"""The backend `onnxruntime`: ONNX graphs on the CPU."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from benchwright.contracts.backend import BackendInfo, Capabilities
from benchwright.hooks import hookimpl
from benchwright.options import Options

if TYPE_CHECKING:
    from benchwright.contracts.backend import Backend

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


class OnnxRuntimeOptions(Options):
    """What may be set under `backends: {onnxruntime: …}`."""

    graph_optimization: Literal["all", "extended", "basic", "disabled"] = Field(
        "all", description="how far the graph is optimised when the engine is built"
    )
    spinning: bool = Field(
        False,
        description="whether idle compute threads spin: quicker hand-over on cores that nothing "
        "else uses, slower where threads share cores",
    )
    memory_pattern: bool = Field(
        True, description="plan buffers ahead for repeated shapes; switch off for ragged ones"
    )


def _load() -> Backend:
    from benchwright_onnxruntime.backend import OnnxRuntimeBackend

    return OnnxRuntimeBackend()


@hookimpl
def backends() -> Iterable[BackendInfo]:
    """ONNX Runtime's CPU execution provider."""
    return [
        BackendInfo(
            name="onnxruntime",
            summary="ONNX Runtime, CPU execution provider",
            capabilities=Capabilities(forms=("onnx",), precisions=("fp32", "int8")),
            load=_load,
            options=OnnxRuntimeOptions,
            engine_options=("graph_optimization",),
            tools=("onnxruntime",),
            # An optimised graph holds layouts chosen for this CPU.
            identity=("cpu.architecture", "cpu.model", "cpu.features"),
            requires=("onnxruntime",),
            sources=("benchwright_onnxruntime.backend",),
            engine_files=("{graph}.onnx",),
        )
    ]
