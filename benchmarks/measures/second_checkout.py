"""`second-checkout`: what a build costs whose artifacts another checkout has put into the store.

Both checkouts are folders with a campaign, built by the real command line with start-up
included; measured runs and what is made of them are left out, as they never come from the store.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from measures.all_tiny import CAMPAIGN as ALL_TINY
from measures.commandline import seconds_of
from measures.result import Result, judged

if TYPE_CHECKING:
    from measures.registry import Note

GOAL = 0.1
ROUNDS = 3
PRODUCTS = ("loadgen", "dataset", "preprocess", "model", "engine")
_CAMPAIGN = "benchmarks: [resnet50]\nbackends: [onnxruntime]\n"
CASES = {
    "second-checkout": _CAMPAIGN + "loadgen: {build: source}\n",
    "second-checkout, loadgen installed": _CAMPAIGN,
    "second-checkout, all tiny": ALL_TINY.read_text(encoding="utf-8"),
}
"""Of the second case half is Python's start-up, so that it cannot reach the goal."""


def run(quick: bool, note: Note) -> list[Result]:
    """Measures; in a quick run only the case that needs no compiler."""
    names = list(CASES)[1:2] if quick else list(CASES)
    return [_case(name, 1 if quick else ROUNDS, note) for name in names]


def _case(name: str, rounds: int, note: Note) -> Result:
    firsts, seconds, ratios = [], [], []
    # Removed at the end: a disk that is still taking files away is slow in taking new ones.
    with tempfile.TemporaryDirectory(prefix="benchwright-benchmark-") as folder:
        for number in range(rounds):
            place = Path(folder) / str(number)
            place.mkdir()
            first, second = (_build(place, which, CASES[name]) for which in ("one", "two"))
            note(f"{name} {number + 1}/{rounds}: first {first:.2f} s, second {second:.2f} s")
            firsts.append(first)
            seconds.append(second)
            ratios.append(second / first)
    return judged(
        name,
        value=median(seconds),
        unit="s",
        baseline=median(firsts),
        ratio=median(ratios),
        better="lower",
        goal=GOAL,
        bounded=ratios,
    )


def _build(place: Path, which: str, campaign: str) -> float:
    folder = place / which
    folder.mkdir()
    (folder / "benchwright.yaml").write_text(campaign, encoding="utf-8")
    environment = {"BENCHWRIGHT_STORE": str(place / "store")}
    return seconds_of(["run", *PRODUCTS], folder, environment)[0]
