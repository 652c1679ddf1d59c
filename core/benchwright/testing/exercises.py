"""What backends are examined on: small programs whose right answers NumPy can tell.

Their graphs lie as ONNX files in `graphs/` (one dense layer; labels and scores, two outputs;
tokens with a mask, dynamic in length; two graphs in a row).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright.contracts.program import Array, Driver, Graph, Program, Sessions
from benchwright.contracts.tensor import BATCH, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Batch = dict[str, Any]
"""Arrays by tensor name, the batch first."""


@dataclass(frozen=True)
class Exercise:
    """A program, samples for it, and the right answers.

    samples(count, seed) gives a batch: arrays by tensor name, C-contiguous, dtypes and shapes as
    the program's inputs say. answers(batch) gives the program's outputs in order, as NumPy
    computes them.
    """

    program: Program
    samples: Callable[[int, int], Batch]
    answers: Callable[[Mapping[str, Array]], Sequence[Any]]

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    @property
    def dtypes(self) -> set[str]:
        """The dtypes of every tensor that goes into or comes out of a graph."""
        return {
            spec.dtype for graph in self.program.graphs for spec in (*graph.inputs, *graph.outputs)
        }

    def write_model(self, folder: Path) -> Path:
        """Puts the graphs' files into a folder, as a model artifact holds them."""
        folder.mkdir(parents=True, exist_ok=True)
        for graph in self.program.graphs:
            if graph.onnx is not None:
                with as_file(files(__package__).joinpath("graphs", graph.onnx)) as source:
                    shutil.copyfile(source, folder / graph.onnx)
        return folder


def weights(*shape: int) -> NDArray[np.float32]:
    """Weights in [-1, 1] that are the same everywhere: no random generator makes them."""
    import numpy as np

    count = int(np.prod(shape))
    values = (np.arange(count) * 37 % 101 - 50) / 50
    return values.astype(np.float32).reshape(shape)


def _noise(seed: int, *shape: int) -> NDArray[np.float32]:
    import numpy as np

    return np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32)


def dense() -> Exercise:
    """One layer: float32 [N, 16] → float32 [N, 8]."""
    import numpy as np

    inputs = (TensorSpec("x", "float32", (BATCH, 16)),)
    outputs = (TensorSpec("y", "float32", (BATCH, 8)),)
    graph = Graph("main", inputs, outputs, onnx="dense.onnx")

    def answers(batch: Mapping[str, Any]) -> Sequence[Any]:
        return [np.maximum(batch["x"] @ weights(16, 8) + weights(8), 0)]

    return Exercise(
        Program("dense", (graph,), inputs, outputs),
        lambda count, seed: {"x": _noise(seed, count, 16)},
        answers,
    )


def label() -> Exercise:
    """Two outputs, which the program names in another order than the file: float32 [N, 12] →
    float32 [N], int64 [N]. Even an 8-bit backend can tell the labels apart."""
    import numpy as np

    inputs = (TensorSpec("x", "float32", (BATCH, 12)),)
    outputs = (TensorSpec("score", "float32", (BATCH,)), TensorSpec("label", "int64", (BATCH,)))
    graph = Graph("main", inputs, outputs, onnx="label.onnx")

    def samples(count: int, seed: int) -> Batch:
        labels = np.random.RandomState(seed).randint(0, 12, count)
        return {"x": (0.1 * _noise(seed, count, 12) + np.eye(12)[labels]).astype(np.float32)}

    def answers(batch: Mapping[str, Any]) -> Sequence[Any]:
        logits = 2 * batch["x"]
        return [logits.max(axis=1), logits.argmax(axis=1)]

    return Exercise(Program("label", (graph,), inputs, outputs), samples, answers)


def tokens(length: int = 5) -> Exercise:
    """Two inputs that are dynamic in length: int64 and float32 [N, L] → float32 [N, 6]."""
    import numpy as np

    inputs = (TensorSpec("ids", "int64", (BATCH, "L")), TensorSpec("mask", "float32", (BATCH, "L")))
    outputs = (TensorSpec("y", "float32", (BATCH, 6)),)
    graph = Graph("main", inputs, outputs, onnx="tokens.onnx")

    def samples(count: int, seed: int) -> Batch:
        random = np.random.RandomState(seed)
        ids = random.randint(0, 10, (count, length)).astype(np.int64)
        return {"ids": ids, "mask": random.randint(0, 2, (count, length)).astype(np.float32)}

    def answers(batch: Mapping[str, Any]) -> Sequence[Any]:
        return [(weights(10, 6)[batch["ids"]] * batch["mask"][..., None]).sum(axis=1)]

    return Exercise(Program("tokens", (graph,), inputs, outputs), samples, answers)


def chain() -> Exercise:
    """Two graphs and a driver over them: float32 [N, 16] → float32 [N, 3]."""
    one = dense()
    (x,), (h,) = one.program.inputs, one.program.outputs
    y = TensorSpec("y", "float32", (BATCH, 3))
    encode = Graph("encode", (x,), (h,), onnx="dense.onnx")
    decode = Graph("decode", (TensorSpec("h", "float32", (BATCH, 8)),), (y,), onnx="decode.onnx")

    def answers(batch: Mapping[str, Any]) -> Sequence[Any]:
        return [one.answers(batch)[0] @ weights(8, 3)]

    program = Program("chain", (encode, decode), (x,), (y,), load_driver=_load_chain)
    return Exercise(program, one.samples, answers)


def _load_chain() -> Driver:
    return _run_chain


def _run_chain(sessions: Sessions, batch: Mapping[str, Array]) -> Sequence[Array]:
    (hidden,) = sessions["encode"].run(batch)
    return sessions["decode"].run({"h": hidden})


def exercises() -> list[Exercise]:
    """All of them."""
    return [dense(), label(), tokens(), chain()]
