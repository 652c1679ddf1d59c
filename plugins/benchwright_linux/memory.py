"""Memory: its size and modules (identity), what is free and what is allowed (observation)."""

from __future__ import annotations

import re
from collections import Counter

from benchwright.contracts.probe import JSON
from benchwright_linux import cgroup
from benchwright_linux.sources import Sources
from benchwright_linux.texts import KIB, MIB, counted, integer, line

GRAIN = 16 * MIB
"""`memory.bytes` is a multiple of this: what the kernel keeps for itself, and with it MemTotal,
moves by some pages from one start of the same machine to the next."""

_ROW = re.compile(r"([A-Za-z0-9_()]+):\s*([0-9]{1,15}) kB")
_EDAC = "sys/devices/system/edac/mc"


def parse(text: str) -> dict[str, int]:
    """The rows of /proc/meminfo that are in kB, in bytes by name."""
    rows = (_ROW.fullmatch(row.strip()) for row in text.splitlines())
    return {row[1]: int(row[2]) * KIB for row in rows if row}


def identity(sources: Sources) -> dict[str, JSON]:
    """`memory.bytes` (rounded down to whole `GRAIN`s) and `memory.configuration`.

    None stands for what is unknown.
    """
    total = parse(sources.text("proc/meminfo") or "").get("MemTotal", 0)
    return {
        "memory.bytes": (total - total % GRAIN if total > GRAIN else total) or None,
        "memory.configuration": _modules(sources),
    }


def _modules(sources: Sources) -> str | None:
    """The modules as the kernel's error detection (EDAC) lists them: `16x 32 GiB Registered-DDR5`.

    Servers with ECC have it; DMI's list needs root. Controllers that list ranks in place of
    modules say nothing about modules.
    """
    kinds: Counter[tuple[int, str]] = Counter()
    for controller in sources.names(_EDAC):
        folder = f"{_EDAC}/{controller}"
        for module in sources.names(folder):
            if not re.fullmatch(r"dimm[0-9]+", module):
                continue
            mib = integer(sources.value(f"{folder}/{module}/size"))
            kind = line(sources.value(f"{folder}/{module}/dimm_mem_type"))
            if mib is None or mib < 0 or kind is None:
                return None
            if mib:
                kinds[mib, kind] += 1
    return counted(
        {_module(mib, kind): count for (mib, kind), count in sorted(kinds.items(), reverse=True)},
        always=True,
    )


def _module(mib: int, kind: str) -> str:
    return f"{mib // KIB} GiB {kind}" if mib % KIB == 0 else f"{mib} MiB {kind}"


def observation(sources: Sources) -> dict[str, JSON]:
    """Bytes: exact total, free, available, and a control group's limit; None for unknown."""
    rows = parse(sources.text("proc/meminfo") or "")
    return {
        "memory.total_bytes": rows.get("MemTotal") or None,
        "memory.free_bytes": rows.get("MemFree"),
        "memory.available_bytes": rows.get("MemAvailable"),
        "memory.limit_bytes": cgroup.memory_limit(sources),
    }
