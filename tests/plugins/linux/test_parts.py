"""The smaller modules: texts, sources, memory, storage, network, osinfo, machine, macos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchwright_linux import cpu, machine, macos, memory, network, osinfo, storage, texts
from benchwright_linux.sources import Sources

Build = Callable[..., Sources]
MIB = 1 << 20


@given(st.sets(st.integers(0, 2000), min_size=1, max_size=60), st.booleans())
def test_cpu_lists_round_trip(numbers: set[int], ranges: bool) -> None:
    ordered = sorted(numbers)
    parts: list[str] = []
    while ordered:
        run = 1
        while ranges and run < len(ordered) and ordered[run] == ordered[0] + run:
            run += 1
        parts.append(f"{ordered[0]}-{ordered[run - 1]}" if run > 1 else str(ordered[0]))
        ordered = ordered[run:]
    assert texts.cpu_list(",".join(parts) + "\n") == sorted(numbers)


@given(st.text(alphabet="0123456789-, x\n", max_size=24))
def test_any_text_is_a_cpu_list_or_none(text: str) -> None:
    found = texts.cpu_list(text)
    assert found is None or (found == sorted(set(found)) and 0 <= found[0] <= found[-1] < 65536)


@given(st.text(max_size=30))
@example("\x1c0")  # white space to str.strip, but not to int
@example("9" * 5000)
def test_numbers_never_raise(text: str) -> None:
    assert texts.integer(text) is None or str(texts.integer(text)).lstrip("-").isdigit()
    texts.decimal(text)
    texts.hexadecimal(text)
    assert texts.byte_size(text) != 0
    shown = texts.line(text)
    assert shown is None or (shown.isprintable() and shown == " ".join(shown.split()))


@pytest.mark.parametrize(
    ("text", "size", "shown"),
    [
        ("32K", 32 << 10, "32 KiB"),
        ("1280K", 1280 << 10, "1280 KiB"),
        ("2048K", 2 << 20, "2 MiB"),
        ("1G", 1 << 30, "1024 MiB"),
        ("100", 100, "100 B"),
    ],
)
def test_sizes(text: str, size: int, shown: str) -> None:
    assert texts.byte_size(text) == size
    assert texts.size_text(size) == shown


def test_sources_never_raise(tmp_path: Path) -> None:
    """A missing file, a folder for a file, a broken link, and a path that cannot be one."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe value\0\n")
    here = Sources(str(tmp_path))
    for path in ("missing", "folder", "broken", "empty", "nul\0", "\udcff", "a/" * 3000):
        assert here.text(path) is None
        assert here.value(path) is None
        assert here.names(path) == []
    assert here.text("bytes") == "\ufffd\ufffd value"
    assert here.link("broken") == "nowhere"
    assert here.link("folder") is None
    assert here.exists("broken")
    assert not here.exists("missing")


def test_a_long_file_is_read_to_its_end_and_no_further(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * 10_000)
    here = Sources(str(tmp_path))
    assert here.text("long") == "x" * 10_000
    assert here.head("long", lambda data: False, limit=5000) is not None
    assert len(here.head("long", lambda data: False, limit=5000) or "") < 10_000


def test_memory_identity_outlives_a_restart(tree: Build) -> None:
    """A few pages more or less for the kernel are the same machine; a module more is not."""
    first = tree({"proc/meminfo": "MemTotal: 16384000 kB\n"})
    before = memory.identity(first)["memory.bytes"]
    assert before == 16000 * MIB
    again = tree({"proc/meminfo": "MemTotal: 16384156 kB\n"})
    assert memory.identity(again)["memory.bytes"] == before
    assert memory.observation(again)["memory.total_bytes"] == 16384156 * 1024
    more = tree({"proc/meminfo": "MemTotal: 24700000 kB\n"})
    assert memory.identity(more)["memory.bytes"] != before


def test_ranks_are_not_modules(tree: Build) -> None:
    files = {
        "sys/devices/system/edac/mc/mc0/rank0/size": "16384",
        "sys/devices/system/edac/mc/mc0/rank0/dimm_mem_type": "Registered-DDR5",
    }
    assert memory.identity(tree(files))["memory.configuration"] is None


def test_modules_of_two_sizes(tree: Build) -> None:
    files = {}
    for number, size in enumerate((16384, 512, 16384)):
        files[f"sys/devices/system/edac/mc/mc0/dimm{number}/size"] = str(size)
        files[f"sys/devices/system/edac/mc/mc0/dimm{number}/dimm_mem_type"] = "DDR5"
    found = memory.identity(tree(files))["memory.configuration"]
    assert found == "2x 16 GiB DDR5 + 1x 512 MiB DDR5"


@pytest.mark.parametrize(
    ("name", "files", "kind"),
    [
        ("sda", {"queue/rotational": "0"}, "SSD"),
        ("sda", {"queue/rotational": "1"}, "HDD"),
        ("sda", {}, "disk"),
        ("sda", {"queue/rotational": "0", "device/vendor": "VMware  "}, "virtual disk"),
        ("xvda", {"queue/rotational": "0"}, "virtual disk"),
        ("mmcblk0", {"device/type": "MMC"}, "eMMC"),
        ("mmcblk0", {}, "SD card or eMMC"),
        ("nvme0n1", {"device/model": "nvme_card-pd"}, "network volume (Google Persistent Disk)"),
    ],
)
def test_kinds_of_storage(tree: Build, name: str, files: dict[str, str], kind: str) -> None:
    folder = f"sys/block/{name}"
    content = {f"{folder}/size": "8", f"{folder}/device/state": "live"}
    machine = tree(content | {f"{folder}/{path}": text for path, text in files.items()})
    assert storage.identity(machine) == {"storage.bytes": 4096, "storage.type": kind}


def test_only_the_machines_own_disks_count(machine: Build) -> None:
    found = storage.disks(machine("xeon_2s"))
    assert sorted(disk.kind for disk in found) == ["HDD", "NVMe", "NVMe"]


def test_free_space_is_asked_for_the_working_folder() -> None:
    assert storage.observation(Sources())["storage.free_bytes"] is not None


def test_virtual_functions_and_other_links_are_no_cards(machine: Build) -> None:
    names = [found.name for found in network.interfaces(machine("xeon_2s"))]
    assert names == ["ens1f0np0", "ens1f1np1", "ib0"]


@pytest.mark.parametrize("speed", ["-1", "4294967295", "0", "", "fast"])
def test_unknown_speed(recorded: Callable[[str], dict[str, str]], tree: Build, speed: str) -> None:
    files = recorded("epyc_vm") | {"sys/class/net/eth0/speed": speed}
    assert network.observation(tree(files)) == {"network.speed_mbit": None}


def test_release_file_quotes() -> None:
    text = '# a comment\nNAME=\'Quo"ted\'\nVERSION_ID="9 \\"x\\""\nBAD="open\nlower=1\nX=a b\n\n'
    assert osinfo.parse_release(text) == {"NAME": 'Quo"ted', "VERSION_ID": '9 "x"'}


@given(st.text(alphabet="NAME=VERSION_ID\"'\\# \n$`x1", max_size=60))
def test_any_release_file(text: str) -> None:
    for key in osinfo.parse_release(text):
        assert key.isupper()


def test_rolling_distribution_has_no_version(tree: Build) -> None:
    facts = osinfo.identity(tree({"etc/os-release": 'NAME="Arch Linux"\nBUILD_ID=rolling\n'}))
    assert facts == {"os.name": "Arch Linux", "os.version": None, "os.kernel": None}


def test_placeholders_are_not_names(tree: Build) -> None:
    files = {
        "sys/class/dmi/id/sys_vendor": "System manufacturer",
        "sys/class/dmi/id/product_name": "System Product Name",
        "proc/device-tree/model": "A board\0",
    }
    assert machine.maker(tree(files)) == machine.Maker(None, "A board")


def test_boost_without_intel_pstate(tree: Build) -> None:
    path = "sys/devices/system/cpu"
    assert cpu.observation(tree({f"{path}/cpufreq/boost": "0"}))["cpu.boost"] is False
    assert cpu.observation(tree({f"{path}/intel_pstate/no_turbo": "1"}))["cpu.boost"] is False
    assert cpu.observation(tree({f"{path}/intel_pstate/no_turbo": "0"}))["cpu.boost"] is True


def test_temperature_from_hwmon(tree: Build) -> None:
    files = {
        "sys/class/hwmon/hwmon0/name": "nvme",
        "sys/class/hwmon/hwmon0/temp1_input": "80000",
        "sys/class/hwmon/hwmon1/name": "k10temp",
        "sys/class/hwmon/hwmon1/temp1_input": "55125",
        "sys/class/hwmon/hwmon2/name": "k10temp",
        "sys/class/hwmon/hwmon2/temp1_input": "-274000",
    }
    assert cpu.observation(tree(files))["cpu.temperature_c"] == 55.125


@pytest.mark.parametrize("reading", ["0", "-274000", "300000", "warm", ""])
def test_absurd_temperatures_are_left_out(tree: Build, reading: str) -> None:
    files = {
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
        "sys/class/thermal/thermal_zone0/temp": reading,
    }
    assert cpu.observation(tree(files))["cpu.temperature_c"] is None


def test_mac_with_like_caches_in_unlike_cores() -> None:
    rows = [
        f"hw.perflevel{level}.{name}"
        for level, cores in ((0, 8), (1, 2))
        for name in (
            f"physicalcpu: {cores}",
            "cpusperl2: 4",
            "l1dcachesize: 65536",
            "l2cachesize: 4194304",
        )
    ]
    facts = macos.identity(macos.parse("\n".join(rows)), Sources("/nonexistent"))
    assert facts["cpu.caches"] == "L1d 10x64 KiB, L2 3x4 MiB"


LINES = st.sampled_from(
    [
        "hw.perflevel0.physicalcpu: 4",
        "hw.perflevel0.cpusperl2: 0",
        "hw.perflevel0.l2cachesize: -1",
        "hw.perflevel0.l1dcachesize: 131072",
        "hw.physicalcpu: many",
        "vm.loadavg: { 1.0 nan 2 }",
        "machdep.cpu.brand_string: ",
        "hw.optional.arm.FEAT_X: 1",
    ]
)


@given(st.lists(LINES | st.text(max_size=40), max_size=20))
def test_any_sysctl_text(rows: list[str]) -> None:
    values = macos.parse("\n".join(rows))
    here = Sources("/nonexistent")
    assert macos.identity(values, here).get("cpu.threads") is None
    assert macos.observation(values, here)["cpu.load"] is None
