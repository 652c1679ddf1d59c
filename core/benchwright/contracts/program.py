"""Programs: what a model is to Benchwright.

A program is a set of named graphs plus a plain driver over them. Image classification is one
graph called once; speech recognition is an encoder, a prediction network and a joint network in
a greedy loop; text generation is a prefill and a decode graph with a key-value cache; 3-D
segmentation slides windows over a volume. A backend compiles graphs and knows no driver; a
driver calls sessions and knows no backend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from benchwright.contracts.tensor import TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]
else:
    Array = Any

Output = Any
"""One output of a program for B samples: an array [B, …], or a list of B arrays where samples
differ in size."""

Form = Literal["onnx", "torch"]


@dataclass(frozen=True, slots=True)
class TorchForm:
    """A graph as PyTorch sees it: a factory for the module (an import path `package.module:name`,
    called with `arguments`) and its weights as a safetensors file of the model artifact."""

    factory: str
    weights: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Graph:
    """One compiled unit of a program, in one or more forms.

    `onnx` is a file of the model artifact. At least one form must be there; `forms` lists them.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    onnx: str | None = None
    torch: TorchForm | None = None

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms this graph is available in."""
        found: list[Form] = []
        if self.onnx is not None:
            found.append("onnx")
        if self.torch is not None:
            found.append("torch")
        return tuple(found)


class Session(Protocol):
    """One graph opened by a backend, ready to run. Used by one thread at a time."""

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Computes one batch.

        inputs: by tensor name, dtype and shape as the graph's specs say, C-contiguous.
        Returns the outputs in the graph's order; arrays may be reused by the next call, so a
        caller that keeps them must copy.
        """
        ...


Sessions = Mapping[str, Session]
"""The sessions of one engine instance, by graph name."""


class Driver(Protocol):
    """The plain loop over a program's sessions for one batch of samples."""

    def __call__(self, sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[Output]:
        """Runs the samples of `batch` and returns the program's outputs.

        batch: by tensor name an array [B, …], or for a ragged tensor a list of B arrays (see
        `benchwright.ragged`). A driver that calls a session again before it returns copies what
        it keeps of the first call.
        """
        ...


FirstToken = Callable[[Sequence[int], "Array"], None]
"""Called with rows of the batch and their first tokens, int64 [rows], once these are decided."""


@runtime_checkable
class TokenDriver(Protocol):
    """The driver of a program that generates tokens: it can say when each sample's first is there.

    The first of its outputs is the generated tokens, a list of B int64 arrays.
    """

    def __call__(self, sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[Output]:
        """As any driver."""
        ...

    def stream(
        self, sessions: Sessions, batch: Mapping[str, Any], first_token: FirstToken
    ) -> Sequence[Output]:
        """The same, with the same outputs, telling first tokens on the way."""
        ...


def single_call(sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[Output]:
    """The driver of a program with one graph, named `main`: one call."""
    return sessions["main"].run(batch)


@dataclass(frozen=True, slots=True)
class Program:
    """Named graphs and the driver over them.

    inputs are the sample tensors that the driver takes (usually the first graph's inputs);
    outputs are what it returns, in order. `driver` is a callable, imported by whoever runs it.
    """

    name: str
    graphs: tuple[Graph, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    load_driver: Callable[[], Driver] = field(default=lambda: single_call)

    @property
    def ragged(self) -> bool:
        """Whether samples differ in size (they are then batched by length and packed)."""
        return any(spec.ragged for spec in self.inputs)


@dataclass(frozen=True, slots=True)
class FusedProgramInfo:
    """What the `programs` hook hands over: a program for one benchmark on one backend that does
    by itself what the plain program does by a driver over graphs (an RNN-T loop inside CUDA
    graphs, continuous batching). It is held to the plain program's results by conformance tests
    (`benchwright.testing.FusedProgramExamination`).

    load: called with the preset's name. The program takes the plain program's inputs, since
    samples are preprocessed once; its graphs name files of the model artifact. sources: modules
    whose source enters the engine's key; graphs: the names of its graphs, which engine files are
    called by.
    """

    benchmark: str
    backend: str
    summary: str
    load: Callable[[str], Program]
    sources: tuple[str, ...] = ()
    graphs: tuple[str, ...] = ("main",)
