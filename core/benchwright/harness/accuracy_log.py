"""loadgen's accuracy log: the responses' bytes, one entry at a time.

The file is a JSON array that reaches hundreds of MB (segmented volumes), so that it is never held
as a whole: only one entry is in memory, with a chunk of the file. What the bytes mean is the
benchmark's business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from benchwright.errors import BenchwrightError

_CHUNK = 1 << 20
_SOLID = re.compile(rb"[^ \t\r\n]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One response. seq_id: the sample's number in the order of issue; qsl_idx: its index in the
    data set; data: the response's bytes; token_count: where loadgen counted tokens."""

    seq_id: int
    qsl_idx: int
    data: bytes
    token_count: int | None = None


def read_accuracy(path: Path) -> Iterator[Entry]:
    """The entries of an `mlperf_log_accuracy.json`, in the file's order.

    Entries may lie on the lines in any way. A file without entries (`[ ]`), as a performance run
    leaves it, gives none. Raises BenchwrightError with file and line for a file that is missing
    (at once) or damaged (when the damage is reached; a file cut short gives its whole entries
    first).
    """
    if not path.is_file():
        raise BenchwrightError(
            "there is no accuracy log",
            where=str(path),
            fix="run it in accuracy mode; loadgen writes the file as the run ends",
        )
    return _entries(path)


def _entries(path: Path) -> Iterator[Entry]:
    with path.open("rb") as file:
        reader = _Reader(path, file)
        reader.expect(b"[")
        if reader.peek() != b"]":
            while True:
                yield reader.entry()
                if reader.peek() != b",":
                    break
                reader.expect(b",")
        reader.expect(b"]")
        if reader.peek():
            reader.damaged("there is more after the closing `]`")


class _Reader:
    """The file's bytes from the current position on, and the line that it is on."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._buffer = b""
        self._at = 0
        self._line = 1

    def peek(self) -> bytes:
        """The next byte that is not blank; empty at the end of the file."""
        while True:
            found = _SOLID.search(self._buffer, self._at)
            self._advance(found.start() if found else len(self._buffer))
            if found or not self._more():
                return found[0] if found else b""

    def expect(self, mark: bytes) -> None:
        found = self.peek()
        if found != mark:
            self._unexpected(mark, found)
        self._advance(self._at + 1)

    def entry(self) -> Entry:
        """The object that begins here. Its strings are hexadecimal, so the first `}` ends it."""
        found = self.peek()
        if found != b"{":
            self._unexpected(b"{", found)
        searched = self._at
        while (end := self._buffer.find(b"}", searched)) < 0:
            searched = len(self._buffer) - self._at
            if not self._more():
                self.damaged("the file ends within an entry")
        text = self._buffer[self._at : end + 1]
        try:
            entry = _entry(json.loads(text))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            self.damaged(f"{type(error).__name__}: {error}", error)
        self._advance(end + 1)
        return entry

    def damaged(self, why: str, cause: Exception | None = None) -> NoReturn:
        raise BenchwrightError(
            "the accuracy log is damaged",
            where=f"{self._path}:{self._line}",
            why=why,
            fix="run it again in accuracy mode; of a log that was truncated for a submission, "
            "take the original",
        ) from cause

    def _unexpected(self, mark: bytes, found: bytes) -> NoReturn:
        if not found:
            self.damaged(f"the file ends where `{mark.decode()}` is due")
        self.damaged(f"`{mark.decode()}` is due, but `{found.decode('ascii', 'replace')}` is there")

    def _advance(self, position: int) -> None:
        self._line += self._buffer.count(b"\n", self._at, position)
        self._at = position

    def _more(self) -> bool:
        """Reads on, dropping what is behind; at least as much as is held, so that a huge entry
        is not copied for each chunk of it."""
        left = self._buffer[self._at :]
        chunk = self._file.read(max(_CHUNK, len(left)))
        self._buffer = left + chunk
        self._at = 0
        return bool(chunk)


def _entry(value: object) -> Entry:
    if not isinstance(value, dict):
        raise TypeError("an entry is an object")
    data = value["data"]
    if not isinstance(data, str):
        raise TypeError("`data` is a string of hexadecimal digits")
    tokens = value.get("token_count")
    if tokens is not None and not isinstance(tokens, int):
        raise TypeError("`token_count` is a whole number")
    return Entry(_count(value, "seq_id"), _count(value, "qsl_idx"), bytes.fromhex(data), tokens)


def _count(value: dict[str, object], key: str) -> int:
    number = value[key]
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError(f"`{key}` is not a whole number from zero up")
    return number
