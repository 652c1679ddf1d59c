"""Task dicts for doit: one way to make them, for products and for measured runs.

Actions, up-to-date checks and cleaning are module-level functions over plain data, so that the
same dicts work in any dodo.py, under plain doit, and in worker processes.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from benchwright.build import artifact, recipe
from benchwright.build.artifact import MANIFEST, Stamp, sha256_of
from benchwright.build.recipe import Recipe
from benchwright.build.resources import stated
from benchwright.progress import ProgressCallback

TOLD_ELSEWHERE: ContextVar[bool] = ContextVar("told_elsewhere", default=False)
"""Set by our own runner and commands, which tell of stale runs themselves; under plain doit the
up-to-date check is the only one who can."""

META = "benchwright"
"""The key of a task's `meta` under which our part of it lies."""


EVIDENCE = "evidence"
"""The name of the value that doit saves of a product; see `evidence`."""


def product(
    made: Recipe,
    *,
    doc: str,
    files: Iterable[str] = (),
    targets: Iterable[str] = (),
    task_dep: Iterable[str] = (),
    seconds: float = 1.0,
    disk_bytes: int = 0,
    download_bytes: int = 0,
    unknown_downloads: int = 0,
    by_hand: Mapping[str, str] | None = None,
    folder: str | None = None,
    resources: Mapping[str, float] | None = None,
    exclusive: bool = False,
    epilogue: str | None = None,
    watches: Iterable[str] = (),
) -> dict[str, Any]:
    """The task of an artifact that is made from inputs: rebuilt when and only when it would differ.

    files: names in the artifact's folder that are targets besides the manifest; targets: what is
    published elsewhere; seconds,
    disk_bytes, download_bytes: what it takes when it runs; unknown_downloads: how many files it
    fetches besides, of which nobody knows the size; by_hand: files that a person must place, by
    path, and where to get each; folder: of the user's own, which it reads; resources: what it needs
    to itself meanwhile (`cpu` in cores, one where not said; `memory` in bytes, `gpu`, `disk` in
    bytes, which is disk_bytes where not said); exclusive: nothing else of this build runs beside
    it; epilogue: import path of a function that the runner calls after everything, with this task's
    folder; watches: files outside the build that count by way of a parameter, for who compares
    times.
    """
    return _task(
        made.task,
        doc=doc,
        actions=[(make, [made])],
        file_dep=sorted(made.inputs.values()),
        targets=[*_targets(made, files), *targets],
        uptodate=[(unchanged, [made])],
        task_dep=list(task_dep),
        clean=[(remove, [made.folder])],
        meta={
            "kind": "product",
            "folder": made.folder,
            "log": made.log,
            "recipe": made,
            "seconds": seconds,
            "disk_bytes": disk_bytes,
            "download_bytes": download_bytes,
            "unknown_downloads": unknown_downloads,
            "by_hand": dict(by_hand or {}),
            "own_folder": folder,
            "resources": stated(made.task, _with_disk(disk_bytes, resources)),
            "exclusive": exclusive,
            "epilogue": epilogue,
            "watches": tuple(watches),
        },
    )


def measurement(
    made: Recipe,
    *,
    doc: str,
    files: Iterable[str],
    task_dep: Iterable[str],
    seconds: float,
    rerun: bool = False,
    resources: Mapping[str, float] | None = None,
    epilogue: str | None = None,
) -> dict[str, Any]:
    """The task of a measured run. A run is a measurement, not a product: once it is there it
    stays, also when it has gone stale, until `rerun` asks for another. It has the machine alone;
    resources (as of `product`): what it cannot do without; epilogue: as of `product`."""
    return _task(
        made.task,
        doc=doc,
        actions=[(measure, [made, rerun])],
        file_dep=[],
        targets=_targets(made, files),
        uptodate=[(run_present, [made, rerun])],
        task_dep=list(task_dep),
        clean=[(remove, [made.folder])],
        meta={
            "kind": "measurement",
            "folder": made.folder,
            "log": made.log,
            "recipe": made,
            "seconds": seconds,
            "disk_bytes": 10_000_000,
            "download_bytes": 0,
            "resources": stated(made.task, resources),
            "exclusive": True,
            "epilogue": epilogue,
        },
    )


def _with_disk(disk_bytes: int, resources: Mapping[str, float] | None) -> dict[str, float]:
    return {**({"disk": disk_bytes} if disk_bytes else {}), **(resources or {})}


def _targets(made: Recipe, files: Iterable[str]) -> list[str]:
    return [f"{made.folder}/{MANIFEST}", *(f"{made.folder}/{name}" for name in files)]


def _task(name: str, *, meta: dict[str, Any], **fields: Any) -> dict[str, Any]:
    stage, _, subject = name.partition(":")
    base: dict[str, Any] = {"basename": stage, "verbosity": 2, "meta": {META: meta}, **fields}
    meta["stage"] = stage
    if subject:
        base["name"] = subject
    return base


def make(made: Recipe) -> dict[str, Any]:
    """The action of a product."""
    return _cook(made)


def measure(made: Recipe, rerun: bool) -> dict[str, Any]:
    """The action of a measured run. One that is there already is kept, also where doit's own
    records were lost."""
    folder = Path(made.folder)
    if not rerun and artifact.damage(folder) is None:
        return {"status": "kept"}
    return _cook(made, again=rerun)


def _cook(made: Recipe, *, again: bool = False) -> dict[str, Any]:
    from doit.exceptions import TaskFailed

    try:
        status = recipe.cook(made, _progress(made.task), again=again)
    except recipe.TaskFault as fault:
        return TaskFailed(f"{fault}\n  log: {fault.log}")  # type: ignore[no-any-return]
    return {"status": status}


def _progress(task: str) -> ProgressCallback:
    from benchwright.build.console import progress_of

    return progress_of(task)


def unchanged(task: Any, values: Mapping[str, Any], made: Recipe) -> bool:
    """Whether a product is as it was made, by this same recipe from inputs of the same content.

    Without evidence the answer is no: the action then looks at the artifact itself.
    """
    remember(task, made)
    seen = values.get(EVIDENCE)
    return seen is not None and (certain(made, seen) or recipe.current(made, seen["files"]))


def remember(task: Any, made: Recipe) -> None:
    """Has doit save the evidence of a product once the task has succeeded."""
    task.value_savers.append(lambda: {EVIDENCE: evidence(made)})


def evidence(made: Recipe) -> dict[str, Any]:
    """What a later build compares: where the artifact lies, the key of its recipe, and the stamps
    of its inputs and of its files, all by path.

    An input that is no longer what the artifact was made from (edited while the task ran), and a
    file that is not there, get 0, which no stamp equals: the next build reads them.
    """
    used = artifact.read_recipe(Path(made.folder)).get("inputs", {})
    inputs = {}
    for name, path in made.inputs.items():
        before = artifact.stamp(path)
        same = before is not None and sha256_of(Path(path)) == used.get(name)
        inputs[path] = before if same else 0
    return {
        "folder": made.folder,
        "key": made.key(),
        "inputs": inputs,
        "files": {path: now or 0 for path, now in artifact.stamps(Path(made.folder)).items()},
    }


def certain(
    made: Recipe, seen: Mapping[str, Any], look: Callable[[str], Stamp | None] = artifact.stamp
) -> bool:
    """Whether nothing at all has moved since the evidence was taken: no file is read for this.

    look: the stamp of a path; a caller who asks about many tasks may remember what it saw.
    """
    if seen.get("folder") != made.folder or seen.get("key") != made.key():
        return False
    inputs = seen["inputs"]
    if inputs.keys() != set(made.inputs.values()):
        return False
    return all(look(path) == known for path, known in inputs.items()) and all(
        look(path) == known for path, known in seen["files"].items()
    )


def run_present(task: Any, values: Mapping[str, Any], made: Recipe, rerun: bool) -> bool:
    """Whether a run may stand: present, whole, and not asked for again. Says when it is stale."""
    if rerun:
        return False
    place = Path(made.folder)
    task.value_savers.append(lambda: {"stamps": artifact.stamps(place)})
    if artifact.damage(place, values.get("stamps")) is not None:
        return False
    reasons = [] if TOLD_ELSEWHERE.get() else stale_reasons(made)
    if reasons:
        print(
            f"stale: {made.task} is kept although {'; '.join(reasons)}\n"
            f"  `benchwright run --rerun {made.task}` replaces it",
            file=sys.stderr,
        )
    return True


def stale_reasons(made: Recipe) -> list[str]:
    """What has changed since a run was made, each with its old and new value."""
    was = artifact.read_recipe(Path(made.folder))
    if not was:
        return []
    return differences(made, was)


def differences(made: Recipe, was: Mapping[str, Any]) -> list[str]:
    """How a recipe and its inputs differ from what an artifact was made by, one sentence each."""
    found = []
    now, before = made.ingredients(), was.get("ingredients", {})
    for name in sorted(now.keys() | before.keys()):
        if now.get(name) != before.get(name):
            found.append(_changed(name, before.get(name), now.get(name)))
    try:
        inputs = made.input_digests()
    except OSError as error:
        return [*found, f"the input {error.filename} is missing"]
    for name in sorted(inputs.keys() | was.get("inputs", {}).keys()):
        old = was.get("inputs", {}).get(name)
        if inputs.get(name) != old:
            where = f" ({made.inputs[name]})" if name in made.inputs else ""
            found.append(_changed(f"input {name}", old, inputs.get(name)) + where)
    return found


def _changed(name: str, old: str | None, new: str | None) -> str:
    """One sentence with the old and the new value; of a hash its first twelve digits."""

    def short(value: str | None) -> str:
        if value is None:
            return "absent"
        return value[:12] if len(value) == 64 else value

    if name.startswith("source of "):
        name = f"the source of module {name.removeprefix('source of ')}"
    return f"{name} changed from {short(old)} to {short(new)}"


def remove(folder: str) -> None:
    """The clean action: removes an artifact's folder."""
    shutil.rmtree(folder, ignore_errors=True)
