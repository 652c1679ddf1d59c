"""RAPL on made-up /sys trees: which counters count, what a counter that begins again means, and
what is said where there is nothing to read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.contracts.power import PowerSummary
from benchwright.errors import BenchwrightError
from benchwright.plugins import Registry
from benchwright_rapl import counters, meter
from benchwright_rapl.counters import FOLDER, Package, packages, used
from benchwright_rapl.meter import RaplMeter
from benchwright_rapl.options import RaplOptions

SPAN = 262_143_328_850


def zone(root: Path, name: str, domain: str, energy: int | str, span: int | str = SPAN) -> Path:
    """A zone as the kernel shows it; returns its counter."""
    folder = root / FOLDER / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{domain}\n")
    (folder / "energy_uj").write_text(f"{energy}\n")
    (folder / "max_energy_range_uj").write_text(f"{span}\n")
    return folder / "energy_uj"


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """Two sockets with their parts, the platform's own domain, and the same packages again through
    another door; every counter but the packages' would spoil the sum."""
    (tmp_path / FOLDER / "intel-rapl").mkdir(parents=True)
    zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    zone(tmp_path, "intel-rapl:0:0", "core", 10**9)
    zone(tmp_path, "intel-rapl:0:1", "dram", 10**9)
    zone(tmp_path, "intel-rapl:1", "package-1-die-0", 2_000_000)
    zone(tmp_path, "intel-rapl:2", "psys", 10**9)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 10**9)
    zone(tmp_path, "dtpm:0", "package-0", 10**9)
    return tmp_path


def set_energy(root: Path, name: str, energy: int | str) -> None:
    (root / FOLDER / name / "energy_uj").write_text(f"{energy}\n")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(meter, "time", clock)
    return clock


def quiet(root: Path) -> RaplMeter:
    """A meter that reads only when it is told to."""
    made = RaplMeter(root)
    made.configure(RaplOptions(interval_ms=60_000).model_dump())
    return made


def test_only_whole_packages_count(server: Path, clock: Clock) -> None:
    assert [item.name for item in packages(server)] == ["package-0", "package-1-die-0"]
    measured = quiet(server)
    measured.start()
    for name in os.listdir(server / FOLDER):
        if name != "intel-rapl":
            set_energy(server, name, 10**10)
    set_energy(server, "intel-rapl:0", 31_000_000)
    set_energy(server, "intel-rapl:1", 12_000_000)
    clock.now += 4
    assert measured.stop() == PowerSummary(mean_watts=10.0, joules=40.0, samples=2, seconds=4.0)


def test_a_counter_that_begins_again(server: Path, clock: Clock) -> None:
    set_energy(server, "intel-rapl:0", SPAN - 5_000_000)
    measured = quiet(server)
    measured.start()
    for energy in (SPAN - 1_000_000, 3_000_000, SPAN - 2_000_000, 0):
        set_energy(server, "intel-rapl:0", energy)
        clock.now += 10
        measured.sample()
    summary = measured.stop()
    # Once around, and 5 J to the end; the last sample is the first after the second end.
    assert summary.joules == pytest.approx((5_000_000 + SPAN) / 1e6)
    assert (summary.samples, summary.seconds) == (6, 40.0)


@given(
    span=st.integers(1, 2**40),
    begin=st.integers(0, 2**60),
    steps=st.lists(st.floats(0, 1, exclude_max=True), max_size=30),
)
def test_sums_over_any_number_of_ends(span: int, begin: int, steps: list[float]) -> None:
    """Whatever a package really uses, as long as it is less than the span between two readings,
    is what the readings of its counter add up to."""
    package = Package("package-0", Path("energy_uj"), span)
    total = begin
    found = 0
    for share in steps:
        more = min(int(share * span), span - 1)
        found += used(total % span, (total + more) % span, package)
        total += more
    assert found == total - begin


@pytest.mark.parametrize("span", ["", "0", "much", "-1"])
def test_an_end_that_is_not_known(tmp_path: Path, span: str) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 10, span)
    measured = quiet(tmp_path)
    measured.start()
    set_energy(tmp_path, "intel-rapl:0", 20)
    measured.sample()
    set_energy(tmp_path, "intel-rapl:0", 5)
    with pytest.raises(BenchwrightError, match="went backwards"):
        measured.stop()


def test_it_reads_by_itself(server: Path) -> None:
    measured = RaplMeter(server)
    measured.configure(RaplOptions(interval_ms=10).model_dump())
    measured.start()
    while measured._samples < 4:
        assert measured._thread.is_alive()
    summary = measured.stop()
    assert summary.samples >= 5
    assert summary.joules == 0
    assert summary.seconds > 0


def test_a_counter_that_fails_on_the_way_is_told_by_stop(server: Path) -> None:
    measured = RaplMeter(server)
    measured.configure(RaplOptions(interval_ms=10).model_dump())
    measured.start()
    set_energy(server, "intel-rapl:1", "unknown")
    measured._thread.join(60)
    with pytest.raises(BenchwrightError, match="holds no number") as caught:
        measured.stop()
    assert caught.value.where is not None
    assert caught.value.where.endswith("intel-rapl:1/energy_uj")


def test_a_counter_that_goes_away(server: Path) -> None:
    measured = quiet(server)
    measured.start()
    (server / FOLDER / "intel-rapl:1" / "energy_uj").unlink()
    with pytest.raises(BenchwrightError, match="cannot be read"):
        measured.stop()


def test_a_machine_without_counters(tmp_path: Path) -> None:
    with pytest.raises(BenchwrightError, match="shows no energy counters") as caught:
        quiet(tmp_path).start()
    assert "modprobe intel_rapl_msr" in str(caught.value)
    zone(tmp_path, "intel-rapl:0", "psys", 1)
    assert packages(tmp_path) == []


def test_counters_for_root_only(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = server / FOLDER / "intel-rapl:1" / "energy_uj"
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        # Root reads everything: what another user is told is told here.
        read = Path.read_text

        def refused(path: Path, *given: str, **named: str) -> str:
            if not stat.S_IMODE(path.stat().st_mode):
                raise PermissionError(13, "Permission denied", str(path))
            return read(path, *given, **named)

        monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(BenchwrightError) as caught:
        quiet(server).start()
    told = str(caught.value)
    assert "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj" in told
    assert "or run as root" in told
    assert str(secret) in told


@pytest.mark.parametrize(("there", "readable"), [(False, True), (True, False), (True, True)])
def test_whether_it_is_available(
    server: Path, monkeypatch: pytest.MonkeyPatch, there: bool, readable: bool
) -> None:
    root = server if there else server / "nothing"
    monkeypatch.setattr(counters.packages, "__defaults__", (root,))
    monkeypatch.setattr(os, "access", lambda path, mode: readable)
    registry = Registry()
    assert registry.available("rapl") is (there and readable)
    assert registry.problems() == []
