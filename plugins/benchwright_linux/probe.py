"""The probe: all facts of one machine, those that are unknown left out."""

from __future__ import annotations

from benchwright.contracts.probe import JSON, Probe
from benchwright_linux import cpu, machine, memory, network, osinfo, storage
from benchwright_linux.sources import Sources


class MachineProbe(Probe):
    """Reads this machine, or the one that `sources` shows.

    Facts beyond those that the contract names. Identity: `machine.vendor`, `machine.model`,
    `cpu.quota` (CPUs' worth of time, only where a control group limits it). Observation:
    `cpu.mhz_lowest`, `cpu.mhz_highest`, `cpu.governor`, `cpu.boost`, `cpu.load` (1, 5 and 15
    minutes), `cpu.temperature_c`, `memory.total_bytes`, `memory.free_bytes`,
    `memory.available_bytes`, `memory.limit_bytes`, `storage.free_bytes`, `network.speed_mbit`.
    """

    def __init__(self, sources: Sources | None = None) -> None:
        self._sources = sources or Sources()

    def _on_macos(self) -> bool:
        return self._sources.functions.platform() == "darwin"

    def identity(self) -> dict[str, JSON]:
        """What stays the same on an unchanged machine; see the contract for the names."""
        sources = self._sources
        if self._on_macos():
            from benchwright_linux import macos

            return _known(macos.identity(macos.parse(sources.functions.sysctl()), sources))
        maker = machine.maker(sources)
        return _known(
            machine.identity(maker)
            | cpu.identity(sources, maker)
            | memory.identity(sources)
            | storage.identity(sources)
            | network.identity(sources)
            | osinfo.identity(sources)
        )

    def observation(self) -> dict[str, JSON]:
        """What holds this minute."""
        sources = self._sources
        if self._on_macos():
            from benchwright_linux import macos

            return _known(macos.observation(macos.parse(sources.functions.sysctl()), sources))
        return _known(
            cpu.observation(sources)
            | memory.observation(sources)
            | storage.observation(sources)
            | network.observation(sources)
        )


def _known(facts: dict[str, JSON]) -> dict[str, JSON]:
    return {name: value for name, value in facts.items() if value is not None}
