"""The examination of a fused program: it answers as the benchmark's plain program does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from benchwright.contracts.program import FusedProgramInfo, Program
from benchwright.errors import did_you_mean
from benchwright.testing.examination import Examination, at_once, installed
from benchwright.testing.verdict import contents, fail, require
from benchwright.testing.workbench import (
    BATCH_SIZE,
    Prepared,
    Running,
    at_hand,
    backend_named,
    prepare,
)


class FusedProgramExamination(Examination):
    """Subclass it with `info = ("benchmark", "backend")`.

    presets: which to examine; by default all that need no download. reference: the backend that
    runs the plain program. agreement: the share of samples whose encoded responses must be the
    same bytes as the plain program's. samples: how many are compared at most.
    """

    kind: ClassVar[str] = "fused program"
    presets: ClassVar[tuple[str, ...]] = ()
    reference: ClassVar[str] = "onnxruntime"
    agreement: ClassVar[float] = 1.0
    samples: ClassVar[int] = 1024

    @classmethod
    def descriptor(cls) -> FusedProgramInfo:
        """What the hook hands over."""
        if isinstance(cls.info, FusedProgramInfo):
            return cls.info
        known = installed().programs
        if cls.info not in known:
            near = did_you_mean(str(cls.info), [str(pair) for pair in known])
            fail(f"no plugin of this environment brings a fused program for {cls.info}; {near}")
        return known[cls.info]

    def test_the_descriptor_names_it(self) -> None:
        """It is for a benchmark and a backend that exist."""
        info = self.descriptor()
        require(info.summary.strip(), "the summary must say what it is")
        for kind, name, known in (
            ("benchmark", info.benchmark, installed().benchmarks),
            ("backend", info.backend, installed().backends),
        ):
            near = did_you_mean(name, known)
            require(name in known, f"there is no {kind} `{name}` in this environment; {near}")
        require(info.sources, "`sources` is empty: name the modules that the program comes from")
        self._require_sources("the fused program", info.sources)

    @pytest.fixture
    def pairs(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> list[tuple[Prepared, Program, Running, Running]]:
        """For each preset: the fused program, itself running, and the plain one running."""
        return self._once("pairs", lambda: list(self._pairs(tmp_path_factory.mktemp("fused"))))

    def _pairs(self, place: Path) -> Any:
        info = self.descriptor()
        benchmark = installed().benchmarks[info.benchmark]
        for preset in at_hand(benchmark, self.presets):
            item = prepare(benchmark, preset, place / preset.name)
            fused = info.load(preset.name)
            require(isinstance(fused, Program), f"load() gave {type(fused).__name__}, no Program")
            names = tuple(graph.name for graph in fused.graphs)
            require(
                set(names) == set(info.graphs), f"its graphs are {names}, stated as {info.graphs}"
            )
            files = contents(item.model)
            for graph in fused.graphs:
                require(
                    graph.onnx is None or graph.onnx in files,
                    f"graph `{graph.name}` names {graph.onnx}, which the model artifact lacks",
                )
            encoder = item.benchmark.encoder(preset.name)
            engine = place / preset.name / "engine"
            mine = Running(fused, backend_named(info.backend), item.model, engine, encoder)
            other = Running(
                item.program(),
                backend_named(self.reference),
                item.model,
                place / preset.name / "plain",
                encoder,
            )
            yield item, fused, mine, other

    def test_it_takes_the_samples_of_the_plain_program(
        self, pairs: list[tuple[Prepared, Program, Running, Running]]
    ) -> None:
        """Samples are preprocessed once, for whichever program runs."""
        for item, fused, _, _ in pairs:
            plain = item.program()
            require(
                fused.inputs == plain.inputs,
                f"{item.preset.name}: takes {fused.inputs}, the plain program {plain.inputs}",
            )

    def test_it_answers_as_the_plain_program(
        self, pairs: list[tuple[Prepared, Program, Running, Running]]
    ) -> None:
        """The same bytes in the accuracy log, whatever the batch."""
        for item, _, mine, other in pairs:
            store = item.store()
            count = min(store.count, self.samples)
            for size in (1, BATCH_SIZE):
                same = 0
                for start in range(0, count, size):
                    part = list(range(start, min(start + size, count)))
                    both = zip(mine.answers(store, part), other.answers(store, part), strict=True)
                    same += sum(one == two for one, two in both)
                require(
                    same >= self.agreement * count,
                    f"{item.preset.name}, batches of {size}: {same} of {count} samples are "
                    f"answered as the plain program answers them; needed: {self.agreement:.2%}",
                )

    def test_the_same_samples_give_the_same_answers(
        self, pairs: list[tuple[Prepared, Program, Running, Running]]
    ) -> None:
        """Twice, with others in between."""
        for item, _, mine, _ in pairs:
            store = item.store()
            first = mine.answers(store, [0, 1])
            mine.answers(store, [1])
            require(mine.answers(store, [0, 1]) == first, "the same batch is answered differently")

    def test_it_loads_in_several_threads(self) -> None:
        """The program is data: loading it again gives an equal one."""
        info = self.descriptor()
        presets = at_hand(installed().benchmarks[info.benchmark], self.presets)
        for preset in presets:
            loaded = at_once([lambda name=preset.name: info.load(name)] * 2)  # type: ignore[misc]
            require(
                loaded[0].graphs == loaded[1].graphs, "loaded twice, the graphs are not the same"
            )
