"""The system: what the probes saw, identity apart from observation."""

from __future__ import annotations

import json

from benchwright.build.recipe import Kitchen
from benchwright.steps.common import registry

SYSTEM_FILE = "system.json"


def build(kitchen: Kitchen) -> None:
    """Reads the machine and writes `system.json`."""
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
