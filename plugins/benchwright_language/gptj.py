"""gptj: news summarisation by a decoder-only transformer, on CNN-DailyMail and, in its tiny
preset, on made-up news. All presets run this code; they differ in `gptj_config.SETUPS` and in
where files come from.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchwright.contracts.benchmark import Benchmark, Encoder, Score
from benchwright.contracts.program import Array, Output, Program, TorchForm
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.errors import BenchwrightError
from benchwright_language import gptj_graph
from benchwright_language.gptj_config import SETUPS, Setup
from benchwright_language.gptj_driver import INPUT, GptjDriver
from benchwright_language.gptj_prompts import Tokens, read_articles

if TYPE_CHECKING:
    from benchwright.harness.accuracy_log import Entry
    from benchwright.harness.samples import SampleWriter
    from benchwright.progress import ProgressCallback

_MODULE = "benchwright_language.gptj_module:build"
_CHUNK = 256


def encode_tokens(outputs: Sequence[Output], indices: Array) -> list[NDArray[np.int64]]:
    """Generated tokens alone, int64, as many as there are."""
    return [np.ascontiguousarray(tokens, dtype=np.int64) for tokens in outputs[0]]


class Gptj(Benchmark):
    """The benchmark behind the names `gptj-99` and `gptj-99.9`."""

    def program(self, preset: str) -> Program:
        setup = SETUPS[preset]
        graph = replace(
            gptj_graph.decoder(setup.model, setup.generation.candidates),
            torch=TorchForm(_MODULE, gptj_graph.FILE, {"preset": preset}),
        )
        inputs = (TensorSpec(INPUT, "int64", (BATCH, "tokens")),)
        outputs = (TensorSpec("output_ids", "int64", (BATCH, "generated")),)
        return Program(f"gptj-{preset}", (graph,), inputs, outputs, partial(GptjDriver, setup))

    def assemble_model(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        setup = SETUPS[preset]
        if preset == "tiny":
            shutil.copyfile(sources[gptj_graph.FILE], out / gptj_graph.FILE)
            return
        if preset == "synthetic":
            from benchwright_language.gptj_synthetic import RandomWeights

            self._write(setup, RandomWeights(setup.model), out)
            return
        from benchwright_language.gptj_official import checkpoint_weights

        with checkpoint_weights(setup.model, sources, out, progress) as weights:
            self._write(setup, weights, out)

    def _write(self, setup: Setup, weights: gptj_graph.Weights, out: Path) -> None:
        graph = gptj_graph.write(setup.model, weights, setup.generation.candidates)
        graph.save(out / gptj_graph.FILE)

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
            from benchwright_language.gptj_synthetic import write_dataset

            write_dataset(out, SETUPS[preset].longest_prompt)
            return
        from benchwright_language.gptj_official import write_dataset as write_official

        write_official(sources, out)

    def validate_dataset(self, preset: str, dataset: Path) -> int:
        count = len(read_articles(dataset))
        self._tokens(preset, dataset)
        return count

    def _tokens(self, preset: str, dataset: Path) -> Tokens:
        tokens, setup = Tokens(dataset), SETUPS[preset]
        if tokens.end != setup.generation.end or tokens.count > setup.model.vocabulary:
            raise BenchwrightError(
                "this tokenizer is not the model's",
                where=str(dataset),
                why=f"it has {tokens.count} tokens and ends texts with {tokens.end}; the model "
                f"has {setup.model.vocabulary} and ends them with {setup.generation.end}",
                fix="use the vocab.json and merges.txt that belong to the model",
            )
        return tokens

    def preprocess(
        self, preset: str, dataset: Path, out: SampleWriter, progress: ProgressCallback
    ) -> None:
        articles, tokens = read_articles(dataset), self._tokens(preset, dataset)
        for start in range(0, len(articles), _CHUNK):
            prompts = [article.prompt for article in articles[start : start + _CHUNK]]
            for prompt in tokens.encode(prompts, SETUPS[preset].longest_prompt):
                out.add({INPUT: prompt})
            progress(start + len(prompts), len(articles))

    def encoder(self, preset: str) -> Encoder:
        return encode_tokens

    def score(self, preset: str, dataset: Path, responses: Iterable[Entry]) -> Score:
        from benchwright_language.gptj_rouge import evaluate

        articles, tokens = read_articles(dataset), self._tokens(preset, dataset)
        texts: dict[int, str] = {}
        for entry in responses:
            if entry.qsl_idx not in texts:
                texts[entry.qsl_idx] = tokens.decode(_generated(entry, len(articles), preset))
        references = [articles[index].output for index in texts]
        found = evaluate(list(texts.values()), references)
        values = {
            "ROUGE1": found["rouge1"],
            "ROUGE2": found["rouge2"],
            "ROUGEL": found["rougeL"],
            "GEN_LEN": found["gen_len"],
        }
        return Score(values, f"\nResults\n\n{found}\n", len(texts))


def _generated(entry: Entry, count: int, preset: str) -> list[int]:
    """The tokens of one response; BenchwrightError where they cannot be."""
    size, vocabulary = len(entry.data), SETUPS[preset].model.vocabulary
    if 0 <= entry.qsl_idx < count and size and size % 8 == 0:
        tokens = np.frombuffer(entry.data, "<i8")
        if tokens.min() >= 0 and tokens.max() < vocabulary:
            found: list[int] = tokens.tolist()
            return found
    raise BenchwrightError(
        f"the response for sample {entry.qsl_idx} cannot be scored",
        why=f"{size} bytes; int64 tokens below {vocabulary} are needed, at least one, and an "
        f"index below {count}",
    )
