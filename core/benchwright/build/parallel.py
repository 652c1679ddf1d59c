"""The runner that makes several tasks at a time, within a budget.

Tasks of ours run in worker processes; foreign tasks run here, one at a time, as doit runs them.
Only this process decides what is due and records what was done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from doit.exceptions import BaseFail, InvalidTask, TaskError, TaskFailed

from benchwright.build.resources import asked
from benchwright.build.serial import SerialRunner
from benchwright.build.status import meta_of
from benchwright.build.wire import NotPlain, calls_of, decode

if TYPE_CHECKING:
    from benchwright.build.pool import Pool
    from benchwright.build.resources import Budget


_AHEAD = 4
"""How many tasks are looked at for each that may run, so that one fits where another does not."""


class ParallelRunner(SerialRunner):
    """Up to `jobs` tasks at a time. A task starts when what it asks for is free beside what runs,
    or when nothing runs; an exclusive one when nothing else runs or could, and then alone."""

    def __init__(self, *arguments: Any, jobs: int, budget: Budget, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.jobs = jobs
        self.budget = budget
        self._ready: list[Any] = []
        self._exclusive: deque[Any] = deque()
        self._running: dict[str, Any] = {}
        self._processed: deque[Any] = deque()
        self._exhausted = False

    def run_tasks(self, task_dispatcher: Any) -> None:
        """Runs everything that is selected, and ends the workers."""
        from benchwright.build.pool import Pool

        pool = Pool()
        self.interrupts.at_once.append(pool.kill_at_once)
        try:
            while True:
                if not self._stop_running:
                    self._draw(task_dispatcher)
                if not self._stop_running and self._start(pool):
                    continue
                if not self._running:
                    break
                for name, message in pool.messages():
                    self._hear(name, message)
        finally:
            with self.interrupts.shielded():
                # A task may come to its end before its worker does: that is recorded.
                for name, message in pool.stop():
                    if "done" in message:
                        self._hear(name, message)
            self.interrupts.at_once.remove(pool.kill_at_once)
        if not (self._stop_running or self._exhausted):
            raise InvalidTask("these tasks wait for each other in a circle")

    def _draw(self, dispatcher: Any) -> None:
        """Takes from doit tasks that are due and may run now, some more than can be started."""
        while not self._stop_running and len(self._ready) < _AHEAD * self.jobs:
            processed = self._processed.popleft() if self._processed else None
            try:
                node = dispatcher.generator.send(processed)
            except StopIteration:
                self._exhausted = True
                return
            if node == "hold on":
                if not self._processed:
                    return
                continue
            if self.select_task(node, dispatcher.tasks):
                if node.task.actions:
                    alone = meta_of(node.task).get("exclusive")
                    (self._exclusive if alone else self._ready).append(node)
                    continue
                self.process_task_result(node, self.execute_task(node.task))
            # doit waits for the answer to this very task first.
            self._processed.appendleft(node)

    def _start(self, pool: Pool) -> bool:
        """Starts what fits, first come first; whether one was run to its end here meanwhile."""
        for node in list(self._ready):
            if len(self._running) >= self.jobs:
                return False
            if self._may_start(node.task):
                self._ready.remove(node)
                if self._begin(node, pool):
                    return True
        if self._exclusive and not self._ready and not self._running:
            return self._begin(self._exclusive.popleft(), pool)
        return False

    def _may_start(self, task: Any) -> bool:
        beside = [meta_of(node.task) for node in self._running.values()]
        if any(meta.get("exclusive") for meta in beside):
            return False
        return not beside or self.budget.fits(asked(meta_of(task)), map(asked, beside))

    def _begin(self, node: Any, pool: Pool) -> bool:
        """Begins a task in a worker; runs it here where it cannot, and then returns True."""
        task = node.task
        try:
            calls = calls_of(task) if meta_of(task) else None
        except NotPlain:
            calls = None
        if calls is None:
            self.process_task_result(node, self.execute_task(task))
            self._processed.append(node)
            return True
        if task.teardown:
            self.teardown_list.append(task)
        with self.interrupts.shielded():
            self.reporter.execute_task(task)
            task.executed = True
            self._running[task.name] = node
            pool.begin(task.name, calls)
        return False

    def _hear(self, name: str, message: Mapping[str, Any]) -> None:
        """One message of a worker about its task."""
        if "say" in message:
            self.lines.say(name, message["say"])
        elif "progress" in message:
            self.lines.progress(name)(*message["progress"])
        else:
            with self.interrupts.shielded():
                node = self._running.pop(name)
                self.process_task_result(node, _outcome(node.task, message))
                self._processed.append(node)


def _outcome(task: Any, message: Mapping[str, Any]) -> BaseFail | None:
    """Takes over what a task's actions returned, as doit does; or why they failed."""
    if "lost" in message:
        log = meta_of(task).get("log")
        return TaskFailed(
            f"the process that worked on this task has ended: {message['lost']}"
            + (f"\n  log: {log}" if log else "")
        )
    done = message["done"]
    if "failed" in done:
        return TaskFailed(done["failed"])
    for returned in decode(done["returned"]):
        if returned is False:
            return TaskFailed(f"the action of {task.name} returned False")
        if isinstance(returned, dict):
            task.values.update(returned)
        elif not (returned is None or returned is True or isinstance(returned, str)):
            return TaskError(f"the action of {task.name} returned {type(returned).__name__}")
        if isinstance(returned, dict | str):
            task.result = returned
    return None
