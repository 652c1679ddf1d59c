"""Names for Arm's CPU identification codes, and for the chips that hold the cores.

The codes are those of the MIDR_EL1 register: implementer in bits 31 to 24, part in bits 15 to 4.
They are published in Arm's and the vendors' technical reference manuals and used by the Linux
kernel (arch/arm64/include/asm/cputype.h). What is not in the tables is told by its code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchwright_linux.texts import counted

ARM = 0x41

IMPLEMENTERS = {
    ARM: "ARM",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x50: "APM",
    0x51: "Qualcomm",
    0x53: "Samsung",
    0x56: "Marvell",
    0x61: "Apple",
    0x69: "Intel",
    0x6D: "Microsoft",
    0x70: "Phytium",
    0xC0: "Ampere",
}

PARTS = {
    ARM: {
        0xB76: "ARM1176",
        0xC05: "Cortex-A5",
        0xC07: "Cortex-A7",
        0xC08: "Cortex-A8",
        0xC09: "Cortex-A9",
        0xC0D: "Cortex-A12",
        0xC0E: "Cortex-A17",
        0xC0F: "Cortex-A15",
        0xD01: "Cortex-A32",
        0xD02: "Cortex-A34",
        0xD03: "Cortex-A53",
        0xD04: "Cortex-A35",
        0xD05: "Cortex-A55",
        0xD06: "Cortex-A65",
        0xD07: "Cortex-A57",
        0xD08: "Cortex-A72",
        0xD09: "Cortex-A73",
        0xD0A: "Cortex-A75",
        0xD0B: "Cortex-A76",
        0xD0C: "Neoverse-N1",
        0xD0D: "Cortex-A77",
        0xD0E: "Cortex-A76AE",
        0xD40: "Neoverse-V1",
        0xD41: "Cortex-A78",
        0xD42: "Cortex-A78AE",
        0xD43: "Cortex-A65AE",
        0xD44: "Cortex-X1",
        0xD46: "Cortex-A510",
        0xD47: "Cortex-A710",
        0xD48: "Cortex-X2",
        0xD49: "Neoverse-N2",
        0xD4A: "Neoverse-E1",
        0xD4B: "Cortex-A78C",
        0xD4C: "Cortex-X1C",
        0xD4D: "Cortex-A715",
        0xD4E: "Cortex-X3",
        0xD4F: "Neoverse-V2",
        0xD80: "Cortex-A520",
        0xD81: "Cortex-A720",
        0xD82: "Cortex-X4",
        0xD83: "Neoverse-V3AE",
        0xD84: "Neoverse-V3",
        0xD85: "Cortex-X925",
        0xD87: "Cortex-A725",
        0xD8E: "Neoverse-N3",
    },
    0x42: {0x00F: "Brahma-B15", 0x100: "Brahma-B53", 0x516: "ThunderX2"},
    0x43: {0x0A0: "ThunderX", 0x0A1: "ThunderX-88XX", 0x0AF: "ThunderX2", 0x0B8: "ThunderX3"},
    0x46: {0x001: "A64FX"},
    0x48: {0xD01: "TaiShan-v110", 0xD40: "Cortex-A76"},
    0x4E: {0x000: "Denver", 0x003: "Denver 2", 0x004: "Carmel"},
    0x50: {0x000: "X-Gene"},
    0x51: {
        0x001: "Oryon",
        0x201: "Kryo",
        0x205: "Kryo",
        0x211: "Kryo",
        0x800: "Kryo 2xx Gold",
        0x801: "Kryo 2xx Silver",
        0x802: "Kryo 3xx Gold",
        0x803: "Kryo 3xx Silver",
        0x804: "Kryo 4xx Gold",
        0x805: "Kryo 4xx Silver",
        0xC00: "Falkor",
        0xC01: "Saphira",
    },
    0x61: {
        0x022: "Icestorm (M1)",
        0x023: "Firestorm (M1)",
        0x024: "Icestorm (M1 Pro)",
        0x025: "Firestorm (M1 Pro)",
        0x028: "Icestorm (M1 Max)",
        0x029: "Firestorm (M1 Max)",
        0x032: "Blizzard (M2)",
        0x033: "Avalanche (M2)",
        0x034: "Blizzard (M2 Pro)",
        0x035: "Avalanche (M2 Pro)",
        0x038: "Blizzard (M2 Max)",
        0x039: "Avalanche (M2 Max)",
    },
    0x6D: {0xD49: "Azure Cobalt 100"},
    0x70: {0x660: "FTC660", 0x661: "FTC661", 0x662: "FTC662", 0x663: "FTC663"},
    0xC0: {0xAC3: "Ampere-1", 0xAC4: "Ampere-1a"},
}

GRACE_SOC_ID = "jep106:036b:0241"
"""What /sys/devices/soc0/soc_id says on NVIDIA Grace: JEP106 code of NVIDIA, chip T241."""

EC2_VENDOR = "Amazon EC2"
"""DMI's system vendor on EC2, whose Arm machines with Linux all run on Graviton."""

_GRAVITON = {0xD08: "Graviton", 0xD0C: "Graviton2", 0xD40: "Graviton3", 0xD4F: "Graviton4"}
_GRAVITON3E_TYPES = ("c7gn.", "hpc7g.")

Core = tuple[int, int]
"""Implementer and part."""


def core_of_midr(midr: int) -> Core:
    """The codes inside a MIDR_EL1 value."""
    return (midr >> 24) & 0xFF, (midr >> 4) & 0xFFF


def vendor(core: Core) -> str:
    """Who made the core design."""
    return IMPLEMENTERS.get(core[0], f"implementer {core[0]:#04x}")


def core_name(core: Core) -> str:
    """The core's name, or its codes where the table has none."""
    return PARTS.get(core[0], {}).get(core[1]) or f"{vendor(core)} part {core[1]:#05x}"


def model(
    cores: Sequence[Core],
    *,
    soc_id: str | None = None,
    system_vendor: str | None = None,
    system_model: str | None = None,
) -> str | None:
    """What to call a processor with these cores, one entry per CPU; None when there is none.

    Cores of several kinds are counted, the most frequent first: `4x Cortex-A76 + 4x Cortex-A55`.
    soc_id: the text of /sys/devices/soc0/soc_id. system_vendor and system_model: DMI's.
    """
    kinds = Counter(core_name(core) for core in cores)
    if not kinds:
        return None
    if len(kinds) > 1:
        return counted(dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))))
    (name,) = kinds
    implementer, part = cores[0]
    if soc_id == GRACE_SOC_ID:
        return f"NVIDIA Grace ({name})"
    if implementer == ARM and system_vendor == EC2_VENDOR and part in _GRAVITON:
        chip = _GRAVITON[part]
        if chip == "Graviton3" and (system_model or "").startswith(_GRAVITON3E_TYPES):
            chip = "Graviton3E"
        return f"AWS {chip} ({name})"
    return name
