"""`all-tiny`: every benchmark's tiny preset in all its scenarios, by one command, and the same
command again with nothing to do.

The store is an empty folder, so that everything is built.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measures.commandline import seconds_of
from measures.result import Result, bounded_seconds

if TYPE_CHECKING:
    from measures.registry import Note

GOAL_S = 600.0
NOTHING_GOAL_S = 0.6
NOTHING_ROUNDS = 7
CAMPAIGN = Path(__file__).parents[2] / "campaigns" / "all-tiny.yaml"
_QUICK = ("performance:resnet50-tiny/onnxruntime/Offline",)


def run(quick: bool, note: Note) -> list[Result]:
    """Measures; in a quick run one of the campaign's runs stands for all."""
    with tempfile.TemporaryDirectory(prefix="benchwright-benchmark-") as place:
        folder = Path(place) / "project"
        folder.mkdir()
        shutil.copyfile(CAMPAIGN, folder / CAMPAIGN.name)
        arguments = ("run", "-c", CAMPAIGN.name, *(_QUICK if quick else ()))
        environment = {"BENCHWRIGHT_STORE": str(Path(place) / "store")}
        first, _ = seconds_of(arguments, folder, environment)
        note(f"all-tiny: {first:.1f} s")
        again = [
            seconds_of(arguments, folder, environment)[0]
            for _ in range(2 if quick else NOTHING_ROUNDS)
        ]
        note(f"all-tiny, nothing to do: {', '.join(f'{took:.2f}' for took in again)} s")
    return [
        bounded_seconds("all-tiny", [first], GOAL_S),
        bounded_seconds("all-tiny, nothing to do", again, NOTHING_GOAL_S),
    ]
