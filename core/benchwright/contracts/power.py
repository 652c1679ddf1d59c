"""Power meters: they sample power while a run lasts. Informative, never part of a submission."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchwright.contracts.options import LoadOptions, no_options


@dataclass(frozen=True, slots=True)
class PowerSummary:
    """What was measured between start and stop: mean power in watts, energy in joules, the
    number of samples, and the time span in seconds."""

    mean_watts: float
    joules: float
    samples: int
    seconds: float


class PowerMeter(ABC):
    """One meter. `start` and `stop` are called in the parent, outside the timed window.

    Each has a few seconds (BENCHWRIGHT_PLUGIN_TIMEOUT). What they raise leaves the run without
    figures, and is told: a BenchwrightError says best what to do about it.
    """

    def configure(self, options: Mapping[str, Any]) -> None:  # noqa: B027  (few meters have any)
        """Takes the options that the campaign gives it, validated; called once, before `start`."""

    @abstractmethod
    def start(self) -> None:
        """Begins sampling; returns at once."""

    @abstractmethod
    def stop(self) -> PowerSummary:
        """Ends sampling and sums up."""


@dataclass(frozen=True, slots=True)
class PowerMeterInfo:
    """What the `power_meters` hook hands over. `available` tells without side effects whether
    this machine has such a meter that this user may read."""

    name: str
    summary: str
    available: Callable[[], bool]
    load: Callable[[], PowerMeter]
    load_options: LoadOptions = no_options
