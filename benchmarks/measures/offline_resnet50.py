"""`offline-resnet50`: samples per second of an Offline run beside a bare onnxruntime loop.

A round measures loop, loadgen, loop in one process, with as many samples in each and the same
batch, instances and threads; its ratio is loadgen's rate over the mean of the loops around it.
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

BATCH = 4
MOST_INSTANCES = 8
GOAL = 0.98


def run(quick: bool, note: Note) -> Result:
    """Measures; the ratio is what counts."""
    from benchwright.harness.launch import usable_cores

    spec = {
        **stock.resnet50(note).spec(),
        "instances": min(usable_cores(), MOST_INSTANCES),
        "seconds": 0.2 if quick else 3.0,
    }

    def line(figures: Figures) -> str:
        bare, loaded = figures["bare"], figures["loadgen"]
        return f"bare {bare:.2f}, loadgen {loaded:.2f} samples/s, ratio {loaded / bare:.4f}"

    found = rounds(__name__, spec, 1 if quick else 9, note, line)
    ratios = [figures["loadgen"] / figures["bare"] for figures in found]
    return judged(
        "offline-resnet50",
        value=median(figures["loadgen"] for figures in found),
        unit="samples/s",
        baseline=median(figures["bare"] for figures in found),
        ratio=median(ratios),
        better="higher",
        goal=GOAL,
        bounded=ratios,
    )


def measure(spec: Mapping[str, Any]) -> Figures:
    """One round: loop, loadgen, loop."""
    from benchwright.harness.calibrate import Operation
    from benchwright.harness.child import calm
    from measures.kit import Kit, loop

    kit = Kit(spec)
    count = spec["instances"]
    images = kit.images()
    bare = [kit.bare(threads=1) for _ in range(count)]
    instances = [kit.instance(kit.sessions(threads=1)) for _ in range(count)]
    calm()
    warm = count * BATCH
    loop(bare, kit.input_name, images, warm, BATCH)
    seconds = loop(bare, kit.input_name, images, warm, BATCH)
    samples = max(1, round(spec["seconds"] / seconds)) * warm
    times = [loop(bare, kit.input_name, images, samples, BATCH)]
    log = kit.test(
        "Offline",
        instances,
        Operation(count, 1, BATCH),
        min_duration_ms=0,
        min_query_count=samples,
        offline_expected_qps=1.0,
    )
    times.append(loop(bare, kit.input_name, images, samples, BATCH))
    rate = log.number("result_samples_per_second")
    assert rate is not None
    return {"bare": 2 * samples / sum(times), "loadgen": rate}
