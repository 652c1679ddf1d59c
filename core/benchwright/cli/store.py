"""`benchwright store`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchwright.build import artifact
from benchwright.build.display import size
from benchwright.build.outer import needed
from benchwright.build.recipe import Recipe, current, explain_os_error
from benchwright.build.resources import parse_bytes
from benchwright.build.store import bundle, upkeep
from benchwright.build.store.entry import Entry
from benchwright.build.store.store import STORE_VARIABLE, Store, store_folder
from benchwright.build.task import META
from benchwright.cli.common import find, load, print_json
from benchwright.errors import BenchwrightError, ExitCode, UsageError
from benchwright.progress import ProgressCallback


def main(arguments: Namespace) -> int:
    """Does what is asked with the store."""
    try:
        return _ACTIONS[arguments.action](arguments)
    except OSError as error:
        raise explain_os_error(error, str(error.filename or "the store")) from error


def _store() -> Store:
    root = store_folder()
    if root is None:
        raise UsageError(
            f"the store is switched off by {STORE_VARIABLE}=off",
            fix=f"unset {STORE_VARIABLE}, or name a folder with it",
        )
    return Store(root)


def _note(text: str) -> None:
    print(f"store: {text}", file=sys.stderr)


def _info(arguments: Namespace) -> int:
    store = _store()
    found = upkeep.holdings(store, _note)
    if arguments.json:
        print_json({"folder": str(store.root), **asdict(found)})
        return 0
    print(f"store       {store.root}")
    stages = ", ".join(f"{count} {stage}" for stage, count in sorted(found.stages.items()))
    print(f"artifacts   {found.entries}{f': {stages}' if stages else ''}")
    print(f"files       {found.objects}, {size(found.size)}")
    if found.unused_size:
        print(f"not needed  {size(found.unused_size)}; `benchwright store prune` removes it")
    return 0


def _prune(arguments: Namespace) -> int:
    largest = parse_bytes(arguments.max_size)
    if largest is None:
        raise UsageError(
            f"`{arguments.max_size}` is no size",
            where="--max-size",
            fix="write a number with a unit, such as --max-size 10GB",
        )
    done = upkeep.prune(_store(), largest, _note)
    if arguments.json:
        print_json(asdict(done))
        return 0
    print(
        f"removed {done.entries} artifacts and {done.objects} files, {size(done.freed)}; "
        f"{size(done.size)} stay"
    )
    return 0


def _verify(arguments: Namespace) -> int:
    with _Bar("reading the store") as progress:
        done = upkeep.verify(_store(), _note, remove=not arguments.keep, progress=progress)
    found = bool(done.damaged or done.broken)
    if arguments.json:
        print_json(asdict(done))
        return int(ExitCode.FINDINGS if found else ExitCode.OK)
    for place in done.damaged:
        print(f"damaged: {place}")
    for task in done.broken:
        print(f"cannot be restored: {task}")
    print(f"{done.objects} files read, {size(done.size)}: {_verdict(done, arguments.keep)}")
    return int(ExitCode.FINDINGS if found else ExitCode.OK)


def _verdict(done: upkeep.Verified, keep: bool) -> str:
    if not done.damaged and not done.broken:
        return "all are whole"
    what = f"{len(done.damaged)} damaged, {len(done.broken)} artifacts incomplete"
    return f"{what}; {'nothing removed' if keep else 'removed, they will be made again'}"


def _export(arguments: Namespace) -> int:
    _, tasks = load(arguments, extra=arguments.tasks)
    names = [name for typed in arguments.tasks for name in find(typed, tasks, arguments.started)]
    chosen = list(_artifacts(needed(tasks, names) if names else tasks))
    with _Bar("exporting") as progress:
        done = bundle.write_bundle(Path(arguments.file), chosen, progress)
    if arguments.json:
        print_json({"file": arguments.file, **asdict(done)})
        return 0
    for task in done.tasks:
        print(task)
    print(
        f"{arguments.file}: {len(done.tasks)} artifacts, {done.files} files, {size(done.size)}; "
        f"on the other machine: `benchwright store import {Path(arguments.file).name}`"
    )
    return 0


def _artifacts(tasks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Entry, Path]]:
    """What the store would hold of these tasks, from where it was built."""
    recipes: list[Recipe] = [task["meta"][META]["recipe"] for task in tasks]
    recipes = [recipe for recipe in recipes if recipe.store]
    if not recipes:
        raise UsageError(
            "none of these tasks makes anything that a store holds",
            why="measured runs and what is made of them stay where they were made",
            fix="name tasks such as `engine` and `dataset`; `store: {enabled: false}` in the "
            "campaign keeps everything out",
        )
    missing = [recipe.task for recipe in recipes if not current(recipe)]
    if missing:
        raise BenchwrightError(
            "only what is built and up to date can be exported",
            why=f"not so: {', '.join(missing)}",
            fix=f"benchwright run {' '.join(missing)}",
        )
    for recipe in recipes:
        folder = Path(recipe.folder)
        manifest = artifact.read_manifest(folder)
        key = recipe.artifact_key(recipe.input_digests())
        yield Entry(key, recipe.task, manifest), manifest.base(folder)


def _import(arguments: Namespace) -> int:
    from benchwright import __version__

    with _Bar("importing") as progress:
        done = bundle.read_bundle(Path(arguments.file), _store(), progress)
    if done.made_by != __version__:
        _note(
            f"this bundle was written by Benchwright {done.made_by or 'of an unknown version'}, "
            f"this is {__version__}: what is made differently now will not be found"
        )
    if arguments.json:
        print_json(asdict(done))
        return 0
    for task in done.tasks:
        print(task)
    print(
        f"{len(done.tasks)} artifacts, {done.known} of them known; "
        f"{done.files} files added, {size(done.size)}"
    )
    return 0


class _Bar:
    """A progress bar in bytes on a terminal, nothing elsewhere."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._bar: Any = None

    def __enter__(self) -> ProgressCallback:
        return self._told

    def _told(self, done: int, total: int | None) -> None:
        if self._bar is None:
            from tqdm import tqdm

            # disable=None: nothing where standard error is no terminal.
            self._bar = tqdm(
                desc=self._text, total=total, unit="B", unit_scale=True, disable=None, leave=False
            )
        self._bar.update(done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


_ACTIONS: Mapping[str, Callable[[Namespace], int]] = {
    "info": _info,
    "prune": _prune,
    "verify": _verify,
    "export": _export,
    "import": _import,
}
