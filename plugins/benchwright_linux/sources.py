"""Where facts come from: files under one root, and the few things that have no file.

Everything that touches the machine goes through `Sources`, so that a test (or a support case) can
hand in a recorded tree. Reading never raises; what cannot be read is None. No parsing here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NamedTuple

FILE_LIMIT = 1 << 20
"""Bytes read of one file at most; the largest that matters (mountinfo) stays well below."""

_CHUNK = 4096

SYSCTL = "/usr/sbin/sysctl"
SYSCTL_NAMES = (
    "hw",
    "machdep.cpu",
    "kern.ostype",
    "kern.osrelease",
    "kern.osproductversion",
    "vm.loadavg",
    "vm.page_free_count",
)
"""Subtrees asked for on macOS; the whole of `sysctl -a` takes several times as long."""


def _platform() -> str:
    # Through a variable: a type checker otherwise takes the other platforms' code for dead.
    return sys.platform


def _machine() -> str | None:
    try:
        return os.uname().machine or None
    except (AttributeError, OSError):
        return None


def _affinity() -> int | None:
    try:
        return len(os.sched_getaffinity(0)) or None
    except (AttributeError, OSError):
        return None


def _disk_free(folder: str) -> int | None:
    import shutil

    try:
        return shutil.disk_usage(folder).free
    except (OSError, ValueError):
        return None


def _sysctl() -> str:
    import subprocess

    try:
        done = subprocess.run(
            [SYSCTL, *SYSCTL_NAMES],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=5,
            check=False,  # a name that this release lacks gives status 1 and all the others
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace")


class Functions(NamedTuple):
    """What no file tells. None (or empty text) stands for "cannot be known here"."""

    platform: Callable[[], str] = _platform
    """As `sys.platform`: `linux`, `darwin`, ..."""
    machine: Callable[[], str | None] = _machine
    """The machine field of uname: `x86_64`, `aarch64`, `arm64`, ..."""
    affinity: Callable[[], int | None] = _affinity
    """Number of logical CPUs that the scheduler may give to this process."""
    disk_free: Callable[[str], int | None] = _disk_free
    """Bytes that a user may still write on the file system that holds a folder."""
    sysctl: Callable[[], str] = _sysctl
    """`name: value` lines; starts a child process, so it is called on macOS only."""


class Sources(NamedTuple):
    """Files below `root`, named without a leading slash (`proc/meminfo`), and `functions`."""

    root: str = "/"
    functions: Functions = Functions()

    def _at(self, path: str) -> str:
        return f"{self.root.rstrip('/')}/{path}"

    def head(
        self, path: str, enough: Callable[[bytes], bool], limit: int = FILE_LIMIT
    ) -> str | None:
        """A file's beginning, read in small pieces until `enough` says so; None if unreadable.

        Not UTF-8: the bytes in question become U+FFFD.
        """
        data = b""
        try:
            descriptor = os.open(self._at(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                while len(data) < limit and not enough(data):
                    piece = os.read(descriptor, _CHUNK)
                    if not piece:
                        break
                    data += piece
            finally:
                os.close(descriptor)
        except (OSError, ValueError):  # ValueError: a NUL or a lone surrogate in the path
            return None
        return data.decode("utf-8", "replace")

    def text(self, path: str) -> str | None:
        """A whole file without surrounding white space and NULs; None if unreadable or empty."""
        content = self.head(path, _never)
        return (content.strip("\0 \t\r\n") or None) if content else None

    def value(self, path: str) -> str | None:
        """A small file that the kernel hands over in one read, such as any attribute in /sys.

        As `text`, but without the second read that looks for the end of the file: machines with
        hundreds of CPUs have thousands of these.
        """
        content = self.head(path, bool)
        return (content.strip("\0 \t\r\n") or None) if content else None

    def names(self, path: str) -> list[str]:
        """The sorted names in a folder; empty if it cannot be listed."""
        try:
            return sorted(os.listdir(self._at(path)))
        except (OSError, ValueError):
            return []

    def link(self, path: str) -> str | None:
        """Where a symbolic link points, as written; None if there is no such link."""
        try:
            return os.readlink(self._at(path))
        except (OSError, ValueError):
            return None

    def exists(self, path: str) -> bool:
        """Whether the path is there (a link counts, wherever it points)."""
        return os.path.lexists(self._at(path))


def _never(data: bytes) -> bool:
    return False
