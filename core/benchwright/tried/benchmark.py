"""The benchmark that a description amounts to: speed only, one preset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchwright.build.store.files import link_or_copy
from benchwright.contracts.benchmark import Benchmark, Encoder, Score
from benchwright.contracts.program import Array, Driver, Graph, Output, Program, TorchForm
from benchwright.contracts.tensor import TensorSpec
from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.progress import ProgressCallback
from benchwright.tried import described, samples
from benchwright.tried.described import Description

if TYPE_CHECKING:
    from benchwright.harness.samples import SampleWriter

DESCRIPTION_FILE = "tried.json"
SHOWN = 16
"""A response has so many values of the first output."""


def encode_beginnings(outputs: Sequence[Output], indices: Array) -> Array | Sequence[Array]:
    """The first values of the first output, [B, at most 16]: no script reads them."""
    first = outputs[0]
    if isinstance(first, np.ndarray):
        return np.ascontiguousarray(first.reshape(len(first), -1)[:, :SHOWN])
    return [np.ascontiguousarray(np.ravel(item)[:SHOWN]) for item in first]


def encode_tokens(outputs: Sequence[Output], indices: Array) -> Sequence[Array]:
    """The tokens that were generated, int64."""
    return list(outputs[0])


class TriedModel(Benchmark):
    """The benchmark of the description of that name."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def _description(self) -> Description:
        return described.load(self._name)

    def program(self, preset: str) -> Program:
        found = self._description
        graphs = tuple(
            Graph(
                graph.name,
                tuple(TensorSpec(*item) for item in graph.inputs),
                tuple(TensorSpec(*item) for item in graph.outputs),
                onnx=graph.file,
                torch=None if graph.torch is None else TorchForm(**graph.torch),
            )
            for graph in found.graphs
        )

        def load_driver() -> Driver:
            from benchwright.tried.driver import driver_of

            return driver_of(found)

        inputs = samples.specs(found)
        return Program(found.name, graphs, inputs, graphs[-1].outputs, load_driver)

    def assemble_model(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        for number, (name, source) in enumerate(sources.items(), start=1):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(source, out / name)
            progress(number, len(sources))

    def assemble_dataset(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        out.mkdir(parents=True)
        for name, source in sources.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(source, out / name)

    def validate_dataset(self, preset: str, dataset: Path) -> int:
        path = dataset / DESCRIPTION_FILE
        if not path.is_file():
            raise BenchwrightError(
                "these are no inputs of a tried model",
                where=str(dataset),
                why=f"it has no {DESCRIPTION_FILE}",
                fix="give real inputs with `benchwright try MODEL --input-data FILE.npz`",
            )
        return described.parse(path).samples

    def preprocess(
        self, preset: str, dataset: Path, out: SampleWriter, progress: ProgressCallback
    ) -> None:
        found = described.parse(dataset / DESCRIPTION_FILE)
        data = None if found.data is None else dataset / found.data.name
        for number, sample in enumerate(samples.make(found, data), start=1):
            out.add(sample)
            if number % 64 == 0 or number == found.samples:
                progress(number, found.samples)

    def encoder(self, preset: str) -> Encoder:
        return encode_tokens if self._description.generates else encode_beginnings

    def score(self, preset: str, dataset: Path, responses: Iterable[Entry]) -> Score:
        raise BenchwrightError(
            "a model that is merely tried has no accuracy",
            where=self._name,
            why="its inputs have no right answers",
            fix="measure its performance",
        )
