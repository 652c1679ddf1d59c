"""Probes: what a package can say about the machine it runs on.

A reading keeps *identity* (what a result depends on) apart from *observation* (what is true this
minute). Identity enters keys; observation is recorded and never keyed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


class Reading(NamedTuple):
    """Facts by dotted name.

    Names in use: `cpu.model`, `cpu.vendor`, `cpu.architecture`, `cpu.features` (sorted list),
    `cpu.sockets`, `cpu.cores` (physical, whole machine), `cpu.threads` (logical),
    `cpu.available` (logical CPUs this process may use), `cpu.max_mhz`, `cpu.caches` (text),
    `cpu.numa_nodes`, `memory.bytes`, `memory.configuration` (text), `os.name`, `os.version`,
    `os.kernel`, `storage.bytes`, `storage.type`, `network.cards` (int), `network.description`,
    `accelerator.count`, `accelerator.model`, `accelerator.memory_bytes`. A fact that cannot be
    known is left out, never guessed.
    """

    identity: Mapping[str, JSON] = MappingProxyType({})
    observation: Mapping[str, JSON] = MappingProxyType({})


class Probe(ABC):
    """Reads the machine. `identity` must be cheap (milliseconds, no child process)."""

    @abstractmethod
    def identity(self) -> dict[str, JSON]:
        """What a result depends on; the same on every call on an unchanged machine."""

    @abstractmethod
    def observation(self) -> dict[str, JSON]:
        """What holds now: frequencies, load, free memory and disk."""


@dataclass(frozen=True, slots=True)
class ProbeInfo:
    """What the `probes` hook hands over; `load` imports the real thing."""

    name: str
    summary: str
    load: Callable[[], Probe]
