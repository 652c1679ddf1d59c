"""`noop`: what a build costs that has nothing to do, beside doit as it is, GNU make and ninja on
the same graphs.

Every builder is called as a process, start-up included. The calls of a round follow each other,
so that a machine that slows down slows all of them. A builder that is missing is said and left out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchwright.errors import BenchwrightError
from measures import noop_graphs
from measures.result import Result, judged

if TYPE_CHECKING:
    from measures.registry import Note

Times = dict[str, list[float]]
"""Builder → seconds, round by round."""


@dataclass(frozen=True, slots=True)
class Case:
    """A shape (see noop_graphs), its size, and the most seconds that ours may take."""

    name: str
    shape: str
    count: int
    goal: float


CASES = (
    Case("noop 10,000 tasks", "chains", 10_000, 1.0),
    Case("noop 50,000 tasks", "chains", 50_000, 6.0),
    Case("noop 50,000 files under 10 tasks", "data-set", 50_000, 1.0),
)
QUICK_CASES = (
    Case("noop 1,000 tasks (quick)", "chains", 1_000, 1.0),
    Case("noop 1,000 files under 10 tasks (quick)", "data-set", 1_000, 1.0),
)
FAN = 20_000
FAN_GOAL = 1.25
"""A task over twice the inputs may take 1.25 times twice the time; quadratic would be 2."""


@dataclass(frozen=True, slots=True)
class Builder:
    """How a builder's graph is written (folder, shape, count) and how it is called in there."""

    write: Callable[[Path, str, int], None]
    call: Callable[[Case], list[str]]


BUILDERS = {
    "ours": Builder(
        noop_graphs.write_ours,
        lambda case: [sys.executable, noop_graphs.__file__, case.shape, str(case.count)],
    ),
    "doit": Builder(noop_graphs.write_doit, lambda case: [sys.executable, "-m", "doit"]),
    "make": Builder(noop_graphs.write_make, lambda case: ["make", "-s"]),
    "ninja": Builder(noop_graphs.write_ninja, lambda case: ["ninja"]),
}


def run(quick: bool, note: Note) -> list[Result]:
    """Measures: ours against each builder in every case, and how a fan-in grows."""
    rounds = 1 if quick else 5
    builders = _available(note)
    results: list[Result] = []
    for case in QUICK_CASES if quick else CASES:
        results += _against(case, *_times([case], builders, rounds, note))
    fan = 1_000 if quick else FAN
    sizes = [
        Case(f"noop one task over {count:,}", "fan-in", count, 0.0) for count in (fan // 2, fan)
    ]
    half, full = _times(sizes, builders, rounds, note)
    growth = [two / (2 * one) for one, two in zip(half["ours"], full["ours"], strict=True)]
    results.append(
        judged(
            f"noop one task over {fan:,}, beside twice one over {fan // 2:,}",
            value=median(full["ours"]),
            unit="s",
            baseline=2 * median(half["ours"]),
            ratio=median(growth),
            better="lower",
            goal=FAN_GOAL,
            bounded=growth,
        )
    )
    return results


def _available(note: Note) -> list[str]:
    found = []
    for name in BUILDERS:
        if name in ("make", "ninja") and shutil.which(name) is None:
            fix = "`pip install ninja`" if name == "ninja" else "your system's package manager"
            note(f"{name} is missing and left out ({fix} brings it)")
        else:
            found.append(name)
    return found


def _against(case: Case, times: Times) -> Iterator[Result]:
    for name in times:
        if name != "ours":
            ratios = [one / other for one, other in zip(times["ours"], times[name], strict=True)]
            yield judged(
                f"{case.name}, beside {name}",
                value=median(times["ours"]),
                unit="s",
                baseline=median(times[name]),
                ratio=median(ratios),
                better="lower",
                goal=case.goal,
                bounded=times["ours"],
            )


def _times(cases: Sequence[Case], builders: Sequence[str], rounds: int, note: Note) -> list[Times]:
    """The times of each case; those that are to be compared are given together, so that their
    calls take turns."""
    times: list[Times] = [{name: [] for name in builders} for _ in cases]
    with tempfile.TemporaryDirectory(prefix="benchwright-benchmark-") as place:
        calls = []
        for case, found in zip(cases, times, strict=True):
            for name in builders:
                note(f"{case.name}: preparing {name}")
                folder = Path(place, f"{name}-{case.count}")
                BUILDERS[name].write(folder, case.shape, case.count)
                calls.append((BUILDERS[name].call(case), folder, found[name]))
                # The first call records what it finds; the second has nothing to do.
                for _ in range(2):
                    _seconds(BUILDERS[name].call(case), folder)
        # By builder, so that a case follows the one that it is compared with.
        calls.sort(key=lambda call: builders.index(call[1].name.split("-")[0]))
        for _ in range(rounds):
            for command, folder, seconds in calls:
                seconds.append(_seconds(command, folder))
    for case, found in zip(cases, times, strict=True):
        note(f"{case.name}: " + ", ".join(f"{name} {median(found[name]):.3f} s" for name in found))
    return times


def _seconds(command: Sequence[str], folder: Path) -> float:
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    took = time.perf_counter() - begin
    if done.returncode != 0:
        raise BenchwrightError(
            f"`{' '.join(command)}` failed with exit status {done.returncode}",
            where=str(folder),
            why=(done.stdout + done.stderr)[-1000:].strip() or "it said nothing",
        )
    return took
