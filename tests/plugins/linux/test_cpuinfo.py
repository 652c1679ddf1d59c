"""/proc/cpuinfo of architectures without a recorded machine, and how little of it is read."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright_linux import arm, cpuinfo
from benchwright_linux.sources import Sources

POWER = """\
processor	: 0
cpu		: POWER9 (architected), altivec supported
clock		: 2700.000000MHz
revision	: 2.2 (pvr 004e 1202)

processor	: 1
cpu		: POWER9 (architected), altivec supported

timebase	: 512000000
platform	: pSeries
model		: IBM,9009-42A
machine		: CHRP IBM,9009-42A
MMU		: Radix
"""

S390X = """\
vendor_id       : IBM/S390
# processors    : 2
bogomips per cpu: 3241.00
max thread id   : 0
features\t: esan3 zarch stfle msa vx vxd vxe sort
facilities      : 0 1 2 3 4
cache0          : level=1 type=Data scope=Private size=128K line_size=256 associativity=8
processor 0: version = FF,  identification = 0133E8,  machine = 8561
processor 1: version = FF,  identification = 0133E8,  machine = 8561

cpu number      : 0
cpu MHz dynamic : 5200
cpu MHz static  : 5200

"""

RISCV = """\
processor	: 0
hart		: 1
isa		: rv64imafdc_zicsr_zba_zbb
mmu		: sv39
uarch		: sifive,u74-mc
mvendorid	: 0x489
marchid		: 0x8000000000000007

processor	: 1
hart		: 2
"""

LOONGARCH = """\
system type		: generic-loongson-machine

processor		: 0
package			: 0
core			: 0
CPU Family		: Loongson-64bit
Model Name		: Loongson-3A6000
CPU MHz			: 2500.00
Features		: cpucfg lam ual fpu lsx lasx crc32
Hardware Watchpoint	: yes

processor		: 1
Model Name		: another
"""


def test_power() -> None:
    found = cpuinfo.parse(POWER)
    assert (found.model, found.vendor, found.features) == ("POWER9", "IBM", ("altivec",))
    assert found.mhz == 2700.0


def test_s390x() -> None:
    found = cpuinfo.parse(S390X)
    assert (found.model, found.vendor) == ("IBM z15", "IBM")
    assert found.features == ("esan3", "msa", "sort", "stfle", "vx", "vxd", "vxe", "zarch")


def test_unknown_mainframe_is_told_by_its_number() -> None:
    assert cpuinfo.parse(S390X.replace("8561", "1234")).model == "IBM machine type 1234"


def test_riscv() -> None:
    found = cpuinfo.parse(RISCV)
    assert (found.model, found.vendor) == ("sifive,u74-mc", "SiFive")
    assert found.features == ("rv64imafdc", "zba", "zbb", "zicsr")


def test_riscv_without_names_leaves_them_out() -> None:
    found = cpuinfo.parse("processor : 0\nhart : 0\nisa : rv64imac\nmvendorid : 0x0\n")
    assert (found.model, found.vendor, found.features) == (None, None, ("rv64imac",))


def test_loongarch_looks_past_a_block_without_a_processor() -> None:
    found = cpuinfo.parse(LOONGARCH)
    assert found.model == "Loongson-3A6000"
    assert found.features is not None
    assert "lasx" in found.features
    assert found.mhz == 2500.0


@pytest.mark.parametrize(
    ("codes", "name", "vendor"),
    [
        ((0x41, 0xD0C), "Neoverse-N1", "ARM"),
        ((0x41, 0xD49), "Neoverse-N2", "ARM"),
        ((0x41, 0xD42), "Cortex-A78AE", "ARM"),
        ((0xC0, 0xAC3), "Ampere-1", "Ampere"),
        ((0x61, 0x023), "Firestorm (M1)", "Apple"),
        ((0x41, 0xFFF), "ARM part 0xfff", "ARM"),
        ((0x99, 0x001), "implementer 0x99 part 0x001", "implementer 0x99"),
    ],
)
def test_arm_codes(codes: arm.Core, name: str, vendor: str) -> None:
    text = f"processor : 0\nCPU implementer : {codes[0]:#04x}\nCPU part : {codes[1]:#05x}\n"
    found = cpuinfo.parse(text)
    assert (found.model, found.vendor, found.core) == (name, vendor, codes)


def test_midr_holds_the_codes() -> None:
    assert arm.core_of_midr(0x00000000410FD083) == (0x41, 0xD08)
    assert arm.core_of_midr(0x61_1_F_023_0) == (0x61, 0x023)


@pytest.mark.parametrize(
    ("part", "instance", "name"),
    [
        (0xD08, "a1.metal", "AWS Graviton (Cortex-A72)"),
        (0xD0C, "m6g.large", "AWS Graviton2 (Neoverse-N1)"),
        (0xD40, "c7g.xlarge", "AWS Graviton3 (Neoverse-V1)"),
        (0xD40, "hpc7g.16xlarge", "AWS Graviton3E (Neoverse-V1)"),
        (0xD4F, "r8g.large", "AWS Graviton4 (Neoverse-V2)"),
        (0xD84, "unheard-of.large", "Neoverse-V3"),
    ],
)
def test_graviton_is_told_by_core_and_cloud(part: int, instance: str, name: str) -> None:
    cores = [(arm.ARM, part)] * 2
    assert arm.model(cores, system_vendor="Amazon EC2", system_model=instance) == name
    elsewhere = arm.model(cores, system_vendor="Another", system_model=instance)
    assert elsewhere == arm.core_name(cores[0])


def test_the_second_processor_says_nothing_about_the_first() -> None:
    first = "processor : 0\nflags : one\nflags : again\n"
    found = cpuinfo.parse(f"{first}\nprocessor : 1\nflags : two\nmodel name : Second\n")
    assert (found.model, found.features) == (None, ("one",))


def test_unknown_model_name_is_left_out() -> None:
    found = cpuinfo.parse("processor : 0\nvendor_id : GenuineIntel\nmodel name : unknown\n")
    assert (found.model, found.vendor) == (None, "Intel")


def test_only_the_first_block_is_read(
    tree: Callable[..., Sources], monkeypatch: pytest.MonkeyPatch
) -> None:
    """256 blocks make 400 KB; two small reads must do."""
    flags = " ".join(f"flag{n}" for n in range(150))
    blocks = [
        f"processor\t: {n}\nmodel name\t: CPU {n}\nflags\t\t: {flags}\n\n" for n in range(256)
    ]
    machine = tree({"proc/cpuinfo": "".join(blocks)})
    taken = []
    read = os.read

    def counting(descriptor: int, size: int) -> bytes:
        data = read(descriptor, size)
        taken.append(len(data))
        return data

    monkeypatch.setattr(os, "read", counting)
    found = cpuinfo.first_processor(machine)
    assert found.model == "CPU 0"
    assert found.features is not None
    assert len(found.features) == 150
    assert sum(taken) <= 8192


FRAGMENTS = st.sampled_from(
    [
        *POWER.splitlines(),
        *S390X.splitlines(),
        *RISCV.splitlines(),
        "CPU implementer : 0x41",
        "CPU part : 0xd0c",
        "CPU part : ",
        "CPU implementer : 0xfffffffffffffffffffff",
        "vendor_id :    ",
        "cpu MHz : 1e999",
        ":",
        "",
    ]
)


@given(st.lists(FRAGMENTS | st.text(max_size=40), max_size=30))
def test_any_text_gives_a_processor(rows: list[str]) -> None:
    found = cpuinfo.parse("\n".join(rows))
    for text in (found.model, found.vendor):
        assert text is None or (text == text.strip() and text.isprintable() and text)
    assert found.features is None or list(found.features) == sorted(set(found.features))
    assert found.mhz is None or 0 < found.mhz < 1e6
