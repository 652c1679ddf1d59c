"""rnnt: speech to text on LibriSpeech, its tiny preset on generated voices, and its synthetic one.

All presets run the same code; they differ in the model's sizes and weights, and in what is
spoken. Preprocessing only decodes: the rules time the feature extraction, so that it is part of
the program.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchwright.contracts.benchmark import Benchmark, Encoder, Score
from benchwright.contracts.program import Program, TorchForm
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.harness.accuracy_log import Entry
from benchwright.progress import ProgressCallback
from benchwright_speech import graphs, librispeech, transcripts
from benchwright_speech.config import SIZES
from benchwright_speech.decoder import GreedyDriver

if TYPE_CHECKING:
    from benchwright.harness.samples import SampleWriter

WAVEFORM = "waveform"
SEED = 2012
"""Of the synthetic preset's weights and noise."""

BLANK_BIAS = 3.2
"""Of the random weights: about 0.9 symbols a frame, as dev-clean has."""

_MODULES = "benchwright_speech.modules"
_CHUNK = 64


class Rnnt(Benchmark):
    """The benchmark behind the name `rnnt`."""

    def program(self, preset: str) -> Program:
        size = SIZES[preset]
        named = {"preset": preset}
        forms: tuple[tuple[str, dict[str, str]], ...]
        forms = (("Features", {}), ("Encoder", named), ("Decoder", named))
        return Program(
            f"rnnt-{preset}",
            tuple(
                replace(graph, torch=TorchForm(f"{_MODULES}:{module}", str(graph.onnx), given))
                for graph, (module, given) in zip(graphs.graphs(size), forms, strict=True)
            ),
            (TensorSpec(WAVEFORM, "float32", (BATCH, "samples")),),
            (TensorSpec("symbols", "int64", (BATCH, "symbols")),),
            load_driver=lambda: GreedyDriver(size),
        )

    def assemble_model(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        if preset == "tiny":
            for name in graphs.FILES:
                shutil.copyfile(sources[f"rnnt-{name}"], out / name)
            return
        from benchwright_speech import weights

        if preset == "synthetic":
            made: Mapping[str, weights.Floats] = weights.random(SIZES[preset], SEED, BLANK_BIAS)
        else:
            (source,) = sources.values()
            made = weights.from_checkpoint(source, SIZES[preset], progress)
        graphs.write(SIZES[preset], made, out)

    def assemble_dataset(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        if preset == "tiny":
            from benchwright_speech.tiny.voices import write_voices

            write_voices(out, progress)
        elif preset == "synthetic":
            from benchwright_speech.synthetic import write_noise

            write_noise(out, SEED, progress)
        else:
            from benchwright.archive import unpack

            (archive,) = sources.values()
            unpack(archive, out, progress=progress)

    def validate_dataset(self, preset: str, dataset: Path) -> int:
        return len(librispeech.read(dataset))

    def preprocess(
        self, preset: str, dataset: Path, out: SampleWriter, progress: ProgressCallback
    ) -> None:
        utterances = librispeech.read(dataset)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for start in range(0, len(utterances), _CHUNK):
                chunk = utterances[start : start + _CHUNK]
                for samples in pool.map(librispeech.waveform, chunk):
                    out.add({WAVEFORM: samples})
                progress(start + len(chunk), len(utterances))

    def encoder(self, preset: str) -> Encoder:
        return transcripts.encode

    def score(self, preset: str, dataset: Path, responses: Iterable[Entry]) -> Score:
        texts = [utterance.text for utterance in librispeech.read(dataset)]
        return transcripts.score(texts, responses)
