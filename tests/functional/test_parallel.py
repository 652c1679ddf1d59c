"""Synthetic builds by processes of their own: order, budget, failures, signals, display."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from synthetic_build import Build, folder_of

MODES = [pytest.param((), id="serial"), pytest.param(("-n", "4"), id="parallel")]
_DEADLINE_SECONDS = 60


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)


@contextlib.contextmanager
def lock_held(build: Build) -> Iterator[None]:
    """The machine's lock, as another measured run holds it."""
    with (build.folder / "benchwright-measuring.lock").open("w") as stream:
        stream.write("somebody else's run")
        stream.flush()
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


# Order and budget


def test_tasks_run_at_the_same_time(tmp_path: Path) -> None:
    """They wait for each other: one after the other they would never end."""
    build = Build(
        tmp_path, {"a": {"meets": ["b", "c"]}, "b": {"meets": ["a"]}, "c": {"meets": ["b"]}}
    )
    done = build.run("-n", "3")
    assert done.returncode == 0, done.stderr


def test_needs_come_first_and_no_more_run_than_asked_for(tmp_path: Path) -> None:
    tasks: dict[str, Any] = {f"a:{i}": {"seconds": 0.05} for i in range(5)}
    tasks |= {f"b:{i}": {"needs": [f"a:{i}", f"a:{(i + 1) % 5}"]} for i in range(5)}
    tasks["c"] = {"needs": [f"b:{i}" for i in range(5)]}
    build = Build(tmp_path, tasks)
    done = build.run("-n", "3")
    assert done.returncode == 0, done.stderr
    spans = build.spans()
    assert spans.keys() == tasks.keys()
    for task, how in tasks.items():
        for need in how.get("needs", ()):
            assert spans[need][1] <= spans[task][0]
    assert max(len(together) for together in build.at_once()) <= 3


def test_the_budget_is_kept(tmp_path: Path) -> None:
    big = {"seconds": 0.1, "resources": {"memory": 5e9}}
    tasks = {f"big:{i}": big for i in range(3)} | {f"small:{i}": {"seconds": 0.1} for i in range(4)}
    build = Build(tmp_path, tasks)
    done = build.run("-n", "4", "--budget=cpu=3,memory=8GB")
    assert done.returncode == 0, done.stderr
    for together in build.at_once():
        assert len(together) <= 3
        assert len([task for task in together if task.startswith("big")]) <= 1


def test_auto_is_as_many_as_the_budget_has_cores(tmp_path: Path) -> None:
    build = Build(tmp_path, {f"a:{i}": {"seconds": 0.1} for i in range(5)})
    assert build.run("-n", "auto", "--budget=cpu=2").returncode == 0
    assert max(len(together) for together in build.at_once()) <= 2


def test_exclusive_tasks_and_measured_runs_are_alone(tmp_path: Path) -> None:
    tasks: dict[str, Any] = {f"a:{i}": {"seconds": 0.1} for i in range(4)}
    tasks["alone"] = {"seconds": 0.1, "exclusive": True}
    tasks |= {f"run:{i}": {"seconds": 0.1, "measured": True} for i in range(2)}
    build = Build(tmp_path, tasks)
    assert build.run("-n", "4").returncode == 0
    for together in build.at_once():
        if not together.isdisjoint({"alone", "run:0", "run:1"}):
            assert len(together) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_task_that_asks_for_too_much_is_refused_before_any_work(
    tmp_path: Path, mode: tuple[str, ...]
) -> None:
    tasks = {"a": {}, "big": {"needs": ["a"], "resources": {"cpu": 4096}}}
    build = Build(tmp_path, tasks)
    done = build.run(*mode)
    assert done.returncode == 2
    assert "task big: this task asks for more than there is: 4096 cpu" in done.stderr
    assert "Traceback" not in done.stderr
    assert build.events() == []
    assert build.run(*mode, "a").returncode == 0
    assert build.run(*mode, "--budget=cpu=4096").returncode == 0
    # What is built already asks for nothing.
    assert build.run(*mode).returncode == 0


@pytest.mark.parametrize("mode", MODES)
def test_tasks_that_together_need_more_disk_than_there_is_are_refused(
    tmp_path: Path, mode: tuple[str, ...]
) -> None:
    tasks = {
        "a": {"resources": {"disk": 6e9}},
        "b": {"needs": ["a"], "resources": {"disk": 7e9}},
    }
    build = Build(tmp_path, tasks)
    done = build.run(*mode, "--budget=disk=10GB")
    assert done.returncode == 2
    assert "needs up to 13.0 GB disk, and there is 10.0 GB disk by --budget" in done.stderr
    assert "the most is for `b`" in done.stderr
    assert build.events() == []
    assert build.run(*mode, "--budget=disk=10GB", "a").returncode == 0
    # What is built already takes no more.
    assert build.run(*mode, "--budget=disk=10GB").returncode == 0


@pytest.mark.parametrize("arguments", [("-n", "many"), ("--budget=ram=1",)])
def test_a_wrong_request_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    build = Build(tmp_path, {"a": {}})
    done = build.run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert build.events() == []


# Failures


def test_after_a_failure_what_runs_is_ended_and_nothing_more_is_begun(tmp_path: Path) -> None:
    tasks = {
        "bad": {"fails": True, "meets": ["good"]},
        "good": {"meets": ["bad"], "seconds": 0.5},
        "next": {"needs": ["good"]},
    }
    build = Build(tmp_path, tasks)
    done = build.run("-n", "2", "--json")
    assert done.returncode == 1
    assert build.count("end") == {"good": 1}
    assert "next" not in build.count("start")
    assert done.stderr.count("error: bad failed") == 1
    assert "log: build/logs/bad.log" in done.stderr
    records = {record["task"]: record for record in json.loads(done.stdout)}
    assert records["bad"]["status"] == "failed"
    assert records["bad"]["log"] == "build/logs/bad.log"
    assert records["good"]["status"] == "executed"
    assert build.run("good").returncode == 0
    assert build.count("start")["good"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_keep_going_makes_the_rest_and_tells_once_what_could_not_run(
    tmp_path: Path, mode: tuple[str, ...]
) -> None:
    tasks = {
        "bad": {"fails": True},
        "middle": {"needs": ["bad"]},
        "end": {"needs": ["middle", "good"]},
        "good": {},
        "other": {"needs": ["good"]},
    }
    build = Build(tmp_path, tasks)
    done = build.run(*mode, "--keep-going")
    assert done.returncode == 1
    assert build.count("end") == {"good": 1, "other": 1}
    lines = done.stderr.splitlines()
    assert lines.count("error: bad failed") == 1
    assert lines.count("not run: middle needs bad, which failed") == 1
    assert lines.count("not run: end needs bad, which failed") == 1
    assert "error: middle" not in done.stderr


def test_a_worker_that_crashes_fails_its_task_only(tmp_path: Path) -> None:
    tasks: dict[str, Any] = {"crash": {"dies": int(signal.SIGSEGV)}}
    tasks |= {f"a:{i}": {} for i in range(4)}
    build = Build(tmp_path, tasks)
    done = build.run("-n", "2", "--keep-going")
    assert done.returncode == 1
    assert len(build.count("end")) == 4
    assert f"signal {int(signal.SIGSEGV)}" in done.stderr
    assert "log: build/logs/crash.log" in done.stderr
    assert "Segmentation fault" in build.log("crash")


@pytest.mark.parametrize("mode", MODES)
def test_an_action_that_exits_has_failed(tmp_path: Path, mode: tuple[str, ...]) -> None:
    build = Build(tmp_path, {"a": {"exits": True}})
    done = build.run(*mode)
    assert done.returncode == 1
    assert "error: a failed\n  unexpected SystemExit" in done.stderr


# What is printed


@pytest.mark.parametrize("mode", MODES)
def test_prints_of_actions_go_to_their_logs(tmp_path: Path, mode: tuple[str, ...]) -> None:
    tasks = {name: {"prints": True} for name in "abcd"}
    build = Build(tmp_path, tasks)
    done = build.run(*mode, "--json")
    assert [record["status"] for record in json.loads(done.stdout)] == ["executed"] * 4
    assert "printed" not in done.stderr
    for name in tasks:
        for way in ("printed", "printed to stderr", "descriptor 1", "native", "child"):
            assert f"{name}: {way}\n" in build.log(name)
        for other in set(tasks) - {name}:
            assert f"{other}:" not in build.log(name)


@pytest.mark.parametrize("mode", MODES)
def test_quiet_prints_errors_only(tmp_path: Path, mode: tuple[str, ...]) -> None:
    build = Build(tmp_path, {"a": {"says": "hm", "prints": True}, "b": {"needs": ["a"]}})
    done = build.run(*mode, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    build.tasks({"a": {"fails": True, "text": "new"}})
    assert build.run(*mode, "--quiet").stderr.startswith("error: a failed")


@pytest.mark.parametrize("mode", MODES)
def test_what_is_waited_for_is_said(tmp_path: Path, mode: tuple[str, ...]) -> None:
    build = Build(tmp_path, {"run": {"measured": True, "locks": True}, "a": {}})
    with lock_held(build):
        process = build.start(*mode)
        assert process.stderr is not None
        told = []
        while not told or "waiting for another measured run" not in told[-1]:
            told.append(process.stderr.readline())
            assert told[-1], told
        assert told[-1].endswith("on this machine: somebody else's run\n")
        assert "locked" not in {what for _, what, _, _ in build.events()}
    process.communicate(timeout=_DEADLINE_SECONDS)
    assert process.returncode == 0


# Signals


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def gone(processes: list[psutil.Process]) -> bool:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                return False
    return True


CAMPAIGN: dict[str, Any] = {
    "first": {},
    "slow": {"needs": ["first"], "seconds": 30},
    "last": {"needs": ["slow"]},
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("mode", MODES)
def test_a_signal_ends_the_build_cleanly(
    tmp_path: Path, mode: tuple[str, ...], number: signal.Signals
) -> None:
    build = Build(tmp_path, CAMPAIGN)
    process = build.start(*mode)
    until(lambda: "slow" in build.count("start"))
    processes = family(process)
    process.send_signal(number)
    _, told = process.communicate(timeout=_DEADLINE_SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith("interrupted: finished work is kept")
    assert "error" not in told
    assert build.count("interrupted") == {"slow": 1}
    until(lambda: gone(processes))
    assert not list(tmp_path.glob("build/.*partial*"))
    build.tasks({**CAMPAIGN, "slow": {"needs": ["first"]}})
    assert build.run(*mode).returncode == 0
    assert build.count("start") == {"first": 1, "slow": 2, "last": 1}


@pytest.mark.parametrize("mode", MODES)
def test_children_of_tasks_end_with_a_killed_build(tmp_path: Path, mode: tuple[str, ...]) -> None:
    """Of our own workers; in serial the harness sees to its children (see test_loadgen_build)."""
    build = Build(tmp_path, {"first": {}, "run": {"measured": True, "locks": True, "seconds": 60}})
    process = build.start(*mode)
    until(lambda: "run" in build.count("locked") and "first" in build.count("end"))
    until(lambda: "first" in recorded(build))
    processes = family(process)
    process.kill()
    process.communicate(timeout=_DEADLINE_SECONDS)
    until(lambda: gone(processes))
    with (tmp_path / "benchwright-measuring.lock").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    build.tasks({"first": {}, "run": {"measured": True, "locks": True}})
    assert build.run(*mode).returncode == 0
    assert build.count("start") == {"first": 1, "run": 2}


def recorded(build: Build) -> set[str]:
    import sqlite3

    with contextlib.closing(sqlite3.connect(build.folder / "build/.benchwright-state.db")) as state:
        return {name for (name,) in state.execute("select name from task")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_a_worker_has_started_ends_too(tmp_path: Path, number: signal.Signals) -> None:
    build = Build(tmp_path, {"a": {"child": True}, "b": {"child": True}})
    process = build.start("-n", "2")
    until(lambda: len(build.count("child")) == 2)
    processes = family(process)
    assert len(processes) == 6
    process.send_signal(number)
    process.communicate(timeout=_DEADLINE_SECONDS)
    until(lambda: gone(processes))


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    build = Build(tmp_path, {"a": {"seconds": 30, "stubborn": True}})
    process = build.start("-n", "2")
    until(lambda: "a" in build.count("start"))
    processes = family(process)
    process.send_signal(signal.SIGINT)
    until(lambda: "a" in build.count("interrupted"))
    assert process.poll() is None
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130
    until(lambda: gone(processes))


# Rebuilds, under -n 4 as they are one after the other


REBUILD: dict[str, Any] = {
    "a": {"text": "1"},
    "b": {"text": "1"},
    "c": {"needs": ["a"]},
    "d": {"needs": ["b"]},
    "e": {"needs": ["c", "d"]},
}


def damage_output(build: Build) -> None:
    (build.folder / folder_of("c") / "out.txt").write_text("other")


def remove_output(build: Build) -> None:
    (build.folder / folder_of("c") / "out.txt").unlink()


def change_option(build: Build) -> None:
    build.tasks({**REBUILD, "b": {"text": "2"}})


def same_content(build: Build) -> None:
    build.tasks({**REBUILD, "c": {"needs": ["a"], "seconds": 0.01}})


def lose_state(build: Build) -> None:
    for path in build.folder.glob("build/.benchwright-state.db*"):
        path.unlink()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("change", "runs"),
    [
        (lambda build: None, set()),
        (damage_output, {"c"}),
        (remove_output, {"c"}),
        (change_option, {"b", "d", "e"}),
        (same_content, set()),
        (lose_state, set()),
    ],
)
def test_what_is_made_again(
    tmp_path: Path, mode: tuple[str, ...], change: Callable[[Build], None], runs: set[str]
) -> None:
    build = Build(tmp_path, REBUILD)
    assert build.run("-n", "4").returncode == 0
    assert set(build.count("end")) == REBUILD.keys()
    build.forget_events()
    change(build)
    done = build.run(*mode)
    assert done.returncode == 0, done.stderr
    assert set(build.count("end")) == runs
    build.forget_events()
    assert "nothing to do" in build.run(*mode).stderr
    assert build.out("e") == "e \nc \na 1\nd \nb " + ("2\n" if change is change_option else "1\n")


# Two processes


@pytest.mark.parametrize("mode", MODES)
def test_two_processes_share_the_work(tmp_path: Path, mode: tuple[str, ...]) -> None:
    tasks: dict[str, Any] = {f"a:{i}": {"seconds": 0.2} for i in range(5)}
    tasks["b"] = {"needs": list(tasks)}
    build = Build(tmp_path, tasks)
    processes = [build.start(*mode) for _ in range(2)]
    told = [process.communicate(timeout=_DEADLINE_SECONDS)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert build.count("start") == dict.fromkeys(tasks, 1)
    assert recorded(build) >= set(tasks)
    assert "nothing to do" in build.run(*mode).stderr


def test_what_another_process_makes_is_waited_for(tmp_path: Path) -> None:
    build = Build(tmp_path, {"a": {"meets": ["go"]}})
    first = build.start()
    until(lambda: "a" in build.count("start"))
    second = build.start("-n", "2")
    assert second.stderr is not None
    told = ""
    while "waiting for another process that makes a" not in told:
        told = second.stderr.readline()
        assert told
    with (tmp_path / "events.log").open("a") as stream:
        stream.write('["go", "start", 0, 0]\n')
    for process in (first, second):
        process.communicate(timeout=_DEADLINE_SECONDS)
        assert process.returncode == 0
    assert build.count("start") == {"a": 1, "go": 1}


# Plain doit in a checkout


def test_plain_doit_builds_in_parallel(tmp_path: Path) -> None:
    build = Build(tmp_path, {"a:1": {"meets": ["a:2"]}, "a:2": {"meets": ["a:1"]}})
    done = build.doit("-n", "2")
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in build.doit("-n", "auto", "--budget=cpu=2").stderr
    assert build.run("-n", "2").returncode == 0
    assert build.count("start") == {"a:1": 1, "a:2": 1}


def test_plain_doit_refuses_what_is_too_big(tmp_path: Path) -> None:
    build = Build(tmp_path, {"a": {"resources": {"memory": 1e18}}})
    done = build.doit()
    assert done.returncode == 2
    assert "asks for more than there is" in done.stderr
    assert build.events() == []


def test_threads_are_refused(tmp_path: Path) -> None:
    build = Build(tmp_path, {"a": {}})
    done = build.doit("-n", "2", "-P", "thread")
    assert done.returncode == 2
    assert "leave out -P" in done.stderr


FOREIGN = """
import os
from synthetic_build import synthetic_dicts
from synthetic_work import tell

def task_all():
    yield from synthetic_dicts()

def task_foreign():
    def action(task):
        tell(task.name, f"in {os.getpid() == MASTER}")
        print("seen")
        return {"value": 7}
    for i in range(3):
        yield {"name": str(i), "actions": [action], "file_dep": ["build/a/manifest.json"]}

def task_after():
    return {"actions": ["test %(value)s = 7"], "getargs": {"value": ("foreign:0", "value")}}

MASTER = os.getpid()
"""


def test_foreign_tasks_run_in_the_main_process(tmp_path: Path) -> None:
    build = Build(tmp_path, {"a": {"seconds": 0.1}, "b": {"seconds": 0.1}})
    build.doit("list")
    (tmp_path / "dodo.py").write_text(FOREIGN)
    done = subprocess.run(
        [sys.executable, "-m", "doit", "-n", "2"],
        cwd=tmp_path,
        env=build.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert build.count("in True") == {f"foreign:{i}": 1 for i in range(3)}
    assert build.count("end") == {"a": 1, "b": 1}


# The live display


def seen_on_a_terminal(build: Build, *arguments: str, env: dict[str, str] | None = None) -> str:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 70, 0, 0))
    process = subprocess.Popen(
        build.command(*arguments),
        cwd=build.folder,
        env={**build.environment, **(env or {})},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    found = b""
    while True:
        if select.select([master], [], [], _DEADLINE_SECONDS)[0]:
            try:
                block = os.read(master, 65536)
            except OSError:
                break
            if not block:
                break
            found += block
    os.close(master)
    assert process.wait() == 0, found
    return found.decode()


def screen(text: str) -> list[str]:
    """What stands on the terminal in the end: our sequences are up, erase below, and colours."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if part == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif part.endswith("A") and part[0] == "\x1b":
            row -= int(part[2:-1])
            assert row >= 0
        elif part == "\x1b[J":
            lines[row:] = [""]
        elif part[0] not in "\x1b\r":
            lines[row] += part
            written_once = lines[row].startswith("[") or "to run" in lines[row]
            assert written_once or len(lines[row]) < 70, "it wraps, and cannot be redrawn"
    return [line for line in lines if line]


@pytest.mark.parametrize("mode", MODES)
def test_the_display_redraws_and_leaves_one_line_a_task(
    tmp_path: Path, mode: tuple[str, ...]
) -> None:
    tasks: dict[str, Any] = {f"a:{'long' * 20}{i}": {"seconds": 0.7} for i in range(3)}
    tasks["b"] = {"prints": True, "needs": list(tasks)}
    build = Build(tmp_path, tasks)
    seen = seen_on_a_terminal(build, *mode)
    assert re.search(r"\x1b\[\d+A\r\x1b\[J", seen)
    assert re.search(r"\d of 4 done, about [\d.]+ s to go", seen)
    assert re.search(r"  …[long]+\d  [\d.]+ s  \[#+-+\] +[1-9]0%\r\n", seen)
    left = screen(seen)
    assert left[0].startswith("4 of 4 tasks to run")
    assert left[-1].startswith("done in")
    assert [line.split("]")[0] for line in left[1:-1]] == ["[1/4", "[2/4", "[3/4", "[4/4"]
    assert all(" executed in " in line for line in left[1:-1])
    assert "printed" not in seen


def test_the_display_shows_each_tasks_progress(tmp_path: Path) -> None:
    tasks = {"a": {"seconds": 1.5, "meets": ["b"]}, "b": {"seconds": 1.5, "meets": ["a"]}}
    seen = seen_on_a_terminal(Build(tmp_path, tasks), "-n", "2")
    for name in tasks:
        assert re.search(rf"  {name}  [\d.]+ s  \[#+-*\] +\d+%", seen)


def test_no_colour_on_a_terminal_where_it_is_not_wanted(tmp_path: Path) -> None:
    build = Build(tmp_path, {"a": {}})
    assert "\x1b[32m" in seen_on_a_terminal(build)
    build.tasks({"a": {"text": "new"}})
    assert not re.search(r"\x1b\[\d+m", seen_on_a_terminal(build, env={"NO_COLOR": "1"}))
