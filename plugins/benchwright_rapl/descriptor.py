"""What the meter says of itself: its options, whether it is there, and how it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchwright.contracts.power import PowerMeter, PowerMeterInfo

if TYPE_CHECKING:
    from benchwright_rapl.options import RaplOptions


def _available() -> bool:
    from benchwright_rapl.counters import packages

    found = packages()
    return bool(found) and all(package.readable for package in found)


def _load() -> PowerMeter:
    from benchwright_rapl.meter import RaplMeter

    return RaplMeter()


def _load_options() -> type[RaplOptions]:
    from benchwright_rapl.options import RaplOptions

    return RaplOptions


RAPL = PowerMeterInfo(
    name="rapl",
    summary="energy counters of the processor packages (RAPL, Linux on x86)",
    available=_available,
    load=_load,
    load_options=_load_options,
)
