"""Copying a file the cheapest safe way: reflink, else copy; a hard link only when asked for."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

_FICLONE = 0x40049409
"""Linux's ioctl request that makes one file share another's blocks until either is written
(ioctl_ficlone(2))."""


Named = str | Path


def clone_or_copy(source: Named, target: Named) -> None:
    """Makes `target`, which must not exist, a file of its own with the source's content."""
    with open(source, "rb", buffering=0) as reading, open(target, "xb") as writing:
        if not _cloned(reading.fileno(), writing.fileno()):
            shutil.copyfileobj(reading, writing, 1 << 20)


def link_or_copy(source: Named, target: Named) -> None:
    """Makes `target` the same file as `source` where one file system holds both, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        clone_or_copy(source, target)


def _cloned(source: int, target: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        # Another file system, or one whose files cannot share blocks.
        return False
    return True
