"""A run's meter, guest as it is: what it says is recorded, and whatever it does otherwise leaves
the run alone and is told."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from pydantic import Field

from benchwright.contained import LIMIT_VARIABLE
from benchwright.contracts.power import PowerMeter, PowerMeterInfo, PowerSummary
from benchwright.hooks import INTERFACE, NAMESPACE, hookimpl
from benchwright.options import Options
from benchwright.plugins import Registry
from benchwright.steps.power import Metering

SUMMARY = PowerSummary(mean_watts=12.5, joules=25.0, samples=21, seconds=2.0)


class MeterOptions(Options):
    channel: int = Field(1, description="which")


class Meter(PowerMeter):
    """Does as its functions say; notes what it was asked."""

    def __init__(self, asked: list[Any], **does: Callable[..., Any]) -> None:
        self.asked = asked
        self.does = does

    def _now(self, what: str, *given: Any) -> Any:
        self.asked.append((what, *given))
        return self.does[what](*given) if what in self.does else None

    def configure(self, options: Any) -> None:
        self._now("configure", options)

    def start(self) -> None:
        self._now("start")

    def stop(self) -> PowerSummary:
        return self._now("stop") or SUMMARY


def registry_of(**meters: PowerMeterInfo) -> Registry:
    """A plugin `plugin-<name>` for each meter."""
    points = []
    for name, info in meters.items():
        module: Any = types.ModuleType(f"metertest_{name}")
        module.BENCHWRIGHT_INTERFACE = INTERFACE
        module.power_meters = hookimpl(lambda info=info: [info])
        sys.modules[module.__name__] = module
        points.append(EntryPoint(f"plugin-{name}", module.__name__, NAMESPACE))
    return Registry(points)


def info(name: str, load: Any, available: Any = lambda: True) -> PowerMeterInfo:
    return PowerMeterInfo(name, "s", available, load, load_options=lambda: MeterOptions)


def metering_of(load: Any) -> tuple[Metering, Registry]:
    registry = registry_of(bench=info("bench", load))
    return Metering(registry, "bench", {"channel": 2}), registry


def test_a_meter_around_a_window() -> None:
    asked: list[Any] = []
    metering, registry = metering_of(lambda: Meter(asked))
    assert asked == [("configure", {"channel": 2})]
    metering.opens()
    metering.closed()
    metering.close()
    assert [what for what, *_ in asked] == ["configure", "start", "stop"]
    assert metering.record is not None
    started, ended = (
        datetime.fromisoformat(metering.record.pop(name)) for name in ("started", "ended")
    )
    assert started <= ended
    assert started.utcoffset() is not None
    assert metering.record == {
        "meter": "bench",
        "informative": True,
        "seconds": 2.0,
        "samples": 21,
        "mean_watts": 12.5,
        "joules": 25.0,
    }
    assert metering.problems == registry.problems() == []


def raising(*given: Any) -> Any:
    raise OSError("no bus")


def summary(**values: Any) -> Callable[[], Any]:
    return lambda: PowerSummary(**{"mean_watts": 1.0, "joules": 1.0, "samples": 1, "seconds": 1.0,
                                   **values})  # fmt: skip


@pytest.mark.parametrize(
    ("load", "told"),
    [
        (raising, "`load` raised OSError: no bus"),
        (lambda: "meter", "`load` raised TypeError: `load` gave str, not a PowerMeter"),
        (lambda: Meter([], configure=raising), "`load` raised OSError: no bus"),
        (lambda: Meter([], start=raising), "`start` raised OSError: no bus"),
        (lambda: Meter([], start=lambda: sys.exit("left")), "`start` raised SystemExit: left"),
        (lambda: Meter([], stop=raising), "`stop` raised OSError: no bus"),
        (lambda: Meter([], stop=lambda: 12.5), "`stop` raised TypeError: it gave float, not a"),
        (
            lambda: Meter([], stop=summary(mean_watts="12")),
            "`stop` raised TypeError: its mean_watts is str, no number",
        ),
        (
            lambda: Meter([], stop=summary(samples=1.5)),
            "`stop` raised TypeError: its samples is float, no number",
        ),
        (
            lambda: Meter([], stop=summary(joules=float("nan"))),
            "`stop` raised ValueError: its joules is nan",
        ),
        (
            lambda: Meter([], stop=summary(seconds=-1)),
            "`stop` raised ValueError: its seconds is -1",
        ),
    ],
)
def test_a_meter_that_fails(load: Any, told: str) -> None:
    metering, registry = metering_of(load)
    metering.opens()
    metering.closed()
    metering.close()
    assert metering.record is None
    (problem,) = metering.problems
    assert problem.startswith(f"plugin `plugin-bench`: `bench` (power_meters): {told}")
    assert registry.problems() == [problem]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    monkeypatch.setenv(LIMIT_VARIABLE, "0.1")
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("what", ["configure", "start", "stop"])
def test_a_meter_that_hangs(gate: threading.Event, what: str) -> None:
    asked: list[Any] = []
    metering, _ = metering_of(lambda: Meter(asked, **{what: lambda *given: gate.wait()}))
    metering.opens()
    metering.closed()
    assert metering.record is None
    (problem,) = metering.problems
    assert "did not answer within 0.1 s" in problem
    assert asked[-1][0] == what, "it is not asked again"


def test_a_run_that_does_not_come_to_its_end() -> None:
    asked: list[Any] = []
    metering, _ = metering_of(lambda: Meter(asked))
    metering.opens()
    metering.close()
    assert asked[-1] == ("stop",)
    assert metering.record is None
    assert metering.problems == []


def test_the_first_meter_that_is_available() -> None:
    asked: list[Any] = []

    def none() -> Any:
        raise AssertionError("loaded")

    registry = registry_of(
        a=info("absent", none, lambda: False),
        b=info("broken", none, raising),
        c=info("there", lambda: Meter(asked)),
        d=info("second", none),
    )
    metering = Metering(registry, "auto", {})
    metering.opens()
    metering.closed()
    assert metering.record is not None
    assert metering.record["meter"] == "there"
    assert asked[0] == ("configure", {"channel": 1}), "its defaults"
    assert registry.problems() == [
        "plugin `plugin-b`: `broken` (power_meters): `available` raised OSError: no bus"
    ]


def test_no_meter_at_all() -> None:
    for meter, told in (
        ("auto", "no power meter is available here: power is not measured"),
        ("gone", "the power meter `gone` is not there: power is not measured"),
    ):
        metering = Metering(registry_of(a=info("a", raising, lambda: False)), meter, {})
        metering.opens()
        metering.closed()
        assert metering.record is None
        (problem,) = metering.problems
        assert problem.startswith(told)
