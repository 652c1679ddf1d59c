"""What must be there before a build starts: distributions that presets and backends need, what
installs them, and data sets' folders of the user's own. A build that would find out late is
refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchwright.distributions import NOT_INSTALLED, installed_version, tool_version
from benchwright.errors import UsageError, absent

if TYPE_CHECKING:
    from benchwright.planned import Engine


Metas = Mapping[str, Mapping[str, Any]]
Due = Callable[[], Collection[str]]

_OWN = "correct the path under `datasets:`; a data set is a folder, unpacked"


class Requirement(NamedTuple):
    """who: what needs the distributions, such as `bert-tiny`; packages: as the descriptors of
    presets and backends have them; extra: the extra of benchwright that brings them."""

    who: str
    packages: tuple[str, ...]
    extra: str | None = None

    @property
    def names(self) -> list[str]:
        """The distributions by name."""
        return [_name(item) for item in self.packages]

    def missing(self) -> list[str]:
        """The names of those that are not there."""
        return [_name(item) for item in self.packages if not _is_there(item)]

    def __str__(self) -> str:
        return f"{', '.join(self.missing())}, which {self.who} needs"


def of_preset(engine: Engine) -> Requirement:
    """What a family's data set and model need."""
    return Requirement(engine.family, engine.preset.requires, engine.preset.extra)


def of_engine(engine: Engine) -> tuple[Requirement, ...]:
    """What building and measuring an engine needs: its preset, its backend, its quantizer."""
    backend, quantizer = engine.backend, engine.quantizer
    found = [
        of_preset(engine),
        Requirement(f"backend {backend.name}", backend.requires, backend.extra),
    ]
    if quantizer is not None:
        who = f"quantizer {quantizer.name}"
        found.append(Requirement(who, quantizer.requires, quantizer.extra))
    return tuple(found)


def lacking(requirements: Iterable[Requirement]) -> list[Requirement]:
    """Those of which something is missing, each once."""
    return [item for item in dict.fromkeys(requirements) if item.missing()]


def installing(lacks: Iterable[Requirement]) -> str:
    """The one command that installs what is missing."""
    wanted = list(lacks)
    extras = dict.fromkeys(part for item in wanted if item.extra for part in item.extra.split(","))
    named = dict.fromkeys(name for item in wanted if not item.extra for name in item.missing())
    ours = [f"'benchwright[{','.join(extras)}]'"] if extras else []
    return f"pip install {' '.join([*ours, *named])}"


def refusal(lacks: Iterable[Requirement], where: str | None = None) -> UsageError:
    """The error that names every missing package, who needs it, and the command."""
    wanted = list(lacks)
    return UsageError(
        f"not installed: {'; '.join(map(str, wanted))}", where=where, fix=installing(wanted)
    )


def absent_folder(folder: Path, stated_in: str | None) -> UsageError:
    """The error for a folder of the user's own that is not there, or is none."""
    return UsageError(
        f"there is no data set folder {folder}", where=stated_in, why=absent(folder), fix=_OWN
    )


def refuse_lacking(metas: Metas, due: Due, *, keep_going: bool) -> None:
    """UsageError where a task that would run needs what is not installed. keep_going: those tasks
    may fail, as long as something is measured without them (or made, where nothing is measured).

    metas: our part of each task's meta; due: gives the names of the tasks that would run, which
    is only asked where something is missing.
    """
    needs = {name: _needs(meta) for name, meta in metas.items()}
    missing = set(lacking(item for requires in needs.values() for item in requires))
    lacks = {
        name: found
        for name, requires in needs.items()
        if (found := [item for item in requires if item in missing])
    }
    stopped, others = _stopped(metas, lacks, lacks, due)
    if not stopped or (keep_going and others):
        return
    error = refusal(dict.fromkeys(item for name in stopped for item in lacks[name]))
    if others:
        error.fix = f"{error.fix}; or make the rest alone: --keep-going"
    raise error


def refuse_absent(metas: Metas, due: Due, *, keep_going: bool) -> None:
    """UsageError where a task that would run reads a folder of the user's own that is not there.
    The arguments are those of `refuse_lacking`."""
    folders = {name: meta["own_folder"] for name, meta in metas.items() if meta.get("own_folder")}
    lost = {name: folder for name, folder in folders.items() if not os.path.isdir(folder)}
    families = {item.who for name in lost for item in _needs(metas[name])}
    after = {
        name for name, meta in metas.items() if any(item.who in families for item in _needs(meta))
    }
    stopped, others = _stopped(metas, lost, after, due)
    if stopped and not (keep_going and others):
        name = stopped[0]
        raise absent_folder(Path(lost[name]), metas[name]["recipe"].aside["stated_in"])


def _needs(meta: Mapping[str, Any]) -> tuple[Requirement, ...]:
    recipe = meta.get("recipe")
    return () if recipe is None else recipe.requires


def _stopped(
    metas: Metas, stops: Collection[str], after: Collection[str], due: Due
) -> tuple[list[str], bool]:
    """Which of the tasks in `stops` would run; and whether any that is not in `after` is worth
    running: a measurement, or anything of a benchmark's where nothing is measured."""
    if not stops:
        return [], False
    running = set(due())
    wanted = [name for name, meta in metas.items() if name in running and _needs(meta)]
    ends = [name for name in wanted if metas[name]["kind"] == "measurement"] or wanted
    return [name for name in wanted if name in stops], not all(name in after for name in ends)


def _name(package: str) -> str:
    return package.partition(":")[0]


def _is_there(package: str) -> bool:
    """Whether the distribution is installed, or another one that brings its module."""
    name, _, module = package.partition(":")
    if tool_version(name) != NOT_INSTALLED or installed_version(name) is not None:
        return True
    try:
        spec = find_spec(module or name.replace("-", "_"))
    except (ImportError, ValueError):
        return False
    # A mere folder of that name has no origin.
    return spec is not None and spec.origin is not None
