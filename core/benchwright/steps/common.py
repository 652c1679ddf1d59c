"""What several steps share: the plugins of this process, and looking things up in them."""

from __future__ import annotations

from functools import cache

from benchwright.contracts.benchmark import Benchmark, BenchmarkInfo, PresetInfo
from benchwright.contracts.program import Program
from benchwright.plugins import Registry, lookup


@cache
def registry() -> Registry:
    """The plugins, loaded once for all tasks that run in this process."""
    return Registry()


def preset_of(benchmark: str, preset: str) -> tuple[BenchmarkInfo, PresetInfo]:
    """The descriptors of a benchmark and of one of its presets."""
    info = lookup("benchmark", benchmark, registry().benchmarks)
    return info, lookup("preset", preset, info.presets)


def load_benchmark(benchmark: str) -> Benchmark:
    """The real thing behind a benchmark's name."""
    return lookup("benchmark", benchmark, registry().benchmarks).load()


def program_of(benchmark: str, preset: str, backend: str) -> Program:
    """The fused program of this pair where a plugin offers one, else the benchmark's own."""
    fused = registry().programs.get((benchmark, backend))
    if fused is not None:
        return fused.load(preset)
    return load_benchmark(benchmark).program(preset)
