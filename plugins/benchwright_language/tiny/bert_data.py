"""The split of bert's tiny preset, and the archive that is shipped. Here is no training."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from itertools import islice

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
    members = {QUESTIONS_FILE: text, VOCABULARY_FILE: "\n".join(vocabulary()) + "\n"}
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in sorted(members.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content.encode()))
    return packed.getvalue()
