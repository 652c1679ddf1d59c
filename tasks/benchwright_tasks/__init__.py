"""The stages: each module turns a plan into doit tasks and nothing else.

They reach core through the `tasks` hook, as a vendor's stage would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.plan import Plan

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


@hookimpl
def tasks(plan: Plan) -> Iterable[dict[str, Any]]:
    """Every task of the plan, in the order of the data's way."""
    return list(_stages(plan))


def _stages(plan: Plan) -> Iterator[dict[str, Any]]:
    from benchwright_tasks import datasets, loadgen, models, runs, submission, system

    yield from loadgen.tasks(plan)
    yield from system.tasks(plan)
    yield from datasets.tasks(plan)
    yield from models.tasks(plan)
    yield from runs.tasks(plan)
    yield from submission.tasks(plan)
