"""A power meter that reads watts from a file, as boards with a sensor offer them."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from benchwright.contracts.power import PowerMeter, PowerSummary
from benchwright.errors import BenchwrightError

VARIABLE = "ACME_POWER_FILE"
"""Environment variable: the file that holds the power of this moment, in watts, as text."""

INTERVAL_S = 0.02


def _place() -> Path | None:
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def available() -> bool:
    """Whether the file is named and may be read."""
    place = _place()
    return place is not None and os.access(place, os.R_OK)


class AcmeMeter(PowerMeter):
    """Samples in a thread of its own between `start` and `stop`."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._watts: list[float] = []
        self._begun = 0.0

    def start(self) -> None:
        """Begins sampling; returns at once. Raises BenchwrightError without a file."""
        place = _place()
        if place is None:
            raise BenchwrightError(
                "Acme's sensor is not named", fix=f"set {VARIABLE} to the sensor's file"
            )
        self._watts = [_read(place)]
        self._ended.clear()
        self._begun = time.perf_counter()
        self._thread = threading.Thread(target=self._sample, args=(place,), daemon=True)
        self._thread.start()

    def _sample(self, place: Path) -> None:
        while not self._ended.wait(INTERVAL_S):
            self._watts.append(_read(place))

    def stop(self) -> PowerSummary:
        """Ends sampling and sums up; samples are equally long."""
        if self._thread is None:
            raise BenchwrightError("Acme's meter was not started", fix="call start() first")
        self._ended.set()
        self._thread.join()
        self._thread = None
        seconds = time.perf_counter() - self._begun
        mean = sum(self._watts) / len(self._watts)
        return PowerSummary(mean, mean * seconds, len(self._watts), seconds)


def _read(place: Path) -> float:
    try:
        return float(place.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise BenchwrightError(
            "Acme's sensor cannot be read", where=str(place), why=str(error)
        ) from error
