"""macOS: facts from the text of `sysctl`, which tells most of what Linux keeps in files.

Storage and network cards are not in it and stay unknown.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from benchwright.contracts.probe import JSON
from benchwright_linux.sources import Sources
from benchwright_linux.texts import decimal, integer, line
from benchwright_linux.topology import summary

_FEATURE = re.compile(r"hw\.optional\.arm\.(FEAT_\w+)")
_LEVELS = range(4)
"""Kinds of cores (`hw.perflevel0` is the fastest); no machine has more than three."""


def parse(text: str) -> dict[str, str]:
    """`name: value` lines; values that run over several lines keep their first."""
    rows = (row.partition(": ") for row in text.splitlines())
    return {name: value.strip() for name, colon, value in rows if colon and " " not in name}


def _number(values: Mapping[str, str], name: str) -> int | None:
    """A count or size; None when missing or not above zero."""
    number = integer(values.get(name))
    return number if number is not None and number > 0 else None


def identity(values: Mapping[str, str], sources: Sources) -> dict[str, JSON]:
    """The same facts as on Linux where sysctl has them; None stands for what is unknown."""
    model = line(values.get("machdep.cpu.brand_string"))
    hertz = _number(values, "hw.cpufrequency_max")  # Intel only
    threads = _number(values, "hw.logicalcpu")
    system, release = line(values.get("kern.ostype")), line(values.get("kern.osrelease"))
    version = line(values.get("kern.osproductversion"))
    return {
        "cpu.model": model,
        "cpu.vendor": _vendor(values, model),
        "cpu.architecture": sources.functions.machine(),
        "cpu.features": _features(values),
        "cpu.sockets": _number(values, "hw.packages"),
        "cpu.cores": _number(values, "hw.physicalcpu"),
        "cpu.threads": threads,
        "cpu.available": threads,  # macOS knows neither affinity nor quotas
        "cpu.max_mhz": round(hertz / 1e6) if hertz else None,
        "cpu.caches": _caches(values),
        "memory.bytes": _number(values, "hw.memsize"),
        "os.name": "macOS" if version else None,
        "os.version": version,
        "os.kernel": f"{system} {release}" if system and release else None,
        "machine.vendor": "Apple" if values.get("hw.model") else None,
        "machine.model": line(values.get("hw.model")),
    }


def _vendor(values: Mapping[str, str], model: str | None) -> str | None:
    if model and model.startswith("Apple "):
        return "Apple"
    return "Intel" if values.get("machdep.cpu.vendor") == "GenuineIntel" else None


def _features(values: Mapping[str, str]) -> list[JSON] | None:
    arm = (_FEATURE.fullmatch(name) for name, value in values.items() if value == "1")
    found = {match[1] for match in arm if match}
    for name in ("features", "leaf7_features", "extfeatures"):
        found.update(values.get(f"machdep.cpu.{name}", "").lower().split())
    return list(sorted(found)) or None


def _caches(values: Mapping[str, str]) -> str | None:
    sizes: defaultdict[tuple[int, str], dict[int, int]] = defaultdict(dict)

    def add(kind: tuple[int, str], size: int | None, count: int | None) -> None:
        if size and count:
            sizes[kind][size] = sizes[kind].get(size, 0) + count

    levels = [f"hw.perflevel{n}" for n in _LEVELS if f"hw.perflevel{n}.physicalcpu" in values]
    for level in levels:
        cores = _number(values, f"{level}.physicalcpu")
        sharing = _number(values, f"{level}.cpusperl2")
        add((1, "d"), _number(values, f"{level}.l1dcachesize"), cores)
        add((1, "i"), _number(values, f"{level}.l1icachesize"), cores)
        clusters = -(-cores // sharing) if cores and sharing else None
        add((2, ""), _number(values, f"{level}.l2cachesize"), clusters)
    if not levels:
        # Intel: first and second level belong to one core, the third to the package.
        cores = _number(values, "hw.physicalcpu")
        add((1, "d"), _number(values, "hw.l1dcachesize"), cores)
        add((1, "i"), _number(values, "hw.l1icachesize"), cores)
        add((2, ""), _number(values, "hw.l2cachesize"), cores)
        add((3, ""), _number(values, "hw.l3cachesize"), _number(values, "hw.packages"))
    return summary(sizes)


def observation(values: Mapping[str, str], sources: Sources) -> dict[str, JSON]:
    """Load averages, free memory and disk; None stands for what is unknown."""
    averages = [decimal(part) for part in values.get("vm.loadavg", "").strip("{} ").split()]
    page, free = _number(values, "hw.pagesize"), _number(values, "vm.page_free_count")
    return {
        "cpu.load": list(averages) if len(averages) == 3 and None not in averages else None,
        "memory.total_bytes": _number(values, "hw.memsize"),
        "memory.free_bytes": page * free if page and free else None,
        "storage.free_bytes": sources.functions.disk_free("."),
    }
