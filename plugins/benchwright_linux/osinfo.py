"""The operating system: distribution and kernel."""

from __future__ import annotations

import re
import shlex

from benchwright.contracts.probe import JSON
from benchwright_linux.sources import Sources
from benchwright_linux.texts import line

_KEY = re.compile(r"[A-Z][A-Z0-9_]*")


def parse_release(text: str) -> dict[str, str]:
    """The assignments of an os-release file (shell syntax, one a line) with quotes resolved."""
    values: dict[str, str] = {}
    for row in text.splitlines():
        key, equals, quoted = row.strip().partition("=")
        if not equals or not _KEY.fullmatch(key):
            continue
        try:
            words = shlex.split(quoted)
        except ValueError:  # a quote that never closes
            continue
        if len(words) == 1:
            values[key] = words[0]
    return values


def identity(sources: Sources) -> dict[str, JSON]:
    """`os.name`, `os.version` and `os.kernel` (`Linux 6.1.0-18-amd64`); None for unknown.

    Rolling distributions have no version.
    """
    text = sources.text("etc/os-release") or sources.text("usr/lib/os-release") or ""
    release = parse_release(text)
    system = line(sources.value("proc/sys/kernel/ostype"))
    kernel = line(sources.value("proc/sys/kernel/osrelease"))
    return {
        "os.name": line(release.get("NAME")),
        "os.version": line(release.get("VERSION_ID")),
        "os.kernel": f"{system} {kernel}" if system and kernel else None,
    }
