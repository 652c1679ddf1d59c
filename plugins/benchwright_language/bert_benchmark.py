"""bert: question answering on SQuAD v1.1.

All presets run the same code; they differ in encoder, windows and files (see bert_config). A sample
is one window of real tokens; mask and padding are made by the driver, within the timed run.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchwright.contracts.benchmark import Benchmark, Encoder, Score
from benchwright.contracts.program import Array, Driver, Graph, Output, Program, Sessions, TorchForm
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.progress import ProgressCallback
from benchwright.ragged import lengths, pad
from benchwright_language.bert_answers import Logits, answer
from benchwright_language.bert_config import PRESETS
from benchwright_language.bert_features import Sequences, inputs, sequences
from benchwright_language.bert_graph import END, IDS, MASK, SEGMENTS, START
from benchwright_language.bert_metric import squad_score
from benchwright_language.bert_squad import QUESTIONS_FILE, read_squad
from benchwright_language.bert_wordpiece import VOCABULARY_FILE, WordPieces

if TYPE_CHECKING:
    from benchwright.harness.samples import SampleWriter

MODEL_FILE = "bert.onnx"
_MODULE = "benchwright_language.bert_module:build"
TOKENS = "tokens"
_PROGRESS_EVERY = 256


def padded_call(
    sessions: Sessions, batch: Mapping[str, Sequence[Array]], *, length: int | None
) -> Sequence[Output]:
    """The driver: one call on sequences padded to `length`, or to the longest of the batch.

    Returns start and end logits, a list of B arrays float32 [tokens] each, without the padding.
    """
    ids = pad(batch[IDS], length=length)
    counts = lengths(batch[IDS])
    mask = np.arange(ids.shape[1]) < counts[:, None]
    logits = sessions["main"].run(
        {
            IDS: ids,
            MASK: mask.astype(np.int64),
            SEGMENTS: pad(batch[SEGMENTS], length=length),
        }
    )
    return [[row[:count] for row, count in zip(rows, counts, strict=True)] for rows in logits]


def encode_logits(outputs: Sequence[Output], indices: Array) -> Sequence[Array]:
    """Start and end logits, B arrays [tokens] each → B arrays float32 [tokens, 2], in which the
    two of each token lie side by side."""
    return [np.stack(pair, axis=-1) for pair in zip(*outputs, strict=True)]


class Bert(Benchmark):
    """The benchmark behind the names `bert-99` and `bert-99.9`."""

    def program(self, preset: str) -> Program:
        length = PRESETS[preset].fixed_length
        axes = (BATCH, length or TOKENS)

        def tensors(names: Sequence[str], dtype: str, axes: tuple[int | str, ...]) -> Specs:
            return tuple(TensorSpec(name, dtype, axes) for name in names)

        graph = Graph(
            "main",
            tensors((IDS, MASK, SEGMENTS), "int64", axes),
            tensors((START, END), "float32", axes),
            onnx=MODEL_FILE,
            # The official graph's weights have names of their own.
            torch=None
            if preset == "official"
            else TorchForm(_MODULE, MODEL_FILE, PRESETS[preset].encoder._asdict()),
        )

        def load_driver() -> Driver:
            return functools.partial(padded_call, length=length)

        return Program(
            f"bert-{preset}",
            (graph,),
            tensors((IDS, SEGMENTS), "int64", (BATCH, TOKENS)),
            tensors((START, END), "float32", (BATCH, TOKENS)),
            load_driver,
        )

    def assemble_model(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        if preset == "synthetic":
            from benchwright_language.bert_synthetic import write_model

            write_model(PRESETS[preset].encoder, out / MODEL_FILE, progress)
            return
        (source,) = sources.values()
        shutil.copyfile(source, out / MODEL_FILE)

    def assemble_dataset(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        if preset == "tiny":
            from benchwright.archive import unpack

            (archive,) = sources.values()
            unpack(archive, out)
            return
        out.mkdir()
        if preset == "synthetic":
            from benchwright_language.bert_synthetic import write_dataset

            write_dataset(PRESETS[preset], out, progress)
            return
        for name in (QUESTIONS_FILE, VOCABULARY_FILE):
            shutil.copyfile(sources[name], out / name)

    def validate_dataset(self, preset: str, dataset: Path) -> int:
        items, _ = _read(preset, dataset)
        return sum(len(item.windows) for item in items)

    def preprocess(
        self, preset: str, dataset: Path, out: SampleWriter, progress: ProgressCallback
    ) -> None:
        items, vocabulary = _read(preset, dataset)
        total = sum(len(item.windows) for item in items)
        done = 0
        for item in items:
            for window in item.windows:
                ids, segments = inputs(item, window, vocabulary)
                out.add({IDS: ids, SEGMENTS: segments})
                done += 1
                if done % _PROGRESS_EVERY == 0 or done == total:
                    progress(done, total)

    def encoder(self, preset: str) -> Encoder:
        return encode_logits

    def score(self, preset: str, dataset: Path, responses: Iterable[Entry]) -> Score:
        """A sample that is answered twice counts with its last response; a question without any
        response is answered wrongly."""
        items, _ = _read(preset, dataset)
        length = PRESETS[preset].windows.length
        total = sum(len(item.windows) for item in items)
        found: dict[int, Logits] = {}
        for entry in responses:
            found[entry.qsl_idx] = _logits(entry, total, length)
        answered = []
        first = 0
        for item in items:
            windows = range(len(item.windows))
            mine = {number: found[first + number] for number in windows if first + number in found}
            answered.append((answer(item, mine, length), item.question.answers))
            first += len(item.windows)
        exact, overlap = squad_score(answered)
        text = json.dumps({"exact_match": exact, "f1": overlap})
        return Score({"F1": overlap, "exact_match": exact}, f"{text}\n", len(found))


Specs = tuple[TensorSpec, ...]


def _read(preset: str, dataset: Path) -> tuple[list[Sequences], WordPieces]:
    """Every question's sequences and the vocabulary, which must fit the preset's encoder."""
    encoder, windows, _ = PRESETS[preset]
    vocabulary = WordPieces.read(dataset)
    if len(vocabulary) != encoder.vocabulary:
        raise BenchwrightError(
            f"this vocabulary has {len(vocabulary)} pieces, the model knows {encoder.vocabulary}",
            where=str(dataset / VOCABULARY_FILE),
            fix=f"take the {VOCABULARY_FILE} that belongs to the model",
        )
    return list(sequences(read_squad(dataset), vocabulary, windows)), vocabulary


def _logits(entry: Entry, samples: int, length: int) -> Logits:
    """A response's logits float32 [tokens, 2]."""
    count, rest = divmod(len(entry.data), 8)
    if rest or not 0 < count <= length or not 0 <= entry.qsl_idx < samples:
        raise BenchwrightError(
            f"the response for sample {entry.qsl_idx} cannot be scored",
            why=f"{len(entry.data)} bytes; needed are 8 for each of up to {length} tokens, and an "
            f"index below {samples}",
        )
    return np.frombuffer(entry.data, np.float32).reshape(count, 2)
