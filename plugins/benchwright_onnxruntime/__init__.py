"""The backend `onnxruntime`: ONNX graphs on the CPU."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchwright.contracts.backend import BackendInfo, Capabilities
from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.contracts.backend import Backend
    from benchwright_onnxruntime.options import OnnxRuntimeOptions

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


def _load() -> Backend:
    from benchwright_onnxruntime.backend import OnnxRuntimeBackend

    return OnnxRuntimeBackend()


def _load_options() -> type[OnnxRuntimeOptions]:
    from benchwright_onnxruntime.options import OnnxRuntimeOptions

    return OnnxRuntimeOptions


@hookimpl
def backends() -> Iterable[BackendInfo]:
    """ONNX Runtime's CPU execution provider."""
    return [
        BackendInfo(
            name="onnxruntime",
            summary="ONNX Runtime, CPU execution provider",
            capabilities=Capabilities(forms=("onnx",), precisions=("fp32", "int8")),
            load=_load,
            load_options=_load_options,
            engine_options=("graph_optimization",),
            tools=("onnxruntime",),
            # An optimised graph holds layouts chosen for this CPU.
            identity=("cpu.architecture", "cpu.model", "cpu.features"),
            requires=("onnxruntime",),
            sources=("benchwright_onnxruntime.backend",),
            engine_files=("{graph}.onnx",),
        )
    ]
