"""The examination of a benchmark: its files, program, samples, encoder and score."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from benchwright.contracts.benchmark import Benchmark, BenchmarkInfo, Score
from benchwright.errors import BenchwrightError
from benchwright.rounds import SCENARIOS
from benchwright.testing.examination import Examination, at_once
from benchwright.testing.verdict import contents, explained, fail, require
from benchwright.testing.workbench import (
    Prepared,
    Running,
    assemble_dataset,
    assemble_model,
    at_hand,
    backend_named,
    prepare,
    preprocess,
    rows_of,
)

if TYPE_CHECKING:
    from benchwright.harness.accuracy_log import Entry


class BenchmarkExamination(Examination):
    """Subclass it with `info = "your benchmark's name"`.

    presets: which to examine; by default all that need no download. backend: what computes the
    program. accuracy_tolerance: by how much a metric may lie below the preset's reference, in the
    metric's unit (a two-hundredth of the reference where that is more). bound_s bounds the encoding
    of one sample.
    """

    family: ClassVar[str] = "benchmarks"
    kind: ClassVar[str] = "benchmark"
    presets: ClassVar[tuple[str, ...]] = ()
    backend: ClassVar[str] = "onnxruntime"
    accuracy_tolerance: ClassVar[float] = 0.5

    @pytest.fixture
    def prepared(self, tmp_path_factory: pytest.TempPathFactory) -> list[Prepared]:
        """Every examined preset, built once for the class."""
        info: BenchmarkInfo = self.descriptor()
        presets = at_hand(info, self.presets)
        if not presets:
            pytest.skip("every preset needs a download: name in `presets` what may be fetched")
        return self._once(
            "prepared",
            lambda: [prepare(info, item, tmp_path_factory.mktemp(item.name)) for item in presets],
        )

    @pytest.fixture
    def running(
        self, prepared: list[Prepared], tmp_path_factory: pytest.TempPathFactory
    ) -> list[tuple[Prepared, Running]]:
        """Every examined preset with its program on the backend."""
        return self._once(
            "running",
            lambda: [
                (item, _running(item, self.backend, tmp_path_factory.mktemp("engine") / "out"))
                for item in prepared
            ],
        )

    # The descriptor

    def test_the_descriptor_is_whole(self) -> None:
        """Scenarios, presets and what enters keys."""
        info: BenchmarkInfo = self.descriptor()
        require(info.presets, "there is no preset")
        require(
            info.scenarios and set(info.scenarios) <= set(SCENARIOS),
            f"scenarios {info.scenarios}: allowed are {', '.join(SCENARIOS)}",
        )
        require(0 < info.quality <= 1, f"quality {info.quality} is no share of the reference")
        for name, preset in info.presets.items():
            require(preset.name == name, f"preset `{preset.name}` is registered as `{name}`")
            require(preset.sample_count > 0, f"preset `{name}`: sample_count must be positive")
            require(preset.dataset_name, f"preset `{name}`: dataset_name is empty")
            require(preset.weights, f"preset `{name}`: say in `weights` where they come from")
            require(
                preset.sources,
                f"preset `{name}`: `sources` is empty: name the modules that decide what is "
                "built, or what an older version of your package built is taken for current",
            )
            self._require_sources(f"preset `{name}`", preset.sources)
        for preset in at_hand(info, self.presets):
            self._require_tools(f"preset `{preset.name}`", preset.tools)

    def test_it_loads(self) -> None:
        """`load` gives a Benchmark."""
        loaded = self.descriptor().load()
        require(isinstance(loaded, Benchmark), f"load() gave {type(loaded).__name__}, no Benchmark")

    def test_the_program_is_what_the_descriptor_states(self, prepared: list[Prepared]) -> None:
        """The plan decides by the descriptor which backends can run the program."""
        info: BenchmarkInfo = self.descriptor()
        for item in prepared:
            program = item.program()
            names = {graph.name for graph in program.graphs}
            require(names == set(info.graphs), f"graphs are {names}, stated as {info.graphs}")
            require(program.inputs, f"{program.name} takes no input")
            for graph in program.graphs:
                require(
                    set(graph.forms) >= set(info.forms),
                    f"graph `{graph.name}` comes as {graph.forms}, stated as {info.forms}",
                )
                for spec in (*graph.inputs, *graph.outputs):
                    require(
                        spec.dtype in info.dtypes,
                        f"`{spec.name}` of `{graph.name}` is {spec.dtype}, which `dtypes` "
                        "does not state",
                    )
                    require(
                        info.dynamic_axes or not any(isinstance(size, str) for size in spec.shape),
                        f"`{spec.name}` has the shape {spec.shape}: state dynamic_axes=True",
                    )

    # What is built

    def test_the_model_holds_what_the_program_names(self, prepared: list[Prepared]) -> None:
        """Every graph's file, and every file that other builds may depend on."""
        for item in prepared:
            files = contents(item.model)
            named = {graph.onnx for graph in item.program().graphs if graph.onnx is not None}
            for name in sorted(named | set(item.preset.model_files)):
                require(name in files, f"the model artifact has no {name}")

    def test_what_is_built_twice_is_the_same(
        self, prepared: list[Prepared], tmp_path: Path
    ) -> None:
        """Byte by byte: model, data set and samples."""
        for item in prepared:
            place = tmp_path / item.preset.name
            benchmark = self.descriptor().load()
            again = {
                "the model": (item.model, assemble_model(benchmark, item.preset, place)),
                "the data set": (item.dataset, assemble_dataset(benchmark, item.preset, place)),
                "the samples": (
                    item.samples,
                    preprocess(benchmark, item.preset, item.dataset, place),
                ),
            }
            for what, (one, two) in again.items():
                first, second = contents(one), contents(two)
                differing = [name for name in first | second if first.get(name) != second.get(name)]
                require(not differing, f"{what}, built twice, differs in {', '.join(differing)}")

    def test_the_data_set_has_the_stated_number_of_samples(self, prepared: list[Prepared]) -> None:
        """The plan's estimates and loadgen's settings rest on it."""
        for item in prepared:
            found = item.benchmark.validate_dataset(item.preset.name, item.dataset)
            require(
                found == item.preset.sample_count,
                f"{item.preset.name}: {found} samples, stated as {item.preset.sample_count}",
            )

    def test_a_data_set_that_lacks_its_files_is_told(
        self, prepared: list[Prepared], tmp_path: Path
    ) -> None:
        """The user's own folder may be any folder: the error names it."""
        empty = tmp_path / "empty"
        empty.mkdir()
        for item in prepared:
            name = item.preset.name
            explained(
                lambda item=item, name=name: item.benchmark.validate_dataset(name, empty),  # type: ignore[misc]
                "an empty data set folder",
                mentions=str(empty),
            )

    # Computing

    def test_responses_have_rows_of_bytes(self, running: list[tuple[Prepared, Running]]) -> None:
        """One C-contiguous row, or one array, for each sample of a batch."""
        import numpy as np

        for item, computing in running:
            encoder = item.benchmark.encoder(item.preset.name)
            for count in (1, 2, 5):
                indices = np.arange(count)
                encoded = encoder(computing.outputs(item.store(), list(range(count))), indices)
                require(len(encoded) == count, f"{len(encoded)} responses for {count} samples")
                if isinstance(encoded, np.ndarray):
                    require(encoded.flags.c_contiguous, "the encoded rows are not C-contiguous")
                require(all(rows_of(encoded)), "a response has no bytes")

    def test_splitting_a_batch_changes_no_response(
        self, running: list[tuple[Prepared, Running]]
    ) -> None:
        """A sample's bytes do not depend on who shares the batch."""
        for item, computing in running:
            store = item.store()
            count = min(16, store.count)
            whole = computing.answers(store, list(range(count)))
            alone = [computing.answers(store, [index])[0] for index in range(count)]
            wrong = [index for index in range(count) if whole[index] != alone[index]]
            require(not wrong, f"samples {wrong} are answered otherwise when they are alone")

    def test_encoding_from_several_threads(self, running: list[tuple[Prepared, Running]]) -> None:
        """Instances encode at the same time, each with an encoder of its own."""
        import numpy as np

        for item, computing in running:
            outputs = computing.outputs(item.store(), [0])
            index = np.zeros(1, np.int64)
            alone = rows_of(item.benchmark.encoder(item.preset.name)(outputs, index))

            def encode(item: Prepared = item, outputs: Any = outputs) -> list[list[bytes]]:
                encoder = item.benchmark.encoder(item.preset.name)
                return [rows_of(encoder(outputs, np.zeros(1, np.int64))) for _ in range(50)]

            for answers in at_once([encode] * 4):
                require(all(found == alone for found in answers), "threads encode differently")

    # Scoring

    def test_the_score_reaches_the_reference(self, running: list[tuple[Prepared, Running]]) -> None:
        """All samples, answered by the backend: every sample counts, and the metrics are what the
        preset states."""
        for item, computing in running:
            score = self._score(item, list(computing.entries(item.store())))
            require(
                score.samples == item.preset.sample_count,
                f"{score.samples} samples scored of {item.preset.sample_count}",
            )
            require(score.values and score.text.strip(), f"the score says nothing: {score}")
            require(
                all(math.isfinite(value) for value in score.values.values()),
                f"not finite: {dict(score.values)}",
            )
            for metric, reference in (item.preset.reference or {}).items():
                found = score.values.get(metric)
                if found is None:
                    fail(f"the reference names `{metric}`, the score has {list(score.values)}")
                # A metric may be a count of thousands: a two-hundredth of it is as little.
                tolerance = max(self.accuracy_tolerance, reference / 200)
                require(
                    found >= reference - tolerance,
                    f"{metric} is {found:.3f}; the preset's reference is {reference}",
                )

    def test_the_order_of_responses_does_not_matter(
        self, running: list[tuple[Prepared, Running]]
    ) -> None:
        """loadgen answers in any order, and may answer a sample twice."""
        for item, computing in running:
            entries = list(computing.entries(item.store()))
            first = self._score(item, entries)
            turned = self._score(item, [*reversed(entries), *entries[:3]])
            require(
                turned.samples == first.samples and turned.values == first.values,
                f"in another order, three samples twice: {turned}; before: {first}",
            )

    def test_wrong_responses_lower_the_score(self, running: list[tuple[Prepared, Running]]) -> None:
        """The score looks at the responses: those of other samples must not do as well, or are
        refused."""
        for item, computing in running:
            entries = list(computing.entries(item.store()))
            count = len(entries)
            moved = [
                replace(entry, data=entries[(number + count // 2) % count].data)
                for number, entry in enumerate(entries)
            ]
            good = self._score(item, entries)
            metric = next(iter(good.values))
            try:
                bad = self._score(item, moved)
            except BenchwrightError:
                continue
            require(
                bad.values[metric] < good.values[metric],
                f"responses of other samples score {bad.values[metric]}, the right ones "
                f"{good.values[metric]}",
            )

    def test_responses_that_cannot_be_scored_are_told(
        self, running: list[tuple[Prepared, Running]]
    ) -> None:
        """An index outside the data set, and a response that is cut short. One without any bytes
        may mean that nothing was recognised."""
        for item, computing in running:
            entry = next(computing.entries(item.store(), 1))
            for what, wrong in (
                ("a sample outside the data set", replace(entry, qsl_idx=10**7)),
                ("a response cut short to one byte", replace(entry, data=entry.data[:1])),
            ):
                explained(
                    lambda item=item, wrong=wrong: self._score(item, [wrong]),  # type: ignore[misc]
                    what,
                    mentions=str(wrong.qsl_idx),
                )

    def test_no_response_at_all_counts_none(self, prepared: list[Prepared]) -> None:
        """An empty log: no sample scored, or an error that explains itself."""
        for item in prepared:
            try:
                score = self._score(item, [])
            except BenchwrightError:
                continue
            require(score.samples == 0, f"no response, but {score.samples} samples scored")

    @staticmethod
    def _score(item: Prepared, entries: list[Entry]) -> Score:
        return item.benchmark.score(item.preset.name, item.dataset, iter(entries))

    # Overhead

    def test_the_overhead_of_encoding(
        self,
        running: list[tuple[Prepared, Running]],
        request: pytest.FixtureRequest,
    ) -> None:
        """What the encoder adds to each response, reported."""
        import numpy as np

        item, computing = running[0]
        outputs = computing.outputs(item.store(), [0])
        encoder, index = item.benchmark.encoder(item.preset.name), np.zeros(1, np.int64)
        encoder(outputs, index)
        begin = time.perf_counter()
        for _ in range(200):
            encoder(outputs, index)
        taken = (time.perf_counter() - begin) / 200
        self._report(request, "encode_s", taken, "encoding one sample")


def _running(item: Prepared, backend: str, place: Path) -> Running:
    encoder = item.benchmark.encoder(item.preset.name)
    return Running(item.program(), backend_named(backend), item.model, place, encoder)
