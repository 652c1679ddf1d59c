"""Names of tasks as people type them: in part, by stage, or as the path of a target file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from benchwright.errors import UsageError, did_you_mean

TaskDict = dict[str, Any]


def name_of(task: dict[str, Any]) -> str:
    """A task dict's full name: `<stage>:<subject>`, or the stage alone."""
    subject = task.get("name")
    return f"{task['basename']}:{subject}" if subject else str(task["basename"])


def find(typed: str, tasks: Sequence[TaskDict], started: str = ".") -> list[str]:
    """The tasks that a typed name means.

    A stage's name means all its tasks; a target file (its path leads from the folder `started`)
    the task that makes it. Of a subject, the parts that the campaign leaves no choice about may
    be left out: `performance:Offline`.
    """
    names = [name_of(task) for task in tasks]
    if typed in names:
        return [typed]
    target = find_target(typed, tasks, started)
    if target is not None:
        return [name_of(target[0])]
    stage, _, rest = typed.partition(":")
    candidates = [name for name in names if name.split(":", 1)[0] == stage]
    if not candidates:
        raise UsageError(
            f"unknown task or target `{typed}`; {_near(typed, stage, tasks)}".rstrip("; "),
            fix="`benchwright list` shows the campaign's tasks, with `--json` their targets",
        )
    if not rest:
        return candidates
    wanted = rest.split("/")
    found = [name for name in candidates if _matches(wanted, name.partition(":")[2].split("/"))]
    if len(found) == 1:
        return found
    if found:
        raise UsageError(
            f"`{typed}` could mean {len(found)} tasks: {', '.join(found)}",
            fix="type more of the name",
        )
    near = did_you_mean(rest, [name.partition(":")[2] for name in candidates])
    raise UsageError(
        f"unknown task `{typed}`; {near}".rstrip("; "),
        fix="`benchwright list` shows the campaign's tasks",
    )


def find_target(
    typed: str, tasks: Sequence[TaskDict], started: str = "."
) -> tuple[TaskDict, str] | None:
    """The task that makes the file which a typed path means, and that target as the task has it."""
    place = os.path.join(started, typed)
    # The way to this folder may lead through links.
    paths = {
        os.path.relpath(place),
        os.path.relpath(os.path.realpath(place), os.path.realpath(".")),
    }
    for task in tasks:
        for target in paths.intersection(task["targets"]):
            return task, target
    return None


def _near(typed: str, stage: str, tasks: Sequence[TaskDict]) -> str:
    """What may have been meant by a name that is no stage's and no target's."""
    targets = [target for task in tasks for target in task["targets"]]
    if os.sep in stage:
        import difflib

        (near, *_) = [*difflib.get_close_matches(os.path.normpath(typed), targets, n=1), ""]
        if near:
            return f"did you mean `{near}`?"
    return did_you_mean(stage, {task["basename"] for task in tasks})


def _matches(wanted: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether `wanted` is `parts` with some left out; `resnet50` stands for `resnet50-tiny` too."""
    rest = iter(parts)
    return all(any(part in (item, item.rsplit("-", 1)[0]) for item in rest) for part in wanted)
