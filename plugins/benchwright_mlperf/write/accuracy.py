"""The accuracy folder: the log cut down to a sample of itself, and its checksum in accuracy.txt.

A submission carries only both ends of an accuracy log; the checksum of the whole one lets anyone
prove later which log it was.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

_GAP = b"\n\n...\n\n"


def truncated(path: Path, keep: int) -> bytes:
    """The file's content, or its first and last `keep` bytes with dots between. The log is pure
    ASCII, so bytes are characters. From `keep` bytes on it is cut, as the official script does."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size < keep:
            return file.read()
        head = file.read(keep)
        file.seek(size - keep)
        return head + _GAP + file.read()


def with_hash(text: str, log: Path) -> str:
    """accuracy.txt with the line `hash=<sha256 of the whole log>` at its end."""
    lines = [line for line in text.rstrip("\n").split("\n") if not line.startswith("hash=")]
    with log.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return "\n".join([*lines, f"hash={digest}"]) + "\n"
