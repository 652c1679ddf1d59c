"""The model's weights by name: from the official checkpoint, or seeded random ones."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchwright import checkpoint
from benchwright.errors import BenchwrightError
from benchwright.progress import ProgressCallback
from benchwright_speech.config import BLANK, Transducer, shapes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_STATE = "state_dict"
_OLD_JOINT, _JOINT = "joint_net.", "joint.net."
_LSTM_GAIN, _JOINT_GAIN = 4.0, 2.0
_GATES = (2.0, -4.0, 0.0, 2.0)
"""Biases of random weights: input and output gates open, forget gates shut."""

_DROPPED = "audio_preprocessor."
"""The checkpoint's mel filters and window: the features compute their own."""


def from_checkpoint(
    source: Path, size: Transducer, progress: ProgressCallback
) -> Mapping[str, Floats]:
    """The weights of a checkpoint in the official form, as float32.

    Raises BenchwrightError that names what is missing, left over or of another shape.
    """
    with tempfile.TemporaryDirectory() as scratch:
        converted = Path(scratch) / "weights.safetensors"
        checkpoint.to_safetensors(source, converted, key=_STATE, progress=progress)
        stored = checkpoint.tensors(converted)
        found = {
            _renamed(name): np.asarray(stored[name], dtype=np.float32)
            for name in stored
            if not name.startswith(_DROPPED)
        }
    _check(found, size, source)
    return found


def _renamed(name: str) -> str:
    if name.startswith(_OLD_JOINT):
        return _JOINT + name.removeprefix(_OLD_JOINT)
    return name


def _check(found: Mapping[str, Floats], size: Transducer, source: Path) -> None:
    wanted = shapes(size)
    for name, shape in wanted.items():
        if name not in found:
            why = f"it has no `{name}`"
        elif found[name].shape != shape:
            why = f"`{name}` has the shape {found[name].shape} instead of {shape}"
        else:
            continue
        raise BenchwrightError("this checkpoint is of another model", where=str(source), why=why)
    if left := sorted(set(found) - set(wanted)):
        raise BenchwrightError(
            "this checkpoint is of another model",
            where=str(source),
            why=f"it has weights that this one has not, such as `{left[0]}`",
        )


def random(size: Transducer, seed: int, blank_bias: float) -> dict[str, Floats]:
    """Seeded random weights of a model that keeps giving symbols and blanks by turns.

    With common random weights a transducer settles: every frame gives a blank, or 30 times the
    same symbol. Here the LSTMs forget at once and amplify, so that their states never come to
    rest; blank_bias, added to the blank's score, sets how many symbols a frame gives on average.
    """
    generator = np.random.default_rng(seed)
    found = {}
    for name, shape in shapes(size).items():
        gain = (_LSTM_GAIN if ".lstm." in name else _JOINT_GAIN) * shape[-1] ** -0.5
        if len(shape) == 1:
            gain = 0.0
        found[name] = generator.standard_normal(shape, dtype=np.float32) * np.float32(gain)
        if ".bias_ih" in name:
            for gate, value in zip(np.split(found[name], 4), _GATES, strict=True):
                gate += np.float32(value)
    found["joint.net.3.bias"][BLANK] = blank_bias
    return found
