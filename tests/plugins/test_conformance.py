"""The built-in plugins pass the examinations that vendors' plugins are put to."""

from __future__ import annotations

from typing import ClassVar

import pytest

from benchwright.distributions import NOT_INSTALLED, tool_version
from benchwright.testing import (
    FAKE,
    BackendExamination,
    BenchmarkExamination,
    FormatterExamination,
    PowerMeterExamination,
    ProbeExamination,
    QuantizerExamination,
)


class TestOnnxRuntime(BackendExamination):
    info = "onnxruntime"
    variants = ({"graph_optimization": "disabled"}, {"spinning": True, "memory_pattern": False})


class TestOnnxRuntimeInt8(QuantizerExamination):
    info = "onnxruntime-int8"


WITH_OPENVINO = pytest.mark.skipif(
    tool_version("openvino") == NOT_INSTALLED, reason="openvino is not installed"
)


@WITH_OPENVINO
class TestOpenVinoBf16(QuantizerExamination):
    info = "openvino-bf16"


@WITH_OPENVINO
class TestOpenVino(BackendExamination):
    info = "openvino"
    variants = (
        {"streams": 2},
        {"performance_hint": "throughput", "pinning": True, "hyper_threading": False},
    )


class TestFake(BackendExamination):
    info = FAKE
    options: ClassVar[dict[str, float]] = {"latency_ms": 0.05}


class TestResnet50(BenchmarkExamination):
    info = "resnet50"


class TestRetinanet(BenchmarkExamination):
    info = "retinanet"


class TestUnet3d(BenchmarkExamination):
    info = "3d-unet-99"
    presets = ("tiny",)
    accuracy_tolerance = 0.002


class TestBert(BenchmarkExamination):
    info = "bert-99"


class TestLinux(ProbeExamination):
    info = "linux"


class TestMlperf(FormatterExamination):
    info = "mlperf"


class TestTable(FormatterExamination):
    info = "table"


class TestRapl(PowerMeterExamination):
    info = "rapl"
