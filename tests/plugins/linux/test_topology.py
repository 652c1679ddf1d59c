"""Counts and caches from /sys: recorded ones are in test_machines.py, the odd cases here."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from benchwright_linux import topology
from benchwright_linux.probe import MachineProbe
from benchwright_linux.sources import Sources

Build = Callable[..., Sources]
CPU = "sys/devices/system/cpu"


def test_big_server_is_read_by_groups(machine: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """256 logical CPUs: what counts is the number of files opened, and it is bounded."""
    probe = MachineProbe(machine("big_server", affinity=256))
    opened = []
    really_open = os.open

    def counting(path: str, *rest: int) -> int:
        opened.append(path)
        return really_open(path, *rest)

    monkeypatch.setattr(os, "open", counting)
    facts = probe.identity()
    monkeypatch.undo()
    assert facts["cpu.sockets"] == 2
    assert facts["cpu.cores"] == 128
    assert facts["cpu.threads"] == 256
    assert facts["cpu.caches"] == "L1d 128x48 KiB, L1i 128x32 KiB, L2 128x1 MiB, L3 16x32 MiB"
    # A list and a frequency for each core, and two files for each shared cache.
    assert len(opened) <= 2 * 128 + 2 * 16 + 60
    assert len(opened) == len(set(opened)), "no file is read twice"


def test_cpus_that_are_offline_do_not_count(
    recorded: Callable[[str], dict[str, str]], tree: Build
) -> None:
    """Second threads switched off: lists then name only what is online."""
    files = recorded("container_v2")
    files[f"{CPU}/online"] = "0-3"
    for cpu in range(4):
        files[f"{CPU}/cpu{cpu}/topology/core_cpus_list"] = str(cpu)
    facts = MachineProbe(tree(files, affinity=4)).identity()
    assert (facts["cpu.cores"], facts["cpu.threads"]) == (4, 4)


def test_unknown_package_number_leaves_sockets_out(
    recorded: Callable[[str], dict[str, str]], tree: Build
) -> None:
    files = recorded("graviton3")
    files[f"{CPU}/cpu0/topology/physical_package_id"] = "-1"
    facts = MachineProbe(tree(files)).identity()
    assert "cpu.sockets" not in facts
    assert facts["cpu.cores"] == 4


@pytest.mark.parametrize("content", ["", "garbage", "2-3", "99999999999", "0-4294967295"])
def test_one_bad_list_leaves_the_cores_out(
    recorded: Callable[[str], dict[str, str]], tree: Build, content: str
) -> None:
    """Half a count would be a wrong count."""
    files = recorded("graviton3")
    files[f"{CPU}/cpu1/topology/core_cpus_list"] = content
    facts = MachineProbe(tree(files)).identity()
    assert "cpu.cores" not in facts
    assert facts["cpu.threads"] == 4


def test_one_unknown_cache_size_leaves_its_level_out(
    recorded: Callable[[str], dict[str, str]], tree: Build
) -> None:
    files = recorded("graviton3")
    files[f"{CPU}/cpu2/cache/index2/size"] = "?"
    facts = MachineProbe(tree(files)).identity()
    assert facts["cpu.caches"] == "L1d 4x64 KiB, L1i 4x64 KiB, L3 32 MiB"


def test_packages_with_different_processors(
    recorded: Callable[[str], dict[str, str]], tree: Build
) -> None:
    """One look at each package, and a group of cores that is not full, in a large machine."""
    files = recorded("unlike_packages")
    for cpu in range(72, 80):  # the last eight cores have two caches of the third level
        shared = "72-75" if cpu < 76 else "76-79"
        files[f"{CPU}/cpu{cpu}/cache/index3/shared_cpu_list"] = shared
    facts = MachineProbe(tree(files)).identity()
    assert facts["cpu.sockets"] == 2
    assert facts["cpu.caches"] == (
        "L1d 80x48 KiB, L1i 80x32 KiB, L2 40x2 MiB + 40x1 MiB, L3 11x32 MiB"
    )


def test_cores_with_fewer_caches(tree: Build) -> None:
    """Small cores without a second level: their third entry is the shared third level."""
    files = {f"{CPU}/online": "0-1"}
    layouts = {
        0: [("1", "Data", "32K", "0"), ("3", "Unified", "4096K", "0-1")],
        1: [
            ("1", "Data", "64K", "1"),
            ("2", "Unified", "512K", "1"),
            ("3", "Unified", "4096K", "0-1"),
        ],
    }
    for cpu, caches in layouts.items():
        for number, values in enumerate(caches):
            for name, value in zip(
                ("level", "type", "size", "shared_cpu_list"), values, strict=True
            ):
                files[f"{CPU}/cpu{cpu}/cache/index{number}/{name}"] = value
    found = topology.caches(tree(files), [0, 1])
    assert found == "L1d 64 KiB + 32 KiB, L2 512 KiB, L3 4 MiB"


def test_nothing_online_is_nothing_known(tree: Build) -> None:
    machine = tree({f"{CPU}/cpu0/topology/physical_package_id": "0"})
    assert topology.online(machine) == []
    assert topology.cores(machine, []) is None
    assert topology.packages(machine, []) is None
    assert topology.caches(machine, []) is None
    assert topology.numa_nodes(machine) is None
