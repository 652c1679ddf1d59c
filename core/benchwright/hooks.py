"""The hooks, typed: every way into Benchwright.

A package registers a module (or object) under the entry-point group `benchwright` and implements
any of these with `@hookimpl`, and says which interface it was built for. A hook hands over small
descriptors; what is heavy is imported by their `load`. docs/hooks.md documents each one with an
example.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from benchwright.contracts.backend import BackendInfo
    from benchwright.contracts.benchmark import BenchmarkInfo
    from benchwright.contracts.executor import ExecutorInfo
    from benchwright.contracts.formatter import FormatterInfo
    from benchwright.contracts.power import PowerMeterInfo
    from benchwright.contracts.probe import ProbeInfo
    from benchwright.contracts.program import FusedProgramInfo
    from benchwright.contracts.quantizer import QuantizerInfo
    from benchwright.plan import Plan
    from benchwright.results import RunResult

NAMESPACE = "benchwright"
"""The entry-point group and the pluggy project name."""

INTERFACE = 1
"""Number of the interface: the hooks' signatures, the descriptors and the contracts. It goes up
when a plugin that was right may no longer be."""

OLDEST_INTERFACE = 1
"""The oldest interface whose plugins still work here."""

INTERFACE_NAME = "BENCHWRIGHT_INTERFACE"
"""What a plugin calls the number of the interface it was built for."""

hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


class Hooks:
    """The specifications. Signatures are part of the interface: see docs/hooks.md."""

    @hookspec
    def benchmarks(self) -> Iterable[BenchmarkInfo]:  # type: ignore[empty-body]
        """The benchmarks this package brings."""

    @hookspec
    def programs(self) -> Iterable[FusedProgramInfo]:  # type: ignore[empty-body]
        """Fused programs: a benchmark's whole program made for one backend."""

    @hookspec
    def backends(self) -> Iterable[BackendInfo]:  # type: ignore[empty-body]
        """The backends this package brings."""

    @hookspec
    def quantizers(self) -> Iterable[QuantizerInfo]:  # type: ignore[empty-body]
        """The quantizers this package brings."""

    @hookspec
    def probes(self) -> Iterable[ProbeInfo]:  # type: ignore[empty-body]
        """The machine probes this package brings."""

    @hookspec
    def formatters(self) -> Iterable[FormatterInfo]:  # type: ignore[empty-body]
        """The submission formatters this package brings."""

    @hookspec
    def power_meters(self) -> Iterable[PowerMeterInfo]:  # type: ignore[empty-body]
        """The power meters this package brings."""

    @hookspec
    def executors(self) -> Iterable[ExecutorInfo]:  # type: ignore[empty-body]
        """The executors this package brings."""

    @hookspec
    def tasks(self, plan: Plan) -> Iterable[dict[str, Any]]:  # type: ignore[empty-body]
        """doit task dicts for this plan, made with `benchwright.build.task`."""

    @hookspec
    def run_started(self, run: Mapping[str, Any]) -> None:
        """A measured run is about to start; called in the parent, outside the timed window.

        run: the run's specification as JSON values (task, benchmark, backend, scenario, mode).
        """

    @hookspec
    def run_finished(self, run: Mapping[str, Any], result: RunResult) -> None:
        """A measured run has ended and its record lies in its folder; called in the parent.

        Both arguments are the plugin's own copies: nothing that it does to them goes anywhere.
        """


LISTING_HOOKS = (
    "benchmarks",
    "programs",
    "backends",
    "quantizers",
    "probes",
    "formatters",
    "power_meters",
    "executors",
)
"""The hooks that hand over descriptors without arguments."""
