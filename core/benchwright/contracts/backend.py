"""Backends: they turn a program's graphs into an engine for a device and open sessions on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright.contracts.options import LoadOptions, no_options

if TYPE_CHECKING:
    from benchwright.contracts.program import Form, Program, Sessions


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do; the plan checks this before any work.

    forms it compiles, dtypes of inputs and outputs it takes, devices it runs on, precisions it
    computes in, and whether a graph may have dynamic (symbolic) axes.
    """

    forms: tuple[Form, ...]
    devices: tuple[str, ...] = ("cpu",)
    precisions: tuple[str, ...] = ("fp32",)
    dtypes: tuple[str, ...] = ("float32", "int64", "int32", "uint8", "int8", "float16", "bool")
    dynamic_axes: bool = True


class Backend(ABC):
    """Compiles and runs. One object serves any number of engines."""

    @abstractmethod
    def build_engine(
        self,
        program: Program,
        model: Path,
        options: Mapping[str, Any],
        out: Path,
    ) -> Mapping[str, Any]:
        """Writes the engine's files into the empty folder `out` from the model artifact's folder
        `model`; returns facts to record beside it (JSON values: precision, file sizes …)."""

    @abstractmethod
    def open(
        self, program: Program, engine: Path, options: Mapping[str, Any], threads: int
    ) -> Sessions:
        """Opens one engine instance that computes with `threads` threads.

        Called once per instance; instances are used from different threads at the same time.
        """


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What the `backends` hook hands over.

    load_options: gives the typed model of what a user may set under `backends: {name: …}`.
    engine_options: the names of those options that change the engine (the others change runs
    only); tools: distributions whose versions enter the engine's key; identity: names of
    machine facts (see contracts.probe) that enter it; requires: distributions that must be
    installed (as of PresetInfo), and extra: the extra of `pip install benchwright[…]` that brings
    them.
    """

    name: str
    summary: str
    capabilities: Capabilities
    load: Callable[[], Backend]
    load_options: LoadOptions = no_options
    engine_options: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    extra: str | None = None
    sources: tuple[str, ...] = ()
    """Modules whose source enters the engine's key."""
    engine_files: tuple[str, ...] = ()
    """Main files of an engine, which other builds may depend on by path; `{graph}` stands for
    each of the program's graphs."""
