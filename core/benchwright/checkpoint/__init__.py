"""PyTorch checkpoints as safetensors: read with `weights_only`, in a process of its own.

A checkpoint is a pickle, and reading one may go wrong in ways that no check foresees; what it
holds reaches the rest of Benchwright only as plain arrays. Needs the extra `torch`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright.errors import BenchwrightError
from benchwright.harness.guarded import run_guarded
from benchwright.progress import ProgressCallback, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHILD = Path(__file__).with_name("child.py")
_EXTRA = "pip install 'benchwright[torch]'"


def to_safetensors(
    source: Path, out: Path, *, key: str | None = None, progress: ProgressCallback = silent
) -> None:
    """Writes the tensors of the checkpoint `source` to the new file `out`.

    key: dotted path to the state dict where it is not the checkpoint itself (`model.state_dict`).
    Names and dtypes stay as they are, but bfloat16 becomes float32, which NumPy has. Raises
    BenchwrightError where the file is no such checkpoint or holds anything but tensors there.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        command = [sys.executable, "-P", str(_CHILD), str(source), str(out), key or ""]
        status = run_guarded(command, log, tick=lambda seconds: progress(int(seconds), None))
        if status == 0:
            return
        log.seek(0)
        lines = log.read().strip().splitlines()
    out.unlink(missing_ok=True)
    why = lines[-1] if lines else f"the process that read it ended with status {status}"
    missing = "No module named" in why
    raise BenchwrightError(
        "this PyTorch checkpoint cannot be read",
        where=str(source),
        why=why,
        fix=_EXTRA if missing else "get the file again, or compare its checksum",
    )


class Tensors(Mapping[str, "NDArray[np.generic]"]):
    """The tensors of a safetensors file by name, each read when it is asked for."""

    def __init__(self, path: Path) -> None:
        try:
            from safetensors import SafetensorError, safe_open
        except ModuleNotFoundError as error:
            raise BenchwrightError(
                "reading safetensors needs the package `safetensors`", why=str(error), fix=_EXTRA
            ) from error
        self._path = path
        try:
            opened: Any = safe_open
            self._file = opened(str(path), framework="numpy")
            self._names: tuple[str, ...] = tuple(self._file.keys())
        except (SafetensorError, OSError) as error:
            raise BenchwrightError(
                "this safetensors file cannot be read", where=str(path), why=str(error)
            ) from error

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        if name not in self._names:
            raise KeyError(name)
        array: NDArray[np.generic] = self._file.get_tensor(name)
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def tensors(path: Path) -> Tensors:
    """Opens a safetensors file; BenchwrightError where it is none."""
    return Tensors(path)
