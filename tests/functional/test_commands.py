"""The command line: names as people type them, targets by path, and the smaller commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchwright import __version__
from benchwright.cli import main
from functional.project import LAST, PRODUCTS, RUNS, SUBJECT, TASKS, Project, script

ENGINE = f"engine:{SUBJECT}"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("engine", ENGINE),
        (ENGINE, ENGINE),
        ("engine:resnet50", ENGINE),
        ("engine:onnxruntime", ENGINE),
        ("performance:SingleStream", RUNS[0]),
        ("accuracy:resnet50-tiny/SingleStream", RUNS[1]),
        ("dataset:resnet50", "dataset:resnet50-tiny"),
        ("report", "report"),
        (f"build/default/engines/{SUBJECT}/main.onnx", ENGINE),
        (f"build/default/engines/{SUBJECT}/manifest.json", ENGINE),
        (f"./build/default/engines/../engines/{SUBJECT}/manifest.json", ENGINE),
        ("build/default/report.html", "report"),
        ("build/default/submission/", "submission"),
        (f"build/default/runs/{SUBJECT}/SingleStream/accuracy/accuracy.txt", RUNS[1]),
    ],
)
def test_names_as_people_type_them(
    built: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    meant: str,
) -> None:
    monkeypatch.chdir(built.folder)
    assert main(["explain", "--json", typed]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["task"] == meant


def test_a_target_by_absolute_path_builds_it_and_what_it_needs(fresh: Project) -> None:
    target = fresh.file("datasets/resnet50-tiny/preprocessed/samples.json")
    outcome = fresh.run(str(target))
    assert outcome.executed == PRODUCTS[2:4]
    assert target.is_file()


def test_a_stage_means_all_its_tasks(fresh: Project) -> None:
    fresh.campaign(
        "benchmarks: [resnet50]\nbackends: [onnxruntime]\nscenarios: [SingleStream, Offline]\n"
    )
    answers = fresh.benchwright("explain", "--json", "performance").json
    assert [answer["task"] for answer in answers] == [
        f"performance:{SUBJECT}/SingleStream",
        f"performance:{SUBJECT}/Offline",
    ]
    refused = fresh.benchwright("explain", "performance:resnet50", code=2)
    assert "could mean 2 tasks" in refused.err
    assert "type more of the name" in refused.err


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("engin", "did you mean `engine`?"),
        ("performance:Offlin", "unknown task `performance:Offlin`"),
        ("engine:resnet50-tina/onnxruntime", "did you mean `resnet50-tiny/onnxruntime`?"),
        ("performance:resnet50-tiny/onnxruntime/Sever", "did you mean `Server`?"),
        ("performance:resnet50-tiny/onnxrunter/Server", "did you mean `onnxruntime`?"),
        ("build/default/nothing.html", "unknown task or target"),
        ("a=b", "unknown task or target `a=b`"),
        ("", "unknown task or target"),
    ],
)
def test_unknown_tasks_are_refused_before_anything_is_built(
    fresh: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    hint: str,
) -> None:
    monkeypatch.chdir(fresh.folder)
    assert main(["run", typed]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert hint in told.err
    assert not (fresh.folder / "build").exists()


@pytest.mark.slow
def test_a_task_outside_the_campaign(project: Project) -> None:
    task = f"accuracy:{SUBJECT}/Offline"
    outcome = project.run(task)
    assert outcome.executed == [task]
    assert (project.file("runs", SUBJECT, "Offline", "accuracy", "result.json")).is_file()
    # It is a result, and no part of the campaign's tree and report.
    assert len(project.benchwright("results", "--json").json) == 3
    again = project.run()
    assert list(again.statuses) == TASKS
    assert again.executed == []


def test_data_sets_and_models_outside_the_campaign(fresh: Project) -> None:
    plan = fresh.benchwright("explain", "--json", "model:resnet50-official").json
    assert [answer["task"] for answer in plan] == ["model:resnet50-official"]
    assert fresh.explain("dataset:resnet50-official")["status"] == "due"


def test_campaigns_by_name_lie_apart(fresh: Project) -> None:
    fresh.write("campaigns/other.yaml", (fresh.folder / "benchwright.yaml").read_text())
    outcome = fresh.run("-c", "campaigns/other.yaml", "system")
    assert outcome.executed == ["system"]
    assert (fresh.folder / "build/other/system/system.json").is_file()
    assert not fresh.file().exists()
    for command in (["list"], ["plan"], ["explain", "system"], ["results"], ["doctor"], ["plugins"],
                    ["system"], ["clean", "--dry-run"]):  # fmt: skip
        fresh.benchwright(*command, "-c", "campaigns/other.yaml")
    assert fresh.benchwright("list", "-c", "nowhere.yaml", code=2).err.startswith(
        "error: nowhere.yaml: this campaign file does not exist"
    )


def test_init(tmp_path: Path, temporary: dict[str, str]) -> None:
    project = Project(tmp_path, temporary)
    said = project.benchwright("init", "-c", "deep/mine.yaml").out
    assert "benchwright run -c deep/mine.yaml" in said
    rows = project.benchwright("list", "--json", "-c", "deep/mine.yaml").json
    assert [row["status"] for row in rows] == ["due"] * 18
    refused = project.benchwright("init", "-c", "deep/mine.yaml", code=2)
    assert "deep/mine.yaml: this file is there already" in refused.err
    project.write("deep/mine.yaml", "mine")
    project.benchwright("init", "--force", "-c", "deep/mine.yaml")
    assert "benchmarks:" in (tmp_path / "deep/mine.yaml").read_text(encoding="utf-8")


def test_clean_keeps_runs_unless_asked(project: Project) -> None:
    before = project.snapshot()
    told = project.benchwright("clean", "--dry-run").out
    assert "would remove build/default/engines" in told
    assert project.snapshot() == before
    cleaned = project.benchwright("clean").out
    assert "2 measured runs are kept; `--runs` removes them too" in cleaned
    assert not project.engine.exists()
    assert not project.file("report.html").exists()
    assert not project.file("submission").exists()
    outcome = project.run()
    assert outcome.executed == [*PRODUCTS, *LAST]
    assert "stale" not in outcome.err, "the same products came back"
    project.benchwright("clean", "--runs", "accuracy")
    assert project.file("runs", SUBJECT, "SingleStream", "performance", "result.json").exists()
    assert not project.file("runs", SUBJECT, "SingleStream", "accuracy").exists()
    project.benchwright("clean", "--runs")
    assert "nothing to remove" in project.benchwright("clean", "--runs").out


def test_rerun_of_what_is_no_run_is_refused(built: Project) -> None:
    before = built.snapshot()
    outcome = built.benchwright("run", "--rerun", "engine", code=2)
    assert "--rerun makes measured runs again" in outcome.err
    assert built.snapshot() == before


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rnu"], "unknown command `rnu`; did you mean `run`?"),
        (["run", "--reruns"], "unknown option `--reruns`; did you mean `--rerun`?"),
        (["run", "--rer"], "unknown option `--rer`"),
        (["list", "--jsn"], "unknown option `--jsn`; did you mean `--json`?"),
        (["list", "extra"], "unknown argument `extra`"),
        (["run", "-z"], "unknown option `-z`"),
        (["check", "--round"], "--round"),
        (["--campaign", "x.yaml", "run"], "error: "),
        (["plan", "--json=yes"], "--json"),
    ],
)
def test_unknown_options_are_refused(fresh: Project, arguments: list[str], hint: str) -> None:
    outcome = fresh.benchwright(*arguments, code=2)
    assert hint in outcome.err
    assert "--help` lists what is allowed" in outcome.err
    assert outcome.out == ""
    assert not (fresh.folder / "build").exists()


def test_jobs_are_a_number_or_auto(fresh: Project) -> None:
    outcome = fresh.benchwright("run", "-n", "many", code=2)
    assert "-n: `many` is no number of jobs" in outcome.err
    assert "fix: write -n 4 or -n auto" in outcome.err


def test_help_and_version(fresh: Project) -> None:
    top = fresh.benchwright("--help").out
    assert fresh.benchwright().out == top
    assert fresh.benchwright("--version").out == f"benchwright {__version__}\n"
    for command in ("run", "list", "plan", "explain", "plugins", "doctor", "system", "check",
                    "results", "init", "clean"):  # fmt: skip
        assert f"  {command} " in top
        assert "--campaign FILE" in fresh.benchwright(command, "--help").out


def test_python_minus_m(built: Project) -> None:
    outcome = built.call([sys.executable, "-m", "benchwright", "list"])
    assert outcome.out == built.benchwright("list").out


def test_a_reader_that_has_seen_enough(built: Project) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*script("benchwright"), "plan", "--json"],
            cwd=built.folder,
            env=built.environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert done.stderr == ""


def test_quiet(project: Project) -> None:
    project.file("report.html").unlink()
    outcome = project.benchwright("run", "--quiet")
    assert (outcome.out, outcome.err) == ("", "")
    assert project.file("report.html").exists()


def test_check_of_any_tree(built: Project, tmp_path: Path) -> None:
    tree = str(built.file("submission"))
    assert "--round" in built.benchwright("check", tree, code=2).err
    assert "did you mean `v3.1`?" in built.benchwright("check", tree, "--round", "v3.2", code=2).err
    missing = built.benchwright("check", "nowhere", "--round", "v3.1", code=2)
    assert "nowhere: there is no such folder" in missing.err
    findings = built.benchwright("check", str(tmp_path), "--round", "v3.1", code=1)
    assert findings.out.startswith("error: ")
    assert built.benchwright("check", tree, "--round", "v3.1", "--rehearsal").code == 0
