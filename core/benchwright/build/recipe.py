"""Recipes: how an artifact is made, with a key that changes when the making would differ.

recipe key   = name, source of the modules that do the work, parameters, tool versions
artifact key = recipe key + content of the inputs

A recipe is plain data, so a task can be pickled, explained and run by any doit.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

from benchwright import __version__
from benchwright.build import artifact, console
from benchwright.build.artifact import MANIFEST, RECIPE, Manifest, digest_of, sha256_of
from benchwright.contained import end_copy
from benchwright.errors import BenchwrightError
from benchwright.progress import ProgressCallback, silent
from benchwright.requirements import Requirement, lacking, refusal

# Shared by all recipes that leave a mapping out, and never written to. A plain dict, because keys
# are made of its JSON.
_NOTHING: Mapping[str, Any] = {}


class Recipe(NamedTuple):
    """How one artifact is made.

    task: the task's name; call: import path `package.module:function` of the function that does
    the work, called with a `Kitchen`; folder: where the artifact goes; parameters: JSON values;
    inputs: name → manifest or other file whose *content* counts; tools: distribution → version;
    sources: modules, besides the function's own, whose source counts (none at all counts where
    keyed_by_source is off: measured runs); log: where output goes; publish: where the files
    themselves go when `folder` is to hold only their manifest and recipe (a submission tree must
    hold nothing else, a report is one file); aside: what the function needs but no key holds;
    store: how the artifact is shared through the store, `""` for not at all (measured runs, what
    is made of them, and files that lie in a folder of the user's own); requires: distributions
    that must be installed before the function is called.
    """

    task: str
    call: str
    folder: str
    parameters: Mapping[str, Any] = _NOTHING
    inputs: Mapping[str, str] = _NOTHING
    tools: Mapping[str, str] = _NOTHING
    sources: tuple[str, ...] = ()
    log: str = ""
    publish: str = ""
    keyed_by_source: bool = True
    aside: Mapping[str, Any] = _NOTHING
    store: Literal["", "copy", "link"] = ""
    requires: tuple[Requirement, ...] = ()

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules and packages whose source counts."""
        return (self.call.split(":")[0], *self.sources) if self.keyed_by_source else ()

    def ingredients(self) -> dict[str, str]:
        """Everything that the recipe key is made of, each under a name that can be explained."""
        stage = self.task.split(":", 1)[0]
        parts = {"recipe": f"{stage} by {self.call}"}
        for module in self.modules:
            parts[f"source of {module}"] = module_digest(module)
        for name, value in flatten(self.parameters).items():
            parts[f"option {name}"] = value
        for name, value in self.tools.items():
            parts[f"version of {name}"] = value
        return parts

    def key(self) -> str:
        """The recipe key: of the same things as `ingredients`, in a form that is quick to make,
        because every task's key is made in every build."""
        sources = [[module, module_digest(module)] for module in self.modules]
        stage = self.task.split(":", 1)[0]
        text = _ENCODE([stage, self.call, sources, self.parameters, self.tools])
        return hashlib.sha256(text.encode()).hexdigest()

    def artifact_key(self, inputs: Mapping[str, str]) -> str:
        """What the store calls the artifact that this recipe makes from inputs of these digests."""
        return digest_of([self.key(), dict(inputs)])

    def input_digests(self) -> dict[str, str]:
        """The sha256 of each input file, by name."""
        return {name: sha256_of(Path(path)) for name, path in sorted(self.inputs.items())}


# json.dumps would make an encoder for each value.
_ENCODE = json.JSONEncoder(sort_keys=True, default=str).encode


def flatten(value: Any, prefix: str = "") -> dict[str, str]:
    """Nested parameters as dotted names with JSON texts."""
    # type() first: asking whether something is a Mapping costs more than all the rest.
    if value and (type(value) is dict or isinstance(value, Mapping)):
        flat: dict[str, str] = {}
        for name, item in value.items():
            flat.update(flatten(item, f"{prefix}.{name}" if prefix else str(name)))
        return flat
    return {prefix: _ENCODE(value)}


@cache
def module_digest(module: str) -> str:
    """The sha256 of a module's source, found without importing the module itself; of a package,
    of every file below it (its data files decide as much as its code)."""
    files = module_files(module)
    if not files:
        return "unknown"
    if "" in files:
        return sha256_of(files[""])
    return digest_of({name: sha256_of(path) for name, path in files.items()})


def module_files(module: str) -> dict[str, Path]:
    """The files whose content is a module's source: of a package every file by its path in it, of
    a plain module one without a name. Empty where there is none to be found."""
    spec = find_spec(module)
    if spec is None or spec.origin is None or not os.path.exists(spec.origin):
        return {}
    if not spec.submodule_search_locations:
        return {"": Path(spec.origin)}
    root = Path(spec.origin).parent
    files = sorted(
        path for path in root.rglob("*") if path.is_file() and path.suffix not in (".pyc", ".pyo")
    )
    return {path.relative_to(root).as_posix(): path for path in files}


@dataclass(eq=False, repr=False)
class Kitchen:
    """What a recipe's function works with: its inputs, parameters and an empty place to write."""

    recipe: Recipe
    out: Path
    log: TextIO
    progress: ProgressCallback = silent
    facts: dict[str, Any] = field(default_factory=dict)
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    """Called, in order, once the artifact lies in its place."""
    root: str | None = None
    """Set by a recipe whose files lie in a folder of the user's own (`files` names them)."""
    files: tuple[artifact.FileEntry, ...] | None = None

    def scratch(self) -> Path:
        """A folder for intermediate files, on the same disk; removed when the recipe ends."""
        place = artifact.scratch_folder(Path(self.recipe.folder))
        place.mkdir(parents=True, exist_ok=True)
        return place

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The recipe's parameters."""
        return self.recipe.parameters

    def input(self, name: str) -> Path:
        """The folder of an input artifact (where its manifest is), or the input file itself."""
        path = Path(self.recipe.inputs[name])
        return path.parent if path.name == MANIFEST else path

    def note(self, text: str) -> None:
        """A line into the task's log."""
        print(text, file=self.log, flush=True)

    def say(self, text: str) -> None:
        """A line for the person who waits, and into the log."""
        self.note(text)
        console.say(self.recipe.task, text)


class TaskFault(Exception):
    """An error of a task with what the runner shows: the message and where the log is."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log


def resolve(call: str) -> Callable[..., Any]:
    """The object that an import path `package.module:name` names."""
    module, _, name = call.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def current(recipe: Recipe, known: Mapping[str, artifact.Stamp | None] | None = None) -> bool:
    """Whether the artifact in place was made by this very recipe from these very inputs, whole.

    known: stamps of files that need not be read again.
    """
    folder = Path(recipe.folder)
    made = artifact.read_recipe(folder)
    if made.get("key") != recipe.key():
        return False
    try:
        if made.get("inputs") != recipe.input_digests():
            return False
    except OSError:
        return False
    return artifact.damage(folder, known) is None


def cook(recipe: Recipe, progress: ProgressCallback = silent, *, again: bool = False) -> str:
    """Makes the artifact, or finds it current (`kept`, unless `again`) or in the store.

    Returns `executed`, `kept` or `restored`.

    The artifact is written beside its place and moved in when complete. A failure leaves what
    was there before, and raises TaskFault with the log's path; it never leaves a half. Of several
    processes that want one artifact, one makes it and the others wait and keep it.
    """
    folder = Path(recipe.folder)
    if not again and current(recipe) and not artifact.interrupted(folder):
        return "kept"
    log_path = Path(recipe.log) if recipe.log else folder.with_name(f"{folder.name}.log")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with artifact.alone(folder, lambda: _tell_waiting(recipe.task)) as place:
            if place.left:
                for target in filter(None, [recipe.folder, recipe.publish]):
                    artifact.discard_partials(Path(target), alone=place.locked)
            if not again and current(recipe):
                return "kept"
            artifact.partial_place(folder).mkdir()
            # A file's name may hold bytes that are no text.
            with log_path.open("w", 1, encoding="utf-8", errors="backslashreplace") as log:
                return _work(recipe, progress, log, log_path)
    except OSError as error:
        shutil.rmtree(artifact.partial_place(folder), ignore_errors=True)
        raise TaskFault(str(explain_os_error(error, str(folder))), str(log_path)) from error


def _tell_waiting(task: str) -> None:
    console.say(task, f"waiting for another process that makes {task}")


def _work(recipe: Recipe, progress: ProgressCallback, log: TextIO, log_path: Path) -> str:
    """Fills an empty folder, from the store or by the recipe's function, and installs it."""
    folder = Path(recipe.folder)
    partial = artifact.partial_place(folder)
    kitchen = Kitchen(recipe, partial, log, progress)
    started = time.monotonic()
    process = os.getpid()
    try:
        kitchen.note(f"{recipe.task}, recipe key {recipe.key()}")
        digests = recipe.input_digests()
        if _restored(kitchen, digests):
            return "restored"
        if lacks := lacking(recipe.requires):
            raise refusal(lacks)
        with console.captured(log):
            try:
                resolve(recipe.call)(kitchen)
            finally:
                # A plugin's work may fork: the copy must neither go on nor tidy up.
                end_copy(process, f"what {recipe.task} calls")
        manifest = _finish(kitchen, digests)
        with console.captured(log):
            for call in kitchen.afterwards:
                call()
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError):
            error = explain_os_error(error, str(folder))
        if isinstance(error, BenchwrightError):
            _log_quietly(kitchen, f"{error}\n")
            raise TaskFault(str(error), str(log_path)) from error
        _log_quietly(kitchen, traceback.format_exc())
        if isinstance(error, KeyboardInterrupt):
            raise
        raise TaskFault(
            f"unexpected {type(error).__name__}: {error}\n  why: see the end of {log_path}",
            str(log_path),
        ) from error
    finally:
        shutil.rmtree(artifact.scratch_folder(folder), ignore_errors=True)
    _log_quietly(kitchen, f"done in {time.monotonic() - started:.2f} s")
    if recipe.store:
        from benchwright.build.store.use import keep

        keep(recipe.artifact_key(digests), recipe.task, folder, manifest, kitchen.say)
    return "executed"


def _restored(kitchen: Kitchen, digests: Mapping[str, str]) -> bool:
    recipe = kitchen.recipe
    if not recipe.store:
        return False
    from benchwright.build.store.use import restore

    key = recipe.artifact_key(digests)
    manifest = restore(key, kitchen.out, kitchen.say, link=recipe.store == "link")
    if manifest is None:
        return False
    _install(kitchen, manifest, digests)
    kitchen.note(f"from the store, artifact key {key}")
    return True


def _log_quietly(kitchen: Kitchen, text: str) -> None:
    """A full disk must not hide the error that it caused."""
    try:
        kitchen.note(text)
    except OSError:
        print(text, file=sys.stderr)


def _finish(kitchen: Kitchen, digests: Mapping[str, str]) -> Manifest:
    files = kitchen.files
    if files is None:
        files = artifact.scan(kitchen.out, skip=frozenset({MANIFEST, RECIPE}))
    manifest = Manifest(files, kitchen.facts)
    _install(kitchen, manifest, digests)
    return manifest


def _install(kitchen: Kitchen, manifest: Manifest, digests: Mapping[str, str]) -> None:
    recipe = kitchen.recipe
    root = _published_root(kitchen, manifest.files) if recipe.publish else kitchen.root
    made = {
        "task": recipe.task,
        "key": recipe.key(),
        "ingredients": recipe.ingredients(),
        "inputs": dict(digests),
        "benchwright": __version__,
        "root": root,
    }
    text = manifest.to_json()
    made["manifest"] = hashlib.sha256(text.encode()).hexdigest()
    place = kitchen.out
    if recipe.publish:
        _publish(kitchen.out, Path(recipe.publish))
        place.mkdir(exist_ok=True)
    _write(place / MANIFEST, text)
    _write(place / RECIPE, json.dumps(made, indent=1, sort_keys=True) + "\n")
    artifact.install(place, Path(recipe.folder))


def _published_root(kitchen: Kitchen, files: tuple[artifact.FileEntry, ...]) -> str:
    """A single file of the published name is published as a file, else the folder."""
    target = Path(kitchen.recipe.publish)
    single = [entry.path for entry in files] == [target.name]
    return str(target.parent if single else target)


def _publish(out: Path, target: Path) -> None:
    if (out / target.name).is_file():
        os.replace(out / target.name, target)
    else:
        artifact.install(out, target)


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def explain_os_error(error: OSError, where: str) -> BenchwrightError:
    """A full disk, a missing permission and the like, in words."""
    import errno

    place = str(error.filename or where)
    fixes = {
        errno.ENOSPC: "free some space, or build elsewhere, and run again: finished work is kept",
        errno.EDQUOT: "your disk quota is used up: free some space and run again",
        errno.EFBIG: "raise the limit of file sizes (`ulimit -f`) and run again",
        errno.EACCES: "give yourself write permission there, or build in another folder",
        errno.EPERM: "give yourself write permission there, or build in another folder",
        errno.EROFS: "this file system is read-only: build in another folder",
    }
    whats = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "a file would be larger than this system allows",
        errno.EACCES: "no permission",
        errno.EPERM: "no permission",
        errno.EROFS: "the file system is read-only",
    }
    code = error.errno or 0
    return BenchwrightError(
        whats.get(code, "a file operation failed"),
        where=place,
        why=f"{type(error).__name__}: {error.strerror or error}",
        fix=fixes.get(code),
    )
