"""The same tasks in anybody's dodo.py, under doit as it comes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from functional.project import LAST, PRODUCTS, QUICK, ROOT, RUNS, SUBJECT, Project

FOREIGN = '''
from pathlib import Path

from benchwright.embed import campaign_tasks


def task_bench():
    yield from campaign_tasks("bench.yaml")


def shout(report, loud):
    Path(loud).write_text(Path(report).read_text().upper())


def task_loud():
    """A task of the host's own, on top of one of our targets."""
    report, loud = "build/bench/report.html", "loud.html"
    return {"actions": [(shout, [report, loud])], "file_dep": [report], "targets": [loud]}
'''


@pytest.fixture(scope="module")
def foreign(ground: Path, temporary: dict[str, str]) -> Project:
    project = Project(ground / "foreign", temporary)
    project.write("bench.yaml", QUICK.replace("settings:", "modes: [accuracy]\nsettings:"))
    project.write("dodo.py", FOREIGN)
    project.doit()
    return project


def manifests(project: Project, campaign: str) -> dict[str, str]:
    """What every product holds, by its place."""
    root = project.folder / "build" / campaign
    return {
        path.parent.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in root.rglob("manifest.json")
        if not path.is_relative_to(root / "runs")
    }


def test_plain_doit_builds_the_same(foreign: Project, built: Project) -> None:
    ours, theirs = manifests(built, "default"), manifests(foreign, "bench")
    assert theirs.keys() == ours.keys()
    for name in ("datasets/resnet50-tiny/raw", "datasets/resnet50-tiny/preprocessed",
                 "models/resnet50-tiny", f"engines/{SUBJECT}", "loadgen"):  # fmt: skip
        assert theirs[name] == ours[name], name
    run = foreign.folder / "build/bench/runs" / SUBJECT / "SingleStream/accuracy"
    own = built.file("runs", SUBJECT, "SingleStream", "accuracy")
    for name in ("accuracy.txt", "mlperf_log_accuracy.json", "user.conf", "mlperf.conf"):
        assert (run / name).read_text("utf-8") == (own / name).read_text("utf-8"), name
    assert json.loads((run / "result.json").read_text("utf-8"))["valid"] is True


def test_a_host_task_depends_on_our_targets(foreign: Project) -> None:
    report = (foreign.folder / "build/bench/report.html").read_text(encoding="utf-8")
    assert (foreign.folder / "loud.html").read_text(encoding="utf-8") == report.upper()


def test_plain_doit_does_nothing_twice(foreign: Project) -> None:
    before = foreign.snapshot()
    again = foreign.doit().out.splitlines()
    assert len(again) == len(PRODUCTS) + 1 + len(LAST) + 1
    assert all(line.startswith("-- ") for line in again)
    assert foreign.snapshot() == before
    assert not list((foreign.folder / "build").glob(".benchwright-state.db*"))


def test_plain_doit_mends_a_damaged_target(foreign: Project) -> None:
    engine = foreign.folder / "build/bench/engines" / SUBJECT / "main.onnx"
    original = engine.read_bytes()
    engine.write_bytes(b"damaged")
    done = [line for line in foreign.doit().out.splitlines() if line.startswith(".  ")]
    assert done == [f".  engine:{SUBJECT}"]
    assert engine.read_bytes() == original


def test_plain_doit_tells_of_a_stale_run_and_keeps_it(foreign: Project) -> None:
    text = (foreign.folder / "bench.yaml").read_text(encoding="utf-8")
    foreign.write("bench.yaml", text.replace("[onnxruntime]", "{onnxruntime: {spinning: true}}"))
    try:
        outcome = foreign.doit()
    finally:
        foreign.write("bench.yaml", text)
    run = RUNS[1]
    assert f"stale: {run} is kept although option options.spinning changed" in outcome.err
    assert f"-- {run}" in outcome.out
    assert f".  {run}" not in outcome.out
    foreign.doit()


def test_our_command_line_finds_what_plain_doit_has_made(foreign: Project) -> None:
    outcome = foreign.benchwright("run", "--json", "-c", "bench.yaml", code=1)
    assert set(outcome.statuses.values()) == {"up-to-date"}


def test_a_wrong_campaign_ends_plain_doit_with_the_explanation(foreign: Project) -> None:
    text = (foreign.folder / "bench.yaml").read_text(encoding="utf-8")
    foreign.write("bench.yaml", text + "durations: quick\n")
    try:
        outcome = foreign.doit("list", code=2)
    finally:
        foreign.write("bench.yaml", text)
    assert "bench.yaml:11: durations: unknown key `durations`; did you mean `duration`?" in (
        outcome.err
    )


@pytest.mark.slow
@pytest.mark.serial
def test_doit_with_our_settings_from_nothing(fresh: Project) -> None:
    """A checkout's `doit`: our runner, our records, the summary and the report as last line."""
    for name in ("dodo.py", "pyproject.toml"):
        (fresh.folder / name).write_bytes((ROOT / name).read_bytes())
    outcome = fresh.doit()
    assert outcome.err.startswith("12 of 12 tasks to run, about ")
    assert outcome.last == "build/default/report.html"
    assert f"{SUBJECT}  SingleStream" in outcome.out
    assert "nothing to do: 12 tasks are up to date" in fresh.doit().err
    assert "nothing to do: 12 tasks are up to date" in fresh.benchwright("run").err
    assert fresh.doit("engine").err.endswith("nothing to do: 2 tasks are up to date\n")
    # A target by path, a task by name, and what doit itself offers.
    fresh.file("report.html").unlink()
    assert fresh.doit("build/default/report.html").last == "build/default/report.html"
    assert f"engine:{SUBJECT}" in fresh.doit("list", "--all").out
    fresh.doit("forget", f"engine:{SUBJECT}")
    assert "verified after" in fresh.doit(f"engine:{SUBJECT}").err
    fresh.doit("clean", f"engine:{SUBJECT}")
    assert not fresh.engine.exists()
