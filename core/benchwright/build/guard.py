"""A small process that ends what a killed build leaves behind.

Run as a script by `benchwright.build.pool`. It is told the process groups of the workers as they
begin (`+123`) and end (`-123`), and kills those that are left when the build's end of the pipe
closes, however the build ends. A worker dies with the build by itself; what it has started might
not.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    """Reads until the other end is gone."""
    groups: set[int] = set()
    for text in sys.stdin:
        group = int(text[1:])
        if text[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
