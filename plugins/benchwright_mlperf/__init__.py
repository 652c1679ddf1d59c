"""MLPerf Inference submissions: the formatter that writes a round's tree, and its checker.

Only the hook lives here. What writes is in write/, what checks in check/; neither is imported
before it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchwright.contracts.formatter import Formatter, FormatterInfo
from benchwright.contracts.probe import JSON
from benchwright.hooks import hookimpl

if TYPE_CHECKING:
    from benchwright.rounds import Round

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""

ROUNDS = ("v3.0", "v3.1", "v5.1", "v6.0", "v6.1")

WRITING = tuple(
    f"benchwright_mlperf.{name}"
    for name in (
        "formatter",
        "describe",
        "places",
        "write",
        "write.accuracy",
        "write.compliance",
        "write.measurements",
        "write.prose",
        "write.runs",
        "write.system",
        "write.tree",
    )
)
"""The modules that decide what a tree holds."""

CHECKING = tuple(
    f"benchwright_mlperf.check.{name}"
    for name in (
        "accuracy",
        "compliance",
        "endpoints",
        "entry",
        "files",
        "logs",
        "measurements",
        "models",
        "performance",
        "power",
        "report",
        "results",
        "rules",
        "structure",
        "systems",
        "walk",
    )
)
"""The modules that decide what a check finds; a check that is kept must know when they change."""


def _load() -> Formatter:
    from benchwright_mlperf.formatter import MlperfFormatter

    return MlperfFormatter()


def _describe(facts: Mapping[str, JSON]) -> Mapping[str, JSON]:
    from benchwright_mlperf.describe import describe_system

    return describe_system(facts)


def _unstated(round_: Round, stated: Mapping[str, JSON]) -> list[str]:
    from benchwright_mlperf.describe import unstated_fields

    return unstated_fields(round_.system_json, stated)


@hookimpl
def formatters() -> list[FormatterInfo]:
    """The one formatter of this package."""
    return [
        FormatterInfo(
            name="mlperf",
            summary="writes and checks MLPerf Inference submission trees",
            rounds=ROUNDS,
            load=_load,
            describe_system=_describe,
            unstated=_unstated,
            sources=(*WRITING, *CHECKING),
        )
    ]
