"""A campaign from Python, in this very process: again and again, beside others' doings."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import doit.doit_cmd
import pytest
from doit.globals import Globals

from benchwright.campaign import Campaign
from benchwright.errors import UsageError
from benchwright.outcome import Outcome, TasksFailed
from benchwright.plan import Plan
from benchwright.progress import TaskProgress
from functional.project import RUNS, SUBJECT, TASKS, Project

ENGINE = f"engine:{SUBJECT}"


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The plan of a project in which everything is built."""
    monkeypatch.chdir(project.folder)
    return Campaign.load().plan()


@pytest.fixture
def anew(fresh: Project, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The plan of a project in which nothing is built."""
    monkeypatch.chdir(fresh.folder)
    return Campaign.load("benchwright.yaml").plan()


def test_what_a_finished_campaign_answers(here: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    descriptors = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    outcome = here.run(quiet=True)
    assert [item.task for item in outcome.tasks] == TASKS
    assert {item.status for item in outcome.tasks} == {"up-to-date"}
    assert outcome.executed == ()
    assert [result.task for result in outcome.results] == RUNS
    assert outcome.ok
    outcome.assert_valid()
    assert outcome.report == Path("build/default/report.html").absolute()
    assert all(item.log and item.log.is_absolute() for item in outcome.tasks)
    assert Path(outcome.results[0].path, "result.json").is_absolute()
    assert "VALID" in str(outcome)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "")
    assert here.run("engine").report is None
    assert capsys.readouterr().err == "nothing to do: 2 tasks are up to date\n"
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) == descriptors


def test_what_belongs_to_others_is_left_alone(anew: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    others = object()
    monkeypatch.setattr(Globals, "dep_manager", others)
    monkeypatch.setattr(doit.doit_cmd, "_CMDLINE_VARS", {"theirs": "1"})
    handlers: list[object] = []

    def look(event: TaskProgress) -> None:
        handlers.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    assert anew.run(ENGINE, quiet=True, progress=look).executed[-1] == ENGINE
    assert set(handlers) == {before}
    assert Globals.dep_manager is others
    assert doit.doit_cmd.get_var("theirs") == "1"


def test_progress_and_several_jobs(anew: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[TaskProgress] = []
    outcome = anew.run("preprocess", "engine", jobs=2, progress=seen.append)
    assert len(outcome.executed) == 4
    for name in outcome.executed:
        mine = [event for event in seen if event.task == name]
        assert [mine[0].status, mine[-1].status] == ["started", "executed"]
        assert {event.status for event in mine[1:-1]} <= {"running"}
        assert mine[-1].count == 4
        assert mine[-1].seconds > 0
    far = [event for event in seen if event.task.startswith("preprocess:") and event.total]
    assert far[-1].done == far[-1].total == 1024
    assert "4 of 4 tasks to run" in capsys.readouterr().err


def test_a_callback_that_raises_is_told_once(
    anew: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def faulty(event: TaskProgress) -> None:
        calls.append(event)
        raise ZeroDivisionError("mine")

    assert len(anew.run("engine", progress=faulty).executed) == 2
    assert len(calls) == 1
    assert capsys.readouterr().err.count("the progress callback raised ZeroDivisionError") == 1


def test_one_at_a_time_and_interrupts_go_through(anew: Plan) -> None:
    refused: list[str] = []

    def meddle(event: TaskProgress) -> None:
        def other() -> None:
            try:
                anew.run("model", quiet=True)
            except UsageError as error:
                refused.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        anew.run("engine", quiet=True, progress=meddle)
    assert len(refused) == 1
    assert "another run is at work in this process" in refused[0]
    assert ENGINE in anew.run("engine", quiet=True).executed


def test_failures_are_an_exception_with_the_rest(
    anew: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("build/default").mkdir(parents=True)
    Path("build/default/datasets").write_text("in the way", encoding="utf-8")
    with pytest.raises(TasksFailed, match="a task failed\ndataset:resnet50-tiny: ") as told:
        anew.run("preprocess", "engine", keep_going=True, quiet=True)
    failed = told.value
    assert failed.failures.keys() == {"dataset:resnet50-tiny", "preprocess:resnet50-tiny"}
    assert isinstance(failed.outcome, Outcome)
    assert failed.outcome.executed == ("model:resnet50-tiny", ENGINE)
    assert capsys.readouterr().err == "", "quiet: an exception says it"
    Path("build/default/datasets").unlink()
    assert "preprocess:resnet50-tiny" in anew.run("preprocess", quiet=True).executed


def test_wrong_requests(anew: Plan) -> None:
    for names, options, hint in (
        (["engin"], {}, "did you mean `engine`"),
        ([], {"jobs": "many"}, "no number of jobs"),
        (["engine"], {"budget": "cpus=1"}, "did you mean `cpu`"),
        (["engine"], {"rerun": True}, "none is among the named tasks"),
    ):
        with pytest.raises(UsageError, match=hint):
            anew.run(*names, quiet=True, **options)  # type: ignore[arg-type]
    assert not Path("build/default").exists()
    with pytest.raises(UsageError, match="does not exist"):
        Campaign.load("nowhere.yaml")


def test_inside_somebody_elses_doit(fresh: Project) -> None:
    fresh.write(
        "dodo.py",
        """\
from doit import get_var
from benchwright.campaign import Campaign


def build():
    print("executed", len(Campaign.load().plan().run("engine", quiet=True).executed), get_var("x"))


def task_first():
    return {"actions": [build], "verbosity": 2}


def task_second():
    return {"actions": [build], "verbosity": 2, "task_dep": ["first"]}
""",
    )
    outcome = fresh.doit("x=theirs")
    assert [line for line in outcome.out.splitlines() if line.startswith("executed")] == [
        "executed 2 theirs",
        "executed 0 theirs",
    ]
