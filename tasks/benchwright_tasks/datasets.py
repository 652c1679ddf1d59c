"""Stages `dataset` and `preprocess`: one pair for each `<family>-<preset>`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchwright.build.artifact import MANIFEST
from benchwright.build.recipe import Recipe
from benchwright.build.task import product
from benchwright.contracts.benchmark import PresetInfo
from benchwright.contracts.source import Download, Local, Manual, Packaged, Source
from benchwright.distributions import tool_versions
from benchwright.plan import Plan
from benchwright.planned import Engine
from benchwright.requirements import of_preset

DISK_SPEED = 100e6
"""Bytes a second that estimates count with, from the network or from one file to another."""

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


def known_bytes(sources: tuple[Source, ...]) -> int:
    """Bytes of all files that are not on this machine, as far as known."""
    return sum(0 if isinstance(item, Packaged | Local) else item.size or 0 for item in sources)


def obtaining(plan: Plan, sources: tuple[Source, ...], more_bytes: int = 0) -> dict[str, Any]:
    """What `product` is told of files to be had: downloads, and those to be placed by hand.

    more_bytes: fetched besides the sources.
    """
    fetched = [item for item in sources if isinstance(item, Download)]
    return {
        "download_bytes": known_bytes(tuple(fetched)) + more_bytes,
        "unknown_downloads": sum(item.size is None for item in fetched),
        "by_hand": {
            f"{plan.layout.downloads}/{item.name}": item.instructions
            for item in sources
            if isinstance(item, Manual)
        },
    }


def _data_bytes(preset: PresetInfo) -> int:
    """Disk for the data set and its samples, half of it for each of them."""
    return max(0, preset.disk_bytes - preset.model_disk_bytes)


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
        aside={
            "downloads": plan.layout.downloads,
            "stated_in": plan.campaign.where("datasets", preset.dataset_name),
        },
        # The user's own folder stays where it is.
        store="" if folder is not None else plan.campaign.store.use,
        requires=(of_preset(engine),),
    )
    return product(
        made,
        doc=f"data set of {engine.family}: {preset.sample_count:,} samples",
        seconds=1.0 + _data_bytes(preset) / 2 / DISK_SPEED,
        folder=made.parameters["folder"],
        disk_bytes=0 if folder else _data_bytes(preset) // 2,
        **({} if folder else obtaining(plan, preset.dataset, preset.more_download_bytes)),
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
        requires=(of_preset(engine),),
    )
    return product(
        made,
        doc=f"samples of {engine.family}, ready for the program",
        files=["samples.json"],
        seconds=1.0 + preset.sample_count * 2e-3 + _data_bytes(preset) / 2 / DISK_SPEED,
        disk_bytes=_data_bytes(preset) // 2,
        # Samples are written one by one.
        resources={"cpu": 1, "memory": _PREPROCESS_MEMORY},
    )
