"""Compliance tests as tasks, run for real: audited, compared, kept, and repeated alone; and what
becomes of results that do not count.

Whether a test passes depends on how busy the machine is, and so is no matter of these tests.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchwright.harness.logs import read_detail
from functional.project import SUBJECT, Project

CAMPAIGN = """\
round: v3.1
division: open
category: edge
duration: 1
benchmarks: [resnet50]
backends: [onnxruntime]
scenarios: [SingleStream]
modes: [compliance]
settings: {SingleStream: {expected_latency_ms: 0.02}}
"""

NAMES = ("TEST01", "TEST04", "TEST05")
TESTS = {test: f"compliance:{SUBJECT}/SingleStream/{test}" for test in NAMES}


@pytest.mark.slow
def test_audited_runs(fresh: Project) -> None:
    project = fresh
    project.campaign(CAMPAIGN)
    outcome = project.run(*TESTS.values(), code=None)
    performance = f"performance:{SUBJECT}/SingleStream"
    assert set(TESTS.values()) <= set(outcome.executed)
    assert performance in outcome.executed, "a test brings what it is compared with"
    folder = project.file("runs", *SUBJECT.split("/"), "SingleStream")

    def result(*parts: str) -> dict[str, Any]:
        found = json.loads(folder.joinpath(*parts, "result.json").read_text())
        assert isinstance(found, dict)
        return found

    for test, task in TESTS.items():
        place = folder / "compliance" / test
        found = result("compliance", test)
        assert (found["mode"], found["test"], found["task"]) == ("compliance", test, task)
        assert found["details"]["operation"] == result("performance")["details"]["operation"]
        text = (place / "verify_performance.txt").read_text()
        log = read_detail(place / "mlperf_log_detail.txt")
        assert text.splitlines()[-1] in ("TEST PASS", "TEST FAIL")
        assert found["valid"] is (log.valid and text.endswith("TEST PASS\n"))
        if not found["valid"]:
            assert f"benchwright run --rerun {task}" in found["reasons"][-1]
        assert any("audit.config" in warning for warning in log.warnings)
        seeds = log.values["effective_qsl_rng_seed"]
        assert (seeds == 793197339507417767) is (test == "TEST05")
        assert log.values["effective_performance_issue_same"] is (test == "TEST04")
    assert "TEST PASS" in (folder / "compliance/TEST01/verify_accuracy.txt").read_text()
    assert "accuracy=" in (folder / "compliance/TEST01/accuracy.txt").read_text()

    again = project.run("--rerun", TESTS["TEST04"], code=None)
    assert again.executed == [TESTS["TEST04"]]
    assert project.run(*TESTS.values(), code=None).executed == []
    # Another performance run makes the comparison old, and the tests are kept nevertheless.
    project.run("--rerun", performance, code=None)
    kept = project.run(*TESTS.values(), code=None)
    assert kept.executed == []
    assert "input performance" in project.explain(TESTS["TEST05"])["stale"][0]


@pytest.mark.slow
def test_an_invalid_result_is_kept_beside_its_successor(fresh: Project) -> None:
    project = fresh
    # Expecting ten seconds for each query, loadgen prepares too few of them.
    hopeless = CAMPAIGN.replace("0.02", "10000").replace("[compliance]", "[performance]")
    project.campaign(hopeless)
    performance = f"performance:{SUBJECT}/SingleStream"
    outcome = project.run(performance, code=1)
    assert "INVALID" in outcome.err
    folder = project.file("runs", *SUBJECT.split("/"), "SingleStream")
    first = (folder / "performance/mlperf_log_detail.txt").read_bytes()
    assert project.run(performance, code=1).executed == [], "nothing is retried by itself"

    project.campaign(hopeless.replace("10000", "0.02"))
    again = project.run("--rerun-invalid", performance)
    assert performance in again.executed
    kept = folder / "performance.invalid-1"
    assert (kept / "mlperf_log_detail.txt").read_bytes() == first
    (record,) = project.benchwright("results", "--json").json
    assert record["valid"] is True
    told = project.benchwright("results").out
    assert "1 earlier results were INVALID or failed" in told
    assert str(kept.relative_to(project.folder)) in told
    assert project.run("--rerun-invalid", performance).executed == [], (
        "what is VALID is never run again"
    )
