"""gptj's synthetic preset: random weights, and articles of random words whose prompts are as long
as those of CNN-DailyMail.

The tokenizer is made, too: its words are all of one token, so that a prompt's length is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchwright_language.gptj_config import END
from benchwright_language.gptj_graph import weight_shapes
from benchwright_language.gptj_prompts import (
    END_TOKEN,
    INSTRUCTION,
    MERGES,
    VOCABULARY,
    Article,
    Tokens,
    write_articles,
)

if TYPE_CHECKING:
    from benchwright_language.gptj_config import ModelSize

SEED = 6
SAMPLES = 64
LENGTHS = {0.0: 250, 0.1: 360, 0.25: 510, 0.5: 730, 0.75: 1010, 0.9: 1330, 0.95: 1540, 1.0: 1919}
"""Quantiles of the prompts' lengths in tokens, linear between them: an estimate for news articles
under GPT-2's tokenizer, with the mean of CNN-DailyMail's validation prompts (about 780)."""
_SPACE = "\u0120"
"""How byte-level BPE writes a space."""


class RandomWeights(Mapping[str, NDArray[np.float32]]):
    """Weights by name, each made when it is asked for, from its name's own seed."""

    def __init__(self, size: ModelSize) -> None:
        self._shapes = weight_shapes(size)
        self._numbers = {name: number for number, name in enumerate(self._shapes)}

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        shape = self._shapes[name]
        if len(shape) == 1:
            return np.full(shape, float(".ln_" in name and name.endswith("weight")), np.float32)
        chance = np.random.default_rng((SEED, self._numbers[name]))
        matrix = chance.standard_normal(shape, dtype=np.float32)
        matrix *= np.float32(0.02)
        return matrix

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def lengths(count: int, longest: int) -> NDArray[np.int64]:
    """Lengths of so many prompts: the quantiles, evenly spaced, in a random order."""
    shares = (np.arange(count) + 0.5) / count
    found = np.interp(shares, list(LENGTHS), list(LENGTHS.values())).round().astype(np.int64)
    return np.random.default_rng(SEED).permutation(np.minimum(found, longest))


def write_dataset(out: Path, longest: int) -> None:
    """Writes articles and tokenizer into the folder."""
    words = _write_tokenizer(out)
    tokens = Tokens(out)
    (empty,) = tokens.encode([Article(INSTRUCTION, "", "").prompt], longest)
    chance = np.random.default_rng(SEED)
    articles = []
    for length in lengths(SAMPLES, longest):
        count = max(1, int(length) - len(empty) - 1)
        text = "." + "".join(
            f" {words[index]}" for index in chance.integers(len(words), size=count)
        )
        summary = " ".join(words[index] for index in chance.integers(len(words), size=50))
        articles.append(Article(INSTRUCTION, text, summary))
    write_articles(out, articles)


def _write_tokenizer(out: Path) -> list[str]:
    """Writes vocab.json and merges.txt of a tokenizer with as many tokens as GPT-2's: bytes, and
    words such as `aBc`, in which no two merges compete. Returns the words of three letters, each
    of which is one token after a space."""
    from tokenizers.pre_tokenizers import ByteLevel

    small, large = ascii_lowercase, ascii_uppercase
    pairs = [*product(small, large)]
    words = [(a + b, c) for (a, b), c in product(pairs, small)]
    spaced = [(_SPACE, a + b) for a, b in words]
    base = sorted(ByteLevel.alphabet())
    merges = [*pairs, *words, *spaced]
    room = END - len(base) - len(merges)
    merges += [(a + b, c) for (a, b), c in product(spaced, small)][:room]
    vocabulary = [*base, *(left + right for left, right in merges), END_TOKEN]
    ids = {token: number for number, token in enumerate(vocabulary)}
    (out / VOCABULARY).write_text(json.dumps(ids), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (out / MERGES).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [a + b for a, b in words]
