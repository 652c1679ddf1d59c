"""Which tasks would run, and why: doit's own answer, ours where recipes know better, and what
follows from a dependency that is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchwright.build import artifact
from benchwright.build.recipe import Recipe
from benchwright.build.task import META, differences, stale_reasons


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """One task's state. due: whether it would run; reasons: why; stale: for a measured run that
    is kept, what has changed since."""

    name: str
    due: bool
    reasons: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """`due` or `up-to-date`."""
        return "due" if self.due else "up-to-date"


def meta_of(task: Any) -> Mapping[str, Any]:
    """Our part of a task's meta; empty for a foreign task."""
    found: Mapping[str, Any] = (task.meta or {}).get(META, {})
    return found


def ordered(tasks: Iterable[Any]) -> list[Any]:
    """Tasks after what they depend on (doit Task objects, with task_dep filled in)."""
    by_name = {task.name: task for task in tasks}
    producer = {target: task.name for task in by_name.values() for target in task.targets}
    done: dict[str, None] = {}

    def visit(name: str) -> None:
        stack = [(name, False)]
        while stack:
            current, ready = stack.pop()
            if current in done or current not in by_name:
                continue
            if ready:
                done[current] = None
                continue
            stack.append((current, True))
            stack.extend((other, False) for other in needs(by_name[current], producer))

    for name in by_name:
        visit(name)
    return [by_name[name] for name in done]


def needs(task: Any, producer: Mapping[str, str]) -> list[str]:
    """The tasks that a task depends on, by name; producer: target → task."""
    return [*task.task_dep, *(producer[path] for path in task.file_dep if path in producer)]


def statuses(tasks: Iterable[Any], dependencies: Any) -> dict[str, TaskStatus]:
    """The status of every task by name; dependencies is doit's Dependency manager."""
    every = ordered(tasks)
    by_name = {task.name: task for task in every}
    producer = {target: task.name for task in every for target in task.targets}
    found: dict[str, TaskStatus] = {}
    for task in every:
        due_needs = sorted(
            {need for need in needs(task, producer) if need in found and found[need].due}
        )
        found[task.name] = _status(task, due_needs, by_name, dependencies)
    return found


def _status(
    task: Any, due_needs: list[str], by_name: Mapping[str, Any], dependencies: Any
) -> TaskStatus:
    meta = meta_of(task)
    if task.has_subtask and not task.actions:
        return TaskStatus(task.name, bool(due_needs), tuple(f"{name} is due" for name in due_needs))
    verdict = dependencies.get_status(task, by_name)
    own = verdict.status != "up-to-date"
    if meta.get("kind") == "measurement":
        made: Recipe = meta["recipe"]
        missing = artifact.damage(Path(made.folder))
        reasons = (missing,) if missing and own else ("asked for again",) if own else ()
        stale = () if own else tuple(stale_reasons(made))
        return TaskStatus(task.name, own, reasons, stale)
    if own and not meta:
        # doit names its reasons only when asked to.
        verdict = dependencies.get_status(task, by_name, get_log=True)
    reasons_found = _own_reasons(task, meta, verdict) if own else []
    reasons_found += [f"{name} is due" for name in due_needs]
    return TaskStatus(task.name, own or bool(due_needs), tuple(reasons_found))


def _own_reasons(task: Any, meta: Mapping[str, Any], verdict: Any) -> list[str]:
    made = meta.get("recipe")
    if made is None:
        return _foreign_reasons(task, verdict)
    folder = Path(made.folder)
    was = artifact.read_recipe(folder)
    if not was:
        return [f"{folder} has not been built"]
    reasons = differences(made, was)
    damaged = artifact.damage(folder)
    if damaged:
        reasons.append(damaged)
    reasons += [
        f"{path} is missing" for path in task.targets if not Path(path).exists() and not damaged
    ]
    if not reasons and was.get("key") != made.key():
        reasons.append(f"it was made by another version of Benchwright, {was.get('benchwright')}")
    return reasons or ["the record of its last execution is missing; its files will be verified"]


def _foreign_reasons(task: Any, verdict: Any) -> list[str]:
    """doit's own reasons for a task that is not ours, in words."""
    words = {
        "has_no_dependencies": "it has no dependencies, so doit always runs it",
        "uptodate_false": "one of its own conditions (`uptodate`) says so",
        "checker_changed": "doit's way of comparing files has changed",
    }
    lists = {
        "missing_target": "{} is missing",
        "changed_file_dep": "the input {} has changed",
        "missing_file_dep": "the input {} is missing",
        "added_file_dep": "the input {} is new",
        "removed_file_dep": "the input {} is no longer used",
    }
    found = [text for reason, text in words.items() if verdict.reasons.get(reason)]
    for reason, text in lists.items():
        found += [text.format(path) for path in sorted(verdict.reasons.get(reason) or ())]
    return found or [f"doit finds {task.name} out of date"]
