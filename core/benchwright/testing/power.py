"""The examination of a power meter: it starts, samples, sums up, and leaves nothing running."""

from __future__ import annotations

import math
import threading
import time
from typing import ClassVar

import pytest

from benchwright.contracts.power import PowerMeter, PowerMeterInfo, PowerSummary
from benchwright.testing.examination import OptionsExamination
from benchwright.testing.verdict import explained, require


class PowerMeterExamination(OptionsExamination):
    """Subclass it with `info = "your meter's name"`.

    span_s: how long a measurement of the examination lasts. energy_tolerance: how far energy may
    lie from mean power times time. Where the machine has no such meter, what measures is skipped;
    give it one in a fixture (`autouse=True`) that sets what your meter reads. bound_s bounds
    `start`.
    """

    family: ClassVar[str] = "power_meters"
    kind: ClassVar[str] = "power meter"
    span_s: ClassVar[float] = 0.3
    energy_tolerance: ClassVar[float] = 0.05

    def _meter(self) -> PowerMeter:
        info: PowerMeterInfo = self.descriptor()
        if not info.available():
            pytest.skip(f"this machine has no meter `{info.name}` that this user may read")
        meter = info.load()
        require(isinstance(meter, PowerMeter), f"load() gave {type(meter).__name__}, no PowerMeter")
        meter.configure(info.load_options()().model_dump())
        return meter

    def _measured(self) -> PowerSummary:
        meter = self._meter()
        meter.start()
        time.sleep(self.span_s)
        return meter.stop()

    def test_it_says_whether_it_is_available(self) -> None:
        """`available` answers yes or no, the same twice, on any machine."""
        info: PowerMeterInfo = self.descriptor()
        first = info.available()
        require(isinstance(first, bool), f"available() gave {first!r}, neither True nor False")
        require(info.available() is first, "available() changed its mind")

    def test_it_loads(self) -> None:
        """`load` gives a PowerMeter."""
        self._meter()

    def test_a_measurement_sums_up(self) -> None:
        """Mean power, energy, samples and time fit each other."""
        found = self._measured()
        require(isinstance(found, PowerSummary), f"stop() gave {type(found).__name__}")
        values = (found.mean_watts, found.joules, found.seconds)
        require(all(math.isfinite(value) for value in values), f"not finite: {found}")
        require(found.mean_watts >= 0 and found.joules >= 0, f"negative: {found}")
        require(found.samples >= 1, f"no sample in {self.span_s} s: {found}")
        require(
            self.span_s * 0.9 <= found.seconds <= self.span_s * 3 + 2,
            f"states {found.seconds} s of a measurement of {self.span_s} s",
        )
        product = found.mean_watts * found.seconds
        require(
            math.isclose(product, found.joules, rel_tol=self.energy_tolerance, abs_tol=1e-9),
            f"{found.mean_watts} W for {found.seconds} s is {product} J, not {found.joules} J",
        )

    def test_one_meter_measures_again(self) -> None:
        """A second measurement begins from nothing."""
        meter = self._meter()
        for _ in range(2):
            meter.start()
            time.sleep(self.span_s)
            found = meter.stop()
            require(
                found.seconds <= self.span_s * 3 + 2 and found.samples >= 1,
                f"the second measurement holds the first: {found}",
            )

    def test_stopping_what_was_not_started_is_told(self) -> None:
        """`stop` without `start` is an error that explains itself."""
        explained(self._meter().stop, "stop() without start()")

    def test_nothing_is_left_running(self) -> None:
        """No thread of the meter's outlives a measurement."""
        before = set(threading.enumerate())
        self._measured()
        time.sleep(0.05)
        left = [thread.name for thread in threading.enumerate() if thread not in before]
        require(not left, f"still running after stop(): {', '.join(left)}")

    def test_the_time_that_start_takes(self, request: pytest.FixtureRequest) -> None:
        """`start` returns at once: it is reported how soon."""
        meter = self._meter()
        begin = time.perf_counter()
        meter.start()
        taken = time.perf_counter() - begin
        meter.stop()
        self._report(request, "start_s", taken, "start()")
