"""The power meter `rapl`: what the processors' own energy counters say, through Linux's powercap.

Only the hook lives here: most campaigns ask for no meter, and then nothing else is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.contracts.power import PowerMeterInfo

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


@hookimpl
def power_meters() -> list[PowerMeterInfo]:
    """The one meter of this package."""
    from benchwright_rapl.descriptor import RAPL

    return [RAPL]
