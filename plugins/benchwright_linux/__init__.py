"""The built-in probe: what the operating system says about this machine.

Only the hook lives here; reading the machine starts when `load` is called.
"""

from __future__ import annotations

from benchwright.contracts.probe import Probe, ProbeInfo
from benchwright.hooks import hookimpl

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


def _load() -> Probe:
    from benchwright_linux.probe import MachineProbe

    return MachineProbe()


@hookimpl
def probes() -> list[ProbeInfo]:
    """The one probe of this package."""
    return [
        ProbeInfo(
            name="linux",
            summary="CPU, memory, storage, network and OS from /proc and /sys (macOS: sysctl)",
            load=_load,
        )
    ]
