"""What was worked out before from the same things, so that start-up need not do it again.

A value lies in `build/.benchwright-remembered/` with the key it was asked for by and the state of
the files that it rests on; it is used only where both are the same. Losing it costs milliseconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchwright.layout import BUILD

FOLDER = f"{BUILD}/.benchwright-remembered"

_made: dict[str, str] = {}
"""Entries of this process by their places, for where nothing is built yet."""


def remembered(
    subject: str, parts: Sequence[str], make: Callable[[], tuple[Any, Iterable[str]]]
) -> Any:
    """The JSON value that `make` gave for these parts of a key, or gives now.

    make: gives the value, and the files whose change makes it another. One value is kept for each
    subject: on disk where something was built already, else for this process.
    """
    name = hashlib.sha256(subject.encode()).hexdigest()[:24]
    path = f"{FOLDER}/{name}.json"
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        entry = json.loads(_read(path))
        if entry["key"] == key and entry["files"] == _states(entry["files"]):
            return entry["value"]
    value, files = make()
    # What is no JSON, or cannot be written, is worked out again.
    with contextlib.suppress(OSError, ValueError, TypeError):
        entry = {"subject": subject, "key": key, "files": _states(files), "value": value}
        text = _made[os.path.abspath(path)] = json.dumps(entry)
        if os.path.isdir(BUILD):
            _write(path, text)
    return value


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return _made[os.path.abspath(path)]


def _states(files: Iterable[str]) -> dict[str, list[int]]:
    """When each file was last changed, and how large it is."""
    found = {}
    for file in files:
        state = os.stat(file)
        found[file] = [state.st_mtime_ns, state.st_size]
    return found


def _write(path: str, text: str) -> None:
    os.makedirs(FOLDER, exist_ok=True)
    partial = f"{path}.{os.getpid()}"
    try:
        with open(partial, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise
