"""The power meter `rapl`: what the processors' own energy counters say, through Linux's powercap.

Only the hook lives here; the counters are looked for when it is asked whether they are there.
"""

from __future__ import annotations

from pydantic import Field

from benchwright.contracts.power import PowerMeter, PowerMeterInfo
from benchwright.hooks import hookimpl
from benchwright.options import Options

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


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


@hookimpl
def power_meters() -> list[PowerMeterInfo]:
    """The one meter of this package."""
    return [
        PowerMeterInfo(
            name="rapl",
            summary="energy counters of the processor packages (RAPL, Linux on x86)",
            available=_available,
            load=_load,
            options=RaplOptions,
        )
    ]
