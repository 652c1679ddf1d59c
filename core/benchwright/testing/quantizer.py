"""The examination of a quantizer: a smaller model under the same names that answers alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from benchwright.contracts.program import Array
from benchwright.contracts.quantizer import Quantizer, QuantizerInfo
from benchwright.errors import BenchwrightError
from benchwright.testing.backend import computing
from benchwright.testing.examination import OptionsExamination
from benchwright.testing.exercises import Exercise, chain, dense, label
from benchwright.testing.verdict import (
    contents,
    explained,
    require,
    require_close,
    require_json,
)
from benchwright.testing.workbench import backend_named

Calibration = Callable[[], Iterator[Mapping[str, Array]]]


class QuantizerExamination(OptionsExamination):
    """Subclass it with `info = "your quantizer's name"`.

    backend: what runs the quantised graphs; by default the first that the descriptor names.
    rtol, atol: how far its answers may lie from those of the full precision. calibration_samples:
    how many it is offered.
    """

    family: ClassVar[str] = "quantizers"
    kind: ClassVar[str] = "quantizer"
    options: ClassVar[Mapping[str, Any]] = {}
    backend: ClassVar[str] = ""
    rtol: ClassVar[float] = 0.02
    atol: ClassVar[float] = 0.1
    calibration_samples: ClassVar[int] = 16

    @classmethod
    def programs(cls) -> list[Exercise]:
        """What is quantised: one dense layer, labels, and two graphs in a row."""
        return [dense(), label(), chain()]

    def _quantize(
        self, exercise: Exercise, place: Path, calibration: Calibration | None = None
    ) -> tuple[Path, Mapping[str, Any]]:
        info: QuantizerInfo = self.descriptor()
        model = exercise.write_model(place / "model")
        before = contents(model)
        out = place / "quantised"
        out.mkdir(parents=True)
        options = info.load_options().model_validate(dict(self.options)).model_dump(mode="json")
        samples = self._samples(exercise) if calibration is None else calibration()
        facts = info.load().quantize(exercise.program, model, samples, options, out)
        require(contents(model) == before, f"{exercise.name}: the model's own files were changed")
        return out, facts

    def _samples(self, exercise: Exercise) -> Iterator[Mapping[str, Array]]:
        batch = exercise.samples(self.calibration_samples, 11)
        for number in range(self.calibration_samples):
            yield {name: array[number] for name, array in batch.items()}

    def test_the_precision_and_the_backends_are_named(self) -> None:
        """The plan finds a quantizer by these."""
        info: QuantizerInfo = self.descriptor()
        require(info.precision and info.precision != "fp32", "name the precision that it makes")
        require(info.backends, "name the backends that can run what it makes")
        self._require_tools(info.name, info.tools)
        self._require_sources(info.name, info.sources)
        require(info.sources, f"{info.name}: `sources` is empty: name the modules that quantise")
        for name in info.backends:
            able = backend_named(name).capabilities.precisions
            require(
                info.precision in able,
                f"backend `{name}` states {', '.join(able)}, not {info.precision}: the plan "
                "would refuse it",
            )

    def test_it_loads(self) -> None:
        """`load` gives a Quantizer."""
        loaded = self.descriptor().load()
        require(isinstance(loaded, Quantizer), f"load() gave {type(loaded).__name__}, no Quantizer")

    def test_the_graphs_keep_their_file_names(self, tmp_path: Path) -> None:
        """Backends find the graphs as before; the facts are JSON."""
        for exercise in self.programs():
            out, facts = self._quantize(exercise, tmp_path / exercise.name)
            files = contents(out)
            for graph in exercise.program.graphs:
                require(graph.onnx in files, f"{exercise.name}: {graph.onnx} was not written")
            require_json(facts, f"{exercise.name}: what quantize returns")

    def test_something_is_quantised(self, tmp_path: Path) -> None:
        """A copy under another name would be fp32 that calls itself something else."""
        exercise = dense()
        out, _ = self._quantize(exercise, tmp_path)
        original = contents(tmp_path / "model")
        require(contents(out) != original, "the quantised graph is the original, byte by byte")

    def test_the_answers_stay_near(self, tmp_path: Path) -> None:
        """Within the tolerance of the full precision's, on the backend that it is made for."""
        info = backend_named(self.backend or self.descriptor().backends[0])
        options = info.load_options()().model_dump(mode="json")
        engine_options = {name: options[name] for name in info.engine_options}
        for exercise in self.programs():
            place = tmp_path / exercise.name
            out, _ = self._quantize(exercise, place)
            engine = place / "engine"
            engine.mkdir()
            backend = info.load()
            backend.build_engine(exercise.program, out, engine_options, engine)
            sessions = backend.open(exercise.program, engine, options, 1)
            batch = exercise.samples(8, 12)
            found = computing(exercise.program, sessions)(batch)
            wanted = exercise.answers(batch)
            for output, right, spec in zip(found, wanted, exercise.program.outputs, strict=True):
                require(
                    output.dtype.name == spec.dtype,
                    f"{exercise.name}: output `{spec.name}` is {output.dtype.name} now",
                )
                where = f"{exercise.name}, output `{spec.name}`"
                require_close(output, right, where, rtol=self.rtol, atol=self.atol)

    def test_quantising_twice_gives_the_same_files(self, tmp_path: Path) -> None:
        """The same model and samples, the same bytes."""
        exercise = dense()
        first, one = self._quantize(exercise, tmp_path / "first")
        second, two = self._quantize(exercise, tmp_path / "second")
        require(contents(first) == contents(second), "quantised twice, the files differ")
        require(one == two, f"quantised twice, the facts differ: {one}, {two}")

    def test_calibration_samples_are_left_alone(self, tmp_path: Path) -> None:
        """They are the data set's own: read, never written."""
        exercise = dense()
        kept = list(self._samples(exercise))
        given = list(self._samples(exercise))
        self._quantize(exercise, tmp_path, lambda: iter(given))
        for one, two in zip(given, kept, strict=True):
            for name in two:
                require_close(one[name], two[name], f"calibration sample `{name}` was changed")

    def test_no_calibration_sample_is_no_crash(self, tmp_path: Path) -> None:
        """It works without, or says that it needs samples."""
        try:
            self._quantize(dense(), tmp_path, lambda: iter(()))
        except BenchwrightError:
            return
        except Exception as error:
            require(False, f"without samples: raised {type(error).__name__}: {error}")

    def test_a_missing_or_damaged_model_is_told(self, tmp_path: Path) -> None:
        """The file is named."""
        exercise = dense()
        info: QuantizerInfo = self.descriptor()
        options = info.load_options().model_validate(dict(self.options)).model_dump(mode="json")
        model, out = tmp_path / "model", tmp_path / "out"
        model.mkdir()
        out.mkdir()

        def quantize() -> None:
            samples = self._samples(exercise)
            info.load().quantize(exercise.program, model, samples, options, out)

        explained(quantize, "a model folder without the graph's file", mentions="dense.onnx")
        (model / "dense.onnx").write_bytes(b"this is no model " * 20)
        explained(quantize, "a damaged model file", mentions="dense.onnx")
