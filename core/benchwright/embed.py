"""Our tasks in anybody's build: a campaign as doit task dicts.

In a dodo.py:

    from benchwright.embed import campaign_tasks

    def task_benchwright():
        yield from campaign_tasks("benchwright.yaml")
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchwright.build.task import META
from benchwright.campaign import CAMPAIGN_FILE, load_campaign
from benchwright.errors import UsageError
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
    return Plan(
        load_campaign(Path(campaign)),
        registry if registry is not None else Registry(),
        extra=extra,
        rerun=rerun,
    )


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


def _not_a_task(offered: Iterable[Any]) -> str | None:
    """What a plugin handed over that is no task of ours, or None."""
    for item in offered:
        if not isinstance(item, dict):
            return f"{type(item).__name__}, not a task dict"
        if META not in item.get("meta", {}) or "basename" not in item:
            return "a task that was not made with `benchwright.build.task`"
    return None


def name_of(task: dict[str, Any]) -> str:
    """A task dict's full name: `<stage>:<subject>`, or the stage alone."""
    subject = task.get("name")
    return f"{task['basename']}:{subject}" if subject else str(task["basename"])


def campaign_tasks(campaign: str | Path = CAMPAIGN_FILE) -> Iterator[dict[str, Any]]:
    """The tasks of a campaign file, for a dodo.py.

    A campaign that is wrong ends the program with the explanation and exit code 2: doit would
    print a traceback instead.
    """
    try:
        plan = make_plan(campaign)
        tasks = plan_tasks(plan)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(int(error.exit_code)) from None
    for problem in plan.registry.problems():
        print(f"warning: {problem}", file=sys.stderr)
    seen = set()
    for task in tasks:
        stage = task["basename"]
        if "name" in task and stage not in seen:
            # A group's own line in `doit list`.
            yield {"basename": stage, "name": None, "doc": f"every {stage} task"}
        seen.add(stage)
        yield task
