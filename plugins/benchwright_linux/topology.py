"""Counts from /sys/devices/system: logical CPUs, cores, sockets, NUMA nodes, caches.

Only CPUs that are online count. CPUs that share something name one another in one file, so one
file per group is read, not one per CPU.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from benchwright_linux.sources import Sources
from benchwright_linux.texts import byte_size, cpu_list, integer, size_text

CPU = "sys/devices/system/cpu"
NODE = "sys/devices/system/node"

# The first names are those of Linux 5.3 and later, the second the older ones.
_CORE = ("core_cpus_list", "thread_siblings_list")
_PACKAGE = ("package_cpus_list", "core_siblings_list")

_LETTERS = {"Data": "d", "Instruction": "i", "Unified": ""}
_Kind = tuple[int, str]
"""A cache's level, and `d`, `i` or nothing for data, instructions or both."""

MANY_CORES = 64
"""With more cores than this, those of one package are taken to have the same private caches: no
processor of that size mixes cores, and the files of all of them would cost 10 ms."""


def online(sources: Sources) -> list[int]:
    """The numbers of the CPUs that are online, ascending; empty when nothing says so."""
    return cpu_list(sources.value(f"{CPU}/online")) or []


def _groups(sources: Sources, cpus: Sequence[int], names: Sequence[str]) -> list[list[int]] | None:
    """The CPUs, parted by a list file of theirs; None unless every group can be read."""
    first = f"{CPU}/cpu{cpus[0]}/topology" if cpus else ""
    name = next((name for name in names if cpus and sources.exists(f"{first}/{name}")), None)
    if name is None:
        return None
    groups: list[list[int]] = []
    seen: set[int] = set()
    for cpu in cpus:
        if cpu in seen:
            continue
        members = cpu_list(sources.value(f"{CPU}/cpu{cpu}/topology/{name}"))
        if members is None or cpu not in members:
            return None
        groups.append(members)
        seen.update(members)
    return groups


def cores(sources: Sources, cpus: Sequence[int]) -> list[int] | None:
    """The first CPU of each physical core; None when unknown."""
    groups = _groups(sources, cpus, _CORE)
    return [group[0] for group in groups] if groups else None


def packages(sources: Sources, cpus: Sequence[int]) -> list[list[int]] | None:
    """The CPUs of each package; None when unknown (the kernel then numbers it -1)."""
    if not cpus:
        return None
    package = integer(sources.value(f"{CPU}/cpu{cpus[0]}/topology/physical_package_id"))
    if package is None or package < 0:
        return None
    return _groups(sources, cpus, _PACKAGE)


def numa_nodes(sources: Sources) -> int | None:
    """The number of NUMA nodes with CPUs (memory of an accelerator can be a node without any)."""
    nodes = cpu_list(sources.value(f"{NODE}/has_cpu")) or cpu_list(sources.value(f"{NODE}/online"))
    return len(nodes) if nodes else None


def caches(
    sources: Sources, cpus: Sequence[int], packages: Sequence[Sequence[int]] | None = None
) -> str | None:
    """The caches of the whole machine: `L1d 2x32 KiB, L1i 2x32 KiB, L2 2x1 MiB, L3 32 MiB`.

    cpus: the first CPU of each core. packages: the CPUs of each package, if known. Sizes that
    differ between cores stand side by side (`L2 8x2 MiB + 2x4 MiB`). A level is left out where
    the size of one of its caches is unknown.
    """
    sizes: defaultdict[_Kind, Counter[int]] = defaultdict(Counter)
    covered: defaultdict[_Kind, set[int]] = defaultdict(set)
    unknown: set[_Kind] = set()
    layouts: dict[int, dict[str, _Kind]] = {}
    cores = set(cpus)
    alike = _alike(cores, packages or ())
    for cpu in cpus:
        if covered and all(cpu in shared for shared in covered.values()):
            continue
        folder = f"{CPU}/cpu{cpu}/cache"
        indices = [name for name in sources.names(folder) if name.startswith("index")]
        # Cores with as many caches list them in the same order: level and type are read once.
        if len(indices) not in layouts:
            layouts[len(indices)] = _layout(sources, folder, indices)
        for index, kind in layouts[len(indices)].items():
            if cpu in covered[kind]:
                continue
            size = byte_size(sources.value(f"{folder}/{index}/size"))
            shared = set(cpu_list(sources.value(f"{folder}/{index}/shared_cpu_list")) or ())
            if size is None or cpu not in shared:
                unknown.add(kind)
                continue
            private = shared & cores == {cpu}
            users = alike.get(cpu, {cpu}) - covered[kind] if private else shared
            covered[kind] |= users
            sizes[kind][size] += len(users) if private else 1
    return summary({kind: count for kind, count in sizes.items() if kind not in unknown})


def _alike(cores: set[int], packages: Sequence[Sequence[int]]) -> dict[int, set[int]]:
    """The cores whose private caches need no look of their own, by core; see `MANY_CORES`."""
    if len(cores) <= MANY_CORES:
        return {}
    together = [cores.intersection(package) for package in packages]
    return {core: group for group in together for core in group}


def _layout(sources: Sources, folder: str, indices: Sequence[str]) -> dict[str, _Kind]:
    kinds: dict[str, _Kind] = {}
    for index in indices:
        level = integer(sources.value(f"{folder}/{index}/level"))
        letter = _LETTERS.get(sources.value(f"{folder}/{index}/type") or "")
        if level is not None and 1 <= level <= 9 and letter is not None:
            kinds[index] = (level, letter)
    return kinds


def summary(sizes: Mapping[_Kind, Mapping[int, int]]) -> str | None:
    """Text for caches given as {(level, letter): {bytes: how many}}; None when there are none.

    letter: `d` for data, `i` for instructions, empty for both.
    """
    parts = []
    for level, letter in sorted(sizes, key=lambda kind: (kind[0], kind[1] == "", kind[1])):
        same = sorted(sizes[level, letter].items(), reverse=True)
        texts = [
            f"{count}x{size_text(size)}" if count > 1 else size_text(size) for size, count in same
        ]
        parts.append(f"L{level}{letter} {' + '.join(texts)}")
    return ", ".join(parts) or None
