"""bert at its official size without a download: random weights, and random questions as long as
the real ones. For speed only.
"""

from __future__ import annotations

import itertools
import json
import string
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchwright.progress import ProgressCallback
from benchwright_language.bert_config import BertPreset, Encoder
from benchwright_language.bert_features import cut
from benchwright_language.bert_graph import build_graph
from benchwright_language.bert_squad import QUESTIONS_FILE, VERSION
from benchwright_language.bert_wordpiece import CONTINUES, VOCABULARY_FILE

SEED = 384
SAMPLES = 10_833
"""As many as SQuAD v1.1's development set gives."""
QUESTIONS_PER_PARAGRAPH = 5
"""There are 10,570 questions on 2,067 paragraphs."""
SPREAD = 0.02
"""Standard deviation of BERT's weights before training (initializer_range)."""

QUESTION_PIECES = (2.52, 0.35, 4, 40)
"""Mean and deviation of the logarithm of a question's length in pieces, and the least and the
largest length; from 705 real questions on five articles of the development set, cut by the
official vocabulary (median 12, 90 % up to 20)."""
DOCUMENT_PIECES = (5.0, 0.45, 25, 800)
"""The same of a paragraph. The deviation is that of those articles (0.47); the mean is such that
10,570 questions give about 10,833 windows, as all the real ones do."""
ENDINGS = 0.28
"""The share of words of two pieces: a real word has 1.28 pieces."""

STEMS = 20_000
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class RandomWeights(Mapping[str, NDArray[np.float32]]):
    """Weights by name, each drawn from a seed of its own when it is asked for."""

    def __init__(self, encoder: Encoder, progress: ProgressCallback) -> None:
        self._shapes = encoder.shapes()
        self._total = sum(int(np.prod(shape)) for shape in self._shapes.values())
        self._progress = progress
        self._done = 0

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        shape = self._shapes[name]
        self._done += int(np.prod(shape))
        self._progress(self._done, self._total)
        if name.endswith("bias"):
            return np.zeros(shape, np.float32)
        if "LayerNorm" in name:
            return np.ones(shape, np.float32)
        draw = np.random.default_rng([SEED, *name.encode()])
        return draw.standard_normal(shape, np.float32) * np.float32(SPREAD)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def write_model(encoder: Encoder, path: Path, progress: ProgressCallback) -> None:
    """Writes the encoder's graph with random weights."""
    build_graph(encoder, RandomWeights(encoder, progress), "bert-synthetic").save(path)


def write_dataset(preset: BertPreset, out: Path, progress: ProgressCallback) -> None:
    """Writes random questions that give exactly `SAMPLES` samples, and their vocabulary."""
    stems, endings = _letters(4, STEMS), _letters(3, _endings(preset.encoder))
    lines = [*_SPECIAL, *stems, *(f"{CONTINUES}{ending}" for ending in endings)]
    (out / VOCABULARY_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = RandomWords(stems, endings)
    told: list[dict[str, Any]] = []
    samples = questions = 0
    while samples < SAMPLES:
        length = words.length(*DOCUMENT_PIECES)
        context = words.text(length)
        asked = []
        for _ in range(QUESTIONS_PER_PARAGRAPH):
            size = words.length(*QUESTION_PIECES)
            windows = cut(length, preset.windows.length - size - 3, preset.windows.stride)
            if samples + len(windows) > SAMPLES:
                continue
            samples += len(windows)
            asked.append(
                {
                    "answers": [{"answer_start": 0, "text": context.split(" ", 1)[0]}],
                    "question": words.text(size),
                    "id": f"{questions:06}",
                }
            )
            questions += 1
        told.append({"context": context, "qas": asked})
        progress(samples, SAMPLES)
    document = {"data": [{"title": "random words", "paragraphs": told}], "version": VERSION}
    (out / QUESTIONS_FILE).write_text(json.dumps(document), encoding="utf-8")


class RandomWords:
    """Random words: a stem of four letters, some with an ending of three."""

    def __init__(self, stems: Sequence[str], endings: Sequence[str]) -> None:
        self._stems, self._endings = stems, endings
        self._draw = np.random.default_rng(SEED)

    def length(self, mean: float, deviation: float, least: int, most: int) -> int:
        """A length in pieces."""
        return int(np.clip(round(self._draw.lognormal(mean, deviation)), least, most))

    def text(self, pieces: int) -> str:
        """Words that are `pieces` pieces in all."""
        ended = self._draw.random(pieces) < ENDINGS
        counts = np.cumsum(1 + ended)
        count = int(np.searchsorted(counts, pieces)) + 1
        # The last word has no ending where that would be one piece too many.
        ended[count - 1] &= counts[count - 1] <= pieces
        stems = self._draw.integers(len(self._stems), size=count)
        tails = self._draw.integers(len(self._endings), size=count)
        return " ".join(
            self._stems[stem] + (self._endings[tail] if has else "")
            for stem, tail, has in zip(stems, tails, ended[:count], strict=True)
        )


def _letters(size: int, count: int) -> list[str]:
    every = itertools.product(string.ascii_lowercase, repeat=size)
    return ["".join(letters) for letters in itertools.islice(every, count)]


def _endings(encoder: Encoder) -> int:
    return encoder.vocabulary - STEMS - len(_SPECIAL)
