"""Finding, loading and calling plugins, guarded: one that fails is named and left out.

Nothing here knows what a hook's answer means beyond its type.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from benchwright.contracts.probe import JSON, ProbeInfo, Reading
from benchwright.distributions import name_and_version
from benchwright.errors import UsageError, did_you_mean
from benchwright.hooks import LISTING_HOOKS, NAMESPACE, Hooks

if TYPE_CHECKING:
    from benchwright.contracts.backend import BackendInfo
    from benchwright.contracts.benchmark import BenchmarkInfo
    from benchwright.contracts.executor import ExecutorInfo
    from benchwright.contracts.formatter import FormatterInfo
    from benchwright.contracts.power import PowerMeterInfo
    from benchwright.contracts.program import FusedProgramInfo
    from benchwright.contracts.quantizer import QuantizerInfo
    from benchwright.results import RunResult

DISABLE_VARIABLE = "BENCHWRIGHT_DISABLE_PLUGINS"
"""Environment variable: names of plugins to leave out, separated by commas."""

Info = TypeVar("Info")


@dataclass(slots=True)
class PluginStatus:
    """What became of one registered plugin."""

    name: str
    module: str
    distribution: str
    version: str
    status: str = "active"
    hooks: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)

    def fail(self, problem: str) -> None:
        """Marks the plugin as failed; it takes no further part."""
        self.status = "failed"
        self.problems.append(problem)


class Registry:
    """The loaded plugins and what they hand over, by name.

    Each family is asked for once, on first use. Where two plugins claim one name the first keeps
    it (built-in plugins come first, then by name) and the other is reported.
    """

    def __init__(self, points: Iterable[EntryPoint] | None = None) -> None:
        found = [
            (point, *_origin(point))
            for point in (entry_points(group=NAMESPACE) if points is None else points)
        ]
        # Built-in plugins come first, so that no other can take their names.
        found.sort(key=lambda item: (item[1] != "benchwright", item[0].name))
        self._manager = pluggy.PluginManager(NAMESPACE)
        self._manager.add_hookspecs(Hooks)
        self.plugins: dict[str, PluginStatus] = {}
        self._bringers: dict[tuple[str, str], PluginStatus] = {}
        blocked = {
            name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",") if name.strip()
        }
        for point, distribution, version in found:
            self._load(point, distribution, version, blocked)
        for name in sorted(blocked - self.plugins.keys()):
            self.plugins[name] = PluginStatus(
                name, "", "", "", "missing", (), [f"{DISABLE_VARIABLE} names it; not installed"]
            )

    def _load(self, point: EntryPoint, distribution: str, version: str, blocked: set[str]) -> None:
        status = PluginStatus(point.name, point.value, distribution, version)
        if point.name in self.plugins:
            status.fail(f"the name `{point.name}` is taken by {self.plugins[point.name].module}")
            self.plugins[f"{point.name} ({status.distribution})"] = status
            return
        self.plugins[point.name] = status
        if point.name in blocked:
            status.status = "disabled"
            return
        try:
            plugin = point.load()
            self._manager.register(plugin, name=point.name)
            self._check_names(plugin)
        except (Exception, SystemExit) as error:
            # Whatever a third party's import raises must not take the program down.
            status.fail(_told(error))
            if self._manager.get_plugin(point.name) is not None:
                self._manager.unregister(name=point.name)
            return
        callers = self._manager.get_hookcallers(plugin) or []
        status.hooks = tuple(sorted(caller.name for caller in callers))

    def _check_names(self, plugin: object) -> None:
        """A misspelt hook is an error, not silence."""
        for caller in self._manager.get_hookcallers(plugin) or []:
            if not caller.has_spec():
                known = [name for name in vars(Hooks) if not name.startswith("_")]
                raise TypeError(f"unknown hook `{caller.name}`; {did_you_mean(caller.name, known)}")

    def call(self, hook: str, **arguments: Any) -> list[tuple[PluginStatus, Any]]:
        """Calls a hook of every active plugin; one that raises is marked failed and left out."""
        answers = []
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            status = self.plugins[impl.plugin_name]
            if status.status != "active":
                continue
            try:
                answer = impl.function(*(arguments[name] for name in impl.argnames))
                if hook in LISTING_HOOKS or hook == "tasks":
                    answer = list(answer)
            except (Exception, SystemExit) as error:
                if hook == "tasks" and isinstance(error, UsageError):
                    # Not the plugin's fault: the campaign is wrong, and the plugin explains how.
                    raise
                status.fail(f"hook `{hook}` raised {_told(error)}")
                continue
            answers.append((status, answer))
        return answers

    def _descriptors(self, hook: str, kind: type[Info]) -> list[tuple[PluginStatus, Info]]:
        found: list[tuple[PluginStatus, Info]] = []
        for status, answer in self.call(hook):
            wrong = [item for item in answer if not isinstance(item, kind)]
            if wrong:
                status.fail(
                    f"hook `{hook}` handed over {type(wrong[0]).__name__}, not {kind.__name__}"
                )
                continue
            found.extend((status, item) for item in answer)
        return found

    def _named(self, hook: str, kind: type[Info]) -> dict[str, Info]:
        named: dict[str, Info] = {}
        for status, item in self._descriptors(hook, kind):
            name = str(getattr(item, "name"))  # noqa: B009  (every kind here has a name)
            if name in named:
                status.problems.append(f"`{name}` ({hook}) exists already; this one is left out")
                continue
            named[name] = item
            self._bringers[hook, name] = status
        return named

    @cached_property
    def benchmarks(self) -> Mapping[str, BenchmarkInfo]:
        """Benchmarks by name."""
        from benchwright.contracts.benchmark import BenchmarkInfo

        return self._named("benchmarks", BenchmarkInfo)

    @cached_property
    def backends(self) -> Mapping[str, BackendInfo]:
        """Backends by name."""
        from benchwright.contracts.backend import BackendInfo

        return self._named("backends", BackendInfo)

    @cached_property
    def quantizers(self) -> Mapping[str, QuantizerInfo]:
        """Quantizers by name."""
        from benchwright.contracts.quantizer import QuantizerInfo

        return self._named("quantizers", QuantizerInfo)

    @cached_property
    def probes(self) -> Mapping[str, ProbeInfo]:
        """Probes by name."""
        return self._named("probes", ProbeInfo)

    @cached_property
    def power_meters(self) -> Mapping[str, PowerMeterInfo]:
        """Power meters by name."""
        from benchwright.contracts.power import PowerMeterInfo

        return self._named("power_meters", PowerMeterInfo)

    @cached_property
    def executors(self) -> Mapping[str, ExecutorInfo]:
        """Executors by name."""
        from benchwright.contracts.executor import ExecutorInfo

        return self._named("executors", ExecutorInfo)

    @cached_property
    def programs(self) -> Mapping[tuple[str, str], FusedProgramInfo]:
        """Fused programs by (benchmark, backend)."""
        from benchwright.contracts.program import FusedProgramInfo

        found: dict[tuple[str, str], FusedProgramInfo] = {}
        for status, item in self._descriptors("programs", FusedProgramInfo):
            key = (item.benchmark, item.backend)
            if key in found:
                status.problems.append(f"a fused program for {key} exists already; left out")
                continue
            found[key] = item
        return found

    @cached_property
    def formatters(self) -> Mapping[str, FormatterInfo]:
        """Formatters by name."""
        from benchwright.contracts.formatter import FormatterInfo

        return self._named("formatters", FormatterInfo)

    def formatter(
        self, round_name: str, name: str | None = None, where: str | None = None
    ) -> FormatterInfo:
        """The formatter of this name, or the first that serves the round."""
        if name is not None:
            named = lookup("formatter", name, self.formatters, where)
            if round_name not in named.rounds:
                raise UsageError(
                    f"formatter `{name}` does not serve round `{round_name}`; "
                    f"it serves {', '.join(named.rounds)}",
                    where=where,
                )
            return named
        for info in self.formatters.values():
            if round_name in info.rounds:
                return info
        raise UsageError(
            f"no installed formatter writes or checks round `{round_name}`",
            fix="`benchwright plugins` lists what is installed",
        )

    def read_system(self, *, observe: bool = False) -> Reading:
        """What all probes say together; the first probe to state a fact keeps it."""
        identity: dict[str, JSON] = {}
        observation: dict[str, JSON] = {}
        for name, info in self.probes.items():
            try:
                probe = info.load()
                for key, value in probe.identity().items():
                    identity.setdefault(key, value)
                for key, value in probe.observation().items() if observe else ():
                    observation.setdefault(key, value)
            except (Exception, SystemExit) as error:
                problem = f"probe `{name}` raised {_told(error)}"
                told = self._bringers["probes", name].problems
                if problem not in told:
                    told.append(problem)
        return Reading(identity, observation)

    def run_started(self, run: Mapping[str, Any]) -> None:
        """Tells every plugin that a measured run is about to start."""
        self.call("run_started", run=run)

    def run_finished(self, run: Mapping[str, Any], result: RunResult) -> None:
        """Tells every plugin that a measured run has ended."""
        self.call("run_finished", run=run, result=result)

    def problems(self) -> list[str]:
        """One line for each plugin that failed or was partly left out."""
        return [
            f"plugin `{status.name}`{f' ({status.distribution})' if status.distribution else ''}: "
            f"{problem}"
            for status in self.plugins.values()
            for problem in status.problems
        ]


def _told(error: BaseException) -> str:
    """An exception on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _origin(point: EntryPoint) -> tuple[str, str]:
    return name_and_version(point.dist) if point.dist is not None else ("", "")


def lookup(kind: str, name: str, known: Mapping[str, Info], where: str | None = None) -> Info:
    """`known[name]`, or an error that names the near miss and how to see what is installed."""
    if name in known:
        return known[name]
    raise UsageError(
        f"unknown {kind} `{name}`; {did_you_mean(name, known)}".rstrip("; "),
        where=where,
        fix=f"`benchwright plugins` lists the installed {kind}s",
    )
