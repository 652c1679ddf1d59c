"""Block devices: how much storage and of what kind (identity), free space (observation).

Counts whole devices that belong to the machine. Partitions, RAID and volume managers on top of
them, loop devices, RAM disks, optical drives and plugged-in sticks do not count.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from benchwright.contracts.probe import JSON
from benchwright_linux.sources import Sources
from benchwright_linux.texts import counted, integer, line

BLOCK = "sys/block"
SECTOR = 512
"""Bytes; the unit of a device's `size` file, whatever the device's own sectors are."""

_CARD_AREA = re.compile(r"mmcblk[0-9]+(boot[0-9]+|rpmb|gp[0-9]+)")
_HYPERVISORS = frozenset({"Google", "Msft", "QEMU", "VBOX", "VMware", "VMware,"})
_NETWORK_VOLUMES = {
    "Amazon Elastic Block Store": "network volume (Amazon EBS)",
    "nvme_card-pd": "network volume (Google Persistent Disk)",
}


class Disk(NamedTuple):
    """One device: size in bytes, kind as text, and whether it hangs on USB."""

    size: int
    kind: str
    usb: bool


def disks(sources: Sources) -> list[Disk]:
    """The machine's own devices; what hangs on USB counts only when there is nothing else."""
    found = [disk for name in sources.names(BLOCK) if (disk := _disk(sources, name))]
    return [disk for disk in found if not disk.usb] or found


def _disk(sources: Sources, name: str) -> Disk | None:
    folder = f"{BLOCK}/{name}"
    if _CARD_AREA.fullmatch(name) or not sources.exists(f"{folder}/device"):
        return None
    if "1" in (sources.value(f"{folder}/removable"), sources.value(f"{folder}/hidden")):
        return None
    sectors = integer(sources.value(f"{folder}/size"))
    if sectors is None or sectors <= 0:
        return None
    path = sources.link(folder) or ""
    return Disk(sectors * SECTOR, _kind(sources, name, path), "/usb" in path)


def _kind(sources: Sources, name: str, path: str) -> str:
    folder = f"{BLOCK}/{name}"
    if name.startswith("nvme"):
        model = line(sources.value(f"{folder}/device/model"))
        return _NETWORK_VOLUMES.get(model or "", "NVMe")
    if name.startswith("mmcblk"):
        kinds = {"SD": "SD card", "MMC": "eMMC"}
        return kinds.get(sources.value(f"{folder}/device/type") or "", "SD card or eMMC")
    # What a virtual disk says of its rotation is the hypervisor's habit, not a fact.
    maker = line(sources.value(f"{folder}/device/vendor"))
    if name.startswith(("vd", "xvd")) or "/virtio" in path or maker in _HYPERVISORS:
        return "virtual disk"
    rotational = sources.value(f"{folder}/queue/rotational")
    return {"0": "SSD", "1": "HDD"}.get(rotational or "", "disk")


def identity(sources: Sources) -> dict[str, JSON]:
    """`storage.bytes` and `storage.type` (`2x NVMe + 1x HDD`); None for what is unknown."""
    found = disks(sources)
    kinds = Counter(disk.kind for disk in found)
    bytes_of = {kind: sum(disk.size for disk in found if disk.kind == kind) for kind in kinds}
    largest_first = sorted(kinds.items(), key=lambda item: (-bytes_of[item[0]], item[0]))
    return {
        "storage.bytes": sum(bytes_of.values()) or None,
        "storage.type": counted(dict(largest_first)),
    }


def observation(sources: Sources) -> dict[str, JSON]:
    """`storage.free_bytes`: free space where the process works; None for unknown."""
    return {"storage.free_bytes": sources.functions.disk_free(".")}
