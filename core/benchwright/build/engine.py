"""doit, driven from Python: the same tasks without a dodo.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from doit.cmd_base import DoitCmdBase, TaskLoader2
from doit.control import TaskControl
from doit.doit_cmd import DoitMain
from doit.globals import Globals
from doit.task import Task

from benchwright.build.command import Run
from benchwright.build.task import TOLD_ELSEWHERE
from benchwright.errors import BenchwrightError
from benchwright.layout import BUILD
from benchwright.progress import Follower

STATE_FILE = f"{BUILD}/.benchwright-state.db"
"""doit's records, shared with plain doit in the same folder."""

_CONFIG: Mapping[str, Mapping[str, Any]] = {
    "GLOBAL": {"backend": "benchwright", "dep_file": STATE_FILE},
    "BACKEND": {"benchwright": "benchwright.build.state:StateBackend"},
}


class TaskDicts(TaskLoader2):  # type: ignore[misc]
    """A doit task loader over task dicts that are already there."""

    def __init__(self, tasks: Iterable[Mapping[str, Any]]) -> None:
        super().__init__()
        self.tasks = tasks

    def setup(self, opt_values: Mapping[str, Any]) -> None:
        """Nothing to set up."""

    def load_doit_config(self) -> dict[str, Any]:
        """No settings besides ours."""
        return {}

    def load_tasks(self, cmd: Any, pos_args: Any) -> list[Task]:
        """doit Task objects, with a group task for each stage."""
        return as_doit_tasks(self.tasks)


class _Task(Task):  # type: ignore[misc]
    """A task from a dict of ours, whose types need no check: `build.task` makes them all."""

    @staticmethod
    def check_attr(task: str, attr: str, value: Any, valid: Any) -> None:
        """Nothing."""


def as_doit_tasks(tasks: Iterable[Mapping[str, Any]]) -> list[Task]:
    """doit Task objects from our dicts: subtasks named `<stage>:<subject>` below a group."""
    groups: dict[str, Task] = {}
    found: list[Task] = []
    for given in tasks:
        values = dict(given)
        stage = values.pop("basename")
        subject = values.pop("name", None)
        if subject is None:
            found.append(_Task(stage, **values))
            continue
        if stage not in groups:
            groups[stage] = Task(stage, None, doc=f"every {stage} task", has_subtask=True)
            found.append(groups[stage])
        task = _Task(f"{stage}:{subject}", **values)
        task.subtask_of = stage
        groups[stage].task_dep.append(task.name)
        found.append(task)
    return found


class _Engine(DoitMain):  # type: ignore[misc]
    """doit's main program with one command of ours."""

    def __init__(self, tasks: Iterable[Mapping[str, Any]], command: type[DoitCmdBase]) -> None:
        super().__init__(TaskDicts(tasks), config_filenames=(), extra_config=_CONFIG)
        self._command = command

    def process_args(self, cmd_args: Sequence[str]) -> list[str]:
        """Nothing of ours is an assignment; those of a doit that has called us are left alone."""
        return list(cmd_args)

    def get_cmds(self) -> Any:
        commands = super().get_cmds()
        commands[self._command.get_name()] = self._command
        return commands


def run_tasks(
    tasks: Iterable[Mapping[str, Any]],
    selected: Sequence[str],
    *,
    keep_going: bool = False,
    jobs: int | str = 0,
    budget: str = "",
    quiet: bool = False,
    summary: bool = True,
    records: list[dict[str, Any]] | None = None,
    failures: dict[str, str] | None = None,
    follower: Follower | None = None,
    embedded: bool = False,
) -> int:
    """Runs the selected tasks and what they need; returns the exit code.

    jobs: how many tasks at a time, or `auto`; budget: what they may use, as `cpu=2,memory=8GB`;
    records and failures, when given, receive what `run --json` prints of each task, and why those
    that failed did; follower: is told how it goes on; embedded: for a program that goes on after
    this: its signal handlers are left alone, an error of the build as a whole is raised, and
    KeyboardInterrupt goes through.
    """
    faults: list[BenchwrightError] = []

    class Command(Run):
        name = "run"

        def execute(self, params: Any, args: Any) -> int:
            self.quiet, self.summary = quiet, summary
            self.follower, self.embedded = follower, embedded
            try:
                return super().execute(params, args)
            except BenchwrightError as error:
                # doit would print a traceback.
                faults.append(error)
                return int(error.exit_code)
            finally:
                if records is not None:
                    records.extend(self.records)
                if failures is not None:
                    failures.update(self.failures)

    arguments = ["run"]
    if keep_going:
        arguments.append("--continue")
    if str(jobs) not in ("0", "1"):
        arguments += ["-n", str(jobs)]
    if budget:
        arguments.append(f"--budget={budget}")
    code = _run_engine(tasks, Command, [*arguments, *selected])
    if faults:
        raise faults[0]
    return code


def _run_engine(
    tasks: Iterable[Mapping[str, Any]], command: type[DoitCmdBase], arguments: Sequence[str]
) -> int:
    """One command of doit, which keeps its records' manager where every module can see it: that
    of a doit that has called us is put back."""
    manager = Globals.dep_manager
    try:
        return int(_Engine(tasks, command).run(arguments))
    finally:
        Globals.dep_manager = manager


def with_state(
    tasks: Sequence[Mapping[str, Any]], look: Callable[[dict[str, Task], Any], None]
) -> None:
    """Calls `look(tasks by name, doit's dependency manager)` without running anything."""

    class Look(DoitCmdBase):  # type: ignore[misc]
        name = "look"
        doc_purpose = "look at the state of tasks"
        doc_usage = ""
        doc_description = None

        def execute(self, params: Any, args: Any) -> int:
            # doit would print a traceback of an error that is explained.
            told = TOLD_ELSEWHERE.set(True)
            try:
                return int(super().execute(params, args))
            except BenchwrightError as error:
                failures.append(error)
                return 1
            finally:
                TOLD_ELSEWHERE.reset(told)

        def _execute(self) -> int:
            control = TaskControl(self.task_list)
            control.process(None)
            look(control.tasks, self.dep_manager)
            return 0

    failures: list[BenchwrightError] = []
    code = _run_engine(tasks, Look, ["look"])
    if failures:
        raise failures[0]
    if code != 0:
        raise BenchwrightError(
            "doit could not read the tasks", why="see what it printed", fix="report this"
        )
