"""One fact: how many Acme chips the kernel shows."""

from __future__ import annotations

from pathlib import Path

from benchwright.contracts.probe import JSON, Probe


class AcmeProbe(Probe):
    """Counts device files. `devices` is where they lie."""

    def __init__(self, devices: Path = Path("/dev")) -> None:
        self._devices = devices

    def identity(self) -> dict[str, JSON]:
        """`acme.devices`: how many chips there are."""
        return {"acme.devices": len(list(self._devices.glob("acme[0-9]*")))}

    def observation(self) -> dict[str, JSON]:
        """Nothing that changes by the minute."""
        return {}
