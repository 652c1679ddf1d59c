"""rnnt passes the examination that vendors' benchmarks are put to."""

from __future__ import annotations

from benchwright.testing import BenchmarkExamination


class TestRnnt(BenchmarkExamination):
    info = "rnnt"
    presets = ("tiny",)
