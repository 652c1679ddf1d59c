"""The split of bert's tiny preset, and the archive that is shipped. Here is no training."""

from __future__ import annotations

import json
from itertools import islice

from benchwright import training
from benchwright_language.bert_squad import QUESTIONS_FILE
from benchwright_language.bert_wordpiece import VOCABULARY_FILE
from benchwright_language.tiny.bert_stories import (
    Asked,
    paragraphs,
    split_names,
    squad,
    vocabulary,
)

SPLIT_SEED = 2018
EVALUATION_PARAGRAPHS = 300
LONG_SHARE = 0.1
"""Paragraphs that are too long for one window."""


def evaluation() -> list[list[Asked]]:
    """The questions that training never sees, by paragraph."""
    _, names = split_names(SPLIT_SEED)
    return list(islice(paragraphs(names, SPLIT_SEED, long_share=LONG_SHARE), EVALUATION_PARAGRAPHS))


def training_paragraphs(count: int) -> list[list[Asked]]:
    """The questions of training, by paragraph."""
    names, _ = split_names(SPLIT_SEED)
    told = paragraphs(names, SPLIT_SEED + 1, long_share=LONG_SHARE)
    return list(islice(told, count))


def pack(asked: list[list[Asked]]) -> bytes:
    """The data set as a gzipped tar in which nothing varies."""
    text = json.dumps(squad(asked, "Invented people"), indent=0)
    words = "\n".join(vocabulary()) + "\n"
    return training.pack({QUESTIONS_FILE: text.encode(), VOCABULARY_FILE: words.encode()})
