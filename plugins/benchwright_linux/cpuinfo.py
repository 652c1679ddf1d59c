"""The text of /proc/cpuinfo: model, vendor and features of the first processor.

One block is enough and all that is read: the kernel writes some 1.5 KB for each logical CPU, and
on some versions asks every CPU for its frequency. Counts come from /sys (topology.py).
Formats: x86, Arm, POWER, s390x, RISC-V, LoongArch; others give what they name in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from benchwright_linux import arm
from benchwright_linux.sources import Sources
from benchwright_linux.texts import hexadecimal, integer, line

_PROCESSOR = re.compile(rb"^(processor|cpu number)[ \t0-9]*:", re.MULTILINE | re.IGNORECASE)
_LIMIT = 1 << 18

_X86_VENDORS = {
    "AuthenticAMD": "AMD",
    "GenuineIntel": "Intel",
    "HygonGenuine": "Hygon",
    "CentaurHauls": "Centaur",
    "Shanghai": "Zhaoxin",
}

# IBM's machine types.
_MAINFRAMES = {
    "2827": "zEC12",
    "2828": "zBC12",
    "2964": "z13",
    "2965": "z13s",
    "3906": "z14",
    "3907": "z14 ZR1",
    "8561": "z15",
    "8562": "z15 T02",
    "3931": "z16",
    "3932": "z16 A02",
    "9175": "z17",
}

# JEP106 codes as the mvendorid register holds them.
_RISCV_VENDORS = {0x489: "SiFive", 0x5B7: "T-Head", 0x31E: "Andes", 0x710: "SpacemiT"}


class Processor(NamedTuple):
    """What the text says of one processor; None for what it does not say."""

    model: str | None = None
    vendor: str | None = None
    features: tuple[str, ...] | None = None
    """Sorted, as the kernel spells them."""
    mhz: float | None = None
    """The frequency of that moment (x86) or the nominal clock (POWER)."""
    core: arm.Core | None = None
    """Arm's implementer and part codes."""


def first_processor(sources: Sources) -> Processor:
    """Read and parse the first processor's block."""
    return parse(sources.head("proc/cpuinfo", _has_block, _LIMIT) or "")


def _has_block(data: bytes) -> bool:
    match = _PROCESSOR.search(data)
    return match is not None and b"\n\n" in data[match.start() :]


def _fields(text: str) -> dict[str, str]:
    """Lower-case keys to values up to the end of the first block that describes a processor.

    Where a key comes twice the first counts; s390x lists all processors in its first block.
    """
    fields: dict[str, str] = {}
    described = False
    for row in text.split("\n"):
        if not row.strip():
            if described:
                break
            continue
        key, colon, value = row.partition(":")
        if not colon:
            continue
        key = " ".join(key.lower().split())
        described = described or key.startswith(("processor", "cpu number"))
        fields.setdefault(key, value.strip())
    return fields


def parse(text: str) -> Processor:
    """The first processor of a /proc/cpuinfo text of any architecture; never raises."""
    fields = _fields(text)
    if "cpu implementer" in fields:
        return _arm(fields)
    if fields.get("vendor_id") == "IBM/S390":
        return _s390x(fields)
    if fields.get("cpu", "").startswith(("POWER", "PPC")):
        return _power(fields)
    if "isa" in fields:
        return _riscv(fields)
    return _general(fields)


def _words(text: str | None) -> tuple[str, ...] | None:
    return tuple(sorted(set((line(text) or "").split()))) or None


def _general(fields: Mapping[str, str]) -> Processor:
    model = line(fields.get("model name") or fields.get("cpu model") or fields.get("cpu"))
    vendor = line(fields.get("vendor_id"))
    return Processor(
        model=None if model is None or model.lower() == "unknown" else model,
        vendor=_X86_VENDORS.get(vendor, vendor) if vendor else None,
        features=_words(fields.get("flags") or fields.get("features")),
        mhz=_clock(fields.get("cpu mhz")),
    )


def _arm(fields: Mapping[str, str]) -> Processor:
    implementer = hexadecimal(fields.get("cpu implementer"))
    part = hexadecimal(fields.get("cpu part"))
    features = _words(fields.get("features"))
    if implementer is None or part is None:
        return Processor(features=features)
    core = (implementer, part)
    return Processor(
        model=arm.core_name(core), vendor=arm.vendor(core), features=features, core=core
    )


def _s390x(fields: Mapping[str, str]) -> Processor:
    machine = re.search(r"machine = ([0-9A-F]{4})\b", fields.get("processor 0", ""))
    model = None
    if machine:
        model = f"IBM {_MAINFRAMES.get(machine[1], f'machine type {machine[1]}')}"
    return Processor(model=model, vendor="IBM", features=_words(fields.get("features")))


def _power(fields: Mapping[str, str]) -> Processor:
    # "POWER9 (architected), altivec supported"
    name, _, extensions = fields["cpu"].partition(",")
    model = line(name.split("(")[0])
    return Processor(
        model=model,
        vendor="IBM" if model and model.startswith("POWER") else None,
        features=("altivec",) if "altivec supported" in extensions else None,
        mhz=_clock(fields.get("clock", "").removesuffix("MHz")),
    )


def _riscv(fields: Mapping[str, str]) -> Processor:
    number = fields.get("mvendorid")
    code = hexadecimal(number) if number and number.startswith("0x") else integer(number)
    extensions = (line(fields.get("isa")) or "").replace("_", " ")
    return Processor(
        model=line(fields.get("model name") or fields.get("uarch")),
        vendor=_RISCV_VENDORS.get(code) if code is not None else None,
        features=_words(extensions),
    )


def _clock(text: str | None) -> float | None:
    # Not texts.decimal: it would accept a negative clock.
    match = re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", (text or "").strip())
    return float(match[0]) or None if match else None
