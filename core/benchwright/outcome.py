"""Running a plan from Python, and what came of it: `Campaign.load(…).plan().run()`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchwright.errors import BenchwrightError, ExitCode, UsageError

if TYPE_CHECKING:
    from benchwright.names import TaskDict
    from benchwright.plan import Plan
    from benchwright.progress import Follower
    from benchwright.results import RunResult

_running = threading.Lock()
"""Held while a build runs in this process: its tasks' output is taken from the whole process."""


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What became of one task; log is None where it never ran."""

    task: str
    status: Literal["executed", "restored", "up-to-date", "failed"]
    seconds: float
    log: Path | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run of a plan.

    tasks: those that were asked for and all that they needed, in the order of their end; results:
    the measured runs among them; report: the campaign's page, if it was among them; ok: whether
    `benchwright run` would have ended with 0 (every result is VALID, and the check of the
    submission tree, where it was asked for, has no errors). Paths are absolute.
    """

    tasks: tuple[TaskOutcome, ...]
    results: tuple[RunResult, ...] = ()
    report: Path | None = None
    ok: bool = True

    @property
    def executed(self) -> tuple[str, ...]:
        """The names of the tasks that were executed; empty where nothing was to be done."""
        return tuple(item.task for item in self.tasks if item.status == "executed")

    @property
    def valid(self) -> bool:
        """Whether every result is VALID."""
        return all(result.valid for result in self.results)

    def assert_valid(self) -> None:
        """BenchwrightError that names each INVALID result and why it is that."""
        invalid = [result for result in self.results if not result.valid]
        if invalid:
            raise BenchwrightError(
                f"INVALID: {', '.join(result.task for result in invalid)}",
                why="; ".join(reason for result in invalid for reason in result.reasons) or None,
                fix="each reason names the setting to change; then run again with `rerun=True`",
            )

    def __str__(self) -> str:
        """The table of results, or how many tasks were run where nothing was measured."""
        if not self.results:
            return f"{len(self.executed)} of {len(self.tasks)} tasks were executed"
        from benchwright.steps.summary import table

        return table(self.results)


class TasksFailed(BenchwrightError):
    """Tasks have failed. failures: task → why, with the path of its log; outcome: what was done
    nevertheless."""

    failures: Mapping[str, str]
    outcome: Outcome

    @classmethod
    def of(cls, failures: Mapping[str, str], outcome: Outcome) -> TasksFailed:
        """The error that tells of these failures."""
        roots = {name: why for name, why in failures.items() if not why.startswith("not run: ")}
        told = "\n".join(f"{name}: {why}" for name, why in roots.items())
        count = f"{len(roots)} tasks" if len(roots) > 1 else "a task"
        failed = cls(f"{count} failed\n{told}", fix="finished work is kept: run again to go on")
        failed.failures = dict(failures)
        failed.outcome = outcome
        return failed


@dataclass(slots=True)
class _Account:
    records: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def run_plan(
    plan: Plan,
    typed: Sequence[str] = (),
    *,
    rerun: bool = False,
    jobs: int | str = 1,
    budget: str = "",
    keep_going: bool = False,
    quiet: bool = False,
    progress: Follower | None = None,
) -> Outcome:
    """See `Plan.run`."""
    from benchwright.build.engine import run_tasks
    from benchwright.embed import select
    from benchwright.steps.common import registry

    if not _running.acquire(blocking=False):
        raise UsageError(
            "another run is at work in this process",
            why="what tasks print is taken from the whole process, whichever thread they run in",
            fix="wait for it, run it with more `jobs`, or start another process",
        )
    try:
        chosen = select(plan, typed, rerun=rerun)
        # What has been installed since the last run counts in this one.
        registry.cache_clear()
        account = _Account()
        code = run_tasks(
            chosen.tasks,
            chosen.names,
            keep_going=keep_going,
            jobs=jobs,
            budget=budget,
            quiet=quiet,
            summary=False,
            records=account.records,
            failures=account.failures,
            follower=progress,
            embedded=True,
        )
    finally:
        _running.release()
    outcome = _outcome(chosen.plan, chosen.tasks, account, code)
    if account.failures:
        raise TasksFailed.of(account.failures, outcome)
    if code not in (ExitCode.OK, ExitCode.FINDINGS):
        raise BenchwrightError(
            "doit could not run the tasks", why="see what it printed", fix="report this"
        )
    return outcome


def _outcome(plan: Plan, tasks: Sequence[TaskDict], account: _Account, code: int) -> Outcome:
    from benchwright.build.task import META
    from benchwright.names import name_of
    from benchwright.results import load_result

    done = {}
    for record in account.records:
        log = Path(record["log"]).absolute() if record["log"] else None
        done[record["task"]] = TaskOutcome(
            record["task"],
            record["status"],
            record["seconds"],
            log if log and log.exists() else None,
        )
    measured = [
        Path(task["meta"][META]["folder"]).absolute()
        for task in tasks
        if task["meta"][META]["kind"] == "measurement"
        and name_of(task) in done
        and done[name_of(task)].status != "failed"
    ]
    report = Path(plan.layout.report).absolute()
    reported = "report" in done and done["report"].status != "failed"
    return Outcome(
        tuple(done.values()),
        tuple(load_result(folder) for folder in measured),
        report if reported else None,
        code == ExitCode.OK,
    )
