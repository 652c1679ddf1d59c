"""Obtaining the files that a data set or a model is made from."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

from benchwright.build.recipe import Kitchen
from benchwright.contracts.source import Local, Manual, Packaged, Source
from benchwright.download import Checksum, Download, fetch, file_checksum
from benchwright.errors import BenchwrightError


def obtain(sources: tuple[Source, ...], downloads: Path, kitchen: Kitchen) -> dict[str, Path]:
    """A verified local file for each source, by its name. What a person must place is asked for
    all at once, before anything is fetched."""
    _require_placed([item for item in sources if isinstance(item, Manual)], downloads)
    return {source.name: _obtain(source, downloads, kitchen) for source in sources}


def _obtain(source: Source, downloads: Path, kitchen: Kitchen) -> Path:
    kitchen.note(f"source {source.name}")
    if isinstance(source, Download):
        return fetch(source, downloads, progress=kitchen.progress, note=kitchen.say)
    if isinstance(source, Packaged):
        return _packaged(source, kitchen)
    if isinstance(source, Local):
        return _local(source)
    return _manual(source, downloads)


def _packaged(source: Packaged, kitchen: Kitchen) -> Path:
    """A copy of the package's file: the package itself may be zipped."""
    copy = kitchen.scratch() / source.name
    try:
        with as_file(files(source.package).joinpath(source.path)) as path:
            shutil.copyfile(path, copy)
    except (FileNotFoundError, ModuleNotFoundError) as error:
        raise BenchwrightError(
            f"package `{source.package}` does not hold {source.path}",
            why=str(error),
            fix="reinstall the package",
        ) from error
    _verify(copy, source.checksum, f"reinstall the package that brings `{source.package}`")
    return copy


def _local(source: Local) -> Path:
    path = Path(source.path)
    fix = "name it again, so that it is looked at anew"
    if not path.is_file():
        raise BenchwrightError("this file is no longer there", where=source.path, fix=fix)
    _verify(path, source.checksum, fix)
    return path


def _require_placed(sources: Sequence[Manual], downloads: Path) -> None:
    missing = [item for item in sources if not (downloads / item.name).is_file()]
    if not missing:
        return
    *names, last = [item.name for item in missing]
    told: dict[str, list[str]] = {}
    for item in missing:
        place = f"put it at {downloads / item.name} ({item.checksum})"
        told.setdefault(item.instructions, [item.instructions]).append(place)
    raise BenchwrightError(
        f"{', '.join(names)} and {last} must be placed by hand"
        if names
        else f"{last} must be placed by hand",
        where=str(downloads if names else downloads / last),
        why="the licence asks for your consent",
        fix="; ".join("; ".join(parts) for parts in told.values()),
    )


def _manual(source: Manual, downloads: Path) -> Path:
    path = downloads / source.name
    _verify(path, source.checksum, f"get it again: {source.instructions}")
    return path


def _verify(path: Path, checksum: Checksum, fix: str) -> None:
    found = file_checksum(path, checksum.algorithm)
    if found.value != checksum.value:
        raise BenchwrightError(
            "this file has another content than expected",
            where=str(path),
            why=f"expected {checksum}, found {found}",
            fix=fix,
        )
