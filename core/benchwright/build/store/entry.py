"""One entry of the store: which files an artifact consists of, under its key."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from benchwright.build.artifact import FileEntry, Manifest
from benchwright.errors import BenchwrightError

FORMAT = 1
"""The number of this form of entries, bundles and the store itself."""

KEY = re.compile(r"[0-9a-f]{64}")
"""How artifact keys and the sha256 of objects are written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the store holds under one key: the task that made it, and the artifact's manifest."""

    key: str
    task: str
    manifest: Manifest

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps(
            {
                "store": FORMAT,
                "key": self.key,
                "task": self.task,
                "facts": dict(self.manifest.facts),
                "files": [[item.path, item.size, item.sha256] for item in self.manifest.files],
            }
        )


def parse_entry(text: str, key: str) -> Entry:
    """The entry that `text` holds, which must be that of `key`.

    Raises BenchwrightError: entries may come from others, so every name in them is looked at.
    """
    try:
        data = json.loads(text)
        if data["store"] != FORMAT or data["key"] != key:
            raise ValueError("another format or another key")
        files = tuple(FileEntry(str(path), size, sha) for path, size, sha in data["files"])
        for item in files:
            _refuse_unsafe(item)
        if not isinstance(data["facts"], dict):
            raise ValueError("the facts are no mapping")
        return Entry(key, str(data["task"]), Manifest(files, data["facts"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BenchwrightError(
            "this entry of a store is damaged",
            where=key,
            why=f"{type(error).__name__}: {error}",
        ) from error


def _refuse_unsafe(item: Any) -> None:
    path = PurePosixPath(item.path)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in item.path:
        raise ValueError(f"the path {item.path!r} leaves the artifact")
    if not isinstance(item.sha256, str) or not KEY.fullmatch(item.sha256):
        raise ValueError(f"{item.path!r} has no sha256")
    if type(item.size) is not int or item.size < 0:
        raise ValueError(f"{item.path!r} has no size")
