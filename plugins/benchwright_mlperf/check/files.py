"""Reading a tree that anybody made: bounded, and every failure is an `Unreadable` with its cause.

Paths are texts relative to the root, with `/` between the names. A tree may hold folders where
files belong, pipes, links in circles, and names that are no text at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchwright.errors import BenchwrightError
from benchwright.harness.logs import DetailLog, read_detail

TEXT_LIMIT = 1 << 22
"""Bytes of a text or JSON file that are read at the most."""

_LINE_LIMIT = 1 << 26
_LOG_LIMIT = 1 << 30


_MARK = ":::MLLOG"


class Lines(NamedTuple):
    """The lines of a detail log. broken: those that begin like a record and are none; other: those
    that do not begin like one; first: the first line begins like one; text: all is UTF-8."""

    broken: int
    other: int
    first: bool
    text: bool


class Unreadable(Exception):
    """A file cannot be used; the message says what was found in its place."""


def join(*parts: str) -> str:
    """Path texts put together; empty parts are passed over."""
    return "/".join(part for part in parts if part)


def shown(path: str) -> str:
    """A path that can always be printed, whatever bytes a name holds."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


class Tree:
    """The folder that is checked."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, path: str) -> Path:
        """The place on this machine."""
        return self.root / path if path else self.root

    def mode(self, path: str, *, follow: bool = True) -> int:
        """The type bits of `st_mode`; 0 where nothing can be found."""
        try:
            return stat.S_IFMT(os.stat(self.path(path), follow_symlinks=follow).st_mode)
        except (OSError, ValueError):
            return 0

    def is_file(self, path: str) -> bool:
        """A regular file, or a link to one."""
        return self.mode(path) == stat.S_IFREG

    def is_folder(self, path: str) -> bool:
        """A folder, or a link to one."""
        return self.mode(path) == stat.S_IFDIR

    def kind(self, path: str) -> str:
        """What lies there, in words."""
        names = {0: "nothing", stat.S_IFREG: "a file", stat.S_IFDIR: "a folder"}
        return names.get(self.mode(path), "neither a file nor a folder")

    def size(self, path: str) -> int:
        """Bytes; -1 where nothing can be found."""
        try:
            return os.stat(self.path(path)).st_size
        except (OSError, ValueError):
            return -1

    def names(self, folder: str) -> list[str]:
        """What a folder holds, sorted; nothing where it cannot be listed."""
        try:
            return sorted(os.listdir(self.path(folder)))
        except (OSError, ValueError):
            return []

    def refusal(self, folder: str) -> str | None:
        """Why a folder cannot be listed; None where it can."""
        try:
            os.listdir(self.path(folder))
        except (OSError, ValueError) as error:
            return getattr(error, "strerror", None) or str(error)
        return None

    def files(self, folder: str) -> list[str]:
        """Names in a folder that are not folders."""
        return [name for name in self.names(folder) if not self.is_folder(join(folder, name))]

    def folders(self, folder: str) -> list[str]:
        """Names of a folder's folders."""
        return [name for name in self.names(folder) if self.is_folder(join(folder, name))]

    def walk(self, folder: str) -> Iterator[tuple[str, list[str], list[str]]]:
        """(folder, its folders, its files) for it and all below, links not followed."""
        stack = [folder]
        while stack:
            here = stack.pop()
            inner: list[str] = []
            outer: list[str] = []
            for name in self.names(here):
                real = self.mode(join(here, name), follow=False) == stat.S_IFDIR
                (inner if real else outer).append(name)
            yield here, inner, outer
            stack.extend(join(here, name) for name in reversed(inner))

    def link(self, path: str) -> str | None:
        """Where a symbolic link points; None for anything else."""
        try:
            return os.readlink(self.path(path))
        except (OSError, ValueError):
            return None

    def text(self, path: str) -> str:
        """A text file's beginning (up to `TEXT_LIMIT` bytes). Raises Unreadable."""
        if not self.is_file(path):
            raise Unreadable(f"{self.kind(path)} is there")
        try:
            with self.path(path).open("rb") as file:
                content = file.read(TEXT_LIMIT)
        except OSError as error:
            raise Unreadable(f"it cannot be read: {error.strerror or error}") from error
        if len(content) == TEXT_LIMIT:
            return content.decode("utf-8", "replace")
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable(f"it is no text in UTF-8 (byte {error.start})") from error

    def json(self, path: str) -> Any:
        """A JSON file's value. Raises Unreadable."""
        text = self.text(path)
        try:
            return json.loads(text)
        except RecursionError as error:
            raise Unreadable("it is no JSON that can be read: nested too deeply") from error
        except ValueError as error:
            raise Unreadable(f"it is no JSON: {error}") from error

    def json_object(self, path: str) -> dict[str, Any]:
        """A JSON file's object. Raises Unreadable."""
        value = self.json(path)
        if not isinstance(value, dict):
            raise Unreadable(f"it holds no JSON object but {type(value).__name__}")
        return value

    def log_lines(self, path: str) -> Lines:
        """How the lines of a detail log look to the official readers, which are stricter than
        ours: loadgen itself can write what they do not take, such as a rate of `-nan`."""
        broken = other = 0
        first = text = True
        with contextlib.suppress(OSError), self.path(path).open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LINE_LIMIT), b"")):
                try:
                    words = line.decode("utf-8")
                except UnicodeDecodeError:
                    words, text = line.decode("utf-8", "replace"), False
                if words.startswith(_MARK):
                    broken += not _is_record(words.removeprefix(_MARK))
                    continue
                first = first and number > 0
                other += bool(words.strip())
        return Lines(broken, other, first, text)

    def detail(self, path: str) -> DetailLog:
        """A detail log of loadgen. Raises Unreadable."""
        if not self.is_file(path):
            raise Unreadable(f"{self.kind(path)} is there")
        if self.size(path) > _LOG_LIMIT:
            raise Unreadable(f"it is too large to be read: {self.size(path) >> 20} MiB")
        try:
            return read_detail(self.path(path))
        except BenchwrightError as error:
            why = f": {error.why}" if error.why else ""
            raise Unreadable(f"{error.what}{why}") from error


def _is_record(text: str) -> bool:
    """A record with all that the official readers take from each."""
    try:
        record = json.loads(text)
        return isinstance(record["key"], str) and "is_error" in record["metadata"]
    except (ValueError, RecursionError, TypeError, LookupError):
        return False
