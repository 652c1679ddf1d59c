"""Stage `system`: what the probes see of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchwright.build.recipe import Recipe
from benchwright.build.task import product
from benchwright.plan import Plan


def tasks(plan: Plan) -> Iterator[dict[str, Any]]:
    """The one task of this stage; it runs again when the machine's identity changes, and fails
    before long runs whose system nobody has described."""
    made = Recipe(
        task="system",
        call="benchwright.steps.system:build",
        folder=plan.layout.system,
        parameters={
            "name": plan.system_name,
            "identity": dict(plan.identity),
            "unstated": plan.unstated() if plan.campaign.duration == "official" else [],
        },
        aside={
            "stated_in": plan.campaign.where("system"),
            "how_to_state": plan.campaign.how_to_state,
        },
        log=plan.layout.log("system"),
    )
    yield product(made, doc=f"this machine: {plan.system_name}", files=["system.json"])
