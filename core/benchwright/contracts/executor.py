"""Executors: where a task's actions run (this process, a cluster). Measured runs stay local."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchwright.contracts.options import LoadOptions, no_options


class Executor(ABC):
    """Runs a picklable call and waits for its value."""

    @abstractmethod
    def run(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Calls `call(*arguments)` where this executor runs things, and returns its value."""


@dataclass(frozen=True, slots=True)
class ExecutorInfo:
    """What the `executors` hook hands over."""

    name: str
    summary: str
    load: Callable[[], Executor]
    load_options: LoadOptions = no_options
