"""The backend `pytorch`: graphs as torch modules on the CPU, and their bfloat16."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchwright.contracts.backend import BackendInfo, Capabilities
from benchwright.contracts.quantizer import QuantizerInfo
from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.contracts.backend import Backend
    from benchwright.contracts.quantizer import Quantizer
    from benchwright_pytorch.options import PyTorchOptions

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""

_REQUIRES = ("torch", "safetensors", "onnx")


def _load() -> Backend:
    from benchwright_pytorch.backend import PyTorchBackend

    return PyTorchBackend()


def _load_options() -> type[PyTorchOptions]:
    from benchwright_pytorch.options import PyTorchOptions

    return PyTorchOptions


def _load_bf16() -> Quantizer:
    from benchwright_pytorch.precision import Bfloat16

    return Bfloat16()


@hookimpl
def backends() -> Iterable[BackendInfo]:
    """PyTorch on the CPU."""
    return [
        BackendInfo(
            name="pytorch",
            summary="PyTorch, the module itself on the CPU, eager or compiled",
            capabilities=Capabilities(forms=("torch",), precisions=("fp32", "bf16")),
            load=_load,
            load_options=_load_options,
            tools=_REQUIRES,
            requires=_REQUIRES,
            extra="torch",
            sources=(
                "benchwright_pytorch.backend",
                "benchwright_pytorch.precision",
                "benchwright.bfloat16",
                "benchwright_pytorch.weights",
            ),
            engine_files=("{graph}.safetensors",),
        )
    ]


@hookimpl
def quantizers() -> Iterable[QuantizerInfo]:
    """bfloat16 weights and activations."""
    return [
        QuantizerInfo(
            name="pytorch-bf16",
            summary="lets PyTorch hold and compute a float32 model in bfloat16, where the CPU can",
            precision="bf16",
            backends=("pytorch",),
            load=_load_bf16,
            tools=_REQUIRES,
            sources=("benchwright_pytorch.precision", "benchwright.bfloat16"),
        )
    ]
