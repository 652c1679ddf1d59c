"""Questions and documents as sequences of word pieces, cut into overlapping windows.

A sample is one window: `[CLS] question [SEP] window [SEP]`. Samples are numbered through, question
by question and window by window.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchwright_language.bert_config import Windows
from benchwright_language.bert_squad import Paragraph, Question
from benchwright_language.bert_wordpiece import WordPieces

_WORD = re.compile(r"[^ \t\r\n\u202f]+")


class Document(NamedTuple):
    """A paragraph: its words as written, its pieces, and the number of each piece's word."""

    words: list[str]
    pieces: list[str]
    word_of: list[int]


class Window(NamedTuple):
    """Pieces of a document from `start` on."""

    start: int
    length: int


class Sequences(NamedTuple):
    """One question's samples.

    pieces: the question's, cut; windows: one for each sample; owner int64 [pieces of the
    document]: the window in which each piece has the most context around it.
    """

    question: Question
    document: Document
    pieces: list[str]
    windows: list[Window]
    owner: NDArray[np.int64]

    @property
    def offset(self) -> int:
        """Where in each sequence the window begins: behind [CLS], question and [SEP]."""
        return len(self.pieces) + 2


def split_document(context: str, vocabulary: WordPieces) -> Document:
    """A paragraph as words and pieces; each word is cut on its own."""
    words = _WORD.findall(context)
    pieces: list[str] = []
    word_of: list[int] = []
    for number, word in enumerate(words):
        found = vocabulary.pieces(word)
        pieces += found
        word_of += [number] * len(found)
    return Document(words, pieces, word_of)


def cut(total: int, longest: int, stride: int) -> list[Window]:
    """The windows of a document of `total` pieces: the last is the one that reaches its end."""
    windows: list[Window] = []
    start = 0
    while start < total:
        length = min(total - start, longest)
        windows.append(Window(start, length))
        if start + length == total:
            break
        start += min(length, stride)
    return windows


def owners(windows: list[Window], total: int) -> NDArray[np.int64]:
    """int64 [total]: for each piece the window in which the lesser of its two contexts, with a
    hundredth of the window's length, is largest; the first of equal ones."""
    if len(windows) < 2:
        return np.zeros(total, np.int64)
    place = np.arange(total)
    scores = np.full((len(windows), total), -np.inf)
    for row, (start, length) in zip(scores, windows, strict=True):
        inside = slice(start, start + length)
        nearest = np.minimum(place[inside] - start, start + length - 1 - place[inside])
        row[inside] = nearest + 0.01 * length
    best: NDArray[np.int64] = scores.argmax(axis=0)
    return best


def sequences(
    paragraphs: Iterable[Paragraph], vocabulary: WordPieces, windows: Windows
) -> Iterator[Sequences]:
    """The samples of every question, in the data set's order."""
    for paragraph in paragraphs:
        document = split_document(paragraph.context, vocabulary)
        total = len(document.pieces)
        for question in paragraph.questions:
            pieces = vocabulary.pieces(question.text)[: windows.question]
            cuts = cut(total, windows.length - len(pieces) - 3, windows.stride)
            yield Sequences(question, document, pieces, cuts, owners(cuts, total))


def inputs(
    item: Sequences, window: Window, vocabulary: WordPieces
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A sample's input_ids and segment_ids, int64 [tokens]; segment 0 ends with the first [SEP]."""
    part = item.document.pieces[window.start : window.start + window.length]
    ids = [
        vocabulary.classify,
        *vocabulary.ids(item.pieces),
        vocabulary.separate,
        *vocabulary.ids(part),
        vocabulary.separate,
    ]
    segments = np.zeros(len(ids), np.int64)
    segments[item.offset :] = 1
    return np.array(ids, np.int64), segments
