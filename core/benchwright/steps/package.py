"""The submission tree as one file, the same bytes for the same tree."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

from benchwright.build.recipe import Kitchen

_LEVEL = 6


def pack(kitchen: Kitchen) -> None:
    """Writes the tree that the parameters name into one compressed file."""
    given = kitchen.parameters
    pack_tree(Path(given["tree"]), kitchen.out / Path(given["file"]).name)


def pack_tree(tree: Path, file: Path) -> None:
    """A .tar.gz of all files below `tree`, by their paths in it. Neither order, times, owners nor
    permissions of this machine enter it."""
    names = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file())
    with (
        file.open("wb") as raw,
        gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in names:
            path = tree / name
            info = tarfile.TarInfo(name)
            info.size = path.stat().st_size
            info.mode = 0o644
            with path.open("rb") as content:
                archive.addfile(info, content)
