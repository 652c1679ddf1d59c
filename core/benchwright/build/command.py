"""doit's `run`, as we want it: an estimate first, plain progress, an account at the end.

Registered as `run` in a checkout's pyproject.toml, and used by `benchwright run`; the tasks
themselves need none of it.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from doit.cmd_run import Run as DoitRun
from doit.cmd_run import opt_num_process
from doit.control import TaskControl
from doit.exceptions import UnmetDependency
from doit.task import Stream

from benchwright import garbage
from benchwright.build import resources
from benchwright.build.console import told_to
from benchwright.build.display import Lines, duration
from benchwright.build.interrupts import Interrupts
from benchwright.build.recipe import explain_os_error, resolve
from benchwright.build.records import quicken
from benchwright.build.status import meta_of, needs, statuses
from benchwright.build.task import TOLD_ELSEWHERE, stale_reasons
from benchwright.errors import BenchwrightError, ExitCode, UsageError
from benchwright.progress import Follower
from benchwright.requirements import refuse_absent, refuse_lacking

SHOWN_REASONS = 3
"""How many changes are named of a stale run; `benchwright explain` names all."""


class Reporter:
    """doit's reporter interface: tells what happens, and keeps the record for `--json`."""

    desc = "one line per task, estimate first"

    def __init__(
        self,
        quiet: bool = False,
        jobs: int = 1,
        follower: Follower | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self.lines = Lines(quiet=quiet, jobs=jobs, stream=stream, follower=follower)
        self._lacking: dict[str, str] = {}
        self.records: list[dict[str, Any]] = []
        self.failed: dict[str, str] = {}
        self.before_first: Callable[[], None] = lambda: None
        self.executed = 0
        self.begin = time.monotonic()

    def initialize(self, tasks: Any, selected_tasks: Any) -> None:
        """Nothing: what is due is only looked up when something runs."""

    def get_status(self, task: Any) -> None:
        """Nothing is told before a task's status is known."""

    def execute_task(self, task: Any) -> None:
        """A task begins."""
        if not task.actions:
            return
        if self.executed == 0:
            garbage.work_begins()
            self.before_first()
        self.executed += 1
        self.lines.started(task.name, meta_of(task))

    def add_success(self, task: Any) -> None:
        """A task has succeeded: `executed`, `restored` from the store, or its files were right."""
        if not task.actions:
            return
        status = str(task.values.get("status") or "executed")
        seconds = self.lines.ended(task.name, "verified" if status == "kept" else status)
        self._record(task, "up-to-date" if status == "kept" else status, seconds)

    def add_failure(self, task: Any, fail: Any) -> None:
        """A task has failed; the message names file, cause and log."""
        seconds = self.lines.ended(task.name, "failed")
        if isinstance(fail, UnmetDependency):
            self.lines.skipped(task.name)
            self._not_run(task, fail)
        else:
            self.failed[task.name] = _message(fail)
            self.lines.error(f"error: {task.name} failed\n{_indent(_message(fail))}")
        if task.actions:
            self._record(task, "failed", seconds)

    def _not_run(self, task: Any, fail: Any) -> None:
        """Names the task at the root, which has told its own story."""
        roots = {self._lacking.get(name, name): None for name in str(fail.message).split()}
        self._lacking[task.name] = next(iter(roots))
        self.failed[task.name] = f"not run: it needs {', '.join(roots)}, which failed"
        if task.actions:
            self.lines.error(f"not run: {task.name} needs {', '.join(roots)}, which failed")

    def skip_uptodate(self, task: Any) -> None:
        """A task has nothing to do; a stale run says so."""
        self.lines.skipped(task.name)
        meta = meta_of(task)
        if meta.get("kind") == "measurement":
            reasons = stale_reasons(meta["recipe"])
            if reasons:
                shown = reasons[:SHOWN_REASONS]
                if len(reasons) > len(shown):
                    shown.append(f"{len(reasons) - len(shown)} more")
                self.lines.write(
                    f"stale: {task.name} is kept although {'; '.join(shown)}\n"
                    f"       `benchwright run --rerun {meta['recipe'].task}` replaces it"
                )
        # Not `task.actions`: doit would make an object of each.
        if not task.has_subtask:
            self._record(task, "up-to-date", 0.0)

    def skip_ignore(self, task: Any) -> None:
        """A task that the user told doit to ignore."""
        self.lines.write(f"ignored: {task.name} (`doit forget {task.name}` ends that)")

    def cleanup_error(self, exception: Any) -> None:
        """A teardown failed."""
        self.lines.error(f"error: {exception}")

    def runtime_error(self, message: str) -> None:
        """The build itself failed."""
        self.failed[""] = message
        self.lines.error(f"error: {message}")

    def teardown_task(self, task: Any) -> None:
        """Nothing is told of a teardown."""

    def complete_run(self) -> None:
        """The account is written by the command, which knows what was selected."""

    def _record(self, task: Any, status: str, seconds: float) -> None:
        log = meta_of(task).get("log") or None
        self.records.append(
            {"task": task.name, "status": status, "seconds": round(seconds, 3), "log": log}
        )
        self.lines.tell(task.name, status, seconds=seconds, text=self.failed.get(task.name, ""))


def _message(fail: Any) -> str:
    # get_msg() of a plain failure carries doit's own words and a traceback; ours is in `message`.
    text = str(getattr(fail, "message", "") or fail.get_msg())
    return text.strip()


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


class Run(DoitRun):  # type: ignore[misc]
    """doit's run command with our runners and reporter, and an account of the whole at the end."""

    name = "run"
    quiet = False
    summary = True
    embedded = False
    """Whether a program has called us: its signals are its own, and errors are raised."""
    follower: Follower | None = None
    records: list[dict[str, Any]]
    failures: dict[str, str]
    cmd_options = (
        *(option for option in DoitRun.cmd_options if option is not opt_num_process),
        {
            **opt_num_process,
            "type": str,
            "default": "0",
            "help": "how many tasks at a time, or `auto`: as many as the machine bears "
            "[default: %(default)s]",
        },
        {
            "name": "budget",
            "long": "budget",
            "type": str,
            "default": "",
            "help": "what tasks may use together in place of what the machine has: "
            "--budget=cpu=2,memory=8GB,gpu=0",
        },
    )

    def execute(self, params: Any, args: Any) -> int:
        """Runs the selected tasks; returns the exit code."""
        self.records, self.failures = [], {}
        try:
            jobs = resources.parse_jobs(str(params["num_process"]))
            self._refuse_threads(params)
            if params["reporter"] != "console":
                # Another reporter was asked for by name: plain doit, nothing of ours.
                params["num_process"] = os.cpu_count() or 1 if jobs is None else jobs
                return int(super().execute(params, args))
            self.jobs, self.budget = 1, None
            if jobs is None or jobs > 1 or params["budget"]:
                self.budget = resources.budget(params["budget"], jobs)
                self.jobs = resources.job_count(jobs, self.budget)
        except UsageError as error:
            if self.embedded:
                raise
            print(f"error: {error}", file=sys.stderr)
            return int(error.exit_code)
        # A program that wants quiet is given the errors as exceptions.
        nowhere = io.StringIO() if self.quiet and self.embedded else None
        reporter = Reporter(self.quiet, self.jobs, self.follower, nowhere)
        reporter.before_first = lambda: self._estimate(reporter)
        params["reporter"] = reporter
        try:
            return self._reported(reporter, params, args)
        finally:
            self.records, self.failures = reporter.records, reporter.failed
            reporter.lines.release()

    def _reported(self, reporter: Reporter, params: Any, args: Any) -> int:
        told = TOLD_ELSEWHERE.set(True)
        try:
            with (
                Interrupts(ours=not self.embedded) as self.interrupts,
                told_to(reporter.lines),
            ):
                code = int(super().execute(params, args))
        except KeyboardInterrupt:
            if self.embedded:
                raise
            reporter.lines.close()
            reporter.lines.write("interrupted: finished work is kept; run again to go on")
            return int(ExitCode.INTERRUPTED)
        except (BenchwrightError, OSError) as error:
            explained = explain_os_error(error, ".") if isinstance(error, OSError) else error
            if self.embedded:
                raise explained from error
            reporter.lines.error(f"error: {explained}")
            return int(explained.exit_code)
        finally:
            TOLD_ELSEWHERE.reset(told)
            reporter.lines.close()
        return self._account(reporter, code)

    def _refuse_threads(self, params: Any) -> None:
        if params["par_type"] != "process":
            raise UsageError(
                "tasks of a build run in processes, not in threads",
                where="-P",
                why="what they print would end up in each other's logs",
                fix="leave out -P",
            )

    def _execute(
        self,
        outfile: Any,
        verbosity: Any = None,
        always: bool = False,
        continue_: bool = False,
        reporter: Any = "console",
        num_process: Any = "0",
        par_type: str = "process",
        single: bool = False,
        auto_delayed_regex: bool = False,
        force_verbosity: bool = False,
        failure_verbosity: int = 0,
        pdb: bool = False,
    ) -> int:
        """doit's own way for another reporter than ours, else one of our runners."""
        quicken(self)
        if not isinstance(reporter, Reporter):
            return int(
                super()._execute(
                    outfile,
                    verbosity,
                    always,
                    continue_,
                    reporter,
                    num_process,
                    par_type,
                    single,
                    auto_delayed_regex,
                    force_verbosity,
                    failure_verbosity,
                    pdb,
                )
            )
        self.control = TaskControl(self.task_list, auto_delayed_regex=auto_delayed_regex)
        self.control.process(self.sel_tasks)
        if single:
            self._forget_dependencies()
        self._refuse_what_cannot_run(always, continue_)
        common = (self.dep_manager, reporter, continue_, always, Stream(verbosity, force_verbosity))
        runner: Any
        if self.jobs > 1 and self.budget is not None:
            from benchwright.build.parallel import ParallelRunner

            runner = ParallelRunner(
                *common,
                lines=reporter.lines,
                interrupts=self.interrupts,
                jobs=self.jobs,
                budget=self.budget,
            )
        else:
            from benchwright.build.serial import SerialRunner

            runner = SerialRunner(*common, lines=reporter.lines, interrupts=self.interrupts)
        return int(runner.run_all(self.control.task_dispatcher()))

    def _forget_dependencies(self) -> None:
        """`--single`: only what is named, a group's own tasks included."""
        for name in self.control.selected_tasks:
            task = self.control.tasks[name]
            for one in task.task_dep if task.has_subtask else [name]:
                self.control.tasks[one].task_dep = []

    def _refuse_what_cannot_run(self, always: bool, keep_going: bool) -> None:
        """UsageError where what would run asks for more than there is, or for what is not
        installed."""
        tasks = self.control.tasks

        @cache
        def due() -> list[str]:
            selected = _closure(self.control)
            found = statuses((tasks[name] for name in selected), self.dep_manager)
            return [name for name in selected if always or found[name].due]

        metas = {name: meta_of(task) for name, task in tasks.items()}
        resources.refuse_too_big(metas, self.budget, due)
        refuse_lacking(metas, due, keep_going=keep_going)
        refuse_absent(metas, due, keep_going=keep_going)

    def _estimate(self, reporter: Reporter) -> None:
        tasks = self.control.tasks
        selected = _closure(self.control)
        found = statuses((tasks[name] for name in selected), self.dep_manager)
        real = [name for name in selected if tasks[name].actions]
        due = {name: meta_of(tasks[name]) for name in real if found[name].due}
        reporter.lines.estimate(due, len(real))

    def _account(self, reporter: Reporter, code: int) -> int:
        seconds = time.monotonic() - reporter.begin
        if reporter.failed:
            reporter.lines.write(f"stopped after {duration(seconds)}; finished work is kept")
            # doit tells a task that failed from one that could not run; both are findings.
            return code if "" in reporter.failed else int(ExitCode.FINDINGS)
        if reporter.executed == 0:
            count = len(reporter.records)
            word = "task is" if count == 1 else "tasks are"
            reporter.lines.write(f"nothing to do: {count} {word} up to date")
        else:
            reporter.lines.write(f"done in {duration(seconds)}")
        return max(code, self._epilogues(reporter))

    def _epilogues(self, reporter: Reporter) -> int:
        """The last words of the tasks that were selected, each once. A measured run has none
        where those of a product show them all."""
        metas = [meta_of(self.control.tasks[record["task"]]) for record in reporter.records]
        metas = [meta for meta in metas if meta.get("epilogue")]
        shown = self.summary and not self.quiet
        summed_up = shown and any(meta["kind"] == "product" for meta in metas)
        code = 0
        for meta in metas:
            show = not summed_up if meta["kind"] == "measurement" else shown
            speak = resolve(meta["epilogue"])
            code = max(code, int(speak(meta, changed=reporter.executed > 0, show=show)))
        return code


def _closure(control: Any) -> list[str]:
    """The selected tasks and everything they depend on."""
    producer = {target: task.name for task in control.tasks.values() for target in task.targets}
    found: dict[str, None] = {}
    stack = list(control.selected_tasks)
    while stack:
        name = stack.pop()
        if name in found:
            continue
        found[name] = None
        stack.extend(needs(control.tasks[name], producer))
    return list(found)


def remove_tree(path: Path) -> None:
    """Removes a file or folder of the build, without following links."""
    import shutil

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
