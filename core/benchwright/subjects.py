"""Full names of tasks, taken apart into what the plan is to hold for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchwright.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from benchwright.plugins import Registry

_PARTS = {
    "dataset": 1,
    "preprocess": 1,
    "model": 1,
    "quantize": 2,
    "engine": 2,
    "performance": 3,
    "accuracy": 3,
    "compliance": 4,
}
"""Stage → how many parts its subjects have."""


def parse_task(
    task: str, registry: Registry
) -> tuple[str, str, str | None, str | None, str | None, str | None] | None:
    """(benchmark, preset, backend[+precision], scenario, mode, test) of a full task name such as
    `performance:resnet50-tiny/onnxruntime/Offline`, `engine:resnet50-tiny/onnxruntime` or
    `model:resnet50-tiny`; None for what such a name does not say.

    None at all where the name is not of that form; the benchmark must be an installed one.
    """
    stage, _, subject = task.partition(":")
    parts = subject.split("/")
    wanted = _PARTS.get(stage)
    if wanted is None or len(parts) != wanted:
        return None
    for name, info in registry.benchmarks.items():
        for preset in info.presets:
            if parts[0] != f"{info.family if wanted == 1 else name}-{preset}":
                continue
            if wanted < 3:
                return name, preset, parts[1] if wanted == 2 else None, None, None, None
            if parts[2] not in info.scenarios:
                raise UsageError(
                    f"unknown scenario `{parts[2]}`; {did_you_mean(parts[2], info.scenarios)}",
                    where=task,
                )
            return name, preset, parts[1], parts[2], stage, parts[3] if wanted > 3 else None
    return None
