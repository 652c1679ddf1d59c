"""A result in one file, to be reproduced on another machine: a tar file, compressed or not.

    run/result.json, run/recipe.json   the record, and what it was made from
    tried/<name>/…                     models that were merely tried (see `tried.portable`)

Data sets and models of benchmarks are made there as they were here.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchwright.archive import unpack
from benchwright.build.artifact import RECIPE, partial_place, sha256_of
from benchwright.build.store.bundle import MODES
from benchwright.errors import BenchwrightError, UsageError
from benchwright.layout import BUILD
from benchwright.results import RESULT_FILE

_RUN, _TRIED = "run", "tried"
PLACE = f"{BUILD}/reproduced/unpacked"
"""Where results from elsewhere lie."""


def write(target: Path, folder: Path, benchmarks: Iterable[str]) -> int:
    """Writes a run's record, and those of the benchmarks that are tried models; returns the
    bytes."""
    mode = next((MODES[end] for end in sorted(MODES) if target.name.endswith(end)), None)
    if mode is None:
        raise UsageError(
            "the name of such a file ends in .tar or .tar.gz",
            where=str(target),
            fix=f"{target.name}.tar",
        )
    files = dict(_files(folder, benchmarks))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial_place(target)
    try:
        with tarfile.open(temporary, mode=mode, format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
            for name, path in files.items():
                member = tarfile.TarInfo(name)
                member.size = path.stat().st_size
                with path.open("rb") as stream:
                    tar.addfile(member, stream)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target.stat().st_size


def _files(folder: Path, benchmarks: Iterable[str]) -> Iterator[tuple[str, Path]]:
    from benchwright.tried import described, portable

    for name in (RESULT_FILE, RECIPE):
        yield f"{_RUN}/{name}", folder / name
    known = set(described.names())
    for benchmark in benchmarks:
        if benchmark in known:
            for name, path in portable.files_of(benchmark):
                yield f"{_TRIED}/{name}", path


def read(source: Path) -> Path:
    """Unpacks a result from elsewhere; returns the run's folder. BenchwrightError where it is
    none."""
    from benchwright.tried import portable

    place = Path(PLACE, sha256_of(source)[:16])
    if not place.is_dir():
        unpack(source, place)
    run = place / _RUN
    if not (run / RESULT_FILE).is_file():
        raise BenchwrightError(
            "this archive holds no result",
            where=str(source),
            why=f"it has no {_RUN}/{RESULT_FILE}",
            fix="make it with `benchwright reproduce RESULT --export FILE.tar.gz`",
        )
    for folder in sorted((place / _TRIED).glob("*")):
        portable.settle(folder)
    return run
