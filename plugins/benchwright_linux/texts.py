"""Small parsers for the kernel's ways of writing: numbers, CPU lists, sizes. No file access.

Each gives None for what it does not understand, and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

KIB = 1024
MIB = 1024 * KIB

CPU_LIMIT = 1 << 16
"""Larger CPU numbers are taken for garbage; the kernel's own bound is 8192 (NR_CPUS)."""

_SCALE = {"": 1, "K": KIB, "M": MIB, "G": 1024 * MIB}


def _whole(pattern: str, text: str | None) -> re.Match[str] | None:
    # Compiled (and kept by `re`) on first use: planning reads few of these kinds of text.
    return re.fullmatch(pattern, text.strip()) if text is not None else None


def integer(text: str | None) -> int | None:
    """A decimal number of at most 20 digits, with white space around it or not."""
    match = _whole(r"-?[0-9]{1,20}", text)
    return int(match[0]) if match else None


def decimal(text: str | None) -> float | None:
    """A finite number written without exponent."""
    match = _whole(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", text)
    return float(match[0]) if match else None


def hexadecimal(text: str | None) -> int | None:
    """A number written with `0x` in front."""
    match = _whole(r"0[xX][0-9a-fA-F]{1,16}", text)
    return int(match[0], 16) if match else None


def cpu_list(text: str | None) -> list[int] | None:
    """`0-3,8` becomes `[0, 1, 2, 3, 8]`, ascending; None when empty or not such a list."""
    if text is None:
        return None
    numbers: set[int] = set()
    for part in text.strip().split(","):
        match = _whole(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", part)
        if not match:
            return None
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if last < first or last >= CPU_LIMIT:
            return None
        numbers.update(range(first, last + 1))
    return sorted(numbers)


def byte_size(text: str | None) -> int | None:
    """Bytes from `32K`, `2M` or a bare number; None for zero."""
    match = _whole(r"([0-9]{1,12})([KMG]?)", text)
    return int(match[1]) * _SCALE[match[2]] or None if match else None


def size_text(size: int) -> str:
    """`size` (bytes) as whole MiB where it is whole, else in KiB: `32 KiB`, `1280 KiB`, `2 MiB`."""
    if size % MIB == 0:
        return f"{size // MIB} MiB"
    return f"{size // KIB} KiB" if size % KIB == 0 else f"{size} B"


def line(text: str | None) -> str | None:
    """One line of printable text with single spaces; None if nothing is left."""
    if text is None:
        return None
    spaced = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(spaced.split()) or None


def counted(counts: Mapping[str, int], *, always: bool = False) -> str | None:
    """`2x this + 1x that` in the mapping's order; a lone thing goes without its count.

    always: write the count even then. None when the mapping is empty.
    """
    if not always and len(counts) == 1:
        ((name, count),) = counts.items()
        if count == 1:
            return name
    return " + ".join(f"{count}x {name}" for name, count in counts.items()) or None
