"""The backend `openvino`: ONNX graphs on the CPU, compiled by OpenVINO, and its bfloat16."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchwright.contracts.backend import BackendInfo, Capabilities
from benchwright.contracts.quantizer import QuantizerInfo
from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.contracts.backend import Backend
    from benchwright.contracts.quantizer import Quantizer
    from benchwright_openvino.options import OpenVinoOptions

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


def _load() -> Backend:
    from benchwright_openvino.backend import OpenVinoBackend

    return OpenVinoBackend()


def _load_options() -> type[OpenVinoOptions]:
    from benchwright_openvino.options import OpenVinoOptions

    return OpenVinoOptions


def _load_bf16() -> Quantizer:
    from benchwright_openvino.precision import Bfloat16

    return Bfloat16()


@hookimpl
def backends() -> Iterable[BackendInfo]:
    """OpenVINO's CPU device."""
    return [
        BackendInfo(
            name="openvino",
            summary="OpenVINO, CPU device",
            capabilities=Capabilities(forms=("onnx",), precisions=("fp32", "int8", "bf16")),
            load=_load,
            load_options=_load_options,
            tools=("openvino", "onnx"),
            # A compiled model holds what was chosen for this CPU.
            identity=("cpu.architecture", "cpu.model", "cpu.features"),
            requires=("openvino", "onnx"),
            extra="openvino",
            sources=(
                "benchwright_openvino.backend",
                "benchwright_openvino.precision",
                "benchwright.bfloat16",
                "benchwright_openvino.reading",
            ),
            engine_files=("{graph}.blob",),
        )
    ]


@hookimpl
def quantizers() -> Iterable[QuantizerInfo]:
    """bfloat16, which OpenVINO makes of a float32 model while it compiles it."""
    return [
        QuantizerInfo(
            name="openvino-bf16",
            summary="lets OpenVINO compute a float32 model in bfloat16, where the CPU can",
            precision="bf16",
            backends=("openvino",),
            load=_load_bf16,
            tools=("openvino", "onnx"),
            sources=("benchwright_openvino.precision", "benchwright.bfloat16"),
        )
    ]
