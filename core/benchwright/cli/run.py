"""`benchwright run`."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchwright.build.engine import run_tasks, with_state
from benchwright.build.resources import parse_budget, parse_jobs
from benchwright.build.task import META
from benchwright.cli.common import name_of, print_json, warn
from benchwright.embed import Selection, make_plan, select
from benchwright.layout import CAMPAIGN_FILE
from benchwright.names import TaskDict, find_target
from benchwright.plan import Plan


def main(arguments: Namespace) -> int:
    """Runs the campaign, or the named tasks and what they need."""
    began_ns = time.time_ns()
    parse_jobs(arguments.jobs)
    parse_budget(arguments.budget)
    quiet = arguments.quiet
    plan = make_plan(arguments.campaign or CAMPAIGN_FILE, extra=arguments.tasks)
    chosen = select(
        plan,
        arguments.tasks,
        rerun=arguments.rerun,
        invalid=arguments.rerun_invalid,
        started=arguments.started,
    )
    if not quiet:
        warn(chosen.plan)
    by_path = {
        text: target
        for text in arguments.tasks
        if (target := find_target(text, chosen.tasks, arguments.started)) is not None
    }
    # Now, because running tasks imports more of a plugin than the plan depends on.
    planned = _planned_from(plan) if by_path or arguments.depfile else []
    records: list[dict[str, object]] = []
    code = run_tasks(
        chosen.tasks,
        chosen.names,
        keep_going=arguments.keep_going,
        jobs=arguments.jobs,
        budget=arguments.budget,
        quiet=quiet,
        summary=not arguments.json,
        records=records,
    )
    if code == 0 and planned:
        _tell_outer_build(arguments, chosen, by_path, planned, began_ns)
    elif code != 0 and quiet:
        warn(chosen.plan)
    if arguments.json:
        for record in records:
            if record["log"] and not os.path.exists(str(record["log"])):
                record["log"] = None
        print_json(records)
    return code


def _planned_from(plan: Plan) -> list[str]:
    """The files that every task depends on: the campaign's, and those of the plugins (their
    packages, and what planning has imported besides)."""
    from benchwright.build.recipe import module_files

    modules = [item.module.split(":")[0] for item in plan.registry.plugins.values() if item.hooks]
    packages = {module.split(".")[0] for module in modules}
    imported = [
        str(module.__file__)
        for name, module in list(sys.modules.items())
        if name.split(".")[0] in packages and getattr(module, "__file__", None)
    ]
    files = [str(path) for module in modules for path in module_files(module).values()]
    return [plan.campaign.document.name, *files, *imported]


def _tell_outer_build(
    arguments: Namespace,
    chosen: Selection,
    by_path: Mapping[str, tuple[TaskDict, str]],
    planned: list[str],
    began_ns: int,
) -> None:
    """For a build system that calls us: sets the times of the targets that were named by path (all
    of what was named, where a depfile is wanted), and writes the depfile. by_path: what was typed
    → the task that makes it, and its target."""
    tasks = chosen.tasks
    from benchwright.build import outer

    name = outer.named_from(arguments.started)
    if any(os.path.isabs(text) for text in by_path):
        name = os.path.abspath
    targets = {text: target for text, (_, target) in by_path.items()}
    folders = {target: task["meta"][META]["folder"] for task, target in by_path.values()}
    if arguments.depfile:
        made_by_path = {name_of(task) for task, _ in by_path.values()}
        for task in tasks:
            if name_of(task) in set(chosen.names) - made_by_path:
                targets |= {name(target): target for target in task["targets"]}
                folders |= dict.fromkeys(task["targets"], task["meta"][META]["folder"])
    files = [*planned, *outer.outside_files(tasks, chosen.names)]
    touched = outer.freshen(folders, files, began_ns)
    if touched:
        _keep_records(tasks, touched)
    if arguments.depfile:
        outer.write_depfile(Path(arguments.depfile), list(targets), map(name, files))


def _keep_records(tasks: list[TaskDict], touched: Mapping[str, Any]) -> None:
    from benchwright.build.records import restamp

    with_state(tasks, lambda by_name, records: restamp(records, by_name.values(), touched))
