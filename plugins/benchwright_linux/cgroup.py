"""Control groups, versions 1 and 2: how much CPU and memory this process is allowed.

Reads only; a limit counts wherever on the way from the process's group to the top it is set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from benchwright_linux.sources import Sources
from benchwright_linux.texts import integer

_UNLIMITED = 1 << 60
"""Version 1 writes "no limit" as the largest number of whole pages, some 2^63."""

_OCTAL = re.compile(r"\\([0-7]{3})")


class _Hierarchy(NamedTuple):
    """Where one hierarchy is mounted, and which of its groups is the mount's root."""

    version: int
    root: str
    mount: str


def cpu_quota(sources: Sources) -> float | None:
    """CPUs' worth of time per period (1.5 = one and a half); None without a limit."""
    quotas = []
    for version, folder in _folders(sources, "cpu"):
        if version == 2:
            fields = (sources.value(f"{folder}/cpu.max") or "").split()
            quota, period = fields if len(fields) == 2 else ("", "")
        else:
            quota = sources.value(f"{folder}/cpu.cfs_quota_us") or ""
            period = sources.value(f"{folder}/cpu.cfs_period_us") or ""
        used, per = integer(quota), integer(period)
        if used is not None and per is not None and used > 0 and per > 0:
            quotas.append(used / per)
    return min(quotas, default=None)


def memory_limit(sources: Sources) -> int | None:
    """Bytes of memory allowed; None without a limit."""
    limits = []
    for version, folder in _folders(sources, "memory"):
        name = "memory.max" if version == 2 else "memory.limit_in_bytes"
        limit = integer(sources.value(f"{folder}/{name}"))
        if limit is not None and 0 < limit < _UNLIMITED:
            limits.append(limit)
    return min(limits, default=None)


def _folders(sources: Sources, controller: str) -> Iterator[tuple[int, str]]:
    """The group of this process and all above it, as (version, folder below the root)."""
    groups = _own_groups(sources.text("proc/self/cgroup") or "", controller)
    if not groups:
        return
    mounts = list(_hierarchies(sources.text("proc/self/mountinfo") or "", controller))
    for version, group in groups.items():
        fitting = [mount for mount in mounts if mount.version == version]
        if not fitting:
            continue
        # Several mounts: the one that shows the group itself tells more than one that does not.
        mount = next((m for m in fitting if _below(group, m.root) is not None), fitting[0])
        parts = _below(group, mount.root) or []
        for depth in range(len(parts), -1, -1):
            yield version, "/".join([mount.mount, *parts[:depth]])


def _own_groups(text: str, controller: str) -> dict[int, str]:
    """The process's group in each version's hierarchy, from /proc/self/cgroup."""
    groups: dict[int, str] = {}
    for row in text.splitlines():
        fields = row.split(":", 2)
        if len(fields) != 3:
            continue
        number, controllers, group = fields
        if number == "0" and not controllers:
            groups[2] = group
        elif controller in controllers.split(","):
            groups[1] = group
    return groups


def _hierarchies(text: str, controller: str) -> Iterable[_Hierarchy]:
    """The cgroup mounts in /proc/self/mountinfo that can hold the controller."""
    for row in text.splitlines():
        before, dash, after = row.partition(" - ")
        left, right = before.split(), after.split()
        if not dash or len(left) < 5 or len(right) < 3:
            continue
        mount = _unescape(left[4]).strip("/")
        if right[0] == "cgroup2":
            yield _Hierarchy(2, _unescape(left[3]), mount)
        elif right[0] == "cgroup" and controller in right[2].split(","):
            yield _Hierarchy(1, _unescape(left[3]), mount)


def _below(group: str, root: str) -> list[str] | None:
    """The path from a mount's root down to a group; None if the group lies elsewhere."""
    parts = [part for part in group.split("/") if part]
    top = [part for part in root.split("/") if part]
    if ".." in parts or parts[: len(top)] != top:
        return None
    return parts[len(top) :]


def _unescape(text: str) -> str:
    # The kernel writes white space and backslashes in mountinfo as three octal digits.
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
