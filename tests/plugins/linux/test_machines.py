"""Whole machines, recorded: every fact of each, and nothing besides."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from benchwright_linux.probe import MachineProbe
from benchwright_linux.sources import Sources

GIB = 1 << 30
MIB = 1 << 20

Build = Callable[..., Sources]


def test_epyc_virtual_machine(machine: Build) -> None:
    probe = MachineProbe(machine("epyc_vm", affinity=2))
    assert probe.identity() == {
        "machine.vendor": "QEMU",
        "machine.model": "Standard PC (Q35 + ICH9, 2009)",
        "cpu.model": "AMD EPYC 9R14",
        "cpu.vendor": "AMD",
        "cpu.architecture": "x86_64",
        "cpu.features": [
            "avx",
            "avx2",
            "avx512_bf16",
            "avx512_vnni",
            "avx512bw",
            "avx512f",
            "f16c",
            "fma",
            "fpu",
            "ht",
            "hypervisor",
            "sse",
            "sse2",
        ],
        "cpu.sockets": 1,
        "cpu.cores": 2,
        "cpu.threads": 2,
        "cpu.available": 2,
        "cpu.caches": "L1d 2x32 KiB, L1i 2x32 KiB, L2 2x1 MiB, L3 32 MiB",
        "cpu.numa_nodes": 1,
        "memory.bytes": 7744 * MIB,
        "storage.bytes": 32 * GIB,
        "storage.type": "virtual disk",
        "network.cards": 1,
        "network.description": "1x Ethernet (virtio_net)",
        "os.name": "Debian GNU/Linux",
        "os.version": "12",
        "os.kernel": "Linux 6.1.0-18-cloud-amd64",
    }
    assert probe.observation() == {
        "cpu.mhz_lowest": 2600,
        "cpu.mhz_highest": 2600,
        "cpu.load": [0.42, 0.2, 0.05],
        "memory.total_bytes": 7946012 * 1024,
        "memory.free_bytes": 6120400 * 1024,
        "memory.available_bytes": 7210016 * 1024,
    }


def test_two_socket_xeon(machine: Build) -> None:
    probe = MachineProbe(machine("xeon_2s", affinity=160))
    assert probe.identity() == {
        "machine.vendor": "Dell Inc.",
        "machine.model": "PowerEdge R750",
        "cpu.model": "Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz",
        "cpu.vendor": "Intel",
        "cpu.architecture": "x86_64",
        "cpu.features": [
            "avx",
            "avx2",
            "avx512_vnni",
            "avx512f",
            "fma",
            "fpu",
            "sse",
            "sse2",
            "vme",
        ],
        "cpu.sockets": 2,
        "cpu.cores": 80,
        "cpu.threads": 160,
        "cpu.available": 160,
        "cpu.max_mhz": 3400,
        "cpu.caches": "L1d 80x48 KiB, L1i 80x32 KiB, L2 80x1280 KiB, L3 2x60 MiB",
        "cpu.numa_nodes": 2,
        "memory.bytes": 527989312 * 1024 // (16 * MIB) * (16 * MIB),
        "memory.configuration": "2x 32 GiB Registered-DDR4",
        # Two NVMe drives (one of them under multipath) and one hard disk; not the one on USB.
        "storage.bytes": (2 * 3750748848 + 7814037168) * 512,
        "storage.type": "1x HDD + 2x NVMe",
        "network.cards": 2,
        "network.description": "1x Ethernet (mlx5_core, 2 ports) + 1x InfiniBand (mlx5_core)",
        "os.name": "Ubuntu",
        "os.version": "22.04",
        "os.kernel": "Linux 5.15.0-101-generic",
    }
    assert probe.observation() == {
        "cpu.mhz_lowest": 800,
        "cpu.mhz_highest": 800,
        "cpu.governor": "powersave",
        "cpu.boost": True,
        "cpu.load": [12.0, 8.5, 3.25],
        "cpu.temperature_c": 43.5,
        "memory.total_bytes": 527989312 * 1024,
        "memory.free_bytes": 500000000 * 1024,
        "memory.available_bytes": 510000000 * 1024,
        "network.speed_mbit": 200000,
    }


def test_graviton(machine: Build) -> None:
    facts = MachineProbe(machine("graviton3", machine="aarch64", affinity=4)).identity()
    assert facts["cpu.model"] == "AWS Graviton3 (Neoverse-V1)"
    assert facts["cpu.vendor"] == "ARM"
    assert facts["cpu.architecture"] == "aarch64"
    features = facts["cpu.features"]
    assert isinstance(features, list)
    assert {"bf16", "i8mm", "sve", "asimddp"} < set(features)
    assert features == sorted(map(str, features))
    assert facts["cpu.caches"] == "L1d 4x64 KiB, L1i 4x64 KiB, L2 4x1 MiB, L3 32 MiB"
    assert (facts["cpu.sockets"], facts["cpu.cores"], facts["cpu.threads"]) == (1, 4, 4)
    assert facts["storage.type"] == "network volume (Amazon EBS)"
    assert facts["network.description"] == "1x Ethernet (ena)"
    assert facts["os.name"] == "Amazon Linux"
    assert "cpu.max_mhz" not in facts


def test_grace(machine: Build) -> None:
    facts = MachineProbe(machine("grace", machine="aarch64")).identity()
    assert facts["cpu.model"] == "NVIDIA Grace (Neoverse-V2)"
    assert facts["cpu.cores"] == 72
    assert facts["cpu.max_mhz"] == 3483
    assert facts["cpu.caches"] == "L1d 72x64 KiB, L1i 72x64 KiB, L2 72x1 MiB, L3 114 MiB"
    assert facts["cpu.numa_nodes"] == 1, "the accelerator's memory node has no CPUs"
    # What the maker forgot to fill in, and what nothing tells, is left out.
    for name in ("machine.vendor", "machine.model", "cpu.available", "os.name", "storage.bytes"):
        assert name not in facts


def test_raspberry_pi_4(machine: Build) -> None:
    probe = MachineProbe(machine("raspberry_pi_4", machine="aarch64", affinity=4))
    assert probe.identity() == {
        "machine.model": "Raspberry Pi 4 Model B Rev 1.4",
        "cpu.model": "Cortex-A72",
        "cpu.vendor": "ARM",
        "cpu.architecture": "aarch64",
        "cpu.features": ["asimd", "cpuid", "crc32", "evtstrm", "fp"],
        "cpu.sockets": 1,
        "cpu.cores": 4,
        "cpu.threads": 4,
        "cpu.available": 4,
        "cpu.max_mhz": 1800,
        "memory.bytes": 3792 * MIB,
        "storage.bytes": 62333952 * 512,
        "storage.type": "SD card",
        "network.cards": 2,
        "network.description": "1x Ethernet (bcmgenet) + 1x Wi-Fi (brcmfmac)",
        "os.name": "Debian GNU/Linux",
        "os.version": "12",
        "os.kernel": "Linux 6.6.20+rpt-rpi-v8",
    }
    seen = probe.observation()
    assert seen["cpu.temperature_c"] == 48.2
    assert seen["cpu.governor"] == "ondemand"
    assert seen["network.speed_mbit"] == 1000
    assert "cpu.boost" not in seen


def test_raspberry_pi_5_on_a_usb_disk(machine: Build) -> None:
    facts = MachineProbe(machine("raspberry_pi_5", machine="aarch64")).identity()
    assert facts["cpu.model"] == "Cortex-A76"
    assert facts["cpu.caches"] == "L1d 4x64 KiB, L1i 4x64 KiB, L2 4x512 KiB, L3 2 MiB"
    assert facts["storage.bytes"] == 976773168 * 512
    assert facts["storage.type"] == "SSD"
    assert "network.cards" not in facts


def test_cores_of_two_kinds(machine: Build) -> None:
    facts = MachineProbe(machine("rk3588", machine="aarch64")).identity()
    assert facts["cpu.model"] == "4x Cortex-A55 + 4x Cortex-A76"
    assert facts["cpu.max_mhz"] == 2400
    assert facts["cpu.caches"] == (
        "L1d 4x64 KiB + 4x32 KiB, L1i 4x64 KiB + 4x32 KiB, L2 4x512 KiB + 4x128 KiB"
    )


def test_container_with_a_quota(machine: Build) -> None:
    probe = MachineProbe(machine("container_v2", affinity=8))
    facts = probe.identity()
    assert facts["cpu.threads"] == 8
    assert facts["cpu.cores"] == 4
    assert facts["cpu.available"] == 1, "1.5 CPUs are one whole one"
    assert facts["cpu.quota"] == 1.5
    assert facts["os.version"] == "3.19.1"
    # The container's end of a virtual cable says nothing about the host's cards.
    assert "network.cards" not in facts
    seen = probe.observation()
    assert seen["memory.limit_bytes"] == 2 * GIB
    assert "memory.limit_bytes" not in facts
    assert "network.speed_mbit" not in seen


def test_apple_silicon(macos: Callable[[str], Sources]) -> None:
    probe = MachineProbe(macos("macos_m2"))
    assert probe.identity() == {
        "machine.vendor": "Apple",
        "machine.model": "Mac14,2",
        "cpu.model": "Apple M2",
        "cpu.vendor": "Apple",
        "cpu.architecture": "arm64",
        "cpu.features": ["FEAT_BF16", "FEAT_DotProd", "FEAT_I8MM"],
        "cpu.sockets": 1,
        "cpu.cores": 8,
        "cpu.threads": 8,
        "cpu.available": 8,
        "cpu.caches": ("L1d 4x128 KiB + 4x64 KiB, L1i 4x192 KiB + 4x128 KiB, L2 16 MiB + 4 MiB"),
        "memory.bytes": 16 * GIB,
        "os.name": "macOS",
        "os.version": "14.5",
        "os.kernel": "Darwin 23.5.0",
    }
    assert probe.observation() == {
        "cpu.load": [1.52, 1.6, 1.71],
        "memory.total_bytes": 16 * GIB,
        "memory.free_bytes": 16384 * 20000,
    }


def test_intel_mac(macos: Callable[[str], Sources]) -> None:
    facts = MachineProbe(macos("macos_intel")).identity()
    assert facts["cpu.vendor"] == "Intel"
    assert facts["cpu.features"] == ["avx1.0", "avx2", "fpu", "rdwrfsgs", "sse", "sse2", "vme"]
    assert facts["cpu.max_mhz"] == 2600
    assert facts["cpu.caches"] == "L1d 6x32 KiB, L1i 6x32 KiB, L2 6x256 KiB, L3 12 MiB"


@pytest.mark.parametrize(
    "name",
    [
        "epyc_vm",
        "xeon_2s",
        "graviton3",
        "grace",
        "raspberry_pi_4",
        "raspberry_pi_5",
        "rk3588",
        "container_v1",
        "container_v2",
    ],
)
def test_readings_are_json_and_stay_the_same(machine: Build, name: str) -> None:
    probe = MachineProbe(machine(name))
    first = probe.identity()
    assert probe.identity() == first
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    seen = probe.observation()
    assert json.loads(json.dumps(seen, allow_nan=False)) == seen
    assert not set(first) & set(seen), "a fact is either identity or observation"


def test_an_empty_machine_tells_nothing(tree: Build) -> None:
    probe = MachineProbe(tree({}, machine=None))
    assert probe.identity() == {}
    assert probe.observation() == {}


def test_observations_never_reach_the_identity(
    recorded: Callable[[str], dict[str, str]], tree: Build
) -> None:
    """What moves while a machine runs may all move, and the identity stays."""
    files = recorded("raspberry_pi_4")
    machine = tree(files, machine="aarch64", affinity=4)
    before = MachineProbe(machine)
    facts = before.identity()
    moving = ("/scaling_cur_freq", "/scaling_governor", "/temp", "/speed")
    moved = {path: "1234" for path in files if path.endswith(moving)}
    assert len(moved) == 4 + 4 + 1 + 1
    moved["proc/loadavg"] = "0.00 0.00 9.00 1/1 1"
    moved["proc/meminfo"] = "MemTotal: 3884500 kB\nMemFree: 1 kB\nMemAvailable: 2 kB\n"
    after = MachineProbe(tree(moved, machine="aarch64", affinity=4))
    assert after.identity() == facts
    assert after.observation() == {
        "cpu.mhz_lowest": 1,
        "cpu.mhz_highest": 1,
        "cpu.governor": "1234",
        "cpu.load": [0.0, 0.0, 9.0],
        "cpu.temperature_c": 1.234,
        "memory.total_bytes": 3884500 * 1024,
        "memory.free_bytes": 1024,
        "memory.available_bytes": 2048,
        "network.speed_mbit": 1234,
    }
