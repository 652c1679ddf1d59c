"""What came of a run: INVALID results as an error and as an exit code."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchwright.build.engine import run_tasks
from benchwright.build.recipe import Kitchen, Recipe
from benchwright.build.task import measurement, product
from benchwright.errors import BenchwrightError
from benchwright.outcome import Outcome, TaskOutcome, TasksFailed
from benchwright.progress import TaskProgress
from benchwright.results import RunResult

RESULT = RunResult(
    "performance:p", "resnet50", "tiny", "acme", "fp32", "here", "Server", "performance"
)
INVALID = dataclasses.replace(RESULT, reasons=("too slow: raise `target_qps`",))
VALID = dataclasses.replace(RESULT, valid=True)


def measure(kitchen: Kitchen) -> None:
    """A run whose result is as its parameters say."""
    (VALID if kitchen.parameters["valid"] else INVALID).save(kitchen.out)


@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("quiet", [True, False])
def test_a_run_by_itself_ends_with_its_verdict(
    valid: bool,
    quiet: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    made = Recipe("performance:p", f"{__name__}:measure", "build/p", parameters={"valid": valid})
    task = measurement(
        made, doc="", files=["result.json"], task_dep=[], seconds=1,
        epilogue="benchwright.steps.summary:print_verdict",
    )  # fmt: skip
    for _ in range(2):
        assert run_tasks([task], [], quiet=quiet) == (0 if valid else 1)
        told = capsys.readouterr()
        verdict = "INVALID: performance:p: too slow: raise `target_qps`\n"
        assert told.out == ""
        assert told.err.endswith(verdict) is not valid
        if quiet:
            assert told.err == ("" if valid else verdict)


def test_invalid_results_as_an_error() -> None:
    Outcome((), (VALID,)).assert_valid()
    outcome = Outcome((), (VALID, INVALID), ok=False)
    assert not outcome.valid
    with pytest.raises(BenchwrightError, match="INVALID: performance:p") as told:
        outcome.assert_valid()
    assert told.value.why == "too slow: raise `target_qps`"
    assert "INVALID" in str(outcome)


def test_failures_are_told_by_their_roots() -> None:
    tasks = (
        TaskOutcome("a", "executed", 1.0, None),
        TaskOutcome("b", "failed", 1.0, None),
        TaskOutcome("c", "failed", 0.0, None),
    )
    outcome = Outcome(tasks)
    assert str(outcome) == "1 of 3 tasks were executed"
    failed = TasksFailed.of({"b": "no disk", "c": "not run: it needs b, which failed"}, outcome)
    assert str(failed).startswith("a task failed\nb: no disk\n  fix: ")
    assert failed.failures.keys() == {"b", "c"}
    assert failed.outcome is outcome


def talk(kitchen: Kitchen) -> None:
    """Says something, and how far it is."""
    kitchen.say("halfway")
    kitchen.progress(1, 2)


def test_a_task_with_a_prefix_speaks_under_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    task = product(Recipe("model:m", f"{__name__}:talk", "build/m"), doc="")
    seen: list[TaskProgress] = []
    prefixed = {**task, "basename": "mine", "name": "model:m"}
    assert run_tasks([prefixed], [], quiet=True, follower=seen.append) == 0
    assert [(event.task, event.status, event.text, event.done) for event in seen] == [
        ("mine:model:m", "started", "", None),
        ("mine:model:m", "running", "halfway", None),
        ("mine:model:m", "running", "", 1),
        ("mine:model:m", "executed", "", None),
    ]
