"""What the records keep of a product, and that the short way answers as doit's own does."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doit.dependency import Dependency, MD5Checker

from benchwright.build import artifact
from benchwright.build.engine import STATE_FILE, run_tasks, with_state
from benchwright.build.recipe import Kitchen, Recipe
from benchwright.build.records import Names, Records, restamp
from benchwright.build.state import StateBackend
from benchwright.build.task import product

MODULE = __name__


def copy(kitchen: Kitchen) -> None:
    """Two files from the input."""
    text = kitchen.input("source").read_text()
    (kitchen.out / "a").write_text(text)
    (kitchen.out / "b").write_text(str(kitchen.parameters["option"]))


def meddle(kitchen: Kitchen) -> None:
    """Copies the input, which somebody edits before the task has ended."""
    copy(kitchen)
    kitchen.input("source").write_text("edited meanwhile")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # The recipe's module is this one, under whatever name pytest gave it.
    Path("source").write_text("content")
    return tmp_path


def _task(call: str = "copy", option: Any = 1, tool: str = "1.0") -> dict[str, Any]:
    made = Recipe(
        task="copy:one",
        call=f"{MODULE}:{call}",
        folder="build/one",
        parameters={"option": option},
        inputs={"source": "source"},
        tools={"cp": tool},
        log="build/one.log",
    )
    return product(made, doc="a copy", files=("a",))


def _statuses(task: dict[str, Any]) -> list[str]:
    """What `run --json` tells of one build."""
    records: list[dict[str, Any]] = []
    assert run_tasks([task], [], quiet=True, records=records) == 0
    return [record["status"] for record in records]


def _plainly(task: dict[str, Any]) -> str:
    """doit's own answer, from the same records."""
    from benchwright.build.engine import as_doit_tasks

    tasks = {one.name: one for one in as_doit_tasks([task])}
    manager = Dependency(StateBackend, STATE_FILE, checker_cls=MD5Checker)
    try:
        return str(manager.get_status(tasks["copy:one"], tasks).status)
    finally:
        manager.close()


def _touch() -> None:
    os.utime("build/one/a", ns=(1, 1))


def _damage() -> None:
    path = Path("build/one/a")
    was = path.stat()
    path.write_text("CONTENT")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def _falsify() -> None:
    path = Path("build/one/manifest.json")
    digest = artifact.sha256_of(Path("build/one/a"))
    path.write_text(path.read_text().replace(digest, "0" * 64))


CHANGES: dict[str, tuple[Callable[[], object], dict[str, Any], bool]] = {
    "nothing": (lambda: None, {}, False),
    "touched target": (_touch, {}, False),
    "touched input": (lambda: os.utime("source", ns=(1, 1)), {}, False),
    "damaged target, same size and time": (_damage, {}, True),
    "missing target": (lambda: Path("build/one/a").unlink(), {}, True),
    "missing file that is no target": (lambda: Path("build/one/b").unlink(), {}, True),
    "missing manifest": (lambda: Path("build/one/manifest.json").unlink(), {}, True),
    "missing recipe": (lambda: Path("build/one/recipe.json").unlink(), {}, True),
    "falsified manifest": (_falsify, {}, True),
    "changed input": (lambda: Path("source").write_text("other"), {}, True),
    "changed option": (lambda: None, {"option": 2}, True),
    "changed tool": (lambda: None, {"tool": "1.1"}, True),
    "changed recipe": (lambda: None, {"call": "meddle"}, True),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_short_way_answers_as_doit_does(site: Path, name: str) -> None:
    change, altered, due = CHANGES[name]
    assert _statuses(_task()) == ["executed"]
    change()
    task = _task(**altered)
    assert _plainly(task) == ("run" if due else "up-to-date")
    assert _statuses(task) == (["executed"] if due else ["up-to-date"])
    if altered.get("call") != "meddle":
        assert _statuses(task) == ["up-to-date"]


def test_an_input_that_was_edited_while_the_task_ran_is_made_again(site: Path) -> None:
    assert _statuses(_task("meddle")) == ["executed"]
    assert _plainly(_task("meddle")) == "run"
    assert _statuses(_task("meddle")) == ["executed"]
    assert Path("build/one/a").read_text() == "edited meanwhile"
    assert _statuses(_task("meddle")) == ["up-to-date"]


def test_what_was_only_touched_is_read_once(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _statuses(_task()) == ["executed"]
    _touch()
    assert _statuses(_task()) == ["up-to-date"]

    def unread(path: Path) -> str:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(artifact, "sha256_of", unread)
    assert _statuses(_task()) == ["up-to-date"]


def test_each_file_is_looked_at_once_for_all_tasks(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = _task()
    users = [
        product(
            Recipe(
                task=f"user:{number}",
                call=f"{MODULE}:gather",
                folder=f"build/user-{number}",
                inputs={"shared": "build/one/manifest.json"},
            ),
            doc="a user",
        )
        for number in range(5)
    ]
    assert run_tasks([shared, *users], [], quiet=True) == 0
    looked: list[str] = []
    look = artifact.stamp

    def counting(path: str | Path) -> artifact.Stamp | None:
        looked.append(str(path))
        return look(path)

    monkeypatch.setattr(artifact, "stamp", counting)
    assert run_tasks([shared, *users], [], quiet=True) == 0
    assert looked.count("build/one/manifest.json") == 1
    assert looked.count("build/one/a") == 1


def gather(kitchen: Kitchen) -> None:
    """One file."""
    (kitchen.out / "c").write_text(kitchen.input("shared").joinpath("a").read_text())


def test_work_of_another_process_is_seen(site: Path) -> None:
    task = _task()
    manager = Records(Dependency(StateBackend, STATE_FILE, checker_cls=MD5Checker))
    manager.get_values("anything")
    assert _statuses(task) == ["executed"]
    from benchwright.build.engine import as_doit_tasks

    tasks = {one.name: one for one in as_doit_tasks([task])}
    try:
        assert manager.get_status(tasks["copy:one"], tasks).status == "up-to-date"
    finally:
        manager.close()


@pytest.mark.parametrize("damage", [b"no database at all", b""])
def test_a_damaged_state_file_is_told_and_begun_anew(
    site: Path, capfd: pytest.CaptureFixture[str], damage: bytes
) -> None:
    assert _statuses(_task()) == ["executed"]
    state = Path(STATE_FILE)
    for path in state.parent.glob(f"{state.name}-*"):
        path.unlink()
    state.write_bytes(damage * 500)
    capfd.readouterr()
    assert _statuses(_task()) == ["up-to-date"], "verified, not made again"
    assert ("are damaged" in capfd.readouterr().err) == bool(damage)
    assert _statuses(_task()) == ["up-to-date"]


def test_damage_inside_the_state_file_is_told(
    site: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _statuses(_task()) == ["executed"]
    connection = sqlite3.connect(STATE_FILE)
    connection.execute("pragma wal_checkpoint(truncate)")
    size = connection.execute("pragma page_size").fetchone()[0]
    connection.close()
    with open(STATE_FILE, "r+b") as stream:
        stream.seek(size)
        stream.write(b"\xff" * size)
    assert _statuses(_task()) == ["up-to-date"], "verified, not made again"
    assert "are damaged" in capfd.readouterr().err
    assert Path(f"{STATE_FILE}.damaged").exists()


def test_a_damaged_record_counts_as_none(site: Path) -> None:
    assert _statuses(_task()) == ["executed"]
    connection = sqlite3.connect(STATE_FILE, isolation_level=None)
    connection.execute("update task set record = '{torn'")
    connection.close()
    assert _statuses(_task()) == ["up-to-date"], "verified, not made again"


def test_names_know_what_they_hold() -> None:
    names = Names(["a"])
    names.append("b")
    names.extend(["c", "b"])
    assert names == ["a", "b", "c", "b"]
    assert "c" in names
    assert "d" not in names


@pytest.mark.parametrize("damaged", [False, True])
def test_a_time_that_we_have_set_is_no_change(
    site: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    assert _statuses(_task()) == ["executed"]
    if damaged:
        _damage()
    os.utime("source", ns=(1, 1))
    touched = {}
    for path, time_ns in (("build/one/a", 2), ("source", 3)):
        before = artifact.stamp(path)
        os.utime(path, ns=(time_ns, time_ns))
        after = artifact.stamp(path)
        assert before is not None
        assert after is not None
        touched[path] = (before, after)
    # The input was touched by somebody else before: that is not ours to take over.
    with_state([_task()], lambda by_name, records: restamp(records, by_name.values(), touched))
    seen: dict[str, Any] = {}
    with_state([_task()], lambda by_name, records: seen.update(records.get_values("copy:one")))
    evidence = seen["evidence"]
    assert (evidence["files"]["build/one/a"] == touched["build/one/a"][1]) is not damaged
    assert evidence["inputs"]["source"] not in touched["source"]
    assert _statuses(_task()) == (["executed"] if damaged else ["up-to-date"])
