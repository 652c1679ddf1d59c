"""The main job as a newcomer runs it: `benchwright init && benchwright run`, all four scenarios."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from functional.project import ROOT, SUBJECT, Outcome, Project

pytestmark = pytest.mark.slow

pytestmark = pytest.mark.serial

SCENARIOS = ("SingleStream", "MultiStream", "Server", "Offline")
METRICS = {
    "SingleStream": ("p90 latency", "ms"),
    "MultiStream": ("p99 latency", "ms"),
    "Server": ("queries per second", "queries/s"),
    "Offline": ("samples per second", "samples/s"),
}
RESULT_KEYS = [
    "benchmark", "preset", "backend", "precision", "system", "scenario", "mode", "test", "metric",
    "value", "unit", "valid", "reasons", "accuracy", "accuracy_target", "accuracies", "duration_s",
    "official", "power_w", "energy_j", "path",
]  # fmt: skip


@pytest.fixture(scope="module")
def job(ground: Path, temporary: dict[str, str]) -> tuple[Project, Outcome]:
    project = Project(ground / "main", temporary)
    said = project.benchwright("init").out
    assert "benchwright run" in said
    # 1 when a run came out INVALID because the machine was busy; a test below says when.
    return project, project.benchwright("run", code=None)


@pytest.fixture(scope="module")
def results(job: tuple[Project, Outcome]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = job[0].benchwright("results", "--json").json
    return found


def test_an_estimate_comes_first_and_every_task_is_told(job: tuple[Project, Outcome]) -> None:
    lines = job[1].err.splitlines()
    assert lines[0].startswith("18 of 18 tasks to run, about ")
    assert "disk up to" in lines[0]
    assert lines[0].endswith("nothing to download")
    begun = [line for line in lines if line.startswith("[")]
    assert [line.split("] ")[0] for line in begun] == [f"[{n}/18" for n in range(1, 19)]
    assert lines[-1].startswith("done in ")


def test_the_last_line_is_the_report(job: tuple[Project, Outcome]) -> None:
    project, outcome = job
    assert outcome.last == "build/default/report.html"
    page = (project.folder / outcome.last).read_text(encoding="utf-8")
    assert page.startswith("<!")
    assert all(scenario in page for scenario in SCENARIOS)


def test_the_summary_has_a_line_for_each_scenario(
    job: tuple[Project, Outcome], results: list[dict[str, object]]
) -> None:
    lines = job[1].out.splitlines()
    assert lines[0].split() == ["benchmark", "scenario", "metric", "result", "valid", "accuracy"]
    for scenario in SCENARIOS:
        (line,) = [line for line in lines if line.startswith(f"{SUBJECT}  {scenario} ")]
        runs = [item for item in results if item["scenario"] == scenario]
        assert METRICS[scenario][0] in line
        assert METRICS[scenario][1] in line
        assert ("INVALID" in line) == (not all(item["valid"] for item in runs))
        assert ">= 98.2" in line
    assert "not for submission: preset tiny, duration quick" in lines


def test_an_invalid_run_says_why_and_decides_the_exit_code(
    job: tuple[Project, Outcome], results: list[dict[str, object]]
) -> None:
    invalid = [item for item in results if not item["valid"]]
    for item in invalid:
        reasons = item["reasons"]
        assert isinstance(reasons, list)
        assert reasons
        assert all(f"performance: {reason}" in job[1].out for reason in reasons)
    assert job[1].code == (1 if invalid else 0)


def test_results_have_exactly_the_documented_keys(results: list[dict[str, object]]) -> None:
    assert len(results) == 8
    for item in results:
        assert list(item) == RESULT_KEYS
    assert {(item["scenario"], item["mode"]) for item in results} == {
        (scenario, mode) for scenario in SCENARIOS for mode in ("performance", "accuracy")
    }


def test_performance_results(
    job: tuple[Project, Outcome], results: list[dict[str, object]]
) -> None:
    for item in (item for item in results if item["mode"] == "performance"):
        assert (item["metric"], item["unit"]) == METRICS[str(item["scenario"])]
        assert (item["benchmark"], item["preset"]) == ("resnet50", "tiny")
        assert (item["backend"], item["precision"]) == ("onnxruntime", "fp32")
        assert item["official"] is False
        if item["valid"]:
            value, seconds = item["value"], item["duration_s"]
            assert isinstance(value, float)
            assert value > 0
            assert isinstance(seconds, float)
            assert seconds >= 2
        unknown = ("test", "accuracy", "accuracy_target", "power_w", "energy_j")
        assert [item[name] for name in unknown] == [None] * 5
        assert item["accuracies"] == []
        assert (job[0].folder / str(item["path"]) / "result.json").is_file()


def test_every_scenario_scores_the_same_accuracy(results: list[dict[str, object]]) -> None:
    scored = [item for item in results if item["mode"] == "accuracy"]
    assert all(item["valid"] for item in scored)
    (accuracy,) = {item["accuracy"] for item in scored}
    (target,) = {item["accuracy_target"] for item in scored}
    assert isinstance(accuracy, float)
    assert isinstance(target, float)
    assert 100 >= accuracy >= target > 95
    for item in scored:
        assert item["metric"] is None
        assert item["value"] is None
        assert item["accuracies"] == [
            {"metric": "acc", "value": accuracy, "min": target, "max": None}
        ]


def test_the_outputs_lie_where_they_are_documented(job: tuple[Project, Outcome]) -> None:
    project = job[0]
    for name in (
        "loadgen/loadgen.json",
        "system/system.json",
        "datasets/resnet50-tiny/raw/val_map.txt",
        "datasets/resnet50-tiny/preprocessed/samples.json",
        "models/resnet50-tiny/resnet50.onnx",
        f"engines/{SUBJECT}/main.onnx",
        "check/findings.json",
        "report.html",
        "logs/performance/resnet50-tiny/onnxruntime/Server.log",
    ):
        assert project.file(name).is_file(), name
    for scenario in SCENARIOS:
        run = project.file("runs", SUBJECT, scenario)
        for name in (
            "performance/mlperf_log_detail.txt",
            "performance/mlperf_log_summary.txt",
            "performance/user.conf",
            "performance/mlperf.conf",
            "accuracy/mlperf_log_accuracy.json",
            "accuracy/accuracy.txt",
        ):
            assert (run / name).is_file(), name
    assert not project.hidden()


def test_the_tree_passes_the_rehearsal_and_not_the_full_check(
    job: tuple[Project, Outcome], results: list[dict[str, object]]
) -> None:
    project = job[0]
    tree = "build/default/submission"
    names = {path.name for path in (project.folder / tree).iterdir()}
    assert names == {"open", "NOT_FOR_SUBMISSION.md"}
    checked = project.benchwright(
        "check", tree, "--round", "v3.1", "--rehearsal", "--json", code=None
    )
    invalid = any(not item["valid"] for item in results)
    errors = [item for item in checked.json["findings"] if item["level"] == "error"]
    assert [item for item in errors if item["rule"] != "performance.invalid"] == []
    assert checked.code == (1 if invalid else 0)
    strict = project.benchwright("check", tree, "--round", "v3.1", code=1)
    assert "error: " in strict.out


def test_a_second_run_does_nothing_and_says_so(job: tuple[Project, Outcome]) -> None:
    project, first = job
    before = project.snapshot()
    again = project.benchwright("run", code=first.code)
    assert again.err.splitlines()[-1] == "nothing to do: 18 tasks are up to date"
    assert again.out == "build/default/report.html\n"
    assert project.snapshot() == before


def test_doit_in_a_checkout_finds_the_same_work_done(job: tuple[Project, Outcome]) -> None:
    project, first = job
    for name in ("dodo.py", "pyproject.toml"):
        (project.folder / name).write_bytes((ROOT / name).read_bytes())
    before = project.snapshot()
    again = project.doit(code=first.code)
    assert "nothing to do: 18 tasks are up to date" in again.err
    assert again.last == "build/default/report.html"
    assert project.snapshot() == before
    assert not [path for path in project.folder.iterdir() if path.name.startswith(".doit")]
    listed = project.doit("list", "--all").out
    assert f"performance:{SUBJECT}/Server" in listed
    assert listed.count("\n") == 18 + 6
    assert Path(project.folder, "build/.benchwright-state.db").is_file()


def test_the_record_of_a_run_tells_where_it_comes_from(job: tuple[Project, Outcome]) -> None:
    run = job[0].file("runs", SUBJECT, "Offline", "performance")
    record = json.loads((run / "result.json").read_text(encoding="utf-8"))
    details = record["details"]
    assert details["loadgen"]["version"] == details["loadgen"]["log_version"].split()[0]
    assert set(details["versions"]) >= {"onnxruntime", "benchwright"}
    assert details["command"] == f"benchwright run performance:{SUBJECT}/Offline"
    assert details["settings"]["min_duration_ms"] == 2000
    assert record["unofficial"] == ["preset tiny", "duration quick"]
