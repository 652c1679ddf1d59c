"""Benchmarks: a program, a data set reader, preprocessing, what a sample is, how its response is
encoded for the accuracy log, and a metric.

The contract covers fixed-shape samples (images), ragged ones (token sequences, waveforms,
volumes, groups of user-item pairs), one graph or several, and any encoding of a response.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from benchwright.contracts.program import Array, Output, Program
    from benchwright.contracts.source import Source
    from benchwright.harness.accuracy_log import Entry
    from benchwright.harness.samples import SampleWriter
    from benchwright.progress import ProgressCallback


class Accuracy(NamedTuple):
    """One metric's value with the bounds it must keep; higher is better (1 - WER for speech)."""

    metric: str
    value: float
    min: float | None = None
    max: float | None = None

    @property
    def met(self) -> bool:
        """Whether the value keeps both bounds."""
        above = self.min is None or self.value >= self.min
        return above and (self.max is None or self.value <= self.max)


class Score(NamedTuple):
    """What an accuracy run amounts to.

    values: metric → value, the primary metric first, by the names of the round's tables (`acc`,
    `F1`, …). text: what accuracy.txt says, in the form the official scripts print it, without
    the hash line. samples: how many distinct samples were scored.
    """

    values: Mapping[str, float]
    text: str
    samples: int


class Encoder(Protocol):
    """Turns a batch of program outputs into the bytes loadgen logs for each sample."""

    def __call__(self, outputs: Sequence[Output], indices: Array) -> Array | Sequence[Array]:
        """outputs: as the program returns them for B samples; indices: int64 [B], the samples'
        positions in the data set. Returns a C-contiguous array [B, …], one row a response, when
        responses have one size, else a sequence of B arrays (an empty one is an empty response).
        """
        ...


class Benchmark(ABC):
    """The real thing behind a `BenchmarkInfo`; methods run inside tasks and may import freely."""

    @abstractmethod
    def program(self, preset: str) -> Program:
        """The program of this preset; its graphs name files of the model artifact."""

    @abstractmethod
    def assemble_model(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        """Writes the model's files into the empty folder `out` from the fetched sources."""

    @abstractmethod
    def assemble_dataset(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        """Writes the data set in its official form into `out` from the fetched sources.

        `out` does not exist yet. Not called where the user names a folder of their own.
        """

    @abstractmethod
    def validate_dataset(self, preset: str, dataset: Path) -> int:
        """Checks a data set folder in its official form; returns its number of samples.

        Raises BenchwrightError that names the file and line at fault.
        """

    @abstractmethod
    def preprocess(
        self, preset: str, dataset: Path, out: SampleWriter, progress: ProgressCallback
    ) -> None:
        """Writes every sample, in data set order, ready for the program's inputs (untimed work
        only: what the rules time belongs into the program's driver)."""

    @abstractmethod
    def encoder(self, preset: str) -> Encoder:
        """The encoder of this benchmark's responses, as the official accuracy script reads them."""

    @abstractmethod
    def score(self, preset: str, dataset: Path, responses: Iterable[Entry]) -> Score:
        """Scores an accuracy log the way the official script does."""


@dataclass(frozen=True, slots=True)
class PresetInfo:
    """Where one preset's model and data come from, and what it takes.

    dataset_name: the key under `datasets:` by which a user names a folder of their own;
    reference: FP32 accuracy by metric, or None where the round's own minimum applies;
    weights: what a submission states as starting weights; disk_bytes and memory_bytes: what
    building and running it needs; model_disk_bytes: what of the former is for the model, at every
    stage, so that the rest is for data; more_download_bytes: about what assembling the data set
    fetches besides its sources, such as thousands of pictures; extra: of
    `pip install benchwright[…]`, with the distributions it must bring (`requires`, where
    `opencv-python-headless:cv2` says that any other that brings the module `cv2` will do; without
    a colon the module is called as the distribution), without which nothing is built; speed_only:
    weights or inputs are random, so that no accuracy is measured; preliminary: of a model that is
    merely being tried, which is kept out of every submission tree; facts: what else each result
    is to record, as JSON; sources: modules whose code decides what is built; tools: distributions
    whose versions decide it; model_files: the model artifact's main files, which other builds may
    depend on by path.
    """

    name: str
    summary: str
    sample_count: int
    dataset_name: str
    dataset: tuple[Source, ...]
    model: tuple[Source, ...]
    weights: str
    reference: Mapping[str, float] | None = None
    official: bool = False
    speed_only: bool = False
    preliminary: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    input_data_types: str = "fp32"
    weight_data_types: str = "fp32"
    disk_bytes: int = 0
    memory_bytes: int = 0
    model_disk_bytes: int = 0
    more_download_bytes: int = 0
    requires: tuple[str, ...] = ()
    extra: str | None = None
    sources: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    model_files: tuple[str, ...] = ()


class Presets(Mapping[str, PresetInfo]):
    """Presets by name, each made when it is first asked for: listing plugins makes none."""

    def __init__(self, makers: Mapping[str, Callable[[], PresetInfo]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, PresetInfo] = {}

    def __getitem__(self, name: str) -> PresetInfo:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return name in self._makers


@dataclass(frozen=True, slots=True)
class BenchmarkInfo:
    """What the `benchmarks` hook hands over.

    name is the benchmark's (`bert-99`), family the name shared by those with one model and data
    set (`bert`); quality is the share of the reference accuracy that a result must reach (0.99
    or 0.999), qualities that share for metrics that have one of their own; scenarios are those
    that the program can run.
    """

    name: str
    summary: str
    family: str
    presets: Mapping[str, PresetInfo]
    load: Callable[[], Benchmark]
    quality: float = 0.99
    qualities: Mapping[str, float] = field(default_factory=dict)
    scenarios: tuple[str, ...] = ("SingleStream", "MultiStream", "Server", "Offline")
    forms: tuple[str, ...] = ("onnx",)
    dtypes: tuple[str, ...] = ("float32",)
    dynamic_axes: bool = True
    graphs: tuple[str, ...] = ("main",)
