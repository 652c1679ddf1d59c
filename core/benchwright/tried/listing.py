"""The benchmarks that tried models amount to, as descriptors: planning reads their descriptions
and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo, Presets
from benchwright.contracts.source import Checksum, Local
from benchwright.tried import described
from benchwright.tried.described import PRESET, Description, Source

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import Benchmark

SCENARIOS = ("SingleStream", "MultiStream", "Server", "Offline")

TOKEN_SCENARIOS = ("SingleStream", "Offline")
"""Those that a model runs which generates tokens."""

_SOURCES = (
    "benchwright.tried.benchmark",
    "benchwright.tried.driver",
    "benchwright.tried.samples",
    "benchwright.tried.generation",
)


def benchmarks() -> Iterator[BenchmarkInfo]:
    """One for each description below this folder."""
    for name in described.names():
        found = described.parse(described.file_of(name))
        yield benchmark_of(found)


def benchmark_of(found: Description) -> BenchmarkInfo:
    """The descriptor of a tried model."""

    def load() -> Benchmark:
        from benchwright.tried.benchmark import TriedModel

        return TriedModel(found.name)

    tensors = [item for graph in found.graphs for item in (*graph.inputs, *graph.outputs)]
    return BenchmarkInfo(
        name=found.name,
        summary=f"tried: {found.title}",
        family=found.name,
        presets=Presets({PRESET: lambda: _preset(found)}),
        load=load,
        scenarios=TOKEN_SCENARIOS if found.generates else SCENARIOS,
        forms=("onnx", "torch") if all(graph.torch for graph in found.graphs) else ("onnx",),
        dtypes=tuple(sorted({dtype for _, dtype, _ in tensors})),
        dynamic_axes=any(isinstance(dim, str) for _, _, shape in tensors for dim in shape),
        graphs=tuple(graph.name for graph in found.graphs),
    )


def _preset(found: Description) -> PresetInfo:
    size = sum(source.size for source in found.sources)
    data = () if found.data is None else (_local(found.data),)
    facts = found.facts
    return PresetInfo(
        name=PRESET,
        summary=f"{found.title}, with random inputs" if found.data is None else found.title,
        sample_count=found.samples,
        dataset_name=f"{found.name}-inputs",
        # The description decides what is built, as much as the files do.
        dataset=(*data, _description(found)),
        model=(*map(_local, found.sources), _description(found)),
        weights=str(facts.get("weights") or found.title),
        speed_only=True,
        preliminary=True,
        facts={
            "model": found.title,
            "asked": dict(found.request),
            **{f"content of {item.name}": item.sha256 for item in found.sources},
            **{name: value for name, value in facts.items() if name not in ("remarks", "cache")},
        },
        input_data_types="fp32",
        weight_data_types="fp32",
        disk_bytes=2 * size + 2 * int(facts.get("sample_bytes", 0)) * found.samples,
        memory_bytes=2 * size + 200_000_000,
        sources=_SOURCES,
        tools=("numpy",),
        model_files=tuple(graph.file for graph in found.graphs),
    )


def _local(source: Source) -> Local:
    return Local(source.name, source.path, Checksum("sha256", source.sha256), source.size)


def _description(found: Description) -> Local:
    path = described.file_of(found.name)
    return Local("tried.json", str(path), Checksum("sha256", found.sha256))
