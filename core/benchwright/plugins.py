"""Finding, loading and calling plugins, guarded: one that fails is named and left out.

Every call into a plugin goes through `Registry._ask`. Nothing here knows what a hook's answer
means beyond its type.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import EntryPoint, entry_points
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from benchwright import contained, tracing
from benchwright.contained import Fault, Hung
from benchwright.contracts.probe import JSON, Probe, ProbeInfo, Reading
from benchwright.distributions import name_and_version
from benchwright.errors import UsageError, did_you_mean
from benchwright.hooks import NAMESPACE, Hooks
from benchwright.loading import NotFit, check_descriptor, check_facts, check_hooks, interface_of

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

MOST = 100_000
"""A hook that hands over more things than this is taken for one that never ends."""

Info = TypeVar("Info")


@dataclass(slots=True)
class PluginStatus:
    """What became of one registered plugin. file: where its module was loaded from; interface:
    the number that it declares."""

    name: str
    module: str
    distribution: str
    version: str
    status: str = "active"
    hooks: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)
    interface: int | None = None
    file: str = ""

    def fail(self, problem: str) -> None:
        """Marks the plugin as failed; it takes no further part."""
        self.status = "failed"
        self.note(problem)

    def note(self, problem: str) -> None:
        """Records a problem, once; the plugin goes on."""
        if problem not in self.problems:
            self.problems.append(problem)

    def __str__(self) -> str:
        brought_by = f" ({self.distribution})" if self.distribution else ""
        return f"plugin `{self.name}`{brought_by}"


class Registry:
    """The loaded plugins and what they hand over, by name.

    Each family is asked for once, on first use. Where two plugins claim one name the first keeps
    it (built-in plugins come first, then by name) and the other is reported.

    only: names of the plugins to load; the others are passed over (a measured process loads
    nothing that it does not use).
    """

    def __init__(
        self, points: Iterable[EntryPoint] | None = None, *, only: Collection[str] | None = None
    ) -> None:
        found = [
            (point, *_origin(point))
            for point in (entry_points(group=NAMESPACE) if points is None else points)
            if only is None or point.name in only
        ]
        # Built-in plugins come first, so that no other can take their names.
        found.sort(key=lambda item: (item[1] != "benchwright", item[0].name))
        self._manager = pluggy.PluginManager(NAMESPACE)
        self._manager.add_hookspecs(Hooks)
        self._limit = contained.limit_seconds()
        self._traced = tracing.wanted()
        self.plugins: dict[str, PluginStatus] = {}
        self._bringers: dict[tuple[str, Any], PluginStatus] = {}
        self._hung: set[str] = set()
        blocked = {
            name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",") if name.strip()
        }
        for point, distribution, version in found:
            self._load(point, distribution, version, blocked)
        for name in sorted(blocked - self.plugins.keys()) if only is None else ():
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
            plugin = self._ask(status, "import", point.load)
            status.file = str(getattr(plugin, "__file__", None) or "")
            status.interface = interface_of(plugin, point.value, distribution)
            self._manager.register(plugin, name=point.name)
            status.hooks = check_hooks(plugin, self._manager.get_hookcallers(plugin) or [])
        except Hung as fault:
            status.fail(f"its import {fault}")
        except Fault as fault:
            status.fail(str(fault))
        except NotFit as error:
            status.fail(str(error))
        except (Exception, SystemExit) as error:
            # Its attributes are looked at, and one may be a property that raises.
            status.fail(contained.told(error))
        if status.status == "failed" and self._manager.get_plugin(point.name) is not None:
            self._manager.unregister(name=point.name)

    def _ask(
        self,
        status: PluginStatus,
        what: str,
        function: Callable[..., Any],
        arguments: Mapping[str, Any] | None = None,
        *,
        limited: bool = True,
        quiet: bool = True,
    ) -> Any:
        """What a plugin's function answers; Fault where it does not.

        limited: it is given up after a while; quiet: standard output is not its to print to.
        """
        given = arguments or {}

        def printed(text: str) -> None:
            status.note(f"{what} printed to standard output: {text!r}; it went to standard error")

        begin = time.perf_counter()
        outcome = ""
        try:
            answer = contained.call(
                lambda: function(*given.values()),
                self._limit if limited else None,
                who=f"plugin `{status.name}`",
                printed=printed if quiet else None,
            )
            outcome = f"-> {tracing.brief(answer)}" if self._traced else ""
            return answer
        except Fault as fault:
            outcome = fault.sentence
            raise
        finally:
            if self._traced:
                tracing.trace(status.name, what, given, time.perf_counter() - begin, outcome)

    def call(self, hook: str, **arguments: Any) -> list[tuple[PluginStatus, list[Any]]]:
        """The lists that every active plugin hands over at a hook; one that raises is marked
        failed and left out.

        `tasks` may take its time: it works on a plan of any size.
        """
        answers = []
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            status = self.plugins[impl.plugin_name]
            if status.status != "active":
                continue

            def listed(*given: Any, function: Callable[..., Any] = impl.function) -> list[Any]:
                # What is handed over may be a generator: its work is the plugin's too.
                return list(islice(function(*given), MOST + 1))

            given = {name: arguments[name] for name in impl.argnames}
            try:
                answer = self._ask(status, hook, listed, given, limited=hook != "tasks")
            except Fault as fault:
                if hook == "tasks" and isinstance(fault.error, UsageError):
                    # Not the plugin's fault: the campaign is wrong, and the plugin explains how.
                    raise fault.error from None
                status.fail(f"hook `{hook}` {fault.sentence}")
                continue
            if len(answer) > MOST:
                status.fail(f"hook `{hook}` handed over more than {MOST} things")
                continue
            answers.append((status, answer))
        return answers

    def ask(self, family: str, name: str, what: str, function: Callable[[], Any]) -> Any:
        """What a function of a thing that a plugin brought answers, such as a meter's `start`.
        Fault where it does not: it names the plugin, and is among its problems."""
        status = self._bringers[family, name]
        try:
            return self._ask(status, f"{name}.{what}", function, quiet=False)
        except Fault as fault:
            problem = f"`{name}` ({family}): `{what}` {fault.sentence}"
            status.note(problem)
            raise Fault(f"{status}: {problem}", fault.error) from None

    def _descriptors(self, hook: str, kind: type[Info]) -> list[tuple[PluginStatus, Info]]:
        found: list[tuple[PluginStatus, Info]] = []
        for status, answer in self.call(hook):
            try:
                for item in answer:
                    check_descriptor(item, kind)
            except NotFit as error:
                status.fail(f"hook `{hook}` handed over {error}")
                continue
            found.extend((status, item) for item in answer)
        return found

    def _named(self, hook: str, kind: type[Info]) -> dict[str, Info]:
        named: dict[str, Info] = {}
        for status, item in self._descriptors(hook, kind):
            name = str(getattr(item, "name"))  # noqa: B009  (every kind here has a name)
            if name in named:
                status.note(f"`{name}` ({hook}) exists already; this one is left out")
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
        # Every plan asks, few have one, and the contract takes its time to import.
        if not self._manager.hook.programs.get_hookimpls():
            return {}
        from benchwright.contracts.program import FusedProgramInfo

        found: dict[tuple[str, str], FusedProgramInfo] = {}
        for status, item in self._descriptors("programs", FusedProgramInfo):
            key = (item.benchmark, item.backend)
            if key in found:
                status.note(f"a fused program for {key} exists already; left out")
                continue
            found[key] = item
            self._bringers["programs", key] = status
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
            probe, facts = self._facts(name, "identity", partial(_first_reading, info))
            _add(facts, identity)
            if observe and probe is not None:
                _, facts = self._facts(name, "observation", partial(_next_reading, probe))
                _add(facts, observation)
        return Reading(identity, observation)

    def _facts(
        self, name: str, what: str, read: Callable[[], tuple[Probe, Any]]
    ) -> tuple[Probe | None, Mapping[str, JSON]]:
        """A probe and what it says; None and nothing where it fails. One that has hung is not
        asked for the same again."""
        status = self._bringers["probes", name]
        if f"{name}.{what}" in self._hung:
            return None, {}
        try:
            probe, facts = self._ask(status, f"{name}.{what}", read)
            check_facts(facts)
        except Fault as fault:
            status.note(f"probe `{name}` {fault.sentence}")
            if isinstance(fault, Hung):
                self._hung.add(f"{name}.{what}")
        except NotFit as error:
            status.note(f"probe `{name}` handed over {error}")
        else:
            return probe, facts
        return None, {}

    def run_started(self, run: Mapping[str, Any]) -> list[str]:
        """Tells every plugin that a measured run is about to start; returns what went wrong."""
        return self._tell("run_started", run=run)

    def run_finished(self, run: Mapping[str, Any], result: RunResult) -> list[str]:
        """Tells every plugin that a measured run has ended; returns what went wrong."""
        return self._tell("run_finished", run=run, result=result)

    def _tell(self, hook: str, **event: Any) -> list[str]:
        """Each plugin gets copies of its own. One that raises is told of the next event all the
        same (a server may be back by then); one that hangs is not."""
        wrong = []
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            status = self.plugins[impl.plugin_name]
            if status.status != "active":
                continue
            given = {name: deepcopy(event[name]) for name in impl.argnames}
            try:
                self._ask(status, hook, impl.function, given, quiet=False)
            except Fault as fault:
                problem = f"hook `{hook}` {fault.sentence}"
                if isinstance(fault, Hung):
                    status.fail(problem)
                else:
                    status.note(problem)
                wrong.append(f"{status}: {problem}")
        return wrong

    def available(self, meter: str) -> bool:
        """Whether a power meter says that this machine has it; one that fails to say has not."""
        try:
            return bool(
                self.ask("power_meters", meter, "available", self.power_meters[meter].available)
            )
        except Fault:
            return False

    def plugins_of(self, benchmark: str, backend: str) -> list[str]:
        """Names of the plugins that a run of this pair takes: all that its process loads."""
        known = ("benchmarks", benchmark), ("backends", backend), ("programs", (benchmark, backend))
        _ = self.benchmarks, self.backends, self.programs
        return sorted({self._bringers[key].name for key in known if key in self._bringers})

    def bringer(self, family: str, key: Any) -> PluginStatus:
        """The plugin that a thing was taken from; key: its name, or (benchmark, backend)."""
        return self._bringers[family, key]

    def problems(self) -> list[str]:
        """One line for each plugin that failed or was partly left out."""
        return [
            f"{status}: {problem}"
            for status in self.plugins.values()
            for problem in status.problems
        ]


def _first_reading(info: ProbeInfo) -> tuple[Probe, Any]:
    probe = info.load()
    return probe, probe.identity()


def _next_reading(probe: Probe) -> tuple[Probe, Any]:
    return probe, probe.observation()


def _add(facts: Mapping[str, JSON], known: dict[str, JSON]) -> None:
    for name, value in facts.items():
        known.setdefault(name, value)


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
