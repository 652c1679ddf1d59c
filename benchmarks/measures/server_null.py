"""`server-null`: how many Server queries per second the harness carries when the engine takes no
time, by v3.1's rules for resnet50 (99 % within 15 ms).

Each round is one run; loadgen is asked for a little more than the goal, because queries come at
random and the completed rate differs a little from the one asked for. An INVALID round counts as 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

from measures import stock
from measures.result import Result, judged
from measures.rounds import Figures, rounds

if TYPE_CHECKING:
    from measures.registry import Note

GOAL_QPS = 100_000.0
ASKED_QPS = 102_000.0
BATCH = 256


def run(quick: bool, note: Note) -> Result:
    """Measures; baseline is the goal itself."""
    spec = {**stock.tiny(note).spec(), "seconds": 0.5 if quick else 10.0}

    def line(figures: Figures) -> str:
        valid = "VALID" if figures["valid"] else "INVALID"
        return f"{valid}, {figures['completed']:.0f} queries/s, p99 {figures['p99']:.2f} ms"

    found = rounds(__name__, spec, 1 if quick else 5, note, line)
    rates = [figures["completed"] if figures["valid"] else 0.0 for figures in found]
    return judged(
        "server-null",
        value=median(rates),
        unit="queries/s",
        baseline=GOAL_QPS,
        ratio=median(rates) / GOAL_QPS,
        better="higher",
        goal=GOAL_QPS,
        bounded=rates,
    )


def measure(spec: Mapping[str, Any]) -> Figures:
    """One run: completed queries per second, p99 in ms, and whether it was VALID (1 or 0)."""
    from benchwright.harness.calibrate import Operation
    from measures.kit import Kit, Null

    kit = Kit(spec)
    instance = kit.instance({"main": Null(BATCH)})
    log = kit.test(
        "Server",
        [instance],
        Operation(1, 1, BATCH),
        pins={"target_qps": ASKED_QPS},
        min_duration_ms=round(spec["seconds"] * 1000),
    )
    return {
        "completed": log.number("result_completed_samples_per_sec") or 0.0,
        "p99": log.latency_ns[99.0] / 1e6,
        "valid": float(log.valid),
    }
