"""Builds that are ended from outside, and several at a time: nothing half, nothing done twice."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from functional.project import (
    LAST,
    PRODUCTS,
    RUNS,
    SUBJECT,
    Project,
    finish,
    script,
    session_members,
    wait_for,
)

ACME = "resnet50-tiny/acme"
ACME_ENGINE = f"engine:{ACME}"
ACME_RUN = f"accuracy:{ACME}/SingleStream"


def gated(project: Project, gate: str, *arguments: str) -> tuple[subprocess.Popen[str], int]:
    """Starts a run that stops at a gate of the acme backend; returns it and the process there."""
    place = project.folder / "gate"
    project.env[gate] = str(place)
    process = project.start([*script("benchwright"), "run", *arguments])
    del project.env[gate]
    text = wait_for(lambda: place.exists() and place.read_text(), f"{gate} to be reached")
    return process, int(text)


def gone(process: int) -> bool:
    """Whether a process has ended (a zombie has, whoever ought to fetch it)."""
    try:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def kill(process: subprocess.Popen[str]) -> None:
    """As the kernel does when memory runs out."""
    process.kill()
    finish(process)


def test_killed_in_the_middle_of_a_task(acme: Project) -> None:
    process, builder = gated(acme, "ACME_BUILD_GATE")
    assert builder == process.pid
    kill(process)
    engine = acme.file("engines", ACME)
    assert not engine.exists(), "a half engine is not in place"
    done = [task for task in PRODUCTS if not task.startswith("engine")]
    rows = {row["task"]: row["status"] for row in acme.benchwright("list", "--json").json}
    assert {rows[task] for task in done} == {"up-to-date"}, "finished work is on record"
    assert rows[ACME_ENGINE] == "due"
    outcome = acme.run(code=1)
    assert outcome.executed == [ACME_ENGINE, ACME_RUN, *LAST]
    assert (engine / "acme.bin").read_text(encoding="utf-8") == "whole engine that answers 4"
    assert not acme.hidden(), "what was left half-done is cleared away"


def test_killed_in_the_middle_of_a_measured_run(acme: Project) -> None:
    process, child = gated(acme, "ACME_OPEN_GATE")
    assert child != process.pid
    kill(process)
    wait_for(lambda: gone(child), "the measuring process to end with its parent")
    assert not acme.file("runs", ACME, "SingleStream", "accuracy").exists()
    outcome = acme.run(code=1)
    assert outcome.executed == [ACME_RUN, *LAST]
    assert not acme.hidden()


@pytest.mark.slow
def test_killed_while_loadgen_measures(project: Project) -> None:
    """A run that is being made again stays as it was, and its child ends in native code too."""
    project.change("duration: quick", "duration: 600")
    run = project.file("runs", SUBJECT, "SingleStream", "performance")
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    process = project.start([*script("benchwright"), "run", "--rerun", "performance"])
    wait_for(
        lambda: list(run.parent.glob(".performance.partial-*/mlperf_log_detail.txt")),
        "loadgen to begin",
    )
    (child,) = psutil.Process(process.pid).children()
    kill(process)
    wait_for(lambda: gone(child.pid), "the measuring process to end with its parent")
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    project.change("duration: 600", "duration: quick")
    assert project.run().executed == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ctrl-c", "SIGINT", "SIGTERM"])
def test_interrupted_while_loadgen_measures(project: Project, how: str) -> None:
    project.change("duration: quick", "duration: 600")
    run = project.file("runs", SUBJECT, "SingleStream", "performance")
    process = project.start([*script("benchwright"), "run", "--rerun", "performance"])
    wait_for(
        lambda: list(run.parent.glob(".performance.partial-*/mlperf_log_detail.txt")),
        "loadgen to begin",
    )
    if how == "ctrl-c":
        # A terminal sends it to every process of the group.
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.Signals[how])
    outcome = finish(process)
    assert outcome.code == 130
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    told = outcome.err.splitlines()
    assert told[-1] == "interrupted: finished work is kept; run again to go on"
    assert [line for line in told if "interrupted" in line] == told[-1:]
    assert list(session_members(process.pid)) == []
    assert not project.hidden()
    assert (run / "result.json").is_file(), "what was there is kept"


def test_interrupted_in_the_middle_of_a_task(acme: Project) -> None:
    process, _ = gated(acme, "ACME_BUILD_GATE")
    process.send_signal(signal.SIGINT)
    outcome = finish(process)
    assert outcome.code == 130
    assert "Traceback" not in outcome.err
    assert outcome.err.splitlines()[-1] == "interrupted: finished work is kept; run again to go on"
    assert not acme.file("engines", ACME).exists()
    assert not acme.hidden()
    assert acme.run("engine").executed == [ACME_ENGINE]


def test_doit_is_interrupted_in_the_same_way(acme: Project) -> None:
    root = Path(__file__).parents[2]
    for name in ("dodo.py", "pyproject.toml"):
        (acme.folder / name).write_bytes((root / name).read_bytes())
    place = acme.folder / "gate"
    acme.env["ACME_BUILD_GATE"] = str(place)
    process = acme.start(script("doit"))
    wait_for(lambda: place.exists() and place.read_text(), "the gate to be reached")
    process.send_signal(signal.SIGTERM)
    outcome = finish(process)
    assert outcome.code == 130
    assert "Traceback" not in outcome.err
    assert not acme.hidden()
    del acme.env["ACME_BUILD_GATE"]
    assert acme.run("engine").executed == [ACME_ENGINE]


@pytest.mark.slow
def test_two_builds_in_one_checkout(fresh: Project) -> None:
    fresh.change("settings: {Single", "modes: [accuracy]\nsettings: {Single")
    command = [*script("benchwright"), "run", "--json"]
    outcomes = [finish(process) for process in [fresh.start(command), fresh.start(command)]]
    # 1, because a tree without performance runs has findings.
    assert [item.code for item in outcomes] == [1, 1], outcomes
    for task in [*PRODUCTS, RUNS[1], *LAST]:
        done = sorted(item.statuses[task] for item in outcomes)
        # Each task is done once: the other build waits for it, or comes when it is there.
        assert done == ["executed", "up-to-date"], task
    assert not fresh.hidden()
    assert fresh.run(code=1).executed == []


def test_several_jobs(fresh: Project) -> None:
    fresh.change("settings: {Single", "modes: [accuracy]\nsettings: {Single")
    outcome = fresh.run("-n", "3", "engine", "preprocess", "system")
    assert sorted(outcome.executed) == sorted(set(PRODUCTS) - {"loadgen"})
    assert fresh.run("engine", "preprocess", "system").executed == []


def test_a_measured_run_waits_for_another_on_this_machine(acme: Project) -> None:
    first, child = gated(acme, "ACME_OPEN_GATE", ACME_RUN)
    holder = Path(acme.env["TMPDIR"], "benchwright-measuring.lock").read_text(encoding="utf-8")
    assert holder == f"{ACME_RUN} (process {first.pid})"
    other = acme.beside("other")
    second = other.start([*script("benchwright"), "run", ACME_RUN])
    log = other.file("logs", "accuracy", ACME, "SingleStream.log")
    wait_for(lambda: log.exists() and "waiting" in log.read_text(), "the second run to wait")
    assert not other.file("runs", ACME, "SingleStream", "accuracy").exists()
    (acme.folder / "gate").unlink()
    assert finish(first).code == 0
    outcome = finish(second)
    assert outcome.code == 0
    assert f"waiting for another measured run on this machine: {holder}" in outcome.err
    assert gone(child)
