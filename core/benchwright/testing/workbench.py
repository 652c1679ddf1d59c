"""A benchmark taken through its stages without a campaign: model, data set, samples, responses."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchwright.build.recipe import Kitchen, Recipe
from benchwright.contracts.backend import BackendInfo
from benchwright.contracts.benchmark import Benchmark, BenchmarkInfo, Encoder, PresetInfo
from benchwright.contracts.program import Program
from benchwright.contracts.source import Packaged
from benchwright.progress import silent
from benchwright.testing.examination import installed
from benchwright.testing.verdict import fail

if TYPE_CHECKING:
    from benchwright.harness.accuracy_log import Entry
    from benchwright.harness.samples import SampleStore

BATCH_SIZE = 32


@dataclass(frozen=True)
class Prepared:
    """One preset, built: folders of model, data set and samples."""

    info: BenchmarkInfo
    preset: PresetInfo
    benchmark: Benchmark
    model: Path
    dataset: Path
    samples: Path

    def store(self) -> SampleStore:
        """The preprocessed samples."""
        from benchwright.harness.samples import SampleStore

        return SampleStore.open(self.samples)

    def program(self) -> Program:
        """The benchmark's plain program."""
        return self.benchmark.program(self.preset.name)


def at_hand(info: BenchmarkInfo, wanted: Sequence[str] = ()) -> list[PresetInfo]:
    """The presets to examine: those named, or all that need no download and are for more than
    speed."""
    if wanted:
        return [info.presets[name] for name in wanted]
    return [
        preset
        for preset in info.presets.values()
        if not preset.speed_only
        and all(isinstance(item, Packaged) for item in (*preset.dataset, *preset.model))
    ]


def assemble_model(benchmark: Benchmark, preset: PresetInfo, place: Path) -> Path:
    """Builds the model into `place/model`."""
    out = place / "model"
    out.mkdir(parents=True)
    sources = _obtain(preset.model, place / "model-sources")
    benchmark.assemble_model(preset.name, sources, out, silent)
    return out


def assemble_dataset(benchmark: Benchmark, preset: PresetInfo, place: Path) -> Path:
    """Builds the data set into `place/dataset`."""
    out = place / "dataset"
    sources = _obtain(preset.dataset, place / "dataset-sources")
    benchmark.assemble_dataset(preset.name, sources, out, silent)
    return out


def preprocess(benchmark: Benchmark, preset: PresetInfo, dataset: Path, place: Path) -> Path:
    """Writes the samples into `place/samples`."""
    from benchwright.harness.samples import SampleWriter

    out = place / "samples"
    out.mkdir(parents=True)
    count = benchmark.validate_dataset(preset.name, dataset)
    with SampleWriter(out, benchmark.program(preset.name).inputs, count) as writer:
        benchmark.preprocess(preset.name, dataset, writer, silent)
    return out


def prepare(info: BenchmarkInfo, preset: PresetInfo, place: Path) -> Prepared:
    """Takes a preset through all its stages."""
    benchmark = info.load()
    model = assemble_model(benchmark, preset, place)
    dataset = assemble_dataset(benchmark, preset, place)
    samples = preprocess(benchmark, preset, dataset, place)
    return Prepared(info, preset, benchmark, model, dataset, samples)


def _obtain(sources: Any, place: Path) -> Mapping[str, Path]:
    from benchwright.steps.sources import obtain

    place.mkdir(parents=True)
    recipe = Recipe(task="examination", call="", folder=str(place / "artifact"))
    kitchen = Kitchen(recipe, place, io.StringIO())
    return obtain(sources, place / "downloads", kitchen)


def backend_named(name: str) -> BackendInfo:
    """An installed backend."""
    found = installed().backends.get(name)
    if found is None:
        fail(f"no plugin of this environment brings the backend `{name}`")
    return found


def require_benchmark(name: str) -> BenchmarkInfo:
    """An installed benchmark; skips where there is none of the name."""
    found = installed().benchmarks.get(name)
    if found is None:
        pytest.skip(f"the benchmark `{name}` is not installed here")
    return found


class Running:
    """A program on a backend, ready to answer samples by index."""

    def __init__(
        self, program: Program, backend: BackendInfo, model: Path, place: Path, encoder: Encoder
    ) -> None:
        options = backend.load_options()().model_dump(mode="json")
        loaded = backend.load()
        place.mkdir(parents=True)
        engine_options = {name: options[name] for name in backend.engine_options}
        loaded.build_engine(program, model, engine_options, place)
        self._sessions = loaded.open(program, place, options, 1)
        self._driver = program.load_driver()
        self._encoder = encoder

    def outputs(self, store: SampleStore, indices: Sequence[int]) -> list[Any]:
        """Copies of the program's outputs for these samples, as one batch."""
        batch = store.load(indices).slice(0, len(indices))
        return [_copied(item) for item in self._driver(self._sessions, batch)]

    def answers(self, store: SampleStore, indices: Sequence[int]) -> list[bytes]:
        """The encoded responses for these samples, computed as one batch."""
        import numpy as np

        encoded = self._encoder(self.outputs(store, indices), np.asarray(indices, np.int64))
        return rows_of(encoded)

    def entries(self, store: SampleStore, size: int = BATCH_SIZE) -> Iterator[Entry]:
        """The accuracy log of all samples in order, in batches of a size."""
        from benchwright.harness.accuracy_log import Entry

        for start in range(0, store.count, size):
            indices = list(range(start, min(start + size, store.count)))
            for index, data in zip(indices, self.answers(store, indices), strict=True):
                yield Entry(seq_id=index, qsl_idx=index, data=data)


def _copied(output: Any) -> Any:
    """An output of a program: an array, or a list of arrays of different sizes."""
    import numpy as np

    if isinstance(output, np.ndarray):
        return np.array(output)
    return [np.array(item) for item in output]


def rows_of(encoded: Any) -> list[bytes]:
    """The bytes of each response of an encoder's answer."""
    import numpy as np

    return [np.ascontiguousarray(row).tobytes() for row in encoded]
