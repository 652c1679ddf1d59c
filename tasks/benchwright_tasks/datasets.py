"""Stages `dataset` and `preprocess`: one pair for each `<family>-<preset>`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchwright.build.artifact import MANIFEST
from benchwright.build.recipe import Recipe
from benchwright.build.task import product
from benchwright.contracts.source import Local, Packaged, Source
from benchwright.distributions import tool_versions
from benchwright.plan import Engine, Plan

_PREPROCESS_MEMORY = 200_000_000
"""Bytes that a process takes which decodes and writes samples."""


def tasks(plan: Plan) -> Iterator[dict[str, Any]]:
    """The data sets of a plan, and their preprocessed samples."""
    for engine in plan.families():
        yield _dataset(plan, engine)
        yield _preprocess(plan, engine)


def identify(sources: tuple[Source, ...]) -> dict[str, str]:
    """What a recipe keys of its sources: their content by checksum, not where they come from."""
    return {source.name: str(source.checksum) for source in sources}


def fetched_bytes(sources: tuple[Source, ...]) -> int:
    """Bytes to download, as far as known."""
    return sum(0 if isinstance(item, Packaged | Local) else item.size or 0 for item in sources)


def _dataset(plan: Plan, engine: Engine) -> dict[str, Any]:
    preset = engine.preset
    folder = plan.campaign.datasets.get(preset.dataset_name)
    task = f"dataset:{engine.family}"
    made = Recipe(
        task=task,
        call="benchwright.steps.dataset:build",
        folder=plan.layout.dataset(engine.family),
        parameters={
            "benchmark": engine.benchmark.name,
            "preset": preset.name,
            "dataset_name": preset.dataset_name,
            "folder": None if folder is None else str(Path(folder).expanduser()),
            "sources": identify(preset.dataset),
        },
        sources=preset.sources,
        log=plan.layout.log(task),
        aside={"downloads": plan.layout.downloads},
        # The user's own folder stays where it is.
        store="" if folder is not None else plan.campaign.store.use,
    )
    return product(
        made,
        doc=f"data set of {engine.family}: {preset.sample_count:,} samples",
        seconds=1.0 + preset.disk_bytes / 100e6,
        disk_bytes=0 if folder else preset.disk_bytes // 2,
        download_bytes=0 if folder else fetched_bytes(preset.dataset),
    )


def _preprocess(plan: Plan, engine: Engine) -> dict[str, Any]:
    preset = engine.preset
    task = f"preprocess:{engine.family}"
    made = Recipe(
        task=task,
        call="benchwright.steps.dataset:preprocess",
        folder=plan.layout.samples(engine.family),
        parameters={"benchmark": engine.benchmark.name, "preset": preset.name},
        inputs={"dataset": f"{plan.layout.dataset(engine.family)}/{MANIFEST}"},
        tools=tool_versions(*preset.tools),
        sources=(*preset.sources, "benchwright.harness.samples"),
        log=plan.layout.log(task),
        store=plan.campaign.store.use,
    )
    return product(
        made,
        doc=f"samples of {engine.family}, ready for the program",
        files=["samples.json"],
        seconds=1.0 + preset.sample_count * 2e-3,
        disk_bytes=preset.disk_bytes // 2,
        # Samples are written one by one.
        resources={"cpu": 1, "memory": _PREPROCESS_MEMORY},
    )
