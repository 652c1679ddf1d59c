"""A run's power meter: started before the timed window opens, stopped after it has closed.

A meter is a guest. Whatever it does, the run's result stands; without the meter's figures where
they cannot be had, and then the plugin is named. The figures are informative: they are in the
run's record, and no formatter is handed them as a submission's power measurement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from benchwright.chosen import options_model
from benchwright.contained import Fault
from benchwright.contracts.power import PowerMeter, PowerSummary
from benchwright.plan import AUTO_METER
from benchwright.plugins import Registry


class Metering:
    """The meter of one run, a `Window` of it.

    meter: its name, or `auto`; options: as validated; `problems` says what went wrong, and
    `record` what was measured (None where nothing was).
    """

    def __init__(self, registry: Registry, meter: str, options: Mapping[str, Any]) -> None:
        self.problems: list[str] = []
        self.record: dict[str, Any] | None = None
        self._registry = registry
        self._options = dict(options)
        self._name = self._chosen(meter)
        self._meter: PowerMeter | None = None
        self._started: datetime | None = None
        if self._name is not None:
            self._meter = self._ask("load", self._load)

    def _chosen(self, meter: str) -> str | None:
        known = self._registry.power_meters
        if meter != AUTO_METER:
            if meter in known:
                return meter
            # It was there when the campaign was planned: it has failed since.
            self.problems.append(f"the power meter `{meter}` is not there: power is not measured")
            return None
        for name in known:
            if self._registry.available(name):
                return name
        self.problems.append(
            "no power meter is available here: power is not measured "
            "(`benchwright plugins NAME` asks a meter)"
        )
        return None

    def _load(self) -> PowerMeter:
        assert self._name is not None
        info = self._registry.power_meters[self._name]
        meter = info.load()
        if not isinstance(meter, PowerMeter):
            raise TypeError(f"`load` gave {type(meter).__name__}, not a PowerMeter")
        # Whoever asks for any meter at all has given no options: that one's defaults hold.
        options = options_model(self._name, info.load_options).model_validate(self._options)
        meter.configure(options.model_dump(mode="json"))
        return meter

    def _ask(self, what: str, function: Any) -> Any:
        assert self._name is not None
        try:
            return self._registry.ask("power_meters", self._name, what, function)
        except Fault as fault:
            self.problems.append(str(fault))
            self._meter = None
            return None

    def opens(self) -> None:
        """Starts the meter; the test begins when this returns."""
        if self._meter is not None:
            self._ask("start", self._meter.start)
            self._started = datetime.now(UTC)

    def closed(self) -> None:
        """Stops the meter, and keeps what it says."""
        ended = datetime.now(UTC)
        meter, started, self._started = self._meter, self._started, None
        if meter is None or started is None:
            return
        summary = self._ask("stop", lambda: _checked(meter.stop()))
        if summary is not None:
            self.record = {
                "meter": self._name,
                "informative": True,
                "started": started.isoformat(timespec="milliseconds"),
                "ended": ended.isoformat(timespec="milliseconds"),
                "seconds": summary.seconds,
                "samples": summary.samples,
                "mean_watts": summary.mean_watts,
                "joules": summary.joules,
            }

    def close(self) -> None:
        """Stops a meter that still runs because the run did not come to its end."""
        if self._started is not None:
            self.closed()
            self.record = None


def _checked(summary: Any) -> PowerSummary:
    if not isinstance(summary, PowerSummary):
        raise TypeError(f"it gave {type(summary).__name__}, not a PowerSummary")
    for name in ("mean_watts", "joules", "seconds", "samples"):
        value = getattr(summary, name)
        kinds = int if name == "samples" else int | float
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise TypeError(f"its {name} is {type(value).__name__}, no number")
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"its {name} is {value}")
    return summary
