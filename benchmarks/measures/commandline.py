"""The real command line, timed as a whole process, start-up included."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchwright.errors import BenchwrightError


def seconds_of(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> tuple[float, str]:
    """(seconds that `benchwright` took with these arguments in this folder, what it told);
    BenchwrightError where it did not end with 0."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchwright", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - begin
    if done.returncode != 0:
        raise BenchwrightError(
            f"`benchwright {' '.join(arguments)}` ended with exit status {done.returncode}",
            where=str(folder),
            why=done.stderr[-1000:].strip() or "it said nothing",
        )
    return took, done.stderr
