"""`benchwright explain`."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from benchwright.build.engine import with_state
from benchwright.build.status import TaskStatus, statuses
from benchwright.cli.common import find, load, print_json


def main(arguments: Namespace) -> int:
    """Says why each meant task would run, or why not."""
    _, tasks = load(arguments, extra=[arguments.task])
    names = find(arguments.task, tasks, arguments.started)
    found: dict[str, TaskStatus] = {}
    with_state(tasks, lambda by_name, records: found.update(statuses(by_name.values(), records)))
    answers = [_answer(found[name]) for name in names]
    if arguments.json:
        print_json(answers)
        return 0
    for answer in answers:
        print(f"{answer['task']}: {answer['status']}")
        for reason in answer["reasons"]:
            print(f"  because {reason}")
        for change in answer["stale"]:
            print(f"  stale, kept: {change}")
        if answer["stale"]:
            print(f"  `benchwright run --rerun {answer['task']}` makes it again")
        if not answer["reasons"] and not answer["stale"]:
            print("  recipe, options, tool versions, inputs and targets are as they were")
    return 0


def _answer(status: TaskStatus) -> dict[str, Any]:
    return {
        "task": status.name,
        "status": status.word,
        "reasons": list(status.reasons),
        "stale": list(status.stale),
    }
