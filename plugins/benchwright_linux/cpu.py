"""CPU facts: what the processors are (identity) and what they do this minute (observation).

Puts together cpuinfo.py, arm.py, topology.py and cgroup.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchwright.contracts.probe import JSON
from benchwright_linux import arm, cgroup, cpuinfo, topology
from benchwright_linux.machine import Maker
from benchwright_linux.sources import Sources
from benchwright_linux.texts import decimal, hexadecimal, integer, line
from benchwright_linux.topology import CPU

_SAMPLED = 8
"""CPUs asked for their frequency of the moment; some kernels take 10 ms for each."""

_THERMAL_ZONE = r"(?i)x86_pkg_temp|cpu|soc"
_THERMAL_SENSORS = frozenset({"coretemp", "k10temp", "zenpower", "cpu_thermal"})


def identity(sources: Sources, maker: Maker) -> dict[str, JSON]:
    """The `cpu.` facts; None stands for what is unknown.

    `cpu.available` is what the scheduler's affinity allows, and at most the whole CPUs of a
    control group's quota (at least 1); the quota itself, where there is one, is `cpu.quota`.
    """
    processor = cpuinfo.first_processor(sources)
    cpus = topology.online(sources)
    cores = topology.cores(sources, cpus)
    packages = topology.packages(sources, cpus)
    quota = cgroup.cpu_quota(sources)
    return {
        "cpu.model": _model(sources, processor, cpus, maker),
        "cpu.vendor": processor.vendor,
        "cpu.architecture": sources.functions.machine(),
        "cpu.features": list(processor.features) if processor.features else None,
        "cpu.sockets": len(packages) if packages else None,
        "cpu.cores": len(cores) if cores else None,
        "cpu.threads": len(cpus) or None,
        "cpu.available": _available(sources.functions.affinity(), quota),
        "cpu.quota": round(quota, 3) if quota else None,
        "cpu.max_mhz": _max_mhz(sources, cores or cpus),
        "cpu.caches": topology.caches(sources, cores or cpus, packages),
        "cpu.numa_nodes": topology.numa_nodes(sources),
    }


def _available(affinity: int | None, quota: float | None) -> int | None:
    if affinity is None or quota is None:
        return affinity
    return min(affinity, max(1, int(quota)))


def _model(
    sources: Sources, processor: cpuinfo.Processor, cpus: Sequence[int], maker: Maker
) -> str | None:
    if processor.core is None:
        return processor.model
    return arm.model(
        _arm_cores(sources, cpus) or [processor.core],
        soc_id=line(sources.value("sys/devices/soc0/soc_id")),
        system_vendor=maker.vendor,
        system_model=maker.model,
    )


def _arm_cores(sources: Sources, cpus: Sequence[int]) -> list[arm.Core] | None:
    """The codes of every CPU (64-bit kernels tell them in /sys); None unless all are there."""
    found = []
    for cpu in cpus:
        midr = hexadecimal(sources.value(f"{CPU}/cpu{cpu}/regs/identification/midr_el1"))
        if midr is None:
            return None
        found.append(arm.core_of_midr(midr))
    return found or None


def _max_mhz(sources: Sources, cpus: Sequence[int]) -> int | None:
    """The highest frequency that any core can be set to; virtual machines do not tell."""
    highest = 0
    for cpu in cpus:
        khz = integer(sources.value(f"{CPU}/cpu{cpu}/cpufreq/cpuinfo_max_freq"))
        if khz is None:
            break
        highest = max(highest, khz)
    return round(highest / 1000) or None


def observation(sources: Sources) -> dict[str, JSON]:
    """Frequencies (MHz), governor, boost, load averages, temperature; None for what is unknown."""
    cpus = topology.online(sources)
    sampled = cpus[:: -(-len(cpus) // _SAMPLED)] if cpus else []
    clocks = _clocks(sources, sampled)
    return {
        "cpu.mhz_lowest": round(min(clocks)) if clocks else None,
        "cpu.mhz_highest": round(max(clocks)) if clocks else None,
        "cpu.governor": _governor(sources, sampled),
        "cpu.boost": _boost(sources),
        "cpu.load": _load(sources),
        "cpu.temperature_c": _temperature(sources),
    }


def _clocks(sources: Sources, cpus: Sequence[int]) -> list[float]:
    found = (integer(sources.value(f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq")) for cpu in cpus)
    clocks = [khz / 1000 for khz in found if khz is not None and khz > 0]
    if clocks:
        return clocks
    mhz = cpuinfo.first_processor(sources).mhz
    return [mhz] if mhz else []


def _governor(sources: Sources, cpus: Sequence[int]) -> str | None:
    found = (line(sources.value(f"{CPU}/cpu{cpu}/cpufreq/scaling_governor")) for cpu in cpus)
    return ", ".join(sorted({name for name in found if name})) or None


def _boost(sources: Sources) -> bool | None:
    off = sources.value(f"{CPU}/intel_pstate/no_turbo")
    if off in ("0", "1"):
        return off == "0"
    on = sources.value(f"{CPU}/cpufreq/boost")
    return on == "1" if on in ("0", "1") else None


def _load(sources: Sources) -> list[JSON] | None:
    fields = (sources.value("proc/loadavg") or "").split()[:3]
    averages = [decimal(field) for field in fields]
    return list(averages) if len(averages) == 3 and None not in averages else None


def _temperature(sources: Sources) -> float | None:
    """The hottest CPU sensor in degrees Celsius."""
    shown = []
    zones = "sys/class/thermal"
    for zone in sources.names(zones):
        kind = sources.value(f"{zones}/{zone}/type") if zone.startswith("thermal_zone") else None
        if kind and re.match(_THERMAL_ZONE, kind):
            shown.append(integer(sources.value(f"{zones}/{zone}/temp")))
    sensors = "sys/class/hwmon"
    for chip in sources.names(sensors) if not shown else []:
        if sources.value(f"{sensors}/{chip}/name") in _THERMAL_SENSORS:
            shown.append(integer(sources.value(f"{sensors}/{chip}/temp1_input")))
    # Thousandths of a degree; sensors that are asleep show zero or absurd values.
    plausible = [value / 1000 for value in shown if value is not None and 0 < value < 150_000]
    return max(plausible, default=None)
