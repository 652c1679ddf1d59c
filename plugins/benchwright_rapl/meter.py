"""The meter: reads the counters now and then, so that none passes its end unseen, and sums up."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchwright.contracts.power import PowerMeter, PowerSummary
from benchwright.errors import BenchwrightError
from benchwright_rapl.counters import FOLDER, Package, packages, used


class RaplMeter(PowerMeter):
    """Energy of all processor packages between start and stop. root: where /sys lies, for tests
    and support cases."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._interval = 0.2
        self._packages: list[Package] = []
        self._last: list[int] = []
        self._begin = self._end = 0.0
        self._microjoules = 0
        self._samples = 0
        self._error: BenchwrightError | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="rapl", daemon=True)

    def configure(self, options: Mapping[str, Any]) -> None:
        self._interval = options["interval_ms"] / 1000

    def start(self) -> None:
        """Reads every counter once. BenchwrightError where there are none, or this user may not
        read them."""
        self._packages = packages(self._root)
        if not self._packages:
            raise BenchwrightError(
                "this kernel shows no energy counters of processor packages",
                where=str(self._root / FOLDER),
                why="no zone `intel-rapl:N` is there whose name begins with `package-`: a virtual "
                "machine has none, nor has a processor that is not x86",
                fix="on a machine that has them, `sudo modprobe intel_rapl_msr`",
            )
        self._last = [package.energy() for package in self._packages]
        self._begin = self._end = time.monotonic()
        self._samples = 1
        self._thread.start()

    def _watch(self) -> None:
        try:
            while not self._stopping.wait(self._interval):
                self.sample()
        except BenchwrightError as error:
            self._error = error

    def sample(self) -> None:
        """Reads every counter, and adds what has been used since the last time."""
        now = [package.energy() for package in self._packages]
        self._end = time.monotonic()
        for package, before, after in zip(self._packages, self._last, now, strict=True):
            self._microjoules += used(before, after, package)
        self._last = now
        self._samples += 1

    def stop(self) -> PowerSummary:
        """Reads every counter for the last time. BenchwrightError where one failed on the way."""
        self._stopping.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        self.sample()
        joules, seconds = self._microjoules / 1e6, self._end - self._begin
        return PowerSummary(
            mean_watts=joules / seconds if seconds > 0 else 0.0,
            joules=joules,
            samples=self._samples,
            seconds=seconds,
        )
