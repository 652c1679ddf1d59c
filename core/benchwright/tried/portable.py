"""Tried models on their way to another machine: the description, and the files that it is of.

    <name>/tried.json     the description
    <name>/files/<file>   what the model consists of

What comes from elsewhere is taken as data only: contents are held to their checksums, and modules
come from nowhere but here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from benchwright.build.artifact import sha256_of
from benchwright.errors import BenchwrightError, UsageError
from benchwright.tried import described
from benchwright.tried.described import FORM_FACTORY, Description, Source
from benchwright.tried.resolve import slug

_DESCRIPTION, _FILES = "tried.json", "files"


def files_of(name: str) -> Iterator[tuple[str, Path]]:
    """(name in the archive, file) of a tried model; BenchwrightError where a file has changed."""
    found = described.load(name)
    yield f"{name}/{_DESCRIPTION}", described.file_of(name)
    for source in _sources(found):
        path = Path(source.path)
        _require(path, source, "try the model again, then export")
        yield f"{name}/{_FILES}/{source.name}", path


def settle(folder: Path) -> None:
    """Makes the tried model of an unpacked folder one of this place; BenchwrightError where it is
    not what it says, UsageError where another one has its name."""
    found = described.parse(folder / _DESCRIPTION)
    factories = {graph.torch["factory"] for graph in found.graphs if graph.torch is not None}
    if found.name != folder.name or slug(found.name) != found.name or factories - {FORM_FACTORY}:
        raise BenchwrightError(
            "this description of a tried model is none of ours", where=str(folder / _DESCRIPTION)
        )

    def here(source: Source) -> Source:
        parts = PurePosixPath(source.name)
        if parts.is_absolute() or ".." in parts.parts:
            raise BenchwrightError(
                f"this tried model has a file `{source.name}`, outside its folder",
                where=str(folder / _DESCRIPTION),
            )
        path = (folder / _FILES / source.name).resolve()
        _require(path, source, "export the result again")
        return source._replace(path=str(path))

    sources = tuple(map(here, found.sources))
    placed = found._replace(sources=sources, data=None if found.data is None else here(found.data))
    if found.name in described.names() and described.load(found.name).sha256 != found.sha256:
        raise UsageError(
            f"another model has been tried here as `{found.name}`",
            where=str(described.file_of(found.name)),
            fix="reproduce the result in an empty folder",
        )
    placed.save()


def _sources(found: Description) -> tuple[Source, ...]:
    return found.sources if found.data is None else (*found.sources, found.data)


def _require(path: Path, source: Source, fix: str) -> None:
    if not path.is_file() or sha256_of(path) != source.sha256:
        raise BenchwrightError(
            f"this file of a tried model is {'another one' if path.is_file() else 'missing'}",
            where=str(path),
            fix=fix,
        )
