"""The example benchwright-webhook, beside Benchwright: results arrive as they are recorded, and
a receiver that fails changes nothing but the warnings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.http_server import Answer, Resource, serving
from functional import vendor
from functional.project import ROOT, RUNS, Project

EXAMPLE = ROOT / "examples" / "benchwright-webhook"

TAMPERER = """
    from pathlib import Path
    from benchwright.hooks import hookimpl

    @hookimpl(tryfirst=True)
    def run_finished(run, result):
        run["task"] = "mine"
        result.details.clear()
        object.__setattr__(result, "value", 1e9)
        object.__setattr__(result, "valid", True)
    """


def test_the_example_s_own_tests_pass() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.long
def test_results_are_posted_and_cannot_be_changed(project: Project, tmp_path: Path) -> None:
    project.path += vendor.install_example(tmp_path / "site", EXAMPLE)
    project.path.append(vendor.install(tmp_path / "tamper", "tamperer", TAMPERER))
    resource = Resource()
    with serving() as server:
        project.env["BENCHWRIGHT_WEBHOOK"] = server.add("/secret", resource)
        outcome = project.run("--rerun", *RUNS)
        assert "warning" not in outcome.err
        posted = [json.loads(body) for body in resource.posted]
        assert [item["run"]["task"] for item in posted] == RUNS
        told = {row["mode"]: row for row in project.benchwright("results", "--json").json}
        for item in posted:
            assert item["event"] == "run_finished"
            assert item["result"] == told[item["run"]["mode"]]
        assert told["performance"]["value"] != 1e9
        folder = project.folder / told["performance"]["path"]
        assert json.loads((folder / "result.json").read_text(encoding="utf-8"))["details"]

        # The first is refused, and the second is posted all the same.
        resource.posted.clear()
        resource.first.append(Answer(500))
        outcome = project.run("--rerun", *RUNS)
        assert outcome.executed == RUNS
        assert (
            "warning: plugin `webhook` (benchwright-webhook): hook `run_finished` raised "
            "BenchwrightError: 127.0.0.1 did not take the result; why: it answered 500"
        ) in outcome.err
        assert "secret" not in outcome.err
        assert outcome.err.count("warning") == 1
        assert len(resource.posted) == 2


@pytest.mark.long
def test_a_receiver_that_nobody_vouches_for(project: Project, tmp_path: Path) -> None:
    project.path += vendor.install_example(tmp_path / "site", EXAMPLE)
    resource = Resource()
    with serving(tmp_path) as server:
        project.env["BENCHWRIGHT_WEBHOOK"] = server.add("/secret", resource)
        outcome = project.run("--rerun", RUNS[1])
        assert outcome.executed == [RUNS[1]]
        assert "its certificate cannot be verified" in outcome.err
        assert resource.posted == []
        project.env["REQUESTS_CA_BUNDLE"] = str(tmp_path / "cert.pem")
        assert "warning" not in project.run("--rerun", RUNS[1]).err
        assert len(resource.posted) == 1
