"""What the meter says of itself: its options, whether it is there, and how it is loaded."""

from __future__ import annotations

from pydantic import Field

from benchwright.contracts.power import PowerMeter, PowerMeterInfo
from benchwright.options import Options


class RaplOptions(Options):
    """What may be set under `power: {rapl: …}`."""

    interval_ms: int = Field(
        200,
        ge=10,
        le=60_000,
        strict=True,
        description="milliseconds between two readings of the counters",
    )


def _available() -> bool:
    from benchwright_rapl.counters import packages

    found = packages()
    return bool(found) and all(package.readable for package in found)


def _load() -> PowerMeter:
    from benchwright_rapl.meter import RaplMeter

    return RaplMeter()


RAPL = PowerMeterInfo(
    name="rapl",
    summary="energy counters of the processor packages (RAPL, Linux on x86)",
    available=_available,
    load=_load,
    options=RaplOptions,
)
