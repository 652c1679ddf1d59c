"""The state backend: one transaction a task, any number of processes, and doit's own interface."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from doit.dependency import Dependency, JSONCodec
from doit.task import Task
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from benchwright.build.state import StateBackend


def opened(path: Path) -> StateBackend:
    return StateBackend(str(path), JSONCodec())


def test_what_is_dumped_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.db"
    first = opened(path)
    first.set("a:b", "_values_:", {"x": [1, None, "é"]})
    first.set("a:b", "file", [1.5, 2, "sum"])
    first.dump()
    second = opened(path)
    assert second.get("a:b", "_values_:") == {"x": [1, None, "é"]}
    assert second.get("a:b", "file") == [1.5, 2, "sum"]
    assert second.get("a:b", "other") is None
    assert second.get("other", "file") is None
    assert second.in_("a:b")
    assert not second.in_("other")
    second.dump()


def test_a_task_is_safe_as_soon_as_doit_has_saved_it(tmp_path: Path) -> None:
    """Another process sees a finished task at once, and nothing of one in flight."""
    path = tmp_path / "state.db"
    writer = Dependency(StateBackend, str(path))
    done, flying = Task("done", None), Task("flying", None)
    writer.save_success(done)
    writer._set("flying", "_values_:", {})
    reader = opened(path)
    assert reader.in_("done")
    assert not reader.in_("flying")
    reader.dump()
    writer.save_success(flying)
    again = opened(path)
    assert again.in_("flying")
    again.dump()
    writer.close()


def test_doit_forgets_through_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = opened(path)
    for task in ("a", "b", "c"):
        state.set(task, "deps:", [])
    state.remove("a")
    state.remove("never")
    assert not state.in_("a")
    state.dump()
    state = opened(path)
    assert [state.in_(task) for task in ("a", "b", "c")] == [False, True, True]
    state.remove_all()
    assert not state.in_("b")
    state.dump()
    state = opened(path)
    assert not state.in_("c")
    state.dump()


WRITER = """
import sys
from doit.dependency import JSONCodec
from benchwright.build.state import StateBackend

state = StateBackend(sys.argv[1], JSONCodec())
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    state.set(f"{sys.argv[2]}:{number}", "_values_:", {"by": sys.argv[2]})
    state.set(f"{sys.argv[2]}:{number}", "deps:", [])
    print(number, flush=True)
state.set("shared", "deps:", [sys.argv[2]])
state.dump()
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    writers = [writer(path, name, 150) for name in "abc"]
    for process in writers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in writers:
        process.communicate(timeout=120)
        assert process.returncode == 0
    state = opened(path)
    for name in "abc":
        for number in range(150):
            assert state.get(f"{name}:{number}", "_values_:") == {"by": name}
    assert state.get("shared", "deps:")[0] in "abc"
    state.dump()


def test_a_killed_process_forgets_only_the_task_in_flight(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    process = writer(path, "a", 100_000)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n"
    last = -1
    while last < 50:
        last = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    state = opened(path)
    assert all(state.get(f"a:{number}", "_values_:") == {"by": "a"} for number in range(last + 1))
    state.dump()


def test_records_are_plain_text_for_anybody(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = opened(path)
    state.set("a", "deps:", ["x"])
    state.dump()
    connection = sqlite3.connect(path)
    rows = connection.execute("select name, record from task").fetchall()
    connection.close()
    assert rows == [("a", '{"deps:": ["x"]}')]


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT, st.dictionaries(TEXT, st.integers() | TEXT | st.none(), min_size=1))
def test_any_names_and_values(
    tmp_path_factory: pytest.TempPathFactory, task: str, record: dict[str, object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.db"
    state = opened(path)
    state.remove_all()
    for name, value in record.items():
        state.set(task, name, value)
    state.dump()
    state = opened(path)
    assert {name: state.get(task, name) for name in record} == record
    state.dump()


class TwoViews(RuleBasedStateMachine):
    """One process's view against a dict: set, get, remove, close and open in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "state.db")
        self.state = opened(self.path)
        self.model: dict[str, dict[str, int]] = {}

    @rule(task=st.sampled_from("abc"), name=st.sampled_from(["x", "deps:"]), value=st.integers())
    def put(self, task: str, name: str, value: int) -> None:
        self.state.set(task, name, value)
        self.model.setdefault(task, {})[name] = value

    @rule(task=st.sampled_from("abc"))
    def forget(self, task: str) -> None:
        self.state.remove(task)
        self.model.pop(task, None)

    @rule()
    def forget_all(self) -> None:
        self.state.remove_all()
        self.model.clear()

    @rule()
    def reopen(self) -> None:
        self.state.dump()
        self.state = opened(self.path)

    @invariant()
    def same(self) -> None:
        for task in "abc":
            record = self.model.get(task, {})
            assert self.state.in_(task) == bool(record)
            for name in ("x", "deps:"):
                assert self.state.get(task, name) == record.get(name)

    def teardown(self) -> None:
        self.state.dump()
        self.folder.cleanup()


TestTwoViews = TwoViews.TestCase
TestTwoViews.settings = settings(max_examples=30, stateful_step_count=20)
