"""Looking after a store: what it holds, making it smaller, reading all of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchwright.build.artifact import sha256_of
from benchwright.build.store.entry import Entry
from benchwright.build.store.store import Note, Store
from benchwright.progress import ProgressCallback, silent


@dataclass
class Holdings:
    """What a store holds: entries by the stage that made them, and objects. Sizes in bytes."""

    stages: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    objects: int = 0
    size: int = 0
    unused_size: int = 0
    """Of objects that no entry names, and of what killed processes left."""


def holdings(store: Store, note: Note) -> Holdings:
    """Counts everything; reads no object."""
    found = Holdings()
    with store.shared() as there:
        if not there:
            return found
        used: set[str] = set()
        for entry in _entries(store, note):
            stage = entry.task.partition(":")[0]
            found.stages[stage] = found.stages.get(stage, 0) + 1
            found.entries += 1
            used.update(_names(entry))
        for name in store.object_names():
            bytes_ = _size(store.object(name))
            found.objects += 1
            found.size += bytes_
            found.unused_size += 0 if name in used else bytes_
        found.unused_size += sum(_size(path) for path in store.unfinished())
    return found


@dataclass
class Pruned:
    """What was removed, and what stays. Sizes in bytes."""

    entries: int = 0
    objects: int = 0
    freed: int = 0
    size: int = 0


def prune(store: Store, largest: float, note: Note) -> Pruned:
    """Removes what was not used for longest until the objects take at most `largest` bytes, and
    what no entry needs. Nobody puts or takes anything meanwhile."""
    done = Pruned()
    with store.alone() as there:
        if not there:
            return done
        entries = sorted(
            _entries(store, note), key=lambda entry: store.entry(entry.key).stat().st_mtime_ns
        )
        users: dict[str, int] = {}
        for entry in entries:
            for name in _names(entry):
                users[name] = users.get(name, 0) + 1
        sizes = {name: _size(store.object(name)) for name in store.object_names()}
        total = sum(sizes.get(name, 0) for name in users)
        for entry in entries:
            if total <= largest:
                break
            # The entry first: one without its objects would be called damaged.
            store.entry(entry.key).unlink()
            done.entries += 1
            for name in _names(entry):
                users[name] -= 1
                if users[name] == 0:
                    total -= sizes.get(name, 0)
        for name, bytes_ in sizes.items():
            if users.get(name, 0) == 0:
                store.object(name).unlink()
                done.objects += 1
                done.freed += bytes_
        for path in store.unfinished():
            done.freed += _size(path)
            path.unlink()
        done.size = total
    return done


@dataclass
class Verified:
    """What a full reading found: how much was read, which objects are damaged, and the tasks of
    the entries that cannot be restored."""

    objects: int = 0
    size: int = 0
    damaged: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def verify(
    store: Store, note: Note, *, remove: bool = True, progress: ProgressCallback = silent
) -> Verified:
    """Hashes every object; removes the damaged ones, and entries that lack one, if `remove`."""
    done = Verified()
    with store.shared() as there:
        if not there:
            return done
        names = list(store.object_names())
        whole: set[str] = set()
        total = sum(_size(store.object(name)) for name in names)
        for name in names:
            place = store.object(name)
            done.objects += 1
            done.size += _size(place)
            if _intact(place, name):
                whole.add(name)
            else:
                done.damaged.append(str(place))
            progress(done.size, total)
        for entry in _entries(store, note):
            # An entry may have come, with its objects, after their names were listed.
            lacks = [name for name in _names(entry) if name not in whole]
            if any(not _intact(store.object(name), name) for name in lacks):
                done.broken.append(entry.task)
                if remove:
                    _remove([store.entry(entry.key)], note)
        if remove:
            _remove(map(Path, done.damaged), note)
    return done


def _entries(store: Store, note: Note) -> list[Entry]:
    found = (store.read(key, note) for key in store.entry_keys())
    return [entry for entry in found if entry is not None]


def _names(entry: Entry) -> set[str]:
    return {item.sha256 for item in entry.manifest.files}


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.lstat().st_size
    return 0


def _intact(path: Path, sha256: str) -> bool:
    try:
        return not path.is_symlink() and sha256_of(path) == sha256
    except OSError:
        return False


def _remove(paths: Iterable[Path], note: Note) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            note(f"{path} cannot be removed: {error.strerror}")
