"""RAPL's counters as files of Linux's powercap class: which there are, and what they say.

A zone `intel-rapl:N` is a whole domain and `intel-rapl:N:M` a part of one; AMD's processors have
the same names. Only packages are counted: cores and graphics are within their package, and `psys`
has the packages within itself. Memory that has a domain of its own is not counted.
(https://docs.kernel.org/power/powercap/powercap.html)
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from benchwright.errors import BenchwrightError

FOLDER = "sys/class/powercap"
"""Where the kernel shows the zones, below the root."""

_ZONE = re.compile(r"intel-rapl:[0-9]+")
_NUMBER = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Package:
    """One processor package, or one die of it. span: microjoules at which its counter begins
    again from 0; None where the kernel does not say."""

    name: str
    file: Path
    span: int | None

    @property
    def readable(self) -> bool:
        """Whether this user may read the counter."""
        return os.access(self.file, os.R_OK)

    def energy(self) -> int:
        """The counter in microjoules. BenchwrightError says what to do where it cannot be read."""
        try:
            text = self.file.read_text(encoding="ascii", errors="replace").strip()
        except PermissionError as error:
            raise BenchwrightError(
                "the energy counters cannot be read by this user",
                where=str(self.file),
                why="Linux shows them to root only",
                fix="`sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj` (until the next "
                "start of the machine), or run as root",
            ) from error
        except OSError as error:
            raise BenchwrightError(
                "an energy counter cannot be read", where=str(self.file), why=str(error)
            ) from error
        if not _NUMBER.fullmatch(text):
            raise BenchwrightError(
                "an energy counter holds no number", where=str(self.file), why=f"found {text!r}"
            )
        return int(text)


def packages(root: Path = Path("/")) -> list[Package]:
    """The packages that the kernel shows, by the zones' names; none where it shows nothing."""
    folder = root / FOLDER
    try:
        zones = sorted(name for name in os.listdir(folder) if _ZONE.fullmatch(name))
    except OSError:
        return []
    found = []
    for zone in zones:
        name = _text(folder / zone / "name") or ""
        if name.startswith("package-"):
            span = _text(folder / zone / "max_energy_range_uj") or ""
            number = int(span) if _NUMBER.fullmatch(span) else 0
            found.append(Package(name, folder / zone / "energy_uj", number or None))
    return found


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def used(before: int, now: int, package: Package) -> int:
    """Microjoules between two readings, of which the counter passed its end at most once."""
    if now >= before:
        return now - before
    if package.span is None:
        raise BenchwrightError(
            "an energy counter went backwards, and the kernel does not say where it ends",
            where=str(package.file),
            why=f"{before} µJ came before {now} µJ, and max_energy_range_uj holds no number",
        )
    return package.span - before + now
