"""The benchmarks by name. A new one is a module beside this one and an entry here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from benchwright.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from measures.result import Result

Note = Callable[[str], None]
"""Takes one line of progress."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark as `list` shows it; its module is imported when it runs."""

    summary: str
    module: str

    def run(self, quick: bool, note: Note) -> list[Result]:
        """Measures; quick means one short round. A module gives one result or several."""
        found: Result | list[Result] = import_module(self.module).run(quick, note)
        return found if isinstance(found, list) else [found]


BENCHMARKS = {
    "offline-resnet50": Benchmark(
        "Offline samples/s under loadgen beside a bare onnxruntime loop, ResNet-50 with random "
        "weights: at least 0.98 of it",
        "measures.offline_resnet50",
    ),
    "offline-overhead": Benchmark(
        "what the harness and loadgen add to a sample in Offline, tiny resnet50: at most 0.6 µs",
        "measures.offline_overhead",
    ),
    "singlestream-overhead": Benchmark(
        "SingleStream p50 under loadgen above a bare call, tiny resnet50: at most 30 µs",
        "measures.singlestream_overhead",
    ),
    "server-null": Benchmark(
        "Server queries/s, VALID by v3.1's rules for resnet50, with an engine that computes "
        "nothing: at least 100,000",
        "measures.server_null",
    ),
    "noop": Benchmark(
        "a build with nothing to do, beside plain doit, make and ninja: 10,000 tasks at most "
        "1.0 s, 50,000 at most 6 s",
        "measures.noop",
    ),
    "second-checkout": Benchmark(
        "building what another checkout has put into the store, runs excluded: under a tenth of "
        "the first's time",
        "measures.second_checkout",
    ),
    "all-tiny": Benchmark(
        "every benchmark's tiny preset in all its scenarios, by one command: at most 600 s, and "
        "0.6 s with nothing to do",
        "measures.all_tiny",
    ),
    "try-minilm": Benchmark(
        "`benchwright try` on a sentence encoder: conversion at most 10 s, then all four scenarios "
        "at most 30 s, of which start-up 1.5 s",
        "measures.try_minilm",
    ),
}


def find(name: str) -> Benchmark:
    """The benchmark of this name; UsageError names the near miss."""
    if name not in BENCHMARKS:
        raise UsageError(
            f"unknown benchmark `{name}`; {did_you_mean(name, BENCHMARKS)}".rstrip("; "),
            fix="`python benchmarks/run.py list` names them all",
        )
    return BENCHMARKS[name]
