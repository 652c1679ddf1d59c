"""`benchwright run`."""

from __future__ import annotations

import os
from argparse import Namespace

from benchwright.build.engine import run_tasks
from benchwright.build.resources import parse_budget, parse_jobs
from benchwright.build.task import META
from benchwright.cli.common import find, load, name_of, print_json
from benchwright.errors import UsageError


def main(arguments: Namespace) -> int:
    """Runs the campaign, or the named tasks and what they need."""
    parse_jobs(arguments.jobs)
    parse_budget(arguments.budget)
    plan, tasks = load(arguments, extra=arguments.tasks)
    selected = [name for typed in arguments.tasks for name in find(typed, tasks)]
    if arguments.rerun:
        measured = [name_of(task) for task in tasks if task["meta"][META]["kind"] == "measurement"]
        rerun = [name for name in selected if name in measured] if selected else measured
        if not rerun:
            raise UsageError(
                "--rerun makes measured runs again, and none is among the named tasks",
                fix="name a performance or accuracy task, or no task for all of them",
            )
        plan, tasks = load(arguments, extra=arguments.tasks, rerun=rerun)
    if not selected:
        outside = set(plan.outside_tasks())
        selected = [name_of(task) for task in tasks if name_of(task) not in outside]
    records: list[dict[str, object]] = []
    code = run_tasks(
        tasks,
        list(dict.fromkeys(selected)),
        keep_going=arguments.keep_going,
        jobs=arguments.jobs,
        budget=arguments.budget,
        quiet=arguments.quiet,
        summary=not arguments.json,
        records=records,
    )
    if arguments.json:
        for record in records:
            if record["log"] and not os.path.exists(str(record["log"])):
                record["log"] = None
        print_json(records)
    return code
