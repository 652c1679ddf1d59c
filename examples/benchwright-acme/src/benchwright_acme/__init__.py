"""Acme's plugins for Benchwright: what it can find here, described; nothing heavy is imported.

The chip is imaginary: what runs on it is computed by NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from benchwright.contracts.backend import BackendInfo, Capabilities
from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo
from benchwright.contracts.formatter import FormatterInfo
from benchwright.contracts.power import PowerMeterInfo
from benchwright.contracts.probe import JSON, ProbeInfo
from benchwright.contracts.program import FusedProgramInfo
from benchwright.contracts.quantizer import QuantizerInfo
from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.contracts.backend import Backend
    from benchwright.contracts.benchmark import Benchmark
    from benchwright.contracts.formatter import Formatter
    from benchwright.contracts.power import PowerMeter
    from benchwright.contracts.probe import Probe
    from benchwright.contracts.program import Program
    from benchwright.contracts.quantizer import Quantizer
    from benchwright_acme.options import AcmeInt8Options, AcmeOptions

BENCHWRIGHT_INTERFACE = 1
"""The interface of Benchwright that this package was written for."""


def _backend() -> Backend:
    from benchwright_acme.backend import AcmeBackend

    return AcmeBackend()


def _backend_options() -> type[AcmeOptions]:
    from benchwright_acme.options import AcmeOptions

    return AcmeOptions


def _quantizer() -> Quantizer:
    from benchwright_acme.quantizer import AcmeQuantizer

    return AcmeQuantizer()


def _quantizer_options() -> type[AcmeInt8Options]:
    from benchwright_acme.options import AcmeInt8Options

    return AcmeInt8Options


def _probe() -> Probe:
    from benchwright_acme.probe import AcmeProbe

    return AcmeProbe()


def _formatter() -> Formatter:
    from benchwright_acme.formatter import AcmeFormatter

    return AcmeFormatter()


def _waves() -> Benchmark:
    from benchwright_acme.waves import Waves

    return Waves()


def _fused_waves(preset: str) -> Program:
    from benchwright_acme.waves import fused_program

    return fused_program(preset)


def _meter() -> PowerMeter:
    from benchwright_acme.meter import AcmeMeter

    return AcmeMeter()


def _meter_available() -> bool:
    from benchwright_acme.meter import available

    return available()


def _describe(facts: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Facts of the machine → fields of the sheet's head."""
    named = {"cpu": "cpu.model", "cores": "cpu.cores", "chips": "acme.devices"}
    return {field: facts[fact] for field, fact in named.items() if fact in facts}


@hookimpl
def backends() -> Iterable[BackendInfo]:
    """The chip."""
    return [
        BackendInfo(
            name="acme",
            summary="the imaginary Acme chip, computed by NumPy",
            capabilities=Capabilities(
                forms=("onnx",),
                devices=("cpu",),
                precisions=("fp32", "int8"),
                dtypes=("float32", "int64", "int8", "bool"),
            ),
            load=_backend,
            load_options=_backend_options,
            engine_options=("fold",),
            tools=("onnx", "numpy"),
            identity=("acme.devices",),
            requires=("onnx", "numpy"),
            sources=("benchwright_acme.backend", "benchwright_acme.kernels"),
            engine_files=("{graph}.onnx",),
        )
    ]


@hookimpl
def quantizers() -> Iterable[QuantizerInfo]:
    """Weights in eight bits."""
    return [
        QuantizerInfo(
            name="acme-int8",
            summary="symmetric int8 weights, activations as they are",
            precision="int8",
            backends=("acme",),
            load=_quantizer,
            load_options=_quantizer_options,
            tools=("onnx", "numpy"),
            sources=("benchwright_acme.quantizer",),
        )
    ]


@hookimpl
def probes() -> Iterable[ProbeInfo]:
    """How many chips there are."""
    return [ProbeInfo(name="acme", summary="Acme chips of this machine", load=_probe)]


@hookimpl
def formatters() -> Iterable[FormatterInfo]:
    """A sheet of results, in place of a submission tree."""
    return [
        FormatterInfo(
            name="acme-sheet",
            summary="one CSV of all results, with the logs it rests on",
            rounds=("v3.1", "v6.1"),
            load=_formatter,
            describe_system=_describe,
            sources=("benchwright_acme.formatter",),
        )
    ]


@hookimpl
def benchmarks() -> Iterable[BenchmarkInfo]:
    """Telling the shapes of noisy waves apart."""
    tiny = PresetInfo(
        name="tiny",
        summary="512 generated waves, matched filters",
        sample_count=512,
        dataset_name="waves",
        dataset=(),
        model=(),
        weights="computed by benchwright_acme.waves: no training",
        reference={"acc": 100.0},
        disk_bytes=400_000,
        memory_bytes=50_000_000,
        requires=("onnx",),
        sources=("benchwright_acme.waves",),
        tools=("numpy", "onnx"),
        model_files=("features.onnx", "head.onnx", "whole.onnx"),
    )
    return [
        BenchmarkInfo(
            name="waves",
            summary="shapes of noisy waves",
            family="waves",
            presets={"tiny": tiny},
            load=_waves,
            dtypes=("float32", "int64"),
            graphs=("features", "head"),
        )
    ]


@hookimpl
def programs() -> Iterable[FusedProgramInfo]:
    """The two graphs of `waves` as one, for the chip."""
    return [
        FusedProgramInfo(
            benchmark="waves",
            backend="acme",
            summary="filters and decision in one graph",
            load=_fused_waves,
            sources=("benchwright_acme.waves",),
        )
    ]


@hookimpl
def power_meters() -> Iterable[PowerMeterInfo]:
    """The board's sensor, as a file."""
    return [
        PowerMeterInfo(
            name="acme",
            summary="watts from the file that ACME_POWER_FILE names",
            available=_meter_available,
            load=_meter,
        )
    ]
