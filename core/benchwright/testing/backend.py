"""The examination of a backend: does it build, open and compute what programs ask, right, from
several threads, and does it explain what it cannot do?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from benchwright.contracts.backend import Backend, BackendInfo, Capabilities
from benchwright.contracts.program import Graph, Program, Sessions
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.testing.examination import OptionsExamination, at_once
from benchwright.testing.exercises import Batch, Exercise, dense, exercises, tokens
from benchwright.testing.verdict import (
    contents,
    explained,
    fail,
    require,
    require_close,
    require_json,
)
from benchwright.testing.workbench import (
    Running,
    at_hand,
    backend_named,
    prepare,
    require_benchmark,
)

_INSTANCES = 4
_CALLS = 200


@dataclass(frozen=True)
class BuiltEngine:
    """An exercise with the engine that the backend made of it."""

    exercise: Exercise
    backend: Backend
    folder: Path
    options: Mapping[str, Any]
    facts: Mapping[str, Any]

    def open(self, threads: int = 1) -> Callable[[Batch], list[Any]]:
        """A new instance: a function from a batch to copies of the outputs."""
        return computing(self.exercise.program, self.sessions(threads))

    def sessions(self, threads: int = 1) -> Sessions:
        """A new instance's sessions."""
        return self.backend.open(self.exercise.program, self.folder, self.options, threads)


def computing(program: Program, sessions: Sessions) -> Callable[[Batch], list[Any]]:
    """The program's driver over these sessions; outputs are copied, since the next call may
    write over them."""
    import numpy as np

    driver = program.load_driver()
    return lambda batch: [np.array(item) for item in driver(sessions, batch)]


class BackendExamination(OptionsExamination):
    """Subclass it with `info = "your backend's name"`.

    options: what to set besides the defaults; variants: further settings under each of which the
    right answers must come out as well. rtol, atol: how far floats may lie from NumPy's float32;
    batch_rtol, batch_atol: how far the same sample's answer may lie apart in batches of other
    sizes. max_batch: the largest batch tried. benchmarks: installed ones whose tiny preset is tried
    on `benchmark_samples` samples; agreement: the share of those that must be answered as ONNX
    Runtime answers them. `programs` may be overridden, to examine other
    programs than those of `benchwright.testing.exercises`.
    """

    family: ClassVar[str] = "backends"
    kind: ClassVar[str] = "backend"
    options: ClassVar[Mapping[str, Any]] = {}
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ()
    rtol: ClassVar[float] = 1e-4
    atol: ClassVar[float] = 1e-5
    batch_rtol: ClassVar[float] = 1e-5
    batch_atol: ClassVar[float] = 1e-6
    max_batch: ClassVar[int] = 32
    benchmarks: ClassVar[tuple[str, ...]] = ("resnet50",)
    benchmark_samples: ClassVar[int] = 64
    agreement: ClassVar[float] = 0.99

    @classmethod
    def programs(cls) -> list[Exercise]:
        """The exercises that the backend's capabilities allow."""
        able: Capabilities = cls.descriptor().capabilities
        found = [
            item
            for item in exercises()
            if set(item.program.graphs[0].forms) & set(able.forms)
            and item.dtypes <= set(able.dtypes)
            and (able.dynamic_axes or not item.program.ragged)
        ]
        if not found:
            fail(
                f"none of the examination's programs (ONNX; float32, int64) is for a backend that "
                f"takes {', '.join(able.forms)} and {', '.join(able.dtypes)}: override `programs`"
            )
        return found

    @classmethod
    def _build(
        cls, exercise: Exercise, place: Path, more: Mapping[str, Any] | None = None
    ) -> BuiltEngine:
        info: BackendInfo = cls.descriptor()
        given = info.load_options().model_validate({**cls.options, **(more or {})})
        options = given.model_dump(mode="json")
        engine_options = {name: options[name] for name in info.engine_options}
        model = exercise.write_model(place / "model")
        before = contents(model)
        out = place / "engine"
        out.mkdir(parents=True)
        backend = info.load()
        facts = backend.build_engine(exercise.program, model, engine_options, out)
        require(contents(model) == before, f"{exercise.name}: building changed the model's files")
        return BuiltEngine(exercise, backend, out, options, facts)

    @pytest.fixture
    def engines(self, tmp_path_factory: pytest.TempPathFactory) -> list[BuiltEngine]:
        """An engine of every program, built once for the class."""
        return self._once(
            "engines",
            lambda: [
                self._build(item, tmp_path_factory.mktemp(item.name)) for item in self.programs()
            ],
        )

    # The descriptor

    def test_the_capabilities_are_known_words(self) -> None:
        """The plan compares these words with what a benchmark states."""
        import numpy as np

        able: Capabilities = self.descriptor().capabilities
        require(able.forms, "a backend takes at least one form: onnx, torch")
        require(set(able.forms) <= {"onnx", "torch"}, f"unknown form among {able.forms}")
        require(able.devices and able.precisions, "devices and precisions must not be empty")
        for name in able.dtypes:
            try:
                good = np.dtype(name).name == name
            except TypeError:
                good = False
            require(good, f"`{name}` is no dtype of NumPy's (float32, int64, uint8, …)")

    def test_what_enters_the_engines_key_exists(self) -> None:
        """Options, tools and modules that the key is made of; a misspelt one would not count."""
        info: BackendInfo = self.descriptor()
        known = set(self._options().model_fields)
        for name in info.engine_options:
            require(name in known, f"engine_options names `{name}`, which is no option")
        self._require_tools(info.name, info.tools)
        self._require_sources(info.name, info.sources)
        require(
            info.sources,
            f"{info.name}: `sources` is empty: name the modules that build engines, or an engine "
            "that an older version of your package built is taken for current",
        )

    # Building

    def test_it_loads(self) -> None:
        """`load` gives a Backend."""
        loaded = self.descriptor().load()
        require(isinstance(loaded, Backend), f"load() gave {type(loaded).__name__}, no Backend")

    def test_an_engine_has_files_and_facts(self, engines: list[BuiltEngine]) -> None:
        """The engine is files in its folder; the facts are JSON."""
        for built in engines:
            files = contents(built.folder)
            require(files, f"{built.exercise.name}: the engine's folder is empty")
            require_json(built.facts, f"{built.exercise.name}: what build_engine returns")
            for pattern in self.descriptor().engine_files:
                for graph in built.exercise.program.graphs:
                    name = pattern.format(graph=graph.name)
                    require(name in files, f"`engine_files` names {name}, which was not written")

    def test_building_again_gives_the_same_answers(
        self, engines: list[BuiltEngine], tmp_path: Path
    ) -> None:
        """Nothing random, and nothing left over, decides what an engine computes."""
        for built in engines:
            again = self._build(built.exercise, tmp_path / built.exercise.name)
            batch = built.exercise.samples(3, 1)
            for one, two in zip(built.open()(batch), again.open()(batch), strict=True):
                require_close(two, one, f"{built.exercise.name}, built twice")

    # Computing

    def test_there_is_a_session_for_each_graph(self, engines: list[BuiltEngine]) -> None:
        """Sessions come under the graphs' names."""
        for built in engines:
            names = {graph.name for graph in built.exercise.program.graphs}
            found = set(built.sessions())
            require(found == names, f"{built.exercise.name}: sessions {found} for graphs {names}")

    def test_outputs_have_the_stated_dtypes_and_shapes(self, engines: list[BuiltEngine]) -> None:
        """As many outputs as stated, in the stated order, for one sample and for several."""
        for built in engines:
            compute = built.open()
            for count in self._sizes():
                outputs = compute(built.exercise.samples(count, count))
                specs = built.exercise.program.outputs
                require(
                    len(outputs) == len(specs),
                    f"{built.exercise.name}: {len(outputs)} outputs instead of {len(specs)}",
                )
                for output, spec in zip(outputs, specs, strict=True):
                    self._require_spec(f"{built.exercise.name}, batch {count}", output, spec, count)

    def _require_spec(self, where: str, output: Any, spec: TensorSpec, count: int) -> None:
        require(
            output.dtype.name == spec.dtype,
            f"{where}: output `{spec.name}` is {output.dtype.name}, stated as {spec.dtype}",
        )
        wanted = tuple(count if size == BATCH else size for size in spec.shape)
        require(
            output.shape == wanted,
            f"{where}: output `{spec.name}` has shape {output.shape}, stated as {wanted}",
        )

    def _sizes(self) -> list[int]:
        return sorted({1, 2, 3, self.max_batch})

    def test_the_answers_are_right(self, engines: list[BuiltEngine]) -> None:
        """From batch 1 to the largest, as NumPy computes them."""
        for built in engines:
            self._require_right(built)

    def _require_right(self, built: BuiltEngine, threads: int = 1, told: str = "") -> None:
        compute = built.open(threads)
        for count in self._sizes():
            batch = built.exercise.samples(count, 10 + count)
            wanted = built.exercise.answers(batch)
            specs = built.exercise.program.outputs
            for output, right, spec in zip(compute(batch), wanted, specs, strict=True):
                where = f"{built.exercise.name}, batch {count}, output `{spec.name}`{told}"
                require_close(output, right, where, rtol=self.rtol, atol=self.atol)

    def test_the_answers_are_right_under_every_variant(self, tmp_path: Path) -> None:
        """The options named in `variants` change speed, not answers."""
        for number, more in enumerate(self.variants):
            for exercise in self.programs():
                built = self._build(exercise, tmp_path / f"{number}-{exercise.name}", more)
                self._require_right(built, told=f" with {dict(more)}")

    def test_the_answers_are_right_with_several_compute_threads(
        self, engines: list[BuiltEngine]
    ) -> None:
        """`threads` changes speed, not answers."""
        for built in engines:
            self._require_right(built, threads=2, told=" with 2 threads")

    def test_a_dynamic_axis_takes_any_length(self, tmp_path: Path) -> None:
        """One engine serves batches of short and of long samples."""
        if not self.descriptor().capabilities.dynamic_axes:
            pytest.skip("states that it cannot do dynamic axes; the plan refuses such programs")
        if not any(item.name == "tokens" for item in self.programs()):
            pytest.skip("none of the examined programs is dynamic in length")
        compute = self._build(tokens(), tmp_path).open()
        for length in (1, 7, 5, 64):
            exercise = tokens(length)
            batch = exercise.samples(2, length)
            (found,) = compute(batch)
            (wanted,) = exercise.answers(batch)
            where = f"tokens of length {length}"
            require_close(found, wanted, where, rtol=self.rtol, atol=self.atol)

    def test_inputs_are_left_alone(self, engines: list[BuiltEngine]) -> None:
        """Samples are used again: a session never writes into what it is given."""
        for built in engines:
            batch = built.exercise.samples(4, 3)
            kept = {name: array.copy() for name, array in batch.items()}
            built.open()(batch)
            for name, array in batch.items():
                require_close(array, kept[name], f"{built.exercise.name}: input `{name}` changed")

    def test_nothing_is_printed(
        self, engines: list[BuiltEngine], capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Standard output belongs to whoever runs the benchmark."""
        for built in engines:
            built.open()(built.exercise.samples(1, 1))
        out = capfd.readouterr().out
        require(not out, f"opening and computing prints: {out[:200]!r}")

    def test_real_benchmarks_are_answered(self, tmp_path: Path) -> None:
        """The tiny presets of real benchmarks, preprocessed and encoded, as ONNX Runtime answers
        them."""
        info: BackendInfo = self.descriptor()
        able = info.capabilities
        tried = 0
        for name in self.benchmarks:
            benchmark = require_benchmark(name)
            fits = set(benchmark.dtypes) <= set(able.dtypes) and set(benchmark.forms) & set(
                able.forms
            )
            for preset in at_hand(benchmark) if fits else ():
                item = prepare(benchmark, preset, tmp_path / name / preset.name)
                encoder, store = item.benchmark.encoder(preset.name), item.store()
                indices = list(range(min(store.count, self.benchmark_samples)))
                mine, other = (
                    Running(item.program(), backend, item.model, tmp_path / name / kind, encoder)
                    for kind, backend in (("mine", info), ("other", backend_named("onnxruntime")))
                )
                both = zip(mine.answers(store, indices), other.answers(store, indices), strict=True)
                same = sum(one == two for one, two in both)
                require(
                    same >= self.agreement * len(indices),
                    f"{name}, preset {preset.name}: {same} of {len(indices)} samples are answered "
                    f"as ONNX Runtime answers them; needed: {self.agreement:.0%}",
                )
                tried += 1
        if not tried:
            pytest.skip("none of `benchmarks` fits the backend's capabilities")

    # Determinism

    def test_the_same_input_gives_the_same_output(self, engines: list[BuiltEngine]) -> None:
        """Bit by bit, with other batches in between."""
        for built in engines:
            compute = built.open()
            batch, other = built.exercise.samples(3, 5), built.exercise.samples(5, 6)
            first = compute(batch)
            compute(other)
            for one, two in zip(first, compute(batch), strict=True):
                require_close(two, one, f"{built.exercise.name}: the same batch again")

    def test_splitting_a_batch_changes_nothing(self, engines: list[BuiltEngine]) -> None:
        """A sample's answer does not depend on who shares the batch, beyond the tolerance."""
        import numpy as np

        for built in engines:
            compute = built.open()
            count = max(self.max_batch, 2)
            batch = built.exercise.samples(count, 7)
            whole = compute(batch)
            cut = count // 2
            parts = [
                compute({name: np.ascontiguousarray(array[part]) for name, array in batch.items()})
                for part in (slice(0, 1), slice(1, cut), slice(cut, count))
                if part.start < part.stop
            ]
            for number, spec in enumerate(built.exercise.program.outputs):
                require_close(
                    np.concatenate([part[number] for part in parts]),
                    whole[number],
                    f"{built.exercise.name}, output `{spec.name}`: batch of {count} cut in three",
                    rtol=self.batch_rtol,
                    atol=self.batch_atol,
                )

    # Threads

    def test_instances_compute_at_the_same_time(self, engines: list[BuiltEngine]) -> None:
        """Instances opened by one thread, each used by one of several threads at once, answer as
        a lone instance does."""
        for built in engines:
            lone = built.open()
            batches = [built.exercise.samples(2, seed) for seed in range(_INSTANCES * 5)]
            wanted = [lone(batch) for batch in batches]
            calls = [
                self._turn(built.open(), batches[number::_INSTANCES])
                for number in range(_INSTANCES)
            ]
            for number, found in enumerate(at_once(calls)):
                right = wanted[number::_INSTANCES] * 3
                for one, two in zip(found, right, strict=True):
                    for output, answer in zip(one, two, strict=True):
                        where = f"{built.exercise.name}, {_INSTANCES} instances at once"
                        require_close(output, answer, where)

    @staticmethod
    def _turn(
        compute: Callable[[Batch], list[Any]], batches: list[Batch]
    ) -> Callable[[], list[list[Any]]]:
        return lambda: [compute(batch) for _ in range(3) for batch in batches]

    # Errors

    def test_a_missing_model_file_is_told(self, tmp_path: Path) -> None:
        """The file is named."""
        exercise = self._first()
        (tmp_path / "model").mkdir()
        explained(
            lambda: self._try(exercise.program, tmp_path),
            "a model folder without the graph's file",
            mentions=self._file(exercise),
        )

    def test_a_damaged_model_is_told(self, tmp_path: Path) -> None:
        """A file that is no model is refused by name."""
        exercise = self._first()
        exercise.write_model(tmp_path / "model")
        name = self._file(exercise)
        (tmp_path / "model" / name).write_bytes(b"this is no model " * 20)
        explained(
            lambda: self._try(exercise.program, tmp_path), "a damaged model file", mentions=name
        )

    def test_a_tensor_that_the_model_lacks_is_told(self, tmp_path: Path) -> None:
        """A graph that names another output than its file has is refused when it is built."""
        exercise = self._first()
        exercise.write_model(tmp_path / "model")
        (graph,) = exercise.program.graphs
        wrong = replace(graph.outputs[0], name="no_such_tensor")
        program = replace(exercise.program, graphs=(replace(graph, outputs=(wrong,)),))
        explained(
            lambda: self._try(program, tmp_path),
            "an output that the model does not have",
            mentions="no_such_tensor",
        )

    def test_a_graph_in_no_form_is_told(self, tmp_path: Path) -> None:
        """A graph that has none of the backend's forms is refused by name."""
        graph = Graph("main", (), ())
        (tmp_path / "model").mkdir()
        explained(
            lambda: self._try(Program("formless", (graph,), (), ()), tmp_path),
            "a graph without any form",
            mentions="main",
        )

    def test_a_missing_engine_is_told(self, engines: list[BuiltEngine], tmp_path: Path) -> None:
        """Opening an empty folder says which file is missing."""
        built, empty = engines[0], tmp_path / "empty"
        empty.mkdir()
        explained(
            lambda: replace(built, folder=empty).sessions(),
            "an engine folder without files",
            mentions=str(empty),
        )

    def _first(self) -> Exercise:
        found = [item for item in self.programs() if len(item.program.graphs) == 1]
        return found[0] if found else dense()

    @staticmethod
    def _file(exercise: Exercise) -> str:
        graph = exercise.program.graphs[0]
        return graph.onnx or (graph.torch.weights if graph.torch is not None else "")

    def _try(self, program: Program, place: Path) -> None:
        info: BackendInfo = self.descriptor()
        options = info.load_options().model_validate(dict(self.options)).model_dump(mode="json")
        out = place / "engine"
        out.mkdir(exist_ok=True)
        engine_options = {name: options[name] for name in info.engine_options}
        backend = info.load()
        backend.build_engine(program, place / "model", engine_options, out)
        backend.open(program, out, options, 1)

    # Overhead

    def test_the_overhead_of_a_call(
        self, engines: list[BuiltEngine], request: pytest.FixtureRequest
    ) -> None:
        """The median time of one sample through the smallest program, reported."""
        built = engines[0]
        compute = built.open()
        batch = built.exercise.samples(1, 1)
        times = list(_times(lambda: compute(batch)))
        self._report(
            request,
            "call_s",
            statistics.median(times),
            f"one sample of `{built.exercise.name}`",
        )


def _times(call: Callable[[], Any]) -> Iterator[float]:
    call()
    end = time.perf_counter() + 1.0
    for _ in range(_CALLS):
        begin = time.perf_counter()
        call()
        now = time.perf_counter()
        yield now - begin
        if now > end:
            return
