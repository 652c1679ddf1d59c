"""Limits of control groups, versions 1 and 2, nested and seen from inside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright_linux import cgroup, cpu
from benchwright_linux.machine import Maker
from benchwright_linux.sources import Sources

Build = Callable[..., Sources]
V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"


def test_version_1_below_a_mount_that_starts_at_the_own_group(machine: Build) -> None:
    container = machine("container_v1")
    assert cgroup.cpu_quota(container) == 3.0
    assert cgroup.memory_limit(container) == 1 << 30


def test_the_tightest_limit_on_the_way_up_counts(tree: Build) -> None:
    base = "sys/fs/cgroup"
    machine = tree(
        {
            "proc/self/cgroup": "0::/jobs/job 7/step\n",
            "proc/self/mountinfo": V2,
            f"{base}/jobs/cpu.max": "400000 100000",
            f"{base}/jobs/memory.max": "1000",
            f"{base}/jobs/job 7/cpu.max": "50000 25000",
            f"{base}/jobs/job 7/memory.max": "2000",
            f"{base}/jobs/job 7/step/cpu.max": "max 100000",
            f"{base}/jobs/job 7/step/memory.max": "max",
            f"{base}/others/cpu.max": "1000 100000",
        }
    )
    assert cgroup.cpu_quota(machine) == 2.0
    assert cgroup.memory_limit(machine) == 1000


@pytest.mark.parametrize("name", ["epyc_vm", "xeon_2s"])
def test_no_limit(machine: Build, name: str) -> None:
    host = machine(name)
    assert cgroup.cpu_quota(host) is None
    assert cgroup.memory_limit(host) is None


def test_a_mount_point_with_a_space(tree: Build) -> None:
    machine = tree(
        {
            "proc/self/cgroup": "0::/a\n",
            "proc/self/mountinfo": V2.replace("/sys/fs/cgroup", "/mnt/my\\040groups"),
            "mnt/my groups/a/cpu.max": "100000 100000",
        }
    )
    assert cgroup.cpu_quota(machine) == 1.0


def test_a_group_outside_the_namespace_does_not_lead_out_of_the_mount(tree: Build) -> None:
    machine = tree(
        {
            "proc/self/cgroup": "0::/../../etc\n",
            "proc/self/mountinfo": V2,
            "sys/fs/cgroup/cpu.max": "250000 100000",
            "sys/etc/cpu.max": "1 100000",
        }
    )
    assert cgroup.cpu_quota(machine) == 2.5


@pytest.mark.parametrize(
    ("quota", "affinity", "available"),
    [("max", 8, 8), ("350000", 8, 3), ("50000", 8, 1), ("800000", 2, 2), ("150000", None, None)],
)
def test_available_cpus(
    tree: Build, quota: str, affinity: int | None, available: int | None
) -> None:
    machine = tree(
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": V2,
            "sys/fs/cgroup/cpu.max": f"{quota} 100000",
        },
        affinity=affinity,
    )
    facts = cpu.identity(machine, Maker())
    assert facts["cpu.available"] == available
    assert facts["cpu.quota"] == (None if quota == "max" else int(quota) / 100_000)


@pytest.mark.parametrize("content", ["", "max", "100000", "0 0", "-1 100000", "1 2 3", "a b"])
def test_garbage_is_no_limit(tree: Build, content: str) -> None:
    machine = tree(
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": V2,
            "sys/fs/cgroup/cpu.max": content,
            "sys/fs/cgroup/memory.max": content,
        }
    )
    assert cgroup.cpu_quota(machine) is None


TOKENS = st.sampled_from(
    [*"0123/:,- \n", "cpu", "memory", "cgroup", "cgroup2", " - ", "rw", "\\040", "..", "::", "\0"]
)
GARBLED = st.lists(TOKENS, max_size=40).map("".join) | st.text(max_size=60)


@given(groups=GARBLED, mounts=GARBLED)
def test_any_text_gives_an_answer(groups: str, mounts: str) -> None:
    """Only the two texts matter: nothing is mounted where they point."""

    class Two(Sources):
        def text(self, path: str) -> str | None:
            return groups if path.endswith("cgroup") else mounts

    assert cgroup.cpu_quota(Two("/nonexistent")) is None
    assert cgroup.memory_limit(Two("/nonexistent")) is None
