"""From logits to an answer: the best span of all of a question's windows, as the text has it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchwright_language.bert_features import Document, Sequences
from benchwright_language.bert_wordpiece import CONTINUES, basic_tokens

BEST = 20
"""So many start and end positions of a window are combined."""
LONGEST_ANSWER = 30
"""Pieces."""
NO_LOGIT = -10_000.0
"""Stands for positions that a response does not reach."""
NO_ANSWER = "empty"
"""The answer where no span is allowed."""
_HUGE = 1e300
"""More than any float32, and of which two can be added."""

Logits = NDArray[np.float32]


def answer(item: Sequences, responses: Mapping[int, Logits], length: int) -> str:
    """The text that answers a question.

    responses: by window, start and end logits float32 [tokens, 2], where there are any; length:
    of the longest sequence. A span lies in the document part, has at most `LONGEST_ANSWER`
    pieces, and starts in the window that its first piece belongs to; the largest sum of the two
    logits wins, the first of equal ones.
    """
    found, best = None, -np.inf
    for number, window in enumerate(item.windows):
        if number not in responses:
            continue
        starts, ends = (_largest(column, length) for column in responses[number].T)
        first = starts[0][:, None] - item.offset
        last = ends[0][None, :] - item.offset
        allowed = (first >= 0) & (first <= last) & (last < window.length)
        allowed &= last - first < LONGEST_ANSWER
        # Positions outside the document are not allowed already; they only must not be looked up.
        place = window.start + np.clip(first, 0, window.length - 1)
        allowed &= item.owner[place] == number
        sums = np.where(allowed, starts[1][:, None] + ends[1][None, :], -np.inf)
        top = np.unravel_index(np.argmax(sums), sums.shape)
        if sums[top] > best:
            best = sums[top]
            found = (window.start + first[top[0], 0], window.start + last[0, top[1]])
    return NO_ANSWER if found is None else _text(item.document, *map(int, found))


def _largest(column: Logits, length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions of the largest logits, largest first, the earlier of equal ones first; and the
    logits. One that is no number counts as the least."""
    values = np.full(length, NO_LOGIT)
    values[: len(column)] = np.nan_to_num(
        column.astype(np.float64), nan=-_HUGE, posinf=_HUGE, neginf=-_HUGE
    )
    places = np.argsort(-values, kind="stable")[:BEST]
    return places, values[places]


def _text(document: Document, first: int, last: int) -> str:
    """The span of pieces from `first` to `last`, as the paragraph writes it."""
    pieces = " ".join(document.pieces[first : last + 1])
    joined = pieces.replace(f" {CONTINUES}", "").replace(CONTINUES, "")
    words = document.words[document.word_of[first] : document.word_of[last] + 1]
    return align(" ".join(joined.split()), " ".join(words))


def align(found: str, original: str) -> str:
    """The part of the original words that reads `found` once it is cut into basic tokens.

    Characters other than spaces are matched one by one; where their numbers differ, or `found` is
    not there, all the words are the answer.
    """
    plain = " ".join(basic_tokens(original))
    at = plain.find(found)
    solid = [place for place, sign in enumerate(original) if sign != " "]
    if not found or at < 0 or len(solid) != len(plain) - plain.count(" "):
        return original
    first = at - plain.count(" ", 0, at)
    last = first + len(found) - found.count(" ") - 1
    return original[solid[first] : solid[last] + 1]
