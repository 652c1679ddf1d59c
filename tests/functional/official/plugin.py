"""The built-in benchmarks of one family, with the sources of the official preset on a server of
this machine. Everything else of the preset is the built-in one's.

The environment variable MINIATURE names a JSON file (`miniature.specification`). The built-in
plugin is to be disabled: it has the names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from benchwright.contracts.benchmark import Benchmark, BenchmarkInfo, PresetInfo, Presets
from benchwright.contracts.source import Checksum, Download, Source
from benchwright.hooks import hookimpl

BENCHWRIGHT_INTERFACE = 1


def _given() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(os.environ["MINIATURE"]).read_text(encoding="utf-8"))
    return found


def _source(source: Source, given: Mapping[str, Any]) -> Source:
    checksum = source.checksum and Checksum(source.checksum.algorithm, given["checksum"])
    if isinstance(source, Download):
        return replace(source, urls=(given["url"],), checksum=checksum, size=given["size"])
    assert checksum is not None
    return replace(source, checksum=checksum, size=given["size"])


def _official(preset: PresetInfo, given: Mapping[str, Any]) -> PresetInfo:
    files = given["files"]
    dataset, model = (
        tuple(_source(item, files[item.name]) for item in sources if item.name in files)
        for sources in (preset.dataset, preset.model)
    )
    return replace(
        preset,
        dataset=dataset,
        model=model,
        sample_count=given["samples"],
        disk_bytes=given["disk_bytes"],
        memory_bytes=given["memory_bytes"],
        model_disk_bytes=0,
        more_download_bytes=0,
        requires=tuple(given.get("requires", preset.requires)),
    )


@hookimpl
def benchmarks() -> Iterator[BenchmarkInfo]:
    """The family's benchmarks."""
    given = _given()
    for info in import_module(given["package"]).benchmarks():
        if info.family != given["family"]:
            continue
        official = info.presets["official"]

        def load(info: BenchmarkInfo = info) -> Benchmark:
            module = import_module(given["module"])
            module.shrink(given["values"])
            return info.load()

        def make(official: PresetInfo = official) -> PresetInfo:
            return _official(official, given)

        yield replace(info, presets=Presets({"official": make}), load=load)
