"""What commands share: the campaign and its tasks, JSON output."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from benchwright.embed import make_plan, plan_tasks
from benchwright.embed import name_of as name_of
from benchwright.layout import CAMPAIGN_FILE
from benchwright.names import TaskDict as TaskDict
from benchwright.names import find as find
from benchwright.plan import Plan


def print_json(value: Any) -> None:
    """JSON on standard output, in ASCII: a file's name may hold bytes that are no text."""
    print(json.dumps(value, indent=1))


def load(arguments: Namespace, *, extra: Sequence[str] = ()) -> tuple[Plan, list[TaskDict]]:
    """The plan of the campaign that the command line names, and its tasks."""
    plan = make_plan(arguments.campaign or CAMPAIGN_FILE, extra=extra)
    tasks = plan_tasks(plan)
    warn(plan)
    return plan, tasks


def warn(plan: Plan) -> None:
    """Names every plugin that was left out."""
    for problem in plan.registry.problems():
        print(f"warning: {problem}", file=sys.stderr)
