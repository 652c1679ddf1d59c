"""`second-checkout`: what a build costs whose artifacts another checkout has put into the store.

Both checkouts are folders with the default campaign, built by the real command line with start-up
included; measured runs and what is made of them are left out, as they never come from the store.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchwright.errors import BenchwrightError
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
}
"""Of the second case half is Python's start-up, so that it cannot reach the goal."""


def run(quick: bool, note: Note) -> list[Result]:
    """Measures; in a quick run only the case that needs no compiler."""
    names = list(CASES)[1:] if quick else list(CASES)
    return [_case(name, 1 if quick else ROUNDS, note) for name in names]


def _case(name: str, rounds: int, note: Note) -> Result:
    firsts, seconds, ratios = [], [], []
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="benchwright-benchmark-") as place:
            first, second = (_build(Path(place), which, CASES[name]) for which in ("one", "two"))
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
    command = [sys.executable, "-m", "benchwright", "run", *PRODUCTS]
    environment = {**os.environ, "BENCHWRIGHT_STORE": str(place / "store")}
    begin = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - begin
    if done.returncode != 0:
        raise BenchwrightError(
            f"`benchwright run {' '.join(PRODUCTS)}` failed with exit status {done.returncode}",
            where=str(folder),
            why=done.stderr[-1000:].strip() or "it said nothing",
        )
    return took
