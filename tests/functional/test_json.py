"""Every `--json` form: one JSON value on standard output, with exactly the documented keys."""

from __future__ import annotations

import json

import pytest

from functional.project import LAST, PRODUCTS, RUNS, SUBJECT, TASKS, Project


def test_list(built: Project) -> None:
    rows = built.benchwright("list", "--json").json
    assert [row["task"] for row in rows] == TASKS
    for row in rows:
        assert list(row) == ["task", "stage", "status", "targets"]
        assert row["stage"] == row["task"].split(":")[0]
        assert row["status"] == "up-to-date"
        assert row["targets"]
        assert all((built.folder / target).exists() for target in row["targets"])
    reported = rows[-1]["targets"]
    assert "build/default/report.html" in reported


def test_list_before_anything_is_built(fresh: Project) -> None:
    rows = fresh.benchwright("list", "--json").json
    assert {row["status"] for row in rows} == {"due"}
    assert not fresh.file().exists(), "looking builds nothing"


def test_run_with_nothing_to_do(built: Project) -> None:
    outcome = built.run()
    assert [row["task"] for row in outcome.json] == TASKS
    for row in outcome.json:
        assert list(row) == ["task", "status", "seconds", "log"]
        assert (row["status"], row["seconds"]) == ("up-to-date", 0.0)
        log = (built.folder / row["log"]).read_text(encoding="utf-8")
        assert log.startswith(f"{row['task']}, recipe key ")
        assert "done in " in log


def test_run_of_one_task_tells_what_it_needed(fresh: Project) -> None:
    outcome = fresh.run("model")
    (row,) = outcome.json
    assert (row["task"], row["status"]) == ("model:resnet50-tiny", "executed")
    assert 0 < row["seconds"] < 60
    assert (fresh.folder / row["log"]).is_file()
    assert outcome.err.splitlines()[0].startswith("1 of 1 tasks to run")


def test_results(built: Project) -> None:
    rows = built.benchwright("results", "--json").json
    assert [row["mode"] for row in rows] == ["accuracy", "performance"]
    accuracy, performance = rows
    assert performance["valid"] is True, performance["reasons"]
    assert performance["reasons"] == []
    assert performance["path"] == f"build/default/runs/{SUBJECT}/SingleStream/performance"
    system = json.loads(built.file("system", "system.json").read_text(encoding="utf-8"))
    assert {accuracy["system"], performance["system"]} == {system["name"]}


def test_results_before_any_run(fresh: Project) -> None:
    assert fresh.benchwright("results", "--json").json == []
    assert "`benchwright run`" in fresh.benchwright("results").err


def test_explain(built: Project) -> None:
    assert built.benchwright("explain", "--json", "engine").json == [
        {"task": f"engine:{SUBJECT}", "status": "up-to-date", "reasons": [], "stale": []}
    ]
    spoken = built.benchwright("explain", "engine").out
    assert spoken.startswith(f"engine:{SUBJECT}: up-to-date\n")
    assert "as they were" in spoken


def test_plan(built: Project) -> None:
    plan = built.benchwright("plan", "--json").json
    assert list(plan) == [
        "campaign", "round", "division", "category", "system", "unofficial", "submission",
        "tasks", "refused", "not_installed", "seconds", "disk_bytes", "download_bytes",
        "unknown_downloads", "memory_bytes", "by_hand",
    ]  # fmt: skip
    assert list(plan["submission"]) == ["runs", "seconds", "remarks"]
    assert set(plan["submission"]["runs"]) == set(RUNS)
    for remark in plan["submission"]["remarks"]:
        assert list(remark) == ["weight", "what", "fix", "where"]
        assert all(remark.values())
    assert [row["task"] for row in plan["tasks"]] == TASKS
    assert plan["unofficial"] == ["preset tiny", "duration quick"]
    assert plan["seconds"] == pytest.approx(sum(row["seconds"] for row in plan["tasks"]))
    assert plan["download_bytes"] == 0
    for row in plan["tasks"]:
        assert list(row) == [
            "task", "stage", "seconds", "disk_bytes", "download_bytes", "unknown_downloads",
            "targets",
        ]  # fmt: skip
    spoken = built.benchwright("plan").out
    assert all(task in spoken for task in TASKS)
    assert "nothing to download" in spoken


def test_plan_of_a_download(fresh: Project) -> None:
    fresh.change("preset: tiny", "preset: official")
    plan = fresh.benchwright("plan", "--json").json
    assert plan["disk_bytes"] > 30e9
    told = fresh.benchwright("plan", "--budget=disk=1GB").out
    assert "downloads" in told
    assert "cannot run here: " in told
    assert "there is 1.0 GB disk by --budget" in told
    assert fresh.benchwright("plan", "--json", "--budget=disk=900GB").json["refused"] is None
    assert not fresh.file().exists()


def test_plugins(built: Project) -> None:
    told = built.benchwright("plugins", "--json").json
    rows = {row["name"]: row for row in told["plugins"]}
    assert set(rows) >= {"tasks", "onnxruntime", "vision", "linux", "mlperf"}
    for name in ("tasks", "onnxruntime", "vision", "linux", "mlperf"):
        row = rows[name]
        assert list(row) == [
            "name", "distribution", "version", "module", "hooks", "status", "problems",
            "interface", "file",
        ]  # fmt: skip
        assert (row["distribution"], row["status"], row["problems"]) == (
            "benchwright",
            "active",
            [],
        )
        assert row["version"]
        assert row["hooks"]
    assert told["brought"]["backends"] == ["onnxruntime", "openvino", "pytorch"]
    assert "resnet50" in told["brought"]["benchmarks"]
    brought = built.benchwright("plugins", "onnxruntime", "--json").json["brought"]
    backend = next(item for item in brought if "capabilities" in item)
    assert {option["name"] for option in backend["options"]} >= {"graph_optimization", "spinning"}
    assert backend["capabilities"]["forms"] == ["onnx"]


def test_doctor(built: Project) -> None:
    for row in built.benchwright("doctor", "--json").json:
        assert list(row) == ["state", "subject", "what", "fix"]
        assert row["state"] in ("ready", "warning", "lacks", "broken")
        assert row["fix"] or row["state"] == "ready"


def test_system(built: Project) -> None:
    told = built.benchwright("system", "--json").json
    assert list(told) == ["name", "identity", "observation"]
    assert told["identity"]["cpu.architecture"]
    named = built.benchwright("system", "--json", "-c", "benchwright.yaml").json
    assert named["identity"] == told["identity"], "identity is the same on every call"
    assert named["name"]


def test_check(built: Project) -> None:
    told = built.benchwright("check", "--json").json
    assert list(told) == ["folder", "round", "rehearsal", "errors", "notes", "findings"]
    assert (told["round"], told["rehearsal"], told["errors"]) == ("v3.1", True, 0)
    assert told["notes"] == len(told["findings"]) > 0
    for finding in told["findings"]:
        assert list(finding) == ["path", "rule", "found", "required", "fix", "level"]
        assert finding["level"] == "note"


def test_every_form_leaves_the_build_as_it_was(built: Project) -> None:
    before = built.snapshot()
    for command in ("list", "plan", "results", "check", "run"):
        built.benchwright(command, "--json")
    assert built.snapshot() == before
    assert sorted(PRODUCTS + RUNS + LAST) == sorted(TASKS)
