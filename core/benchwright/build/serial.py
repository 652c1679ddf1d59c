"""The runner that makes one task after the other: doit's own, with signals kept out of its
bookkeeping and other people's tasks kept out of our display."""

from __future__ import annotations

import contextlib
from typing import Any

from doit.runner import Runner

from benchwright.build.console import Audience, told_to
from benchwright.build.display import Lines
from benchwright.build.interrupts import Interrupts
from benchwright.build.status import meta_of
from benchwright.progress import ProgressCallback


class _Named(Audience):
    """Takes what the task that runs here says under the name by which the build knows it: in a
    dodo.py of somebody else's it may have a prefix of which its recipe knows nothing."""

    def __init__(self, lines: Lines, name: str) -> None:
        self._lines = lines
        self._name = name

    def say(self, task: str, text: str) -> None:
        self._lines.say(self._name, text)

    def progress(self, task: str) -> ProgressCallback:
        return self._lines.progress(self._name)


class SerialRunner(Runner):  # type: ignore[misc]
    """doit's runner: one task after the other, in this process."""

    def __init__(self, *arguments: Any, lines: Lines, interrupts: Interrupts, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.lines = lines
        self.interrupts = interrupts

    def execute_task(self, task: Any) -> Any:
        """Runs a task's actions here; a foreign one has the terminal for itself."""
        if not meta_of(task):
            with self.lines.suspended() if task.actions else contextlib.nullcontext():
                return super().execute_task(task)
        with told_to(_Named(self.lines, task.name)):
            return super().execute_task(task)

    def process_task_result(self, node: Any, base_fail: Any) -> None:
        """Records what was done, which no signal interrupts."""
        with self.interrupts.shielded():
            super().process_task_result(node, base_fail)
