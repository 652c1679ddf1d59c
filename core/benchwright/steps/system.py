"""The system: what the probes saw, identity apart from observation."""

from __future__ import annotations

import json

from benchwright.build.recipe import Kitchen
from benchwright.errors import BenchwrightError
from benchwright.steps.common import registry

SYSTEM_FILE = "system.json"


def build(kitchen: Kitchen) -> None:
    """Reads the machine and writes `system.json`. Raises BenchwrightError for fields that a
    submission needs and nobody has stated: after days of runs would be late."""
    unstated = kitchen.parameters["unstated"]
    if unstated:
        raise BenchwrightError(
            f"the description of this system says nothing of {', '.join(unstated)}",
            where=kitchen.recipe.aside["stated_in"],
            why="no probe can know it, and a submission has to state it",
            fix=kitchen.recipe.aside["how_to_state"],
        )
    reading = registry().read_system(observe=True)
    text = json.dumps(
        {
            "name": kitchen.parameters["name"],
            "identity": dict(reading.identity),
            "observation": dict(reading.observation),
        },
        indent=1,
        sort_keys=True,
    )
    (kitchen.out / SYSTEM_FILE).write_text(text + "\n", encoding="utf-8")
