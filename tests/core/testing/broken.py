"""Plugins with one fault each, and the examinations that must find it (`finds`).

Not collected by itself: test_examinations.py runs it and reads which examinations failed.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from benchwright.contracts.backend import Backend, BackendInfo, Capabilities
from benchwright.contracts.benchmark import BenchmarkInfo, Score
from benchwright.contracts.formatter import Finding, Formatter, FormatterInfo
from benchwright.contracts.options import no_options
from benchwright.contracts.power import PowerMeter, PowerMeterInfo, PowerSummary
from benchwright.contracts.probe import Probe, ProbeInfo
from benchwright.contracts.program import FusedProgramInfo
from benchwright.contracts.quantizer import Quantizer, QuantizerInfo
from benchwright.contracts.tensor import TensorSpec
from benchwright.errors import BenchwrightError
from benchwright.options import Options
from benchwright.testing import (
    FAKE,
    BackendExamination,
    BenchmarkExamination,
    FakeBackend,
    FormatterExamination,
    FusedProgramExamination,
    PowerMeterExamination,
    ProbeExamination,
    QuantizerExamination,
)
from benchwright.testing.examination import installed

SOURCES = ("benchwright.testing.fake",)


# Backends


class Wrapped(FakeBackend):
    """The fake backend with something done to each call; `change` gets inputs and outputs."""

    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        return outputs

    def open(self, program: Any, engine: Any, options: Any, threads: int) -> Any:
        sessions = super().open(program, engine, {"latency_ms": 0, "sample_ms": 0}, threads)

        def session(inner: Any) -> Any:
            def run(inputs: Any) -> Any:
                return self.change(inputs, list(inner.run(inputs)))

            return SimpleNamespace(run=run)

        return {name: session(inner) for name, inner in sessions.items()}


def info_of(kind: type[Backend], **more: Any) -> BackendInfo:
    values: dict[str, Any] = {"load_options": no_options, "load": kind, "engine_files": (), **more}
    return replace(FAKE, **values)


class OtherDtype(Wrapped):
    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        return [item.astype(np.float64) for item in outputs]


class TestOtherDtype(BackendExamination):
    info = info_of(OtherDtype)
    finds = ("test_outputs_have_the_stated_dtypes_and_shapes",)


class LostDimension(Wrapped):
    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        return [item[:, None] for item in outputs]


class TestLostDimension(BackendExamination):
    info = info_of(LostDimension)
    finds = ("test_outputs_have_the_stated_dtypes_and_shapes", "test_the_answers_are_right")


class TurnedOrder(Wrapped):
    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        return outputs[::-1]


class TestTurnedOrder(BackendExamination):
    info = info_of(TurnedOrder)
    finds = ("test_outputs_have_the_stated_dtypes_and_shapes",)


class SlightlyWrong(Wrapped):
    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        return [item * np.float32(1.001) if item.dtype.kind == "f" else item for item in outputs]


class TestSlightlyWrong(BackendExamination):
    info = info_of(SlightlyWrong)
    finds = ("test_the_answers_are_right",)


class LargeBatchesOnly(Wrapped):
    """Padding to a fixed batch leaves the last rows of larger ones uncomputed."""

    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        for item in outputs:
            item[8:] = 0
        return outputs


class TestLargeBatches(BackendExamination):
    info = info_of(LargeBatchesOnly)
    finds = ("test_the_answers_are_right", "test_splitting_a_batch_changes_nothing")


class DependsOnTheBatch(Wrapped):
    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        return [
            (item + np.float32(5e-5) * len(item)).astype(item.dtype)
            if item.dtype.kind == "f" and len(item) > 16
            else item
            for item in outputs
        ]


class TestDependsOnTheBatch(BackendExamination):
    info = info_of(DependsOnTheBatch)
    atol = 0.01
    finds = ("test_splitting_a_batch_changes_nothing",)


class Random(Wrapped):
    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        noise = np.random.default_rng().uniform(-1e-6, 1e-6)
        return [(item + noise).astype(item.dtype) for item in outputs]


class TestRandom(BackendExamination):
    info = info_of(Random)
    finds = ("test_the_same_input_gives_the_same_output",)


class WrongImages(Wrapped):
    """Right on all that is small."""

    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        image = next(iter(inputs.values())).ndim == 4
        return [np.zeros_like(item) for item in outputs] if image else outputs


class TestWrongImages(BackendExamination):
    info = info_of(WrongImages)
    finds = ("test_real_benchmarks_are_answered",)


class RandomBuild(Wrapped):
    """What is built differs from build to build."""

    def build_engine(self, program: Any, model: Any, options: Any, out: Any) -> Any:
        facts = super().build_engine(program, model, options, out)
        (out / "seed").write_text(str(next(_seeds)))
        return facts

    def open(self, program: Any, engine: Any, options: Any, threads: int) -> Any:
        if (Path(engine) / "seed").exists():
            self.seed = int((Path(engine) / "seed").read_text())
        return super().open(program, engine, options, threads)

    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        return [(item * (1 + 1e-6 * self.seed)).astype(item.dtype) for item in outputs]


_seeds = itertools.count(1)


class TestRandomBuild(BackendExamination):
    info = info_of(RandomBuild)
    finds = ("test_building_again_gives_the_same_answers",)


class WritesInputs(Wrapped):
    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        next(iter(inputs.values()))[...] = 0
        return outputs


class TestWritesInputs(BackendExamination):
    info = info_of(WritesInputs)
    finds = ("test_inputs_are_left_alone",)


class SharedBuffer(Wrapped):
    """All instances answer in one buffer, as a backend does that forgets threads."""

    held: Any = None

    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        type(self).held = outputs
        time.sleep(0.0005)
        return list(type(self).held)


class TestSharedBuffer(BackendExamination):
    info = info_of(SharedBuffer)
    finds = ("test_instances_compute_at_the_same_time",)


class OneThreadOnly(Wrapped):
    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the context belongs to another thread")
        return outputs


class TestOneThreadOnly(BackendExamination):
    info = info_of(OneThreadOnly)
    finds = ("test_instances_compute_at_the_same_time",)


class FixedLength(Wrapped):
    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        if "mask" in inputs and inputs["mask"].shape[1] not in (5, 1):
            raise BenchwrightError("the engine was built for another length")
        return outputs


class TestFixedLength(BackendExamination):
    info = info_of(FixedLength)
    finds = ("test_a_dynamic_axis_takes_any_length",)


class WrongOptionWrongAnswer(Wrapped):
    def open(self, program: Any, engine: Any, options: Any, threads: int) -> Any:
        self.fast = options["fast"]
        return super().open(program, engine, options, threads)

    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        return [np.zeros_like(item) for item in outputs] if self.fast else outputs


class FastOptions(Options):
    fast: bool = Field(False, description="quick and wrong")


class TestVariant(BackendExamination):
    info = info_of(WrongOptionWrongAnswer, load_options=lambda: FastOptions)
    variants = ({"fast": True},)
    finds = ("test_the_answers_are_right_under_every_variant",)


class WrongWithTwoThreads(Wrapped):
    def open(self, program: Any, engine: Any, options: Any, threads: int) -> Any:
        self.threads = threads
        return super().open(program, engine, options, threads)

    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        return [np.zeros_like(item) for item in outputs] if self.threads > 1 else outputs


class TestComputeThreads(BackendExamination):
    info = info_of(WrongWithTwoThreads)
    finds = ("test_the_answers_are_right_with_several_compute_threads",)


class Chatty(Wrapped):
    def change(self, inputs: Any, outputs: list[Any]) -> list[Any]:
        print("computing")
        return outputs


class TestChatty(BackendExamination):
    info = info_of(Chatty)
    finds = ("test_nothing_is_printed",)


class MisnamedSession(Wrapped):
    def open(self, program: Any, engine: Any, options: Any, threads: int) -> Any:
        sessions = super().open(program, engine, options, threads)
        return {**sessions, "spare": next(iter(sessions.values()))}


class TestMisnamedSession(BackendExamination):
    info = info_of(MisnamedSession)
    finds = ("test_there_is_a_session_for_each_graph",)


class Careless(FakeBackend):
    """Says what Python says."""

    def build_engine(self, program: Any, model: Any, options: Any, out: Any) -> Any:
        for graph in program.graphs:
            (out / f"{graph.name}.onnx").write_bytes((model / graph.onnx).read_bytes())
        return {"sizes": {1, 2}}

    def open(self, program: Any, engine: Any, options: Any, threads: int) -> Any:
        for graph in program.graphs:
            (engine / f"{graph.name}.onnx").read_bytes()
        return super().open(program, engine, {"latency_ms": 0, "sample_ms": 0}, threads)


class TestCareless(BackendExamination):
    info = info_of(Careless, engine_files=("{graph}.plan",))
    finds = (
        "test_an_engine_has_files_and_facts",
        "test_a_missing_model_file_is_told",
        "test_a_graph_in_no_form_is_told",
        "test_a_missing_engine_is_told",
    )


class Trusting(Wrapped):
    """Takes any file for a model, and any name for a tensor's."""

    def build_engine(self, program: Any, model: Any, options: Any, out: Any) -> Any:
        for graph in program.graphs:
            (out / "engine").write_bytes((model / (graph.onnx or "none")).read_bytes())
        return {}

    def open(self, program: Any, engine: Any, options: Any, threads: int) -> Any:
        return {graph.name: SimpleNamespace(run=lambda inputs: []) for graph in program.graphs}


class TestTrusting(BackendExamination):
    info = info_of(Trusting)
    finds = (
        "test_a_damaged_model_is_told",
        "test_a_tensor_that_the_model_lacks_is_told",
        "test_outputs_have_the_stated_dtypes_and_shapes",
    )


class SpoilsTheModel(Wrapped):
    def build_engine(self, program: Any, model: Any, options: Any, out: Any) -> Any:
        facts = super().build_engine(program, model, options, out)
        (model / "cache.bin").write_bytes(b"1")
        return facts


class TestSpoilsTheModel(BackendExamination):
    info = info_of(SpoilsTheModel)
    finds = ("test_building_again_gives_the_same_answers",)


class LooseOptions(BaseModel):
    streams: int = 2


class UnsaidOptions(Options):
    streams: int = 2
    depth: int = Field(description="must be given")
    level: int = Field("high", ge=1, description="a default of another type")  # type: ignore[assignment]
    anything: Any = Field(None, description="takes all")
    count: Any = Field(1, description="a number", json_schema_extra={"type": "integer"})


class TestOptions(BackendExamination):
    info = info_of(Wrapped, load_options=lambda: UnsaidOptions)
    finds = (
        "test_every_option_is_described",
        "test_every_option_has_a_default_that_holds",
        "test_an_option_of_the_wrong_type_is_refused",
    )


class DefaultRefused(Options):
    level: int = Field("high", ge=1, description="a default of another type")  # type: ignore[assignment]


class TestDefaultRefused(BackendExamination):
    info = info_of(Wrapped, load_options=lambda: DefaultRefused)
    finds = ("test_every_option_has_a_default_that_holds",)


class TestLooseOptions(BackendExamination):
    info = info_of(Wrapped, load_options=lambda: LooseOptions)
    finds = (
        "test_every_option_is_described",
        "test_a_misspelt_option_is_refused_with_the_near_miss",
    )


class TestDescriptor(BackendExamination):
    info = info_of(
        Wrapped,
        name="acme/npu",
        summary=" ",
        capabilities=Capabilities(forms=("onnx",), dtypes=("float32", "int64", "float")),
        engine_options=("streems",),
        tools=("no-such-distribution",),
        sources=("no.such.module",),
    )
    finds = (
        "test_the_descriptor_names_it",
        "test_the_capabilities_are_known_words",
        "test_what_enters_the_engines_key_exists",
    )


class TestNotInstalled(BackendExamination):
    info = "onnxruntme"
    finds = ("test_the_descriptor_names_it", "test_it_loads")


class TestUnsaid(BackendExamination):
    finds = ("test_the_descriptor_names_it", "test_it_loads")


class TestWrongKind(BackendExamination):
    info = info_of(dict)  # type: ignore[arg-type]
    finds = ("test_it_loads",)


class TestTooSlow(BackendExamination):
    info = FAKE
    options = {"latency_ms": 20}  # noqa: RUF012
    bound_s = 0.005
    finds = ("test_the_overhead_of_a_call",)


# Probes


class Restless(Probe):
    """Counts its readings, starts a child, and states what it does not know."""

    count = itertools.count()

    def identity(self) -> Any:
        subprocess.run([sys.executable, "-c", ""], check=True)
        return {
            "acme.readings": next(self.count),
            "acme": 1,
            "acme.unknown": None,
            "cpu.cores": "8",
        }

    def observation(self) -> Any:
        return {"acme.readings": 1}


class TestRestless(ProbeExamination):
    info = ProbeInfo("restless", "a probe", Restless)
    finds = (
        "test_facts_are_plain",
        "test_identity_is_the_same_every_time",
        "test_identity_and_observation_are_apart",
        "test_identity_starts_no_child_process",
        "test_several_threads_read_the_same",
    )


class Careful(Probe):
    facts: Any = {"acme.chips": 2}  # noqa: RUF012

    def identity(self) -> Any:
        return self.facts

    def observation(self) -> Any:
        return {}


class TestSharedDict(ProbeExamination):
    info = ProbeInfo("shared", "a probe", Careful)
    finds = ("test_what_it_returns_is_the_callers",)


class Texts(Careful):
    facts: Any = {"cpu.cores": "8"}  # noqa: RUF012

    def identity(self) -> Any:
        return dict(self.facts)


class TestTexts(ProbeExamination):
    info = ProbeInfo("texts", "a probe", Texts)
    finds = ("test_facts_are_plain",)


class TestNoProbe(ProbeExamination):
    info = ProbeInfo("none", "a probe", dict)  # type: ignore[arg-type]
    finds = ("test_it_loads",)


# Power meters


class Meter(PowerMeter):
    """A right one, of constant power."""

    watts = 10.0
    begun: float | None = None

    def start(self) -> None:
        self.begun = time.perf_counter()

    def stop(self) -> PowerSummary:
        if self.begun is None:
            raise BenchwrightError("the meter was not started")
        span, self.begun = time.perf_counter() - self.begun, None
        return self.sum_up(span)

    def sum_up(self, span: float) -> PowerSummary:
        return PowerSummary(self.watts, self.watts * span, 3, span)


def meter_of(kind: type[PowerMeter], available: Any = True) -> PowerMeterInfo:
    return PowerMeterInfo("meter", "a meter", lambda: available, kind)


class TestRightMeter(PowerMeterExamination):
    info = meter_of(Meter)
    span_s = 0.02
    finds = ()


class Milliwatts(Meter):
    def sum_up(self, span: float) -> PowerSummary:
        return PowerSummary(10.0, 10_000 * span, 3, span)


class TestMilliwatts(PowerMeterExamination):
    info = meter_of(Milliwatts)
    span_s = 0.02
    finds = ("test_a_measurement_sums_up",)


class NeverSamples(Meter):
    def sum_up(self, span: float) -> PowerSummary:
        return PowerSummary(0.0, 0.0, 0, span)


class TestNeverSamples(PowerMeterExamination):
    info = meter_of(NeverSamples)
    span_s = 0.02
    finds = ("test_a_measurement_sums_up", "test_one_meter_measures_again")


class Endless(Meter):
    def start(self) -> None:
        super().start()
        threading.Thread(target=time.sleep, args=(3,), daemon=True, name="sampler").start()

    def stop(self) -> PowerSummary:
        return self.sum_up(time.perf_counter() - (self.begun or 0))


class TestEndless(PowerMeterExamination):
    info = meter_of(Endless)
    span_s = 0.02
    finds = ("test_nothing_is_left_running", "test_stopping_what_was_not_started_is_told")


class TestUndecided(PowerMeterExamination):
    info = meter_of(Meter, available="yes")
    span_s = 0.02
    finds = ("test_it_says_whether_it_is_available",)


# Benchmarks: the built-in one, spoilt

RESNET50: BenchmarkInfo = installed().benchmarks["resnet50"]


def spoilt(change: Any = None, **more: Any) -> BenchmarkInfo:
    """resnet50 with only its tiny preset, and with methods of the benchmark replaced."""

    def load() -> Any:
        benchmark = RESNET50.load()
        for name, make in (change or {}).items():
            setattr(benchmark, name, make(getattr(benchmark, name)))
        return benchmark

    presets = {"tiny": RESNET50.presets["tiny"]}
    return replace(RESNET50, **{"presets": presets, "load": load, **more})


def wrong_count(validate: Any) -> Any:
    return lambda preset, dataset: validate(preset, dataset) if any(dataset.iterdir()) else 0


class TestEmptyDataSet(BenchmarkExamination):
    info = spoilt({"validate_dataset": wrong_count})
    finds = ("test_a_data_set_that_lacks_its_files_is_told",)


class TestSampleCount(BenchmarkExamination):
    info = spoilt(presets={"tiny": replace(RESNET50.presets["tiny"], sample_count=1000)})
    finds = (
        "test_the_data_set_has_the_stated_number_of_samples",
        "test_the_score_reaches_the_reference",
    )


class TestStatedOtherwise(BenchmarkExamination):
    info = spoilt(dtypes=("float32",))
    finds = ("test_the_program_is_what_the_descriptor_states",)


class TestNoSources(BenchmarkExamination):
    info = spoilt(presets={"tiny": replace(RESNET50.presets["tiny"], sources=())})
    finds = ("test_the_descriptor_is_whole",)


def stamped(assemble: Any) -> Any:
    def assembled(preset: str, sources: Any, out: Path, progress: Any) -> None:
        assemble(preset, sources, out, progress)
        (out / "built.txt").write_text(str(time.perf_counter_ns()))

    return assembled


class TestStamped(BenchmarkExamination):
    info = spoilt({"assemble_model": stamped})
    finds = ("test_what_is_built_twice_is_the_same",)


def constant(score: Any) -> Any:
    def scored(preset: str, dataset: Path, responses: Any) -> Score:
        return Score({"acc": 99.9}, "acc", len(list(responses)))

    return scored


class TestConstantScore(BenchmarkExamination):
    info = spoilt({"score": constant})
    finds = (
        "test_wrong_responses_lower_the_score",
        "test_responses_that_cannot_be_scored_are_told",
        "test_the_order_of_responses_does_not_matter",
    )


def batchwise(encoder: Any) -> Any:
    def made(preset: str) -> Any:
        encode = encoder(preset)
        return lambda outputs, indices: encode(outputs, indices) + np.float32(len(indices) > 4)

    return made


class TestBatchwise(BenchmarkExamination):
    info = spoilt({"encoder": batchwise})
    finds = (
        "test_splitting_a_batch_changes_no_response",
        "test_the_score_reaches_the_reference",
    )


def whole(encoder: Any) -> Any:
    return lambda preset: lambda outputs, indices: encoder(preset)(outputs, indices)[:1]


class TestOneResponse(BenchmarkExamination):
    info = spoilt({"encoder": whole})
    finds = ("test_responses_have_rows_of_bytes",)


# Fused programs


def fused(change: Any) -> FusedProgramInfo:
    def load(preset: str) -> Any:
        return change(RESNET50.load().program(preset))

    return FusedProgramInfo("resnet50", "onnxruntime", "fused", load, SOURCES)


class TestRightProgram(FusedProgramExamination):
    info = fused(lambda program: program)
    samples = 64
    finds = ()


def off_by_one(sessions: Any, batch: Any) -> Any:
    (label,) = sessions["main"].run(batch)
    label = label.copy()
    label[:1] += 1
    return [label]


class TestOffByOne(FusedProgramExamination):
    info = fused(lambda program: replace(program, load_driver=lambda: off_by_one))
    samples = 64
    finds = ("test_it_answers_as_the_plain_program",)


class TestOtherInputs(FusedProgramExamination):
    info = fused(
        lambda program: replace(
            program, inputs=(*program.inputs, TensorSpec("length", "int64", ("N",)))
        )
    )
    samples = 64
    finds = ("test_it_takes_the_samples_of_the_plain_program",)


class TestOtherGraphs(FusedProgramExamination):
    info = replace(fused(lambda program: program), graphs=("encoder", "decoder"))
    samples = 64
    finds = ("test_it_takes_the_samples_of_the_plain_program",)


class TestForNobody(FusedProgramExamination):
    info = FusedProgramInfo("resnet5", "onnxruntime", "fused", lambda preset: None, SOURCES)  # type: ignore[arg-type, return-value]
    finds = ("test_the_descriptor_names_it",)


# Quantizers


class Copies(Quantizer):
    """Quantises nothing, under a name that promises it."""

    def quantize(self, program: Any, model: Any, calibration: Any, options: Any, out: Any) -> Any:
        for sample in calibration:
            for array in sample.values():
                array[...] = 0
        for graph in program.graphs:
            (out / graph.onnx).write_bytes((model / graph.onnx).read_bytes())
        return {"time": time.perf_counter()}


def quantizer_of(kind: type[Quantizer], **more: Any) -> QuantizerInfo:
    values = {"precision": "int8", "backends": ("onnxruntime",), **more}
    return QuantizerInfo("quantizer", "a quantizer", load=kind, sources=SOURCES, **values)


class TestCopies(QuantizerExamination):
    info = quantizer_of(Copies, precision="int4")
    finds = (
        "test_the_precision_and_the_backends_are_named",
        "test_something_is_quantised",
        "test_quantising_twice_gives_the_same_files",
        "test_calibration_samples_are_left_alone",
        "test_a_missing_or_damaged_model_is_told",
    )


class OtherNames(Quantizer):
    def quantize(self, program: Any, model: Any, calibration: Any, options: Any, out: Any) -> Any:
        next(calibration)
        for graph in program.graphs:
            content = (model / graph.onnx).read_bytes()
            (out / f"int8-{graph.onnx}").write_bytes(content)
        return {}


class TestOtherNames(QuantizerExamination):
    info = quantizer_of(OtherNames)
    finds = (
        "test_the_graphs_keep_their_file_names",
        "test_the_answers_stay_near",
        "test_no_calibration_sample_is_no_crash",
    )


class Rounds(Quantizer):
    """Rounds the weights so far that nothing is left of the answers."""

    def quantize(self, program: Any, model: Any, calibration: Any, options: Any, out: Any) -> Any:
        import onnx
        from onnx import numpy_helper

        for graph in program.graphs:
            made = onnx.load(str(model / graph.onnx))
            for weight in made.graph.initializer:
                values = numpy_helper.to_array(weight)
                if values.dtype == np.float32:
                    coarse = np.round(values).astype(np.float32)
                    weight.CopyFrom(numpy_helper.from_array(coarse, weight.name))
            onnx.save(made, str(out / graph.onnx))
        return {}


class TestTooCoarse(QuantizerExamination):
    info = quantizer_of(Rounds)
    finds = ("test_the_answers_stay_near",)


# Formatters


class Plain(Formatter):
    """Writes one file, and may do one thing wrong."""

    def write(self, submission: Any, out: Path) -> Any:
        lines = [f"{run.scenario} {run.mode} {run.value}\n" for run in submission.results]
        (out / "results.txt").write_text("".join(self.ordered(lines)))
        return {"results": len(lines)}

    def ordered(self, lines: list[str]) -> list[str]:
        return sorted(lines)

    def check(self, folder: Path, round: Any, *, rehearsal: bool = False) -> list[Finding]:
        if (folder / "results.txt").is_file():
            return []
        return [Finding(".", "file", "no results.txt", "results.txt", "write it")]


def formatter_of(kind: type[Formatter], **more: Any) -> FormatterInfo:
    values: dict[str, Any] = {
        "rounds": ("v3.1",),
        "describe_system": dict,
        "sources": SOURCES,
        **more,
    }
    return FormatterInfo("plain", "one file", load=kind, **values)


class TestRightFormatter(FormatterExamination):
    info = formatter_of(Plain)
    finds = ()


class Dated(Plain):
    def ordered(self, lines: list[str]) -> list[str]:
        return [f"{time.perf_counter_ns()}\n", *lines]


class TestDated(FormatterExamination):
    info = formatter_of(Dated)
    finds = (
        "test_the_same_runs_give_the_same_bytes",
        "test_the_order_of_results_does_not_matter",
    )


class AsTheyCome(Plain):
    def ordered(self, lines: list[str]) -> list[str]:
        return lines


class TestAsTheyCome(FormatterExamination):
    info = formatter_of(AsTheyCome)
    finds = ("test_the_order_of_results_does_not_matter",)


class Blind(Plain):
    def check(self, folder: Path, round: Any, *, rehearsal: bool = False) -> list[Finding]:
        return []


class TestBlind(FormatterExamination):
    info = formatter_of(Blind)
    finds = ("test_a_lost_file_is_found", "test_any_tree_can_be_checked")


class Strict(Plain):
    def check(self, folder: Path, round: Any, *, rehearsal: bool = False) -> list[Finding]:
        (folder / "checked").touch()
        return [Finding(os.fspath(folder), "strict", "a tree", "", "start again")]


class TestStrict(FormatterExamination):
    info = formatter_of(Strict)
    finds = ("test_it_finds_no_error_in_its_own_tree",)


class Fragile(Plain):
    def check(self, folder: Path, round: Any, *, rehearsal: bool = False) -> list[Finding]:
        (folder / "results.txt").read_text()
        return []


class TestFragile(FormatterExamination):
    info = formatter_of(Fragile)
    finds = ("test_any_tree_can_be_checked", "test_a_lost_file_is_found")


class TestInsistent(FormatterExamination):
    info = formatter_of(Plain, unstated=lambda round_, stated: ["cooling"])
    finds = ("test_what_is_unstated_can_be_stated",)


class TestUnknownRound(FormatterExamination):
    info = formatter_of(Plain, rounds=("acme-1",), describe_system=lambda facts: {"x": facts["y"]})
    round = "v3.1"
    finds = ("test_its_rounds_are_known", "test_any_machine_can_be_described")
