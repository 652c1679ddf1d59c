"""Plugins that misbehave at work: in a probe, in a session, in a thread, in a copy of the process.
Each is named and contained, and what is right comes out as right as without it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from functional import vendor
from functional.project import Outcome, Project

RUN = "accuracy:resnet50-tiny/acme/SingleStream"

SLOW_PROBE = """
    import time
    from benchwright.contracts.probe import Probe, ProbeInfo
    from benchwright.hooks import hookimpl

    class Deaf(Probe):
        def identity(self):
            time.sleep(3600)

        def observation(self):
            return {}

    @hookimpl
    def probes():
        return [ProbeInfo("deaf", "never answers", Deaf)]
    """


def test_a_probe_that_hangs(built: Project, tmp_path: Path) -> None:
    listed = built.benchwright("list", "--json").json
    site = vendor.install(tmp_path, "deaf", SLOW_PROBE)
    env = {**built.env, "BENCHWRIGHT_PLUGIN_TIMEOUT": "2", "BENCHWRIGHT_TRACE_PLUGINS": "1"}
    outcome = Project(built.folder, env, [site]).benchwright("list", "--json")
    assert outcome.json == listed
    assert "warning: plugin `deaf` (benchwright-deaf): probe `deaf` did not answer within 2 s" in (
        outcome.err
    )
    (traced,) = [line for line in outcome.err.splitlines() if "deaf: deaf.identity()" in line]
    assert traced.startswith("trace: ")
    assert "did not answer within 2 s" in traced


@pytest.fixture
def ready(acme: Project) -> Project:
    """The vendor's backend with its engine built."""
    acme.run("engine", "preprocess", "loadgen", "system")
    return acme


def log_of(project: Project, outcome: Outcome) -> str:
    (row,) = [row for row in outcome.json if row["task"] == RUN]
    return (project.folder / row["log"]).read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_session_that_prints_or_forks(ready: Project) -> None:
    ready.env["ACME_SESSION"] = "print"
    outcome = ready.run(RUN)
    log = log_of(ready, outcome)
    assert "from the session" in log
    assert "from its native code" in log
    (first,) = ready.benchwright("results", "--json").json
    answers = ready.file("runs/resnet50-tiny/acme/SingleStream/accuracy/mlperf_log_accuracy.json")
    entries = json.loads(answers.read_text(encoding="utf-8"))
    for copy in ("return", "raise"):
        ready.env.update({"ACME_SESSION": "fork", "ACME_COPY": copy})
        outcome = ready.run("--rerun", RUN)
        log = log_of(ready, outcome)
        assert (
            "the backend `acme` or the benchmark `resnet50` forked this process; the copy came "
            "back from the call, and is ended" in log
        )
        (again,) = ready.benchwright("results", "--json").json
        assert {**again, "duration_s": 0} == {**first, "duration_s": 0}
        assert json.loads(answers.read_text(encoding="utf-8")) == entries
        details = json.loads(answers.with_name("result.json").read_text("utf-8"))["details"]
        # loadgen may warn of its own, where the machine is slow.
        assert "the process was forked while it was measured (acme): 1" in details["warnings"]


ENDINGS = {
    "ACME_SESSION=thread": (
        "a thread of the measured process raised RuntimeError: the chip's thread is gone"
    ),
    "ACME_SESSION=exit": "SystemExit: the chip has left",
    "ACME_OPEN_WRONG=1": (
        "the backend `acme` did not open the engine\n    why: its `open` gave no session for `main`"
    ),
}


@pytest.mark.slow
def test_a_session_that_ends_its_run(ready: Project) -> None:
    for setting, told in ENDINGS.items():
        name, _, value = setting.partition("=")
        ready.env[name] = value
        outcome = ready.run(RUN, code=1)
        del ready.env[name]
        assert outcome.statuses[RUN] == "failed"
        assert told in outcome.err
        assert not ready.hidden()
    assert RUN in ready.run(RUN).executed


def test_an_engine_whose_building_forks(acme: Project) -> None:
    for copy in ("return", "raise"):
        acme.env.update({"ACME_BUILD_FORK": "1", "ACME_COPY": copy})
        outcome = acme.run("engine")
        assert outcome.executed.count("engine:resnet50-tiny/acme") == 1
        manifest = acme.file("engines/resnet50-tiny/acme/manifest.json").read_text("utf-8")
        assert json.loads(manifest)["facts"]["precision"] == "fp32"
        assert acme.file("engines/resnet50-tiny/acme/acme.bin").is_file()
        assert not acme.hidden()
        acme.benchwright("clean", "engine")
