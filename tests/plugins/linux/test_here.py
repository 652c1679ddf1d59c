"""The machine that the tests run on, and the hook that hands the probe over."""

from __future__ import annotations

import json
import subprocess
import sys

import pluggy
import pytest

import benchwright_linux
from benchwright.contracts.probe import Probe
from benchwright.hooks import NAMESPACE, Hooks
from benchwright_linux.probe import MachineProbe

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

_STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system")
_watching: list[str] | None = None


def _audit(event: str, arguments: object) -> None:
    if _watching is not None and event in _STARTS:
        _watching.append(event)


def test_identity_is_stable_and_json() -> None:
    first = MachineProbe().identity()
    assert MachineProbe().identity() == first
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert list(first) == list(MachineProbe().identity())


def test_observation_is_json() -> None:
    seen = MachineProbe().observation()
    assert json.loads(json.dumps(seen, allow_nan=False)) == seen


@linux_only
def test_facts_agree_with_what_python_knows() -> None:
    """Another way to the same numbers; a fact that this machine does not tell is passed over."""
    import os

    facts = MachineProbe().identity()
    assert facts["cpu.architecture"] == os.uname().machine
    assert facts["os.kernel"] == f"Linux {os.uname().release}"
    available = facts["cpu.available"]
    assert isinstance(available, int)
    assert 1 <= available <= len(os.sched_getaffinity(0))
    if "cpu.threads" in facts:
        assert facts["cpu.threads"] == os.sysconf("SC_NPROCESSORS_ONLN")
    exact = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    size = facts["memory.bytes"]
    assert isinstance(size, int)
    assert 0 <= exact - size < (16 << 20)


@linux_only
def test_no_child_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a child process")

    global _watching
    sys.addaudithook(_audit)  # sees what goes round subprocess; cannot be taken off, only deafened
    monkeypatch.setattr(subprocess, "Popen", refuse)
    started: list[str] = []
    _watching = started
    try:
        probe = MachineProbe()
        assert probe.identity()
        assert probe.observation()
    finally:
        _watching = None
    assert started == []


def test_hook_hands_over_the_probe() -> None:
    manager = pluggy.PluginManager(NAMESPACE)
    manager.add_hookspecs(Hooks)
    manager.register(benchwright_linux)
    (infos,) = manager.hook.probes()
    (info,) = infos
    assert info.name == "linux"
    assert info.summary
    probe = info.load()
    assert isinstance(probe, Probe)
    assert probe.identity() == MachineProbe().identity()


def test_listing_imports_nothing_that_reads() -> None:
    code = (
        "import sys, benchwright_linux; benchwright_linux.probes();"
        "print(sorted(m for m in sys.modules if m.startswith('benchwright_linux')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['benchwright_linux']"
