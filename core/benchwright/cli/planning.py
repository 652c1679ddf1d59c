"""`benchwright plan`."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from benchwright.build import resources
from benchwright.build.display import downloads, duration, size
from benchwright.build.task import META
from benchwright.cli.common import load, name_of, print_json
from benchwright.errors import UsageError
from benchwright.plan import Plan
from benchwright.requirements import Requirement, installing, lacking, of_engine, refuse_absent


def main(arguments: Namespace) -> int:
    """Shows what the campaign amounts to, before any work."""
    plan, tasks = load(arguments)
    refused = _refused(tasks, arguments.budget)
    lacks = _lacking(plan)
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
                "unknown_downloads": meta.get("unknown_downloads", 0),
                "targets": list(task["targets"]),
            }
        )
    total = {
        "seconds": sum(row["seconds"] for row in rows),
        "disk_bytes": sum(row["disk_bytes"] for row in rows),
        "download_bytes": sum(row["download_bytes"] for row in rows),
        "unknown_downloads": sum(row["unknown_downloads"] for row in rows),
        "memory_bytes": max(
            (task["meta"][META]["resources"].get("memory", 0) for task in tasks), default=0
        ),
        "by_hand": _by_hand(tasks),
    }
    submission = _submission(plan, {row["task"]: row["seconds"] for row in rows})
    if arguments.json:
        print_json(
            {
                "campaign": plan.campaign.name,
                "round": plan.round.name,
                "division": plan.campaign.division,
                "category": plan.campaign.category,
                "system": plan.system_name,
                "unofficial": plan.unofficial(),
                "submission": submission,
                "tasks": rows,
                "refused": None if refused is None else str(refused),
                "not_installed": [
                    {"who": item.who, "packages": item.missing(), "fix": installing([item])}
                    for item in lacks
                ],
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
        fetched, unknown = row["download_bytes"], row["unknown_downloads"]
        more = f"  {downloads(fetched, unknown)}" if fetched or unknown else ""
        print(f"{row['task']:{width}}  about {duration(row['seconds'])}{more}")
    for path, instructions in total["by_hand"].items():
        print(f"to be placed by hand: {path}: {instructions}")
    for lack in lacks:
        print(f"not installed: {lack}: {installing([lack])}")
    print(
        f"in all about {duration(total['seconds'])}; disk up to {size(total['disk_bytes'])}; "
        f"memory up to {size(total['memory_bytes'])}; "
        f"{downloads(total['download_bytes'], total['unknown_downloads'])}"
    )
    if refused is not None:
        print(f"cannot run here: {refused}")
    runs, seconds = submission["runs"], submission["seconds"]
    print(f"a submission in {plan.campaign.division}: {len(runs)} runs, about {duration(seconds)}")
    for remark in submission["remarks"]:
        print(f"  {remark['weight']}: {remark['what']}")
        print(f"    {remark['fix']} ({remark['where']})")
    return 0


def _lacking(plan: Plan) -> list[Requirement]:
    """What a run would refuse to start without. A plan may be for another machine, so that it is
    told and does no harm."""
    return lacking(item for engine in plan.engines for item in of_engine(engine))


def _by_hand(tasks: list[dict[str, Any]]) -> dict[str, str]:
    """The files that a person must place and that are not there yet, and where to get each."""
    wanted = (task["meta"][META].get("by_hand", {}) for task in tasks)
    return {
        path: instructions
        for files in wanted
        for path, instructions in files.items()
        if not os.path.exists(path)
    }


def _submission(plan: Plan, seconds: Mapping[str, float]) -> dict[str, Any]:
    """What the submission needs, and what is missing or would be rejected."""
    from benchwright.preflight import remarks

    runs = {run.task: seconds.get(run.task, 0.0) for run in plan.campaign_runs()}
    try:
        found = [remark.record() for remark in remarks(plan)]
    except UsageError as error:
        # No formatter for the round: the runs can be made, and a submission cannot.
        found = [{"weight": "missing", "what": error.what, "fix": error.fix or "", "where": ""}]
    return {"runs": runs, "seconds": sum(runs.values()), "remarks": found}


def _refused(tasks: list[dict[str, Any]], budget: str) -> UsageError | None:
    """What `run` would say where that asks for more than there is, or for a folder that is not
    there. A plan may be for another machine, so that it is told and does no harm."""
    here = resources.budget(budget) if budget else None

    def due() -> list[str]:
        from benchwright.build.engine import with_state
        from benchwright.build.status import statuses

        found: dict[str, Any] = {}
        with_state(
            tasks, lambda by_name, records: found.update(statuses(by_name.values(), records))
        )
        return [name for name in found if found[name].due]

    try:
        metas = {name_of(task): task["meta"][META] for task in tasks}
        resources.refuse_too_big(metas, here, due)
        refuse_absent(metas, due, keep_going=False)
    except UsageError as error:
        return error
    return None
