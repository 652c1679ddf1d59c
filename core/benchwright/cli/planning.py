"""`benchwright plan`."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from benchwright.build import resources
from benchwright.build.display import duration, size
from benchwright.build.task import META
from benchwright.cli.common import load, name_of, print_json


def main(arguments: Namespace) -> int:
    """Shows what the campaign amounts to, before any work."""
    plan, tasks = load(arguments)
    _refuse_what_is_too_big(tasks, arguments.budget)
    rows = []
    for task in tasks:
        meta = task["meta"][META]
        rows.append(
            {
                "task": name_of(task),
                "stage": task["basename"],
                "seconds": meta["seconds"],
                "disk_bytes": meta["disk_bytes"],
                "download_bytes": meta["download_bytes"],
                "targets": list(task["targets"]),
            }
        )
    total = {
        "seconds": sum(row["seconds"] for row in rows),
        "disk_bytes": sum(row["disk_bytes"] for row in rows),
        "download_bytes": sum(row["download_bytes"] for row in rows),
    }
    if arguments.json:
        print_json(
            {
                "campaign": plan.campaign.name,
                "round": plan.round.name,
                "division": plan.campaign.division,
                "category": plan.campaign.category,
                "system": plan.system_name,
                "unofficial": plan.unofficial(),
                "tasks": rows,
                **total,
            }
        )
        return 0
    print(
        f"campaign {plan.campaign.name}: round {plan.round.name}, {plan.campaign.division}, "
        f"{' and '.join(plan.campaign.category)}, on {plan.system_name}"
    )
    if plan.unofficial():
        print(f"not for submission: {', '.join(plan.unofficial())}")
    width = max(len(row["task"]) for row in rows)
    for row in rows:
        fetched = f"  downloads {size(row['download_bytes'])}" if row["download_bytes"] else ""
        print(f"{row['task']:{width}}  about {duration(row['seconds'])}{fetched}")
    print(
        f"in all about {duration(total['seconds'])}; disk up to {size(total['disk_bytes'])}; "
        + (
            f"downloads {size(total['download_bytes'])}"
            if total["download_bytes"]
            else "nothing to download"
        )
    )
    return 0


def _refuse_what_is_too_big(tasks: list[dict[str, Any]], budget: str) -> None:
    """UsageError where what would run asks for more than there is."""
    here = resources.budget(budget) if budget else None

    def due() -> list[str]:
        from benchwright.build.engine import with_state
        from benchwright.build.status import statuses

        found: dict[str, Any] = {}
        with_state(
            tasks, lambda by_name, records: found.update(statuses(by_name.values(), records))
        )
        return [name for name in found if found[name].due]

    resources.refuse_too_big({name_of(task): task["meta"][META] for task in tasks}, here, due)
