"""Recorded machines: small text files turned into trees that the probe can read.

A file in machines/ starts with a sentence about the machine; then `@ path = text` gives a file of
one line, `@ path` a file of the lines that follow, `@ path -> target` a symbolic link, and `\\0`
stands for NUL. What /sys tells once per CPU is made here from a few numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchwright_linux.sources import Functions, Sources

MACHINES = Path(__file__).parent / "machines"
CPU = "sys/devices/system/cpu"

Tree = dict[str, str]
"""Content by path; `-> target` is a symbolic link."""

Cache = tuple[int, str, str | None, int]
"""Level, type, size as the kernel writes it (None: not told), and how many CPUs share one."""


@dataclass(frozen=True)
class Processors:
    """CPUs as Linux numbers them: the first threads of all cores, then the second ones."""

    cores: int
    packages: int = 1
    threads: int = 1
    caches: Sequence[Cache] = ()
    max_khz: int | None = None
    now_khz: int | None = None
    governor: str | None = None
    midr: str | None = None
    old_names: bool = False

    def tree(self, start: int = 0) -> Tree:
        """The files of these CPUs, the first of them numbered `start`."""
        per_package = self.cores // self.packages
        made: Tree = {}
        for cpu in range(self.cores * self.threads):
            core = cpu % self.cores
            package = core // per_package
            siblings = [start + core + self.cores * thread for thread in range(self.threads)]
            first = start + package * per_package
            mates = [
                f"{first + self.cores * thread}-{first + self.cores * thread + per_package - 1}"
                for thread in range(self.threads)
            ]
            folder = f"{CPU}/cpu{start + cpu}"
            names = ("thread_siblings_list", "core_siblings_list")
            core_list, package_list = (
                names if self.old_names else ("core_cpus_list", "package_cpus_list")
            )
            made[f"{folder}/topology/{core_list}"] = ",".join(map(str, siblings))
            made[f"{folder}/topology/{package_list}"] = ",".join(mates)
            made[f"{folder}/topology/physical_package_id"] = str(package)
            for number, (level, kind, size, shared) in enumerate(self.caches):
                index = f"{folder}/cache/index{number}"
                made[f"{index}/level"] = str(level)
                made[f"{index}/type"] = kind
                made[f"{index}/shared_cpu_list"] = self._sharing(start, core, shared)
                if size is not None:
                    made[f"{index}/size"] = size
            for name, value in (
                ("cpufreq/cpuinfo_max_freq", self.max_khz),
                ("cpufreq/scaling_cur_freq", self.now_khz),
                ("cpufreq/scaling_governor", self.governor),
                ("regs/identification/midr_el1", self.midr),
            ):
                if value is not None:
                    made[f"{folder}/{name}"] = str(value)
        return made

    def _sharing(self, start: int, core: int, shared: int) -> str:
        cores = max(1, shared // self.threads)
        first = start + core - core % cores
        parts = [
            f"{first + self.cores * thread}-{first + self.cores * thread + cores - 1}"
            for thread in range(self.threads)
        ]
        return ",".join(parts)


def _many(*groups: Processors, nodes: str | None = None) -> Tree:
    made: Tree = {}
    count = 0
    for group in groups:
        made |= group.tree(count)
        count += group.cores * group.threads
    made[f"{CPU}/online"] = f"0-{count - 1}" if count > 1 else "0"
    if nodes is not None:
        made["sys/devices/system/node/online"] = nodes
    return made


def _usual(l1d: str, l1i: str, l2: str, l3: str | None, sharing: tuple[int, int]) -> list[Cache]:
    own, all_of_them = sharing
    caches: list[Cache] = [
        (1, "Data", l1d, own),
        (1, "Instruction", l1i, own),
        (2, "Unified", l2, own),
    ]
    if l3 is not None:
        caches.append((3, "Unified", l3, all_of_them))
    return caches


PROCESSORS: Mapping[str, Tree] = {
    "epyc_vm": _many(
        Processors(2, caches=_usual("32K", "32K", "1024K", "32768K", (1, 2))), nodes="0"
    ),
    "xeon_2s": _many(
        Processors(
            80,
            packages=2,
            threads=2,
            caches=_usual("48K", "32K", "1280K", "61440K", (2, 80)),
            max_khz=3_400_000,
            now_khz=800_000,
            governor="powersave",
        ),
        nodes="0-1",
    ),
    "graviton3": _many(
        Processors(
            4, caches=_usual("64K", "64K", "1024K", "32768K", (1, 4)), midr="0x00000000411fd401"
        ),
        nodes="0",
    ),
    "grace": _many(
        Processors(
            72,
            caches=_usual("64K", "64K", "1024K", "116736K", (1, 72)),
            max_khz=3_483_000,
            midr="0x00000000410fd4f0",
        )
    ),
    "raspberry_pi_4": _many(
        Processors(
            4,
            caches=[(1, "Data", None, 1), (1, "Instruction", None, 1), (2, "Unified", None, 4)],
            max_khz=1_800_000,
            now_khz=600_000,
            governor="ondemand",
            midr="0x00000000410fd083",
            old_names=True,
        )
    ),
    "raspberry_pi_5": _many(
        Processors(
            4,
            caches=_usual("64K", "64K", "512K", "2048K", (1, 4)),
            max_khz=2_400_000,
            midr="0x00000000414fd0b1",
        )
    ),
    "rk3588": _many(
        Processors(
            4,
            caches=_usual("32K", "32K", "128K", None, (1, 4)),
            max_khz=1_800_000,
            midr="0x00000000412fd050",
        ),
        Processors(
            4,
            caches=_usual("64K", "64K", "512K", None, (1, 4)),
            max_khz=2_400_000,
            midr="0x00000000414fd0b0",
        ),
    ),
    "container_v2": _many(
        Processors(4, threads=2, caches=_usual("48K", "32K", "2048K", "107520K", (2, 8))),
        nodes="0",
    ),
    "unlike_packages": _many(
        Processors(40, caches=_usual("48K", "32K", "1024K", "32768K", (1, 8))),
        Processors(40, caches=_usual("48K", "32K", "2048K", "32768K", (1, 8))),
    ),
    "big_server": _many(
        Processors(
            128,
            packages=2,
            threads=2,
            caches=_usual("48K", "32K", "1024K", "32768K", (2, 16)),
            max_khz=4_100_000,
        ),
        nodes="0-1",
    ),
}


def read_machine(name: str) -> Tree:
    """The tree of machines/<name>.txt together with its processors."""
    tree = dict(PROCESSORS.get(name, {}))
    path = MACHINES / f"{name}.txt"
    for section in (path.read_text() if path.exists() else "").split("\n@ ")[1:]:
        head, _, body = section.partition("\n")
        if " -> " in head:
            link, _, target = head.partition(" -> ")
            tree[link] = f"-> {target}"
        elif " = " in head:
            file, _, value = head.partition(" = ")
            tree[file] = value.replace("\\0", "\0") + "\n"
        else:
            tree[head] = body + "\n"
    return tree


def plant_tree(tree: Mapping[str, str | bytes], root: Path) -> None:
    """Write a tree under `root`; links first, since files are named through them."""
    links = sorted(path for path, content in tree.items() if _is_link(content))
    for path in links:
        link = root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        content = tree[path]
        assert isinstance(content, str)
        target = content.removeprefix("-> ")
        end = Path(os.path.normpath(link.parent.resolve() / target))
        assert end.is_relative_to(root.resolve()), f"{path} points out of the tree"
        end.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    files = {path: content for path, content in tree.items() if not _is_link(content)}
    for folder in {os.path.dirname(path) for path in files}:
        os.makedirs(root / folder, exist_ok=True)
    for path, content in files.items():
        with open(f"{root}/{path}", "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)


def _is_link(content: str | bytes) -> bool:
    return isinstance(content, str) and content.startswith("-> ")


def no_functions(
    machine: str | None = "x86_64",
    affinity: int | None = None,
    platform: str = "linux",
    sysctl: str = "",
) -> Functions:
    """Functions of a recorded machine: none of them looks at the one the tests run on."""
    return Functions(
        platform=lambda: platform,
        machine=lambda: machine,
        affinity=lambda: affinity,
        disk_free=lambda folder: None,
        sysctl=lambda: sysctl,
    )


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Tree]:
    """A machine's tree by name."""
    return read_machine


@pytest.fixture(scope="session")
def plant() -> Callable[[Mapping[str, str | bytes], Path], None]:
    """Write a tree into a folder."""
    return plant_tree


@pytest.fixture(scope="session")
def functions() -> Callable[..., Functions]:
    """The `Functions` of a recorded machine."""
    return no_functions


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Sources]:
    """`Sources` over a tree given in the test."""

    def build(content: Mapping[str, str | bytes], **known: object) -> Sources:
        plant_tree(content, tmp_path)
        return Sources(str(tmp_path), no_functions(**known))  # type: ignore[arg-type]

    return build


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Sources]:
    """`Sources` over a recorded machine, by name; written once, to be read only."""
    roots: dict[str, Path] = {}

    def build(name: str, **known: object) -> Sources:
        if name not in roots:
            roots[name] = tmp_path_factory.mktemp(name)
            plant_tree(read_machine(name), roots[name])
        return Sources(str(roots[name]), no_functions(**known))  # type: ignore[arg-type]

    return build


@pytest.fixture
def macos() -> Callable[[str], Sources]:
    """`Sources` of a Mac from the recorded text of sysctl; it has no files."""

    def build(name: str) -> Sources:
        text = (MACHINES / f"{name}.sysctl").read_text()
        return Sources("/nonexistent", no_functions("arm64", platform="darwin", sysctl=text))

    return build
