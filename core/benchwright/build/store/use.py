"""How a build uses the store: an artifact is looked for before it is made, and put in after.

A store that is damaged, full, read-only, unsafe or too new is told of, and the build goes on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from benchwright.build.artifact import Manifest
from benchwright.build.store.entry import Entry
from benchwright.build.store.store import Store, StoreUnusable, store_folder
from benchwright.errors import BenchwrightError

Say = Callable[[str], None]

RESERVE = 0.05
"""The share of the store's disk that is left free: a cache must not fill a disk."""

_told: set[str] = set()


def restore(key: str, out: Path, say: Say, *, link: bool) -> Manifest | None:
    """Fills the empty folder `out` from the store; None, and `out` is empty again, when the
    artifact is not there."""
    store = _open(say)
    if store is None:
        return None
    try:
        entry = store.restore(key, out, lambda text: say(f"store: {text}"), link=link)
    except OSError as error:
        _tell_once(say, f"store: {store.root} cannot be used: {error.strerror}")
        entry = None
    if entry is None:
        _empty(out)
        return None
    return entry.manifest


def keep(key: str, task: str, folder: Path, manifest: Manifest, say: Say) -> None:
    """Puts an artifact into the store if it takes it."""
    store = _open(say)
    if store is None:
        return
    try:
        store.make_place()
        disk = shutil.disk_usage(store.root)
        if disk.free - manifest.size < RESERVE * disk.total:
            _tell_once(
                say,
                f"store: {store.root} has too little room left and takes nothing more "
                "(`benchwright store prune --max-size SIZE` makes some)",
            )
            return
        store.keep(Entry(key, task, manifest), folder)
    except OSError as error:
        _tell_once(say, f"store: {store.root} takes nothing: {error.strerror}")
    except BenchwrightError as error:
        _tell_once(say, f"store: {error}")


def _open(say: Say) -> Store | None:
    root = store_folder()
    if root is None:
        return None
    try:
        return Store(root)
    except StoreUnusable as error:
        fix = f" ({error.fix})" if error.fix else ""
        _tell_once(say, f"store: {error.where} is not used: {error.what}{fix}")
        return None


def _tell_once(say: Say, text: str) -> None:
    """Once in a process: what ails a store ails it for each of a thousand tasks."""
    if text not in _told:
        _told.add(text)
        say(text)


def _empty(folder: Path) -> None:
    for item in folder.iterdir():
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()
