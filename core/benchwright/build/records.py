"""doit's records, quicker: a short way for tasks of ours that nothing has happened to, and a list
of dependencies that is not searched from end to end.

The answer is always the one that doit itself would come to; it is only found with one look at
each file, where doit inspects signatures and looks at a file once for each task that uses it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from doit.dependency import Dependency, DependencyStatus
from doit.globals import Globals

from benchwright.build import artifact
from benchwright.build.recipe import Recipe
from benchwright.build.state import LAST_KEY
from benchwright.build.status import meta_of
from benchwright.build.task import EVIDENCE, certain, evidence, remember, unchanged
from benchwright.errors import BenchwrightError


def quicken(command: Any) -> None:
    """Puts both in place in a doit command that has opened its records and loaded its tasks."""
    command.dep_manager = Globals.dep_manager = Records(command.dep_manager)
    for task in command.task_list:
        if len(task.file_dep) > MANY:
            task.task_dep = Names(task.task_dep)


class Records(Dependency):  # type: ignore[misc]
    """Made over the manager that doit has opened; the two share one backend."""

    def __init__(self, opened: Dependency) -> None:
        self.__dict__.update(opened.__dict__)
        self._seen: dict[str, artifact.Stamp | None] = {}

    def get_status(self, task: Any, tasks_dict: Any, get_log: bool = False) -> DependencyStatus:
        """doit's answer. Evidence that had to be confirmed by reading files is taken anew."""
        made = _product(task)
        if made is None or get_log:
            return super().get_status(task, tasks_dict, get_log)
        if self._certain(task, made):
            task.dep_changed = []
            remember(task, made)
            return DependencyStatus(get_log)
        self._refresh(task.name)
        status = super().get_status(task, tasks_dict, get_log)
        if status.status == "up-to-date":
            task.values = {**self.get_values(task.name), EVIDENCE: evidence(made)}
            # Only saves reading another time, so a full disk must not end the build for it.
            with contextlib.suppress(BenchwrightError):
                self.save_success(task, self.get_result(task.name))
        return status

    def _certain(self, task: Any, made: Recipe) -> bool:
        seen = self.get_values(task.name).get(EVIDENCE)
        if seen is None or not certain(made, seen, self._look):
            return False
        files = seen["files"]
        return all(path in files or os.path.exists(path) for path in task.targets)

    def _look(self, path: str) -> artifact.Stamp | None:
        found = self._seen.get(path)
        if found is None:
            found = self._seen[path] = artifact.stamp(path)
        return found

    def _refresh(self, name: str) -> None:
        refresh = getattr(self.backend, "refresh", None)
        if refresh is not None:
            refresh(name)

    def save_success(self, task: Any, result_hash: Any = None) -> None:
        """doit's own; what was seen before a task ran is looked at again. Of a group of tasks,
        which does nothing itself, nothing is recorded: a build with nothing to do writes nothing.
        """
        if task.has_subtask:
            return
        self._seen.clear()
        super().save_success(task, result_hash)

    def remove_success(self, task: Any) -> None:
        """doit's own, after a failure. What is recorded of a task of ours stays, for it stays
        true: it says how files were, not that the task need not run. To forget it would write,
        and hide the failure behind another where the disk is full."""
        self._seen.clear()
        if not meta_of(task):
            super().remove_success(task)


def restamp(
    records: Dependency,
    tasks: Iterable[Any],
    touched: Mapping[str, tuple[artifact.Stamp, artifact.Stamp]],
) -> None:
    """Takes over that we have set the times of files, whose content is as it was: they need not
    be read for it. touched: path → stamps before and after."""
    for task in tasks:
        values = records.get_values(task.name)
        known = values.get(EVIDENCE) or {}
        changed = False
        for stamps in (known.get("inputs", {}), known.get("files", {}), values.get("stamps") or {}):
            for path in touched.keys() & stamps.keys():
                before, after = touched[path]
                if stamps[path] == before:
                    stamps[path] = after
                    changed = True
        if changed:
            backend = records.backend
            backend.set(task.name, "_values_:", values)
            # Our backend writes a record with the last key that doit sets.
            backend.set(task.name, LAST_KEY, backend.get(task.name, LAST_KEY))


def _product(task: Any) -> Recipe | None:
    """The recipe of a task that is as `product` makes them; None for any other, and for one that
    somebody has given more conditions."""
    checks = task.uptodate
    if len(checks) != 1 or checks[0][0] is not unchanged:
        return None
    made: Recipe = checks[0][1][0]
    return made if task.file_dep == set(made.inputs.values()) else None


MANY = 100
"""From so many inputs on, a list of dependencies is worth an index."""


class Names(list[str]):
    """A list that knows what it holds. doit asks a task's `task_dep` for each input whether the
    input's maker is in it, which for one task over 20,000 others takes four seconds."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__(names)
        self._known = set(self)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def append(self, name: str) -> None:
        """At the end."""
        super().append(name)
        self._known.add(name)

    def extend(self, names: Iterable[str]) -> None:
        """At the end."""
        for name in names:
            self.append(name)
