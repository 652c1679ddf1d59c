"""loadgen's source: where it lies in a folder or an archive, its digest, and a copy to build in.

Nothing here builds: that is `loadgen_build`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from benchwright.errors import BenchwrightError

_SETUP = "setup.py"
_BINDING = "bindings/python_api.cc"
"""Both together mark loadgen's folder, in every version from 3.0 to 6.0."""

_MADE_FOLDERS = frozenset({"build", "dist", "generated", "__pycache__"})
_MADE_FILES = frozenset({"mlperf_conf.h"})
_MADE_ENDINGS = (".so", ".pyd", ".o", ".pyc", ".whl", ".egg-info")
"""What loadgen's own build writes between its sources: neither copied nor counted."""

_LARGEST = 256 << 20
"""Bytes that loadgen's folder may hold; 2.5 MB in the repository, 0.5 MB in an sdist."""


def source_folder(place: Path) -> Path:
    """loadgen's folder: the given one, or `loadgen` in it (a whole checkout)."""
    for folder in (place, place / "loadgen"):
        if (folder / _SETUP).is_file() and (folder / _BINDING).is_file():
            return folder
    raise BenchwrightError(
        "this folder does not hold loadgen's source",
        where=str(place),
        why=f"neither it nor its folder `loadgen` has {_SETUP} and {_BINDING}",
        fix="name the folder `loadgen` of a checkout of the MLPerf Inference repository",
    )


def source_files(folder: Path) -> list[tuple[str, Path]]:
    """(name relative to the folder, path) of each source file, sorted by name. What a build
    leaves behind and hidden folders do not count; links to files do, as what they lead to."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_made_folder(name)]
        for name in names:
            path = Path(place, name)
            if name not in _MADE_FILES and not name.endswith(_MADE_ENDINGS):
                found.append((path.relative_to(folder).as_posix(), path))
    return sorted(found)


def _is_made_folder(name: str) -> bool:
    return name in _MADE_FOLDERS or name.startswith(".") or name.endswith(_MADE_ENDINGS)


def source_digest(folder: Path) -> str:
    """The sha256 over the names and contents of a loadgen folder's source files."""
    digest = hashlib.sha256()
    for name, path in source_files(folder):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{content}  {name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def copy_source(folder: Path, into: Path) -> None:
    """Copies loadgen's source files into a new folder; the original is only read."""
    into.mkdir(parents=True)
    for name, path in source_files(folder):
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def unpack_source(archive: Path, into: Path, scratch: Path) -> None:
    """Unpacks loadgen's folder out of an archive (an sdist, or the whole repository's release).

    Only that folder is unpacked, because the repository holds links, which are refused: its
    members go into a plain tar in `scratch`, and that is unpacked with `archive`'s guards.
    Raises BenchwrightError.
    """
    from benchwright.archive import unpack

    selected = scratch / "loadgen-source.tar"
    try:
        with selected.open("wb") as stream, _members(archive) as members:
            prefix = _select(archive, members, stream)
    except BenchwrightError:
        raise
    except Exception as error:
        # What decoding raises is damage, whatever its kind. The disk's faults have a number.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _damaged(archive, error) from error
    parts = [part for part in prefix.split("/") if part not in ("", ".")]
    try:
        unpack(selected, into, strip=len(parts))
    except BenchwrightError as error:
        raise BenchwrightError(
            error.what, where=str(archive), why=error.why, fix=error.fix
        ) from error
    selected.unlink()


def _damaged(archive: Path, error: Exception) -> BenchwrightError:
    return BenchwrightError(
        "this archive cannot be read",
        where=str(archive),
        why=str(error).partition("\n")[0].rstrip(":") or type(error).__name__,
        fix="get it again; tar (gzip, bzip2, xz) and zip can be read",
    )


class _Members:
    """The members of an archive as tar headers, and their contents; one class for each kind."""

    def headers(self) -> Iterator[tarfile.TarInfo]:
        raise NotImplementedError

    def content(self, header: tarfile.TarInfo) -> IO[bytes] | None:
        raise NotImplementedError


class _TarMembers(_Members):
    def __init__(self, opened: tarfile.TarFile) -> None:
        self._opened = opened

    def headers(self) -> Iterator[tarfile.TarInfo]:
        yield from self._opened.getmembers()

    def content(self, header: tarfile.TarInfo) -> IO[bytes] | None:
        return self._opened.extractfile(header) if header.isreg() else None


class _ZipMembers(_Members):
    def __init__(self, opened: zipfile.ZipFile) -> None:
        self._opened = opened

    def headers(self) -> Iterator[tarfile.TarInfo]:
        for item in self._opened.infolist():
            header = tarfile.TarInfo(item.filename.rstrip("/"))
            if item.is_dir():
                header.type = tarfile.DIRTYPE
            elif stat.S_ISLNK(item.external_attr >> 16):
                header.type = tarfile.SYMTYPE
            else:
                header.size = item.file_size
            yield header

    def content(self, header: tarfile.TarInfo) -> IO[bytes] | None:
        return self._opened.open(header.name) if header.isreg() else None


@contextlib.contextmanager
def _members(archive: Path) -> Iterator[_Members]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield _ZipMembers(zipped)
    else:
        with tarfile.open(archive) as tar:
            yield _TarMembers(tar)


def _select(archive: Path, members: _Members, stream: IO[bytes]) -> str:
    """Writes the members of loadgen's folder as a tar, links and odd names included, so that
    unpacking refuses them; returns the folder's name as it is in the archive, with its slash."""
    headers = list(members.headers())
    prefix = _prefix(archive, {header.name for header in headers})
    chosen = [header for header in headers if header.name.startswith(prefix)]
    size = sum(header.size for header in chosen)
    if size > _LARGEST:
        raise BenchwrightError(
            "loadgen's folder in this archive is too large to be loadgen's",
            where=str(archive),
            why=f"{size} bytes in {prefix or 'the archive'}",
            fix="find out where this archive comes from before using it",
        )
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for header in chosen:
            tar.addfile(header, members.content(header))
    return prefix


def _prefix(archive: Path, names: set[str]) -> str:
    found = [
        name.removesuffix(_BINDING)
        for name in names
        if name == _BINDING or name.endswith(f"/{_BINDING}")
    ]
    found = [prefix for prefix in found if f"{prefix}{_SETUP}" in names]
    if not found:
        raise BenchwrightError(
            "this archive does not hold loadgen's source",
            where=str(archive),
            why=f"no folder in it has {_SETUP} and {_BINDING}",
            fix="use a release of the MLPerf Inference repository, or an sdist of its loadgen",
        )
    return min(found, key=lambda prefix: (prefix.count("/"), prefix))
