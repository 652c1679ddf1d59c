"""Distributions that a benchmark's preset or a backend needs: whether they are there, what installs
them, and the refusal of a build that would find out too late."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from benchwright.distributions import NOT_INSTALLED, installed_version, tool_version
from benchwright.errors import UsageError

if TYPE_CHECKING:
    from benchwright.plan import Engine


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


def refuse_lacking(
    metas: Mapping[str, Mapping[str, Any]],
    due: Callable[[], Collection[str]],
    *,
    keep_going: bool,
) -> None:
    """UsageError where a task that would run needs what is not installed. keep_going: those tasks
    may fail, as long as something is measured without them (or made, where nothing is measured).

    metas: our part of each task's meta; due: gives the names of the tasks that would run, which
    is only asked where something is missing.
    """
    needs = {name: meta["recipe"].requires for name, meta in metas.items() if "recipe" in meta}
    missing = set(lacking(item for requires in needs.values() for item in requires))
    if not missing:
        return
    wanted = [name for name in due() if needs.get(name)]
    lacks = {name: [item for item in needs[name] if item in missing] for name in wanted}
    refused = dict.fromkeys(item for found in lacks.values() for item in found)
    if not refused:
        return
    ends = [name for name in wanted if metas[name]["kind"] == "measurement"] or wanted
    if keep_going and not all(lacks[name] for name in ends):
        return
    error = refusal(refused)
    if not all(lacks[name] for name in ends):
        error.fix = f"{error.fix}; or make the rest alone: --keep-going"
    raise error


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
