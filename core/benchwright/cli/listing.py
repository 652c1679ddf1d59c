"""`benchwright list`."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from benchwright.build.engine import with_state
from benchwright.build.status import statuses
from benchwright.cli.common import load, name_of, print_json


def main(arguments: Namespace) -> int:
    """Lists every task of the campaign with its status."""
    _, tasks = load(arguments)
    found: dict[str, Any] = {}
    with_state(tasks, lambda by_name, records: found.update(statuses(by_name.values(), records)))
    rows = [
        {
            "task": name_of(task),
            "stage": task["basename"],
            "status": found[name_of(task)].word,
            "targets": list(task["targets"]),
        }
        for task in tasks
    ]
    if arguments.json:
        print_json(rows)
        return 0
    width = max(len(row["task"]) for row in rows)
    for row, task in zip(rows, tasks, strict=True):
        stale = " (stale)" if found[row["task"]].stale else ""
        print(f"{row['task']:{width}}  {row['status'] + stale:18}  {task['doc']}")
    return 0
