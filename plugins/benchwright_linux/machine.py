"""Who made the machine and what it is called: DMI (most servers and PCs) or the device tree."""

from __future__ import annotations

from typing import NamedTuple

from benchwright.contracts.probe import JSON
from benchwright_linux.sources import Sources
from benchwright_linux.texts import line

_PLACEHOLDERS = frozenset(
    {
        "default string",
        "empty",
        "n/a",
        "none",
        "not applicable",
        "not specified",
        "o.e.m.",
        "oem",
        "product name",
        "system manufacturer",
        "system product name",
        "to be filled by o.e.m.",
        "unknown",
    }
)


class Maker(NamedTuple):
    """Vendor and model of the whole machine; in a cloud, its name and the instance type."""

    vendor: str | None = None
    model: str | None = None


def maker(sources: Sources) -> Maker:
    """Read both; texts that a maker forgot to fill in count as unknown."""
    vendor = _told(sources.value("sys/class/dmi/id/sys_vendor"))
    model = _told(sources.value("sys/class/dmi/id/product_name"))
    return Maker(vendor, model or _told(sources.value("proc/device-tree/model")))


def _told(text: str | None) -> str | None:
    name = line(text)
    return None if name is None or name.lower() in _PLACEHOLDERS else name


def identity(known: Maker) -> dict[str, JSON]:
    """The `machine.` facts; None stands for what is unknown."""
    return {"machine.vendor": known.vendor, "machine.model": known.model}
