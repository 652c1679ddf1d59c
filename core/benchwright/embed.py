"""Our tasks in anybody's build: a campaign as doit task dicts.

In a dodo.py:

    from benchwright.embed import campaign_tasks

    def task_benchwright():
        yield from campaign_tasks("benchwright.yaml", prefix="bench")

docs/embedding.md shows what a host's own tasks can do with them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchwright.build import artifact
from benchwright.build.task import META
from benchwright.campaign import load_campaign
from benchwright.errors import UsageError
from benchwright.layout import CAMPAIGN_FILE
from benchwright.names import TaskDict, find
from benchwright.names import name_of as name_of
from benchwright.plan import Plan
from benchwright.plugins import Registry


def make_plan(
    campaign: str | Path = CAMPAIGN_FILE,
    *,
    extra: Sequence[str] = (),
    rerun: Iterable[str] = (),
    registry: Registry | None = None,
) -> Plan:
    """The plan of a campaign file with the installed plugins; UsageError when it is wrong."""
    found = load_campaign(Path(campaign))
    return Plan(found, registry or Registry(), extra=extra, rerun=rerun)


def plan_tasks(plan: Plan) -> list[dict[str, Any]]:
    """The doit task dicts of a plan, from every plugin that offers stages."""
    tasks: list[dict[str, Any]] = []
    taken: set[str] = set()
    for status, offered in plan.registry.call("tasks", plan=plan):
        wrong = _not_a_task(offered)
        if wrong is not None:
            status.fail(f"hook `tasks` handed over {wrong}")
            continue
        for task in offered:
            names = {name_of(task), *task["targets"]}
            if names & taken:
                status.note(
                    f"`{name_of(task)}` (tasks) or one of its targets exists already; "
                    "this one is left out"
                )
                continue
            taken |= names
            tasks.append(task)
    if not tasks:
        raise UsageError(
            "no installed plugin offers tasks for this campaign",
            why="; ".join(plan.registry.problems()) or None,
            fix="`benchwright plugins` shows what is installed and what failed",
        )
    return tasks


def _counts(folder: Path) -> bool:
    """False of a run whose result is INVALID, and of a test that fails beside the runs there."""
    from benchwright.results import RESULT_FILE
    from benchwright.steps.compliance import standing

    if not (folder / RESULT_FILE).is_file():
        return artifact.counts(folder)
    return standing(folder).valid


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be run of a plan: its tasks, and the names of those that are wanted."""

    plan: Plan
    tasks: list[TaskDict]
    names: list[str]


def select(
    plan: Plan,
    typed: Sequence[str] = (),
    *,
    rerun: bool = False,
    invalid: bool = False,
    started: str = ".",
) -> Selection:
    """What the typed names mean of a plan that was made with `extra=typed`; without any, the whole
    campaign. rerun: the measured runs among them are made again; invalid: those of them are whose
    result is INVALID; started: where typed paths begin.
    """
    tasks = plan_tasks(plan)
    names = [name for text in typed for name in find(text, tasks, started)]
    if rerun:
        measured = [name_of(task) for task in tasks if task["meta"][META]["kind"] == "measurement"]
        again = [name for name in names if name in measured] if typed else measured
        if not again:
            raise UsageError(
                "--rerun makes measured runs again, and none is among the named tasks",
                fix="name a performance or accuracy task, or no task for all of them",
            )
        plan = Plan(plan.campaign, plan.registry, extra=typed, rerun=again)
        tasks = plan_tasks(plan)
    elif invalid:
        again = [
            name_of(task)
            for task in tasks
            if task["meta"][META]["kind"] == "measurement"
            and (not typed or name_of(task) in names)
            and not _counts(Path(task["meta"][META]["folder"]))
        ]
        plan = Plan(plan.campaign, plan.registry, extra=typed, rerun=again)
        tasks = plan_tasks(plan)
    if not typed:
        outside = plan.outside_tasks()
        names = [name_of(task) for task in tasks if name_of(task) not in outside]
    return Selection(plan, tasks, list(dict.fromkeys(names)))


def _not_a_task(offered: Iterable[Any]) -> str | None:
    """What a plugin handed over that is no task of ours, or None."""
    for item in offered:
        if not isinstance(item, dict):
            return f"{type(item).__name__}, not a task dict"
        if META not in item.get("meta", {}) or "basename" not in item:
            return "a task that was not made with `benchwright.build.task`"
    return None


def campaign_tasks(
    campaign: str | Path = CAMPAIGN_FILE, *, prefix: str = ""
) -> Iterator[dict[str, Any]]:
    """The tasks of a campaign file, for a dodo.py.

    prefix: puts `<prefix>:` before every name (`vision:engine:…`), so that they collide with no
    other task, and makes a group `<prefix>` of them all. Files lie in `build/<campaign>` below the
    folder that doit works in, whatever the prefix and wherever the campaign file lies.

    A campaign that is wrong ends the program with the explanation and exit code 2: doit would
    print a traceback instead.
    """
    try:
        if prefix and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", prefix):
            raise UsageError(
                f"`{prefix}` is no prefix for names of tasks",
                where=str(campaign),
                fix="use letters, digits, `.`, `_`, `+` and `-`",
            )
        plan = make_plan(campaign)
        tasks = plan_tasks(plan)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(int(error.exit_code)) from None
    for problem in plan.registry.problems():
        print(f"warning: {problem}", file=sys.stderr)
    yield from _prefixed(tasks, prefix, str(campaign)) if prefix else _grouped(tasks)


def _grouped(tasks: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    seen = set()
    for task in tasks:
        stage = task["basename"]
        if "name" in task and stage not in seen:
            # A group's own line in `doit list`.
            yield {"basename": stage, "name": None, "doc": f"every {stage} task"}
        seen.add(stage)
        yield task


def _prefixed(
    tasks: Iterable[dict[str, Any]], prefix: str, campaign: str
) -> Iterator[dict[str, Any]]:
    """The tasks as subtasks of `prefix`, and a group `<prefix>:<stage>` for each stage. Recipes
    keep the names that they have everywhere: files, logs and the store are the same."""
    yield {"basename": prefix, "name": None, "doc": f"everything of {campaign}"}
    stages: dict[str, list[str]] = {}
    for task in tasks:
        name = name_of(task)
        if "name" in task:
            stages.setdefault(task["basename"], []).append(f"{prefix}:{name}")
        needs = [f"{prefix}:{need}" for need in task["task_dep"]]
        yield {**task, "basename": prefix, "name": name, "task_dep": needs}
    for stage, names in stages.items():
        yield {
            "basename": f"{prefix}:{stage}",
            "name": None,
            "doc": f"every {stage} task of {campaign}",
            "task_dep": names,
        }
