"""The gate between a measured process and its parent, with a real process at the other end."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent

from benchwright.harness.window import Gate, timed


class Told:
    def __init__(self) -> None:
        self.said: list[str] = []

    def opens(self) -> None:
        self.said.append("opens")

    def closed(self) -> None:
        self.said.append("closed")


def child_of(gate: Gate, code: str) -> subprocess.Popen[str]:
    head = "import os, sys\nfrom benchwright.harness.window import timed\ngate = int(sys.argv[1])\n"
    child = subprocess.Popen(
        [sys.executable, "-c", head + dedent(code), str(gate.child_end)],
        pass_fds=[gate.child_end],
        stdout=subprocess.PIPE,
        text=True,
    )
    gate.started()
    return child


def test_the_test_waits_for_its_parent_and_not_the_other_way_round() -> None:
    told = Told()
    with Gate(told) as gate:
        child = child_of(
            gate,
            """
            with timed(gate):
                print("tested", os.get_inheritable(gate), flush=True)
            print("after", flush=True)
            """,
        )
        assert child.stdout is not None
        while not told.said:
            assert gate.wait(0.05)
        while len(told.said) < 2:
            assert gate.wait(0.05)
        assert child.wait(60) == 0
        assert child.stdout.read() == "tested False\nafter\n"
        assert not gate.wait(60), "nobody is there"
        child.stdout.close()
    assert told.said == ["opens", "closed"]


def test_a_child_that_never_gets_there() -> None:
    told = Told()
    with Gate(told) as gate:
        child = child_of(gate, "os._exit(3)")
        while gate.wait(60):
            pass
        assert child.wait(60) == 3
        assert child.stdout is not None
        child.stdout.close()
    assert told.said == []


def test_without_anybody_who_asks() -> None:
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    with timed(None):
        pass
    after = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    assert before == after
