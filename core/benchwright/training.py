"""What the scripts have in common that train the tiny presets' models. No benchmark imports it."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.metadata
import io
import os
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def parser(doc: str, *, program: str | None = None) -> argparse.ArgumentParser:
    """The options of every training script; doc: its docstring.

    `--out` is where to write (None: beside the script), `--shuffle-labels` trains the control
    that must fall to chance, `--seed` is of weights, order and augmentation.
    """
    made = argparse.ArgumentParser(
        prog=program, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--out", type=Path, help="folder to write into (default: the package's)")
    made.add_argument(
        "--shuffle-labels",
        action="store_true",
        help="train on permuted labels, as a control: accuracy must fall to chance; needs --out",
    )
    made.add_argument("--seed", type=_seed, default=0)
    return made


def place(parser: argparse.ArgumentParser, options: argparse.Namespace, default: Path) -> Path:
    """The folder to write into, made; the control never replaces the shipped files."""
    if options.shuffle_labels and options.out is None:
        parser.error("--shuffle-labels needs --out: it must not replace the shipped files")
    out: Path = options.out or default
    out.mkdir(parents=True, exist_ok=True)
    return out


def settle(seed: int, threads: int = 2) -> None:
    """Seeds torch and NumPy's global generator, and asks torch for determinism on `threads`."""
    import numpy as np
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(threads)


def replace(path: Path, content: bytes) -> None:
    """Writes beside the target, then moves in: a broken run never leaves half a file."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    os.replace(partial, path)


def described(path: Path) -> dict[str, Any]:
    """A file's entry in the card: name, SHA-256 and size in bytes."""
    content = path.read_bytes()
    return {
        "name": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }


def pack(members: Mapping[str, bytes]) -> bytes:
    """A gzipped tar that depends on nothing but its members' names and contents."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in sorted(members):
            entry = tarfile.TarInfo(name)
            entry.size = len(members[name])
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(members[name]))
    return packed.getvalue()


def members(folder: Path) -> dict[str, bytes]:
    """The contents of all files below a folder, by their paths in it: what `pack` takes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def versions(*distributions: str) -> dict[str, str]:
    """The versions of Python and of the given distributions."""
    found = {name: importlib.metadata.version(name) for name in distributions}
    return {"python": platform.python_version(), **found}


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Writes the card as YAML, keys in the given order."""
    import yaml

    text = yaml.safe_dump(dict(card), sort_keys=False, allow_unicode=True, width=100)
    replace(path, text.encode("utf-8"))


def _seed(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must not be negative, got {value}")
    return value
