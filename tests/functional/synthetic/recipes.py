"""Recipe functions. Each leaves a line in the file that ACCOUNT names when it begins, writes its
files in pieces with pauses between them, and makes the same bytes from the same inputs."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from benchwright.build.recipe import Kitchen

ACCOUNT = "SYNTHETIC_ACCOUNT"
"""The environment variable with the path of the account, outside the build."""

PIECE = 4096
PAUSE_SECONDS = 0.001


def _begin(kitchen: Kitchen) -> None:
    descriptor = os.open(os.environ[ACCOUNT], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{kitchen.recipe.task}\n".encode())
    os.close(descriptor)


def _write(path: Path, seed: str, pieces: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb", buffering=0) as stream:
        for number in range(pieces):
            block = hashlib.sha256(f"{seed} {number}".encode()).digest()
            # A raw file may write less than it is given, a full disk's last bytes for one.
            left = memoryview(block * (PIECE // len(block)))
            while left:
                left = left[stream.write(left) :]
            time.sleep(PAUSE_SECONDS)


def _taste(kitchen: Kitchen) -> str:
    digest = hashlib.sha256()
    for name in sorted(kitchen.recipe.inputs):
        place = kitchen.input(name)
        for path in sorted(place.rglob("*")):
            if path.is_file() and path.name != "recipe.json":
                digest.update(path.read_bytes())
    return digest.hexdigest()


def several(kitchen: Kitchen) -> None:
    """A folder with files in folders, one name with a space and letters beyond ASCII."""
    _begin(kitchen)
    seed = f"{kitchen.parameters['seed']} {_taste(kitchen)}"
    kitchen.scratch().joinpath("left over").write_text("scratch")
    for name in ("one", "sub/two", "sub/drei ß\n.bin"):
        _write(kitchen.out / name, f"{seed} {name}", 3)


def single(kitchen: Kitchen) -> None:
    """One file, which may be published under this name."""
    _begin(kitchen)
    _write(kitchen.out / "page.html", _taste(kitchen), 4)


def measured(kitchen: Kitchen) -> None:
    """What no two executions make alike."""
    _begin(kitchen)
    time.sleep(PAUSE_SECONDS)
    (kitchen.out / "result").write_text(str(time.time_ns()))
