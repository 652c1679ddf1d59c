"""What a plan consists of: engines to build, and runs of loadgen on them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from benchwright.contracts.backend import BackendInfo
from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo
from benchwright.quantizing import FULL

if TYPE_CHECKING:
    from benchwright.contracts.program import FusedProgramInfo
    from benchwright.contracts.quantizer import QuantizerInfo


class Engine(NamedTuple):
    """One engine of the plan: a benchmark's model on a backend with its options.

    quantizer makes the precision where it is not the model's own; fused is the program that
    stands in for the benchmark's own on this backend.
    """

    benchmark: BenchmarkInfo
    preset: PresetInfo
    backend: BackendInfo
    options: Mapping[str, Any]
    precision: str = FULL
    quantizer: QuantizerInfo | None = None
    quantizer_options: Mapping[str, Any] = MappingProxyType({})
    fused: FusedProgramInfo | None = None

    @property
    def family(self) -> str:
        """`<family>-<preset>`: what the data set and the model are called."""
        return f"{self.benchmark.family}-{self.preset.name}"

    @property
    def subject(self) -> str:
        """`<benchmark>-<preset>/<backend>[+precision]`."""
        plus = "" if self.precision == FULL else f"+{self.precision}"
        return f"{self.benchmark.name}-{self.preset.name}/{self.backend.name}{plus}"

    @property
    def graphs(self) -> tuple[str, ...]:
        """The names of the graphs that the engine holds."""
        return self.benchmark.graphs if self.fused is None else self.fused.graphs

    @property
    def engine_options(self) -> dict[str, Any]:
        """The options that change the engine itself."""
        return {name: self.options[name] for name in self.backend.engine_options}


class Run(NamedTuple):
    """One loadgen execution of the plan."""

    engine: Engine
    scenario: str
    mode: str
    pins: Mapping[str, Any]
    test: str | None = None

    @property
    def subject(self) -> str:
        """`<benchmark>-<preset>/<backend>[+precision]/<Scenario>`."""
        return f"{self.engine.subject}/{self.scenario}"

    @property
    def task(self) -> str:
        """The task's name."""
        return f"{self.mode}:{self.subject}" + (f"/{self.test}" if self.test else "")

    def of(self, mode: str) -> Run:
        """The performance or accuracy run of the same engine and scenario."""
        return self._replace(mode=mode, test=None)
