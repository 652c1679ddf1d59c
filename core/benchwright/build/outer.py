"""What another build system needs of us: the files outside the build that a target depends on,
as a depfile in make's syntax, and targets that are no older than those files.

Make and ninja compare times where we compare content. A target that we keep, because nothing that
counts has changed, would stay older than the file that was touched, and they would call us again
and again.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchwright.build import artifact
from benchwright.build.artifact import Stamp
from benchwright.build.recipe import Recipe, explain_os_error, module_files
from benchwright.build.task import META
from benchwright.distributions import metadata_file
from benchwright.errors import BenchwrightError

TaskDict = Mapping[str, Any]
Touched = Mapping[str, tuple[Stamp, Stamp]]
"""Path → the stamps of a file before and after its time was set."""

# What a depfile depends on


def outside_files(tasks: Sequence[TaskDict], wanted: Iterable[str]) -> list[str]:
    """The files that the wanted tasks, by name, and all that they need depend on and no task makes:
    sources of recipes, what states the versions of tools, the user's own data and sources.

    Relative paths lead from the folder of the build. To be called when these tasks are done: what
    belongs to a data set is said by its manifest.
    """
    made_here = {target for task in tasks for target in task["targets"]}
    found: dict[str, None] = {}
    for task in needed(tasks, wanted):
        recipe: Recipe = task["meta"][META]["recipe"]
        paths = [path for path in recipe.inputs.values() if path not in made_here]
        paths += task["meta"][META].get("watches", ())
        for module in recipe.modules:
            paths += map(str, module_files(module).values())
        for name in recipe.tools:
            stated = metadata_file(name)
            paths += [str(stated)] if stated else []
        if not recipe.publish and artifact.read_recipe(Path(recipe.folder)).get("root"):
            paths += map(str, artifact.walk_files(Path(recipe.folder)))
        found.update(dict.fromkeys(paths))
    return list(found)


def needed(tasks: Sequence[TaskDict], wanted: Iterable[str]) -> list[TaskDict]:
    """The wanted tasks, by name or by stage, and all that they need."""
    by_name: dict[str, list[TaskDict]] = {}
    producer: dict[str, TaskDict] = {}
    for task in tasks:
        by_name.setdefault(task["basename"], []).append(task)
        if task.get("name"):
            by_name.setdefault(f"{task['basename']}:{task['name']}", []).append(task)
        producer.update(dict.fromkeys(task["targets"], task))
    found: dict[int, TaskDict] = {}
    stack = [task for name in wanted for task in by_name[name]]
    while stack:
        task = stack.pop()
        if id(task) not in found:
            found[id(task)] = task
            stack += [need for name in task["task_dep"] for need in by_name.get(name, ())]
            stack += [producer[path] for path in task["file_dep"] if path in producer]
    return list(found.values())


# The depfile

_IMPOSSIBLE = re.compile(r"""[\x00-\x1f\x7f*?;&<>|`'"^\\]|[:)]$|^$""")
"""What ninja (1.11) cannot read in a name however it is written, or make takes for something else.
"""

_NO_RULE = re.compile(r"[=%]")
"""What makes a rule without dependencies something else in make: an assignment, a pattern."""


def write_depfile(path: Path, targets: Sequence[str], dependencies: Iterable[str]) -> None:
    """Writes that `targets` depend on `dependencies`; BenchwrightError where that cannot be."""
    text = depfile_text(targets, dependencies)
    partial = artifact.partial_place(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8", errors="surrogateescape")
        os.replace(partial, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise explain_os_error(error, str(path)) from error


def depfile_text(targets: Sequence[str], dependencies: Iterable[str]) -> str:
    """The text of a depfile: one rule, then one without anything for each dependency, so that make
    does not stop where one of them has gone (it then calls us, who know what to do)."""
    # Make takes `target: name=value` for an assignment, unless another name stands before it.
    ordered = sorted(set(dependencies), key=lambda name: ("=" in name, name))
    for name in (*targets, *ordered[:1]):
        if "=" in name:
            raise _not_to_be_named(name)
    left = " ".join(map(_escaped, targets))
    lines = [f"{left}:", *(f"  {_escaped(name)}" for name in ordered)]
    text = " \\\n".join(lines) + "\n"
    for name in ordered:
        if name not in targets and not _NO_RULE.search(name):
            text += f"\n{_escaped(name)}:\n"
    return text


def _escaped(name: str) -> str:
    """A file's name as make and ninja both read it in a depfile."""
    if _IMPOSSIBLE.search(name):
        raise _not_to_be_named(name)
    return re.sub("([ #:])", r"\\\1", name).replace("$", "$$")


def _not_to_be_named(name: str) -> BenchwrightError:
    return BenchwrightError(
        "a depfile cannot name this file so that make and ninja both understand it",
        where=repr(name),
        why="control characters, quotes and *?;&<>|^\\= mean something else there, and so do : and "
        ") at the end",
        fix="rename it, or do without --depfile",
    )


# Times


def freshen(
    targets: Mapping[str, str], dependencies: Iterable[str], started_ns: int
) -> dict[str, tuple[Stamp, Stamp]]:
    """Sets the times of targets so that who compares times finds what we found by content.

    targets: path → the folder of the artifact that it belongs to. None stays older than a
    dependency; one that was edited after `started_ns` (the time when this command began) is newer
    than all targets, because we may have read it before. Nothing is set that is right already.
    Returns the stamps of the files whose time was set.
    """
    newest, edited = 0, False
    now = time.time_ns()
    for path in dependencies:
        with contextlib.suppress(OSError):
            seen = os.stat(path).st_mtime_ns
            if started_ns < seen <= now:
                edited = True
            else:
                newest = max(newest, seen)
    touched = {}
    for path, folder in targets.items():
        try:
            with artifact.alone(Path(folder)):
                before = os.stat(path)
                old = before.st_mtime_ns < newest
                if not old and not (edited and before.st_mtime_ns > started_ns):
                    continue
                stamp = artifact.stamp(path)
                _set_time(Path(path), max(newest, started_ns))
                after = artifact.stamp(path)
        except OSError as error:
            raise explain_os_error(error, path) from error
        if stamp is not None and after is not None:
            touched[path] = (stamp, after)
    return touched


def _set_time(path: Path, time_ns: int) -> None:
    """Sets a file's time of modification. A hard link's would change for the store as well, and
    for every other checkout: it becomes a file of its own."""
    status = path.stat()
    if path.is_file() and status.st_nlink > 1:
        from benchwright.build.store.files import clone_or_copy

        own = artifact.partial_place(path)
        own.unlink(missing_ok=True)
        try:
            clone_or_copy(path, own)
            os.utime(own, ns=(status.st_atime_ns, time_ns))
            os.replace(own, path)
        finally:
            own.unlink(missing_ok=True)
        return
    os.utime(path, ns=(status.st_atime_ns, time_ns))


def named_from(folder: str) -> Callable[[str], str]:
    """How a path is written for somebody in `folder`: relative where it lies below, else whole."""

    def name(path: str) -> str:
        relative = os.path.relpath(path, folder)
        outside = relative == os.pardir or relative.startswith(f"{os.pardir}{os.sep}")
        return os.path.abspath(path) if outside else relative

    return name
