"""This checkout's campaign as doit tasks: `doit` runs it, `doit list --all` shows them."""

from collections.abc import Iterator
from typing import Any

from benchwright.embed import campaign_tasks


def task_benchwright() -> Iterator[dict[str, Any]]:
    """The default campaign."""
    yield from campaign_tasks("benchwright.yaml")
