"""One measured run at a time on this machine, whatever checkout or user it belongs to."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL_SECONDS = 0.2


def lock_path() -> Path:
    """The lock file: in the system's folder for temporary files, shared by all users."""
    return Path(tempfile.gettempdir(), "benchwright-measuring.lock")


@contextlib.contextmanager
def machine_alone(task: str, note: Callable[[str], None]) -> Iterator[None]:
    """Holds the machine for one measured run; says what it waits for, once.

    The lock is the kernel's (flock): it ends with its holder, however that ends.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = _open(lock_path())
    try:
        told = False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    note(f"waiting for another measured run on this machine: {_holder(descriptor)}")
                    told = True
                time.sleep(_POLL_SECONDS)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{task} (process {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    """Opens the lock for all users: a file of another's in a sticky folder must be opened without
    O_CREAT where the kernel protects such files."""
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    with contextlib.suppress(OSError):
        os.fchmod(descriptor, 0o666)
    return descriptor


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode(errors="replace") or "unknown"
