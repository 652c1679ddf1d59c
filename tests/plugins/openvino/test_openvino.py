"""The backend `openvino`: precisions, streams, and engines that were compiled elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

openvino = pytest.importorskip("openvino", reason="openvino is not installed")

from benchwright import yamlfile
from benchwright.build.recipe import Recipe
from benchwright.campaign import parse_campaign
from benchwright.contracts.probe import JSON
from benchwright.embed import name_of, plan_tasks
from benchwright.errors import BenchwrightError
from benchwright.plan import Plan
from benchwright.plugins import Registry
from benchwright.testing.exercises import Exercise, dense, label
from benchwright_openvino import precision
from benchwright_openvino.backend import ENGINE, OpenVinoBackend
from benchwright_openvino.options import OpenVinoOptions
from benchwright_openvino.session import StreamedSession

FEATURES = ("avx2", "avx512_bf16")


def on_a_cpu_with(*features: str) -> Callable[..., Any]:
    """Stands in for Registry.read_system."""
    reading = Registry().read_system()
    facts = {**reading.identity, "cpu.model": "Acme i9", "cpu.features": list(features)}
    return lambda self, **_: reading._replace(identity=facts)


def build(exercise: Exercise, place: Path, model: Path | None = None) -> Path:
    engine = place / "engine"
    engine.mkdir(parents=True)
    model = model or exercise.write_model(place / "model")
    OpenVinoBackend().build_engine(exercise.program, model, {}, engine)
    return engine


def opened(exercise: Exercise, engine: Path, threads: int = 1, **options: Any) -> Mapping[str, Any]:
    given = OpenVinoOptions(**options).model_dump(mode="json")
    return OpenVinoBackend().open(exercise.program, engine, given, threads)


def setting(session: Any, name: str) -> Any:
    return session._request.get_compiled_model().get_property(name)


# Precisions


def test_fp32_is_fp32_and_threads_are_what_is_asked_for(tmp_path: Path) -> None:
    """Left to itself OpenVINO takes bfloat16 where the CPU has it, and all cores."""
    session = opened(dense(), build(dense(), tmp_path), threads=2)["main"]
    assert setting(session, "INFERENCE_PRECISION_HINT") == openvino.Type.f32
    assert setting(session, "INFERENCE_NUM_THREADS") == 2
    assert setting(session, "NUM_STREAMS") == 1
    assert setting(session, "ENABLE_CPU_PINNING") is False


@pytest.mark.skipif(
    "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
    reason="this CPU has no bf16",
)
def test_bf16_is_bf16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "read_system", on_a_cpu_with(*FEATURES))
    exercise, model = dense(), tmp_path / "bf16"
    model.mkdir()
    original = exercise.write_model(tmp_path / "model")
    precision.Bfloat16().quantize(exercise.program, original, iter(()), {}, model)
    session = opened(exercise, build(exercise, tmp_path, model))["main"]
    assert setting(session, "INFERENCE_PRECISION_HINT") == openvino.Type.bf16
    batch = exercise.samples(8, 1)
    (found,), (wanted,) = session.run(batch), exercise.answers(batch)
    # Eight bits of mantissa: near, and not the same.
    assert np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()


def test_bf16_is_refused_where_the_cpu_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "read_system", on_a_cpu_with("avx2", "avx512f"))
    exercise = dense()
    model = exercise.write_model(tmp_path / "model")
    with pytest.raises(BenchwrightError, match="this CPU cannot compute in bf16") as caught:
        precision.Bfloat16().quantize(exercise.program, model, iter(()), {}, tmp_path)
    assert "Acme i9" in str(caught.value)
    assert "avx512_bf16" in str(caught.value)
    # A model that was made ready on another machine is no way round.
    (model / precision.NOTE).write_text('{"precision": "bf16"}')
    with pytest.raises(BenchwrightError, match="this CPU cannot compute in bf16"):
        build(exercise, tmp_path / "again", model)


# Engines from elsewhere


@pytest.mark.parametrize("fact", ["openvino", "device", "capabilities"])
def test_an_engine_that_was_compiled_elsewhere_is_not_used(tmp_path: Path, fact: str) -> None:
    engine = build(dense(), tmp_path)
    made = json.loads((engine / ENGINE).read_text())
    (engine / ENGINE).write_text(json.dumps({**made, fact: "another"}))
    with pytest.raises(BenchwrightError, match=f"its {fact} is another, here it is"):
        opened(dense(), engine)


class Machine(Registry):
    """The installed plugins on a machine of this CPU."""

    def __init__(self, *features: str) -> None:
        super().__init__()
        self.features: JSON = list(features)

    def read_system(self, *, observe: bool = False) -> Any:
        facts = {"cpu.model": "Acme i9", "cpu.features": self.features}
        return super().read_system()._replace(identity=facts)


def engine_key(registry: Registry) -> str:
    text = "benchmarks: [resnet50]\nbackends: [openvino]\n"
    plan = Plan(parse_campaign(yamlfile.parse(text, "c.yaml")), registry)
    (task,) = (
        item for item in plan_tasks(plan) if name_of(item) == "engine:resnet50-tiny/openvino"
    )
    (recipe,) = (
        part for action in task["actions"] for part in action[1] if isinstance(part, Recipe)
    )
    return recipe.key()


def test_another_cpu_is_another_engine() -> None:
    assert engine_key(Machine(*FEATURES)) == engine_key(Machine(*FEATURES))
    assert engine_key(Machine(*FEATURES)) != engine_key(Machine("avx2"))


# Streams


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 32])
def test_a_batch_is_cut_into_streams(tmp_path: Path, count: int) -> None:
    for exercise in (dense(), label()):
        engine = build(exercise, tmp_path / exercise.name)
        session = opened(exercise, engine, threads=3, streams=3)["main"]
        assert isinstance(session, StreamedSession)
        batch = exercise.samples(count, count)
        for found, wanted in zip(session.run(batch), exercise.answers(batch), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_there_are_no_more_streams_than_threads(tmp_path: Path) -> None:
    session = opened(dense(), build(dense(), tmp_path), threads=1, streams=8)["main"]
    assert setting(session, "NUM_STREAMS") == 1


# Inputs


def test_inputs_are_read_where_they_lie_unless_they_are_read_only(tmp_path: Path) -> None:
    exercise = dense()
    session = opened(exercise, build(exercise, tmp_path))["main"]
    batch = exercise.samples(2, 1)
    session.run(batch)
    assert np.shares_memory(session._request.get_input_tensor(0).data, batch["x"])
    batch["x"].flags.writeable = False
    (found,) = session.run(batch)
    assert not np.shares_memory(session._request.get_input_tensor(0).data, batch["x"])
    np.testing.assert_allclose(found, exercise.answers(batch)[0], rtol=1e-4, atol=1e-5)
