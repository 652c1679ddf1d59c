"""The backend `onnxruntime`: ONNX graphs on the CPU, and their int8 form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchwright.contracts.backend import BackendInfo, Capabilities
from benchwright.contracts.quantizer import QuantizerInfo
from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.contracts.backend import Backend
    from benchwright.contracts.quantizer import Quantizer
    from benchwright_onnxruntime.options import OnnxRuntimeOptions
    from benchwright_onnxruntime.quantizer_options import StaticInt8Options

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


def _load() -> Backend:
    from benchwright_onnxruntime.backend import OnnxRuntimeBackend

    return OnnxRuntimeBackend()


def _load_options() -> type[OnnxRuntimeOptions]:
    from benchwright_onnxruntime.options import OnnxRuntimeOptions

    return OnnxRuntimeOptions


def _load_int8() -> Quantizer:
    from benchwright_onnxruntime.quantizer import StaticInt8

    return StaticInt8()


def _load_int8_options() -> type[StaticInt8Options]:
    from benchwright_onnxruntime.quantizer_options import StaticInt8Options

    return StaticInt8Options


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


@hookimpl
def quantizers() -> Iterable[QuantizerInfo]:
    """Static int8 by ONNX Runtime's own tools."""
    return [
        QuantizerInfo(
            name="onnxruntime-int8",
            summary="static int8 (QDQ), calibrated on samples of the data set; "
            "pip install 'benchwright[quantize]'",
            precision="int8",
            backends=("onnxruntime", "openvino"),
            load=_load_int8,
            load_options=_load_int8_options,
            tools=("onnxruntime", "onnx"),
            sources=("benchwright_onnxruntime.quantizer",),
            requires=("onnx",),
            extra="quantize",
        )
    ]
