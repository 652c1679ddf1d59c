"""Posts every result to the address in the environment variable BENCHWRIGHT_WEBHOOK.

Only the hook lives here; what posts is imported when there is something to post.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.results import RunResult

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""

ADDRESS_VARIABLE = "BENCHWRIGHT_WEBHOOK"
"""Environment variable: where results are posted; nothing is posted without it."""


@hookimpl
def run_finished(run: Mapping[str, Any], result: RunResult) -> None:
    """Posts one result. What goes wrong is raised, and becomes a warning of the run."""
    address = os.environ.get(ADDRESS_VARIABLE)
    if not address:
        # Into the task's log: whoever misses the post finds it there.
        print(f"webhook: {ADDRESS_VARIABLE} is not set, nothing is posted")
        return
    from benchwright_webhook.post import post

    post(address, {"event": "run_finished", "run": dict(run), "result": result.record()})
