"""`offline-overhead`: what loadgen and the harness add to a sample, in an Offline run of the tiny
model.

The engine takes a hundred times as long as what is looked for, and varies by more. So a stopwatch
around the engine's calls takes it out where it happens: the cost is the time that an instance
spends outside its engine, plus the time before the first and after the last engine call, less the
same of a bare loop. It is wall time per sample of the whole layout (an instance with one thread
for each core), as samples/s are. Waiting for the other instances at the end counts on neither
side. The plain difference of the times per sample is told as well, for comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from measures import stock
from measures.result import Result, judged
from measures.rounds import Figures, rounds

if TYPE_CHECKING:
    from measures.kit import Stopwatch
    from measures.registry import Note

BATCH = 256
MOST_INSTANCES = 8
GOAL_US = 0.6


def run(quick: bool, note: Note) -> Result:
    """Measures; baseline is a sample's time in the bare loop."""
    from benchwright.harness.launch import usable_cores

    instances = min(usable_cores(), MOST_INSTANCES)
    spec = {
        **stock.tiny(note).spec(),
        "instances": instances,
        "total": (20 if quick else 100) * BATCH * instances,
    }

    def line(figures: Figures) -> str:
        return (
            f"harness {figures['harness']:.3f} µs a sample; "
            f"bare {figures['bare']:.2f}, loadgen {figures['loadgen']:.2f} µs"
        )

    found = rounds(__name__, spec, 1 if quick else 11, note, line)
    costs = [figures["harness"] for figures in found]
    plain = median(figures["loadgen"] - figures["bare"] for figures in found)
    note(f"offline-overhead: plain difference of the times per sample, median {plain:.2f} µs")
    return judged(
        "offline-overhead",
        value=median(costs),
        unit="µs/sample",
        baseline=median(figures["bare"] for figures in found),
        ratio=median(figures["harness"] / figures["bare"] for figures in found),
        better="lower",
        goal=GOAL_US,
        bounded=costs,
    )


def measure(spec: Mapping[str, Any]) -> Figures:
    """One round: loop, loadgen, loop; all in µs per sample."""
    from benchwright.harness.calibrate import Operation
    from benchwright.harness.child import calm
    from measures.kit import Kit, Stopwatch, loop

    kit = Kit(spec)
    count, samples = spec["instances"], spec["total"]
    images = kit.images()
    bare = [Stopwatch(kit.bare(threads=1)) for _ in range(count)]
    engines = [Stopwatch(kit.sessions(threads=1)["main"]) for _ in range(count)]
    instances = [kit.instance({"main": engine}) for engine in engines]
    calm()

    def bare_loop(samples: int) -> tuple[float, float]:
        for session in bare:
            session.reset()
        seconds = loop(bare, kit.input_name, images, samples, BATCH)
        return seconds, _outside(bare, seconds)

    bare_loop(8 * count * BATCH)
    before, outside_before = bare_loop(samples)
    log = kit.test(
        "Offline",
        instances,
        Operation(count, 1, BATCH),
        min_duration_ms=0,
        min_query_count=samples,
        offline_expected_qps=1.0,
    )
    after, outside_after = bare_loop(samples)
    rate = log.number("result_samples_per_second")
    assert rate is not None
    outside = _outside(engines, samples / rate)
    return {
        "harness": (outside - (outside_before + outside_after) / 2) / samples * 1e6,
        "bare": (before + after) / 2 / samples * 1e6,
        "loadgen": 1e6 / rate,
    }


def _outside(engines: Sequence[Stopwatch], seconds: float) -> float:
    """Seconds not spent in the engines, of `seconds` in all: those of the mean instance between
    its first and its last call, and those in which no instance had begun or all had ended."""
    between = mean(engine.last - engine.first - engine.inside for engine in engines)
    begin, end = min(engine.first for engine in engines), max(engine.last for engine in engines)
    return between + seconds - (end - begin)
