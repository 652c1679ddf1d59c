"""`singlestream-overhead`: the median latency of SingleStream above the median of a bare call.

A round measures calls, loadgen, calls in one process, one instance with one thread each; a
single call of the tiny model takes well under 0.1 ms, so the harness shows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

from measures import stock
from measures.result import Result, judged
from measures.rounds import Figures, rounds

if TYPE_CHECKING:
    from benchwright.contracts.program import Array, Session
    from measures.registry import Note

GOAL_US = 30.0


def run(quick: bool, note: Note) -> Result:
    """Measures; baseline is the bare call's median."""
    spec = {**stock.tiny(note).spec(), "seconds": 0.1 if quick else 0.4}

    def line(figures: Figures) -> str:
        return f"p50: bare {figures['bare']:.2f}, loadgen {figures['loadgen']:.2f} µs"

    found = rounds(__name__, spec, 1 if quick else 21, note, line)
    above = [figures["loadgen"] - figures["bare"] for figures in found]
    return judged(
        "singlestream-overhead",
        value=median(above),
        unit="µs",
        baseline=median(figures["bare"] for figures in found),
        ratio=median((figures["loadgen"] - figures["bare"]) / figures["bare"] for figures in found),
        better="lower",
        goal=GOAL_US,
        bounded=above,
    )


def measure(spec: Mapping[str, Any]) -> Figures:
    """One round: calls, loadgen, calls; medians in µs."""
    from benchwright.harness.calibrate import Operation
    from benchwright.harness.child import calm
    from measures.kit import Kit

    kit = Kit(spec)
    images = kit.images()
    bare = kit.bare(threads=1)
    instance = kit.instance(kit.sessions(threads=1))
    calm()
    _calls(bare, kit.input_name, images, 0.05)
    before = _calls(bare, kit.input_name, images, spec["seconds"])
    log = kit.test(
        "SingleStream",
        [instance],
        Operation(1, 1, 1, latency_s=median(before)),
        min_duration_ms=round(spec["seconds"] * 1000),
    )
    after = _calls(bare, kit.input_name, images, spec["seconds"])
    return {
        "bare": (median(before) + median(after)) / 2 * 1e6,
        "loadgen": log.latency_ns[50.0] / 1e3,
    }


def _calls(session: Session, name: str, images: Array, seconds: float) -> list[float]:
    """Seconds of each call with one sample, for so long."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        place = len(times) % len(images)
        session.run({name: images[place : place + 1]})
        times.append(time.perf_counter() - begin)
    return times
