"""A download on the disk: `<name>.part` (the bytes so far), `<name>.part.json` (what the server
said of them) and `<name>.lock`. Which server is asked, and how, is in `mirrors`."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from io import BufferedReader, FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from benchwright.contracts.source import Algorithm, Checksum, Download, shown
from benchwright.errors import BenchwrightError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

LOG = logging.getLogger("benchwright.download")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def file_checksum(path: Path, algorithm: Algorithm) -> Checksum:
    """The checksum of a file's content, read once; raises OSError."""
    with path.open("rb") as stream:
        return Checksum(algorithm, hash_of(stream, algorithm).hexdigest())


class _Hash(Protocol):
    def update(self, data: ReadableBuffer, /) -> None: ...
    def hexdigest(self) -> str: ...


def hash_of(stream: BufferedReader, algorithm: Algorithm) -> _Hash:
    return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False))


@dataclass(frozen=True, slots=True)
class Journal:
    """Which bytes a part holds: from where, and what the server called that version."""

    url: str
    checksum: str | None
    etag: str | None = None
    modified: str | None = None
    total: int | None = None

    @classmethod
    def read(cls, path: Path) -> Journal | None:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            journal = cls(**found)
        except (FileNotFoundError, ValueError, TypeError):
            return None
        texts = (journal.checksum, journal.etag, journal.modified)
        sound = isinstance(journal.url, str) and all(isinstance(t, str | None) for t in texts)
        return journal if sound and isinstance(journal.total, int | None) else None

    @property
    def validator(self) -> str | None:
        """What If-Range may carry: a strong ETag, else the time of the last change."""
        if self.etag is not None and not self.etag.startswith("W/"):
            return self.etag
        return self.modified

    def agrees(self, older: Journal | None) -> bool:
        """Whether both may describe one version of the file (nothing said by both differs)."""
        if older is None or older.url != self.url:
            return True
        mine, theirs = asdict(self), asdict(older)
        return all(None in (mine[k], theirs[k]) or mine[k] == theirs[k] for k in mine)


class Part:
    """`<name>.part` with its journal. `offset` bytes are on the disk and in `hasher`."""

    def __init__(self, target: Path, download: Download) -> None:
        self.target = target
        self.download = download
        self.algorithm: Algorithm = download.checksum.algorithm if download.checksum else "sha256"
        self.path = target.with_name(f"{target.name}.part")
        self.journal_path = target.with_name(f"{target.name}.part.json")
        self.journal: Journal | None = None
        self.total = download.size
        self.offset = 0
        self._hasher: _Hash = hashlib.new(self.algorithm, usedforsecurity=False)

    def load(self) -> None:
        """Take up what an earlier process left, unless it is of another file."""
        self.journal = Journal.read(self.journal_path)
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return
        expected = str(self.download.checksum) if self.download.checksum else None
        other = self.journal is not None and self.journal.checksum != expected
        if other or (self.download.size is not None and size > self.download.size):
            self.drop()
            return
        with self.path.open("rb") as stream:
            self._hasher = hash_of(stream, self.algorithm)
            self.offset = stream.tell()

    def drop(self) -> None:
        """Forget and delete every byte."""
        self.path.unlink(missing_ok=True)
        self.journal_path.unlink(missing_ok=True)
        self.journal, self.offset, self.total = None, 0, self.download.size
        self._hasher = hashlib.new(self.algorithm, usedforsecurity=False)

    def record(self, journal: Journal) -> None:
        self.journal = journal
        fresh = self.journal_path.with_suffix(".json.part")
        fresh.write_text(json.dumps(asdict(journal)), encoding="utf-8")
        fresh.replace(self.journal_path)

    @contextlib.contextmanager
    def opened(self) -> Iterator[FileIO]:
        def opener(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)

        with FileIO(str(self.path), "ab", opener=opener) as stream:
            yield stream

    def append(self, stream: FileIO, data: bytes) -> None:
        view = memoryview(data)
        while view:
            # Unbuffered: on a full disk, what was written before it counts.
            written = stream.write(view)
            self._hasher.update(view[:written])
            self.offset += written
            view = view[written:]

    def range_headers(self, url: str) -> dict[str, str]:
        """What asks that URL's server for the rest; empty where only the whole file will do."""
        if not self.offset:
            return {}
        journal, headers = self.journal, {"Range": f"bytes={self.offset}-"}
        if journal is not None and journal.url == shown(url) and journal.validator is not None:
            return {**headers, "If-Range": journal.validator}
        # Without a name for the version, only a checksum can tell whether the pieces fit.
        return headers if self.download.checksum is not None else {}

    def check_room(self) -> None:
        """Raise BenchwrightError where the disk cannot take what is missing, if that is known."""
        if self.total is None:
            return
        missing, free = self.total - self.offset, shutil.disk_usage(self.target.parent).free
        if missing > free:
            raise _no_room(self, f"{size_text(missing)} are needed, {size_text(free)} are free")

    def checksum(self) -> Checksum:
        return Checksum(self.algorithm, self._hasher.hexdigest())

    def is_right(self) -> bool:
        """Whether what is here is the whole file, as far as that can be told."""
        expected, size = self.download.checksum, self.download.size
        return (expected is None or expected == self.checksum()) and size in (None, self.offset)

    def finish(self) -> None:
        """Move the part to its final name, so that it survives a power cut."""
        _sync(self.path, os.O_RDWR)
        self.journal_path.unlink(missing_ok=True)
        os.replace(self.path, self.target)
        _sync(self.target.parent, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file: one process (or thread) at a time; a dead holder's lock is free."""
    while (descriptor := _try_lock(path, note)) is None:
        note = LOG.debug  # Once is enough.
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _try_lock(path: Path, note: Callable[[str], None]) -> int | None:
    """A descriptor that holds the lock; None where the file was deleted while waiting for it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    held = False
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(f"another process is downloading {path.with_suffix('')}: waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # A holder deletes the file when done, and a lock on a deleted file excludes nobody.
        with contextlib.suppress(FileNotFoundError):
            held = os.path.samestat(os.fstat(descriptor), os.stat(path))
        return descriptor if held else None
    finally:
        if not held:
            os.close(descriptor)


def signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def is_right_file(target: Path, download: Download, note: Callable[[str], None]) -> bool:
    if not target.is_file():
        raise BenchwrightError(
            f"`{download.name}` is in the way: not a file", where=str(target), fix="move it away"
        )
    if download.size is not None and target.stat().st_size != download.size:
        return False
    if download.checksum is None:
        note(f"{target} was taken as it is, unverified: no checksum is known for it")
        return True
    return file_checksum(target, download.checksum.algorithm) == download.checksum


def disk_error(error: OSError, part: Part) -> BenchwrightError:
    missing = None if part.total is None else part.total - part.offset
    needed = "how much more is not known" if missing is None else f"{size_text(missing)} are needed"
    if error.errno in _NO_ROOM:
        return _no_room(part, f"{error.strerror}; {needed}")
    return BenchwrightError(
        f"cannot store `{part.download.name}`",
        where=str(error.filename or part.target),
        why=error.strerror or str(error),
        fix=f"make {part.target.parent} a folder that can be written ({needed} there)",
    )


def _no_room(part: Part, why: str) -> BenchwrightError:
    after = f"; the first {size_text(part.offset)} are kept" if part.offset else ""
    return BenchwrightError(
        f"no room for `{part.download.name}`",
        where=str(part.path),
        why=why,
        fix=f"free space on that disk and run again{after}",
    )


def expected_text(download: Download) -> str:
    size = "" if download.size is None else f", {download.size} bytes"
    return f"{download.checksum or 'no checksum is known'}{size}"


def size_text(count: int) -> str:
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{count} bytes" if unit == "B" else f"{value:.1f} {unit}"
