"""Stages `model` (one for each `<family>-<preset>`), `quantize` (one for each precision of a
backend that is not the model's own) and `engine` (one for each backend and precision)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from benchwright.build.artifact import MANIFEST
from benchwright.build.recipe import Recipe
from benchwright.build.task import product
from benchwright.contracts.source import Packaged
from benchwright.distributions import tool_versions
from benchwright.plan import Plan
from benchwright.planned import Engine
from benchwright.quantizing import CALIBRATION_SAMPLES
from benchwright.requirements import of_engine, of_preset
from benchwright_tasks.datasets import DISK_SPEED, identify, known_bytes, obtaining

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import PresetInfo
    from benchwright.contracts.quantizer import QuantizerInfo

_ENGINE_MEMORY = 200_000_000
"""Bytes that a process with a backend in it takes, whatever the model."""


def tasks(plan: Plan) -> Iterator[dict[str, Any]]:
    """The models and engines of a plan."""
    for engine in plan.families():
        yield _model(plan, engine)
    for engine in plan.engines:
        if engine.quantizer is not None:
            yield _quantize(plan, engine, engine.quantizer)
        yield _engine(plan, engine)


def _model(plan: Plan, engine: Engine) -> dict[str, Any]:
    preset = engine.preset
    task = f"model:{engine.family}"
    made = Recipe(
        task=task,
        call="benchwright.steps.model:build",
        folder=plan.layout.model(engine.family),
        parameters={
            "benchmark": engine.benchmark.name,
            "preset": preset.name,
            "sources": identify(preset.model),
        },
        sources=preset.sources,
        log=plan.layout.log(task),
        aside={"downloads": plan.layout.downloads},
        store=plan.campaign.store.use,
        requires=(of_preset(engine),),
    )
    return product(
        made,
        doc=f"model of {engine.family}: {preset.summary}",
        files=preset.model_files,
        seconds=1.0 + preset.model_disk_bytes / DISK_SPEED,
        disk_bytes=preset.model_disk_bytes or known_bytes(preset.model),
        resources={"cpu": 1, "memory": _model_memory(preset)},
        **obtaining(plan, preset.model),
    )


def _model_memory(preset: PresetInfo) -> int:
    """Bytes that making a model takes: nothing worth telling where a package's file is copied;
    else weights may be drawn or converted, all of them in memory, which the preset's need allows
    for."""
    copied = preset.model and all(isinstance(item, Packaged) for item in preset.model)
    return 0 if copied else preset.memory_bytes


def _model_of(plan: Plan, engine: Engine) -> str:
    """The folder of the model that an engine is built from."""
    if engine.quantizer is not None:
        return plan.layout.quantized(engine.subject)
    return plan.layout.model(engine.family)


def _program_sources(engine: Engine) -> tuple[str, ...]:
    """Modules that say what the program is."""
    return (*engine.preset.sources, *(engine.fused.sources if engine.fused is not None else ()))


def _resources(engine: Engine) -> dict[str, float]:
    """For the model as it is read, and what is made of it."""
    known = _ENGINE_MEMORY + 2 * known_bytes(engine.preset.model)
    return {"cpu": 1, "memory": max(known, _model_memory(engine.preset))}


def _quantize(plan: Plan, engine: Engine, quantizer: QuantizerInfo) -> dict[str, Any]:
    task = f"quantize:{engine.subject}"
    made = Recipe(
        task=task,
        call="benchwright.steps.model:quantize",
        folder=plan.layout.quantized(engine.subject),
        parameters={
            "benchmark": engine.benchmark.name,
            "preset": engine.preset.name,
            "backend": engine.backend.name,
            "quantizer": quantizer.name,
            "options": dict(engine.quantizer_options),
            "calibration_samples": CALIBRATION_SAMPLES,
        },
        inputs={
            "model": f"{plan.layout.model(engine.family)}/{MANIFEST}",
            "samples": f"{plan.layout.samples(engine.family)}/{MANIFEST}",
        },
        tools=tool_versions(*quantizer.tools),
        sources=(*quantizer.sources, *_program_sources(engine)),
        log=plan.layout.log(task),
        store=plan.campaign.store.use,
        requires=of_engine(engine),
    )
    return product(
        made,
        doc=f"{engine.family} in {engine.precision} for {engine.backend.name}",
        seconds=2.0,
        resources=_resources(engine),
    )


def _engine(plan: Plan, engine: Engine) -> dict[str, Any]:
    backend = engine.backend
    task = f"engine:{engine.subject}"
    made = Recipe(
        task=task,
        call="benchwright.steps.model:build_engine",
        folder=plan.layout.engine(engine.subject),
        parameters={
            "benchmark": engine.benchmark.name,
            "preset": engine.preset.name,
            "backend": backend.name,
            "options": engine.engine_options,
            "machine": plan.identity_of(backend.identity),
            "program": "plain" if engine.fused is None else "fused",
        },
        inputs={"model": f"{_model_of(plan, engine)}/{MANIFEST}"},
        tools=tool_versions(*backend.tools),
        sources=(*backend.sources, *_program_sources(engine)),
        log=plan.layout.log(task),
        store=plan.campaign.store.use,
        requires=of_engine(engine),
    )
    files = [name.format(graph=graph) for name in backend.engine_files for graph in engine.graphs]
    return product(
        made,
        doc=f"engine of {engine.family} for {backend.name}",
        files=list(dict.fromkeys(files)),
        seconds=2.0,
        resources=_resources(engine),
    )
