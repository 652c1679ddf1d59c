"""Answers from logits: hand-computed, and against the rule written out as loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchwright_language.bert_answers import align, answer
from benchwright_language.bert_config import Windows
from benchwright_language.bert_features import Sequences, sequences
from benchwright_language.bert_squad import Paragraph, Question
from benchwright_language.bert_wordpiece import WordPieces

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PIECES = WordPieces(
    {p: n for n, p in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS, "##s", "##t", "."])}
)


def item_of(context: str, question: str, windows: Windows) -> Sequences:
    (item,) = sequences([Paragraph(context, (Question("1", question, ("a",)),))], PIECES, windows)
    return item


def logits(
    item: Sequences, window: int, start: dict[int, float], end: dict[int, float]
) -> np.ndarray:
    """-9 but for the given positions, counted from the window's first piece."""
    found = np.full((item.offset + item.windows[window].length + 1, 2), -9.0, np.float32)
    for column, values in enumerate((start, end)):
        for place, value in values.items():
            found[item.offset + place, column] = value
    return found


WIDE = Windows(length=64, stride=8, question=8)


def test_the_largest_sum_wins_and_reads_as_in_the_paragraph() -> None:
    item = item_of("A Bs c. D", "q", WIDE)
    assert item.document.pieces == ["a", "b", "##s", "c", ".", "d"]
    found = logits(item, 0, {1: 5, 3: 4}, {0: 9, 2: 3, 3: 3.5})
    # 1 to 3; the end at 0 lies before every start but its own, which is small.
    assert answer(item, {0: found}, 64) == "Bs c"
    assert answer(item, {0: logits(item, 0, {1: 5}, {2: 3})}, 64) == "Bs"


def test_spans_outside_the_document_part_do_not_count() -> None:
    item = item_of("a b c", "q r", WIDE)
    found = logits(item, 0, {1: 1}, {1: 1})
    found[0] = 50  # [CLS]
    found[2] = 40  # the question
    found[-1] = 60  # the last [SEP]
    assert answer(item, {0: found}, 64) == "b"


def test_an_answer_has_at_most_thirty_pieces() -> None:
    item = item_of(" ".join("ab" * 20), "q", Windows(length=64, stride=8, question=8))
    long = logits(item, 0, {0: 5, 3: 1}, {30: 5, 32: 1})
    # 0 to 30 are 31 pieces; 3 to 30 are 28.
    assert len(answer(item, {0: long}, 64).split()) == 28
    longest = logits(item, 0, {1: 5}, {30: 5})
    assert len(answer(item, {0: longest}, 64).split()) == 30


def test_a_span_starts_in_the_window_that_its_first_piece_belongs_to() -> None:
    item = item_of("a b c d e f g h", "q", Windows(length=9, stride=3, question=8))
    assert [tuple(window) for window in item.windows] == [(0, 5), (3, 5)]
    assert item.owner.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    # The better span starts with piece 4 in window 0, but that piece belongs to window 1.
    responses = {
        0: logits(item, 0, {4: 9, 1: 2}, {4: 9, 2: 2}),
        1: logits(item, 1, {1: 3}, {2: 3}),
    }
    # From piece 1 to piece 4 of window 0: 2 + 9.
    assert answer(item, responses, 9) == "b c d e"
    assert answer(item, {1: responses[1]}, 9) == "e f"


def test_without_a_span_the_answer_is_the_literal_word() -> None:
    item = item_of("a b c", "q", WIDE)
    assert answer(item, {}, 64) == "empty"
    # The twenty best ends lie before the twenty best starts.
    item = item_of(" ".join(LETTERS + LETTERS[:20]), "q", WIDE)
    found = logits(item, 0, {}, {})
    found[:, 0], found[:, 1] = np.arange(len(found)), -np.arange(len(found))
    assert answer(item, {0: found}, 64) == "empty"


def test_numbers_that_are_none_never_win() -> None:
    item = item_of("a b c", "q", WIDE)
    found = logits(item, 0, {1: 1}, {1: 1})
    found[item.offset, :] = np.nan
    assert answer(item, {0: found}, 64) == "b"
    found[item.offset, :] = np.inf
    assert answer(item, {0: found}, 64) == "a"


def plainly(
    item: Sequences, responses: dict[int, np.ndarray], length: int
) -> tuple[int, int] | None:
    """The rule as loops: every window, every pair of the twenty best starts and ends."""
    best, found = None, None
    for number, window in enumerate(item.windows):
        padded = np.full((length, 2), -10000.0)
        padded[: len(responses[number])] = responses[number]
        starts, ends = (
            sorted(range(length), key=lambda k, c=column: -padded[k, c])[:20] for column in (0, 1)
        )
        for start in starts:
            for end in ends:
                low, high = start - item.offset, end - item.offset
                if not (0 <= low <= high < window.length) or high - low >= 30:
                    continue
                if item.owner[window.start + low] != number:
                    continue
                total = padded[start, 0] + padded[end, 1]
                if best is None or total > best:
                    best, found = total, (window.start + low, window.start + high)
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(0, 2**32 - 1), st.booleans())
def test_the_best_span_is_that_of_the_rule(count: int, seed: int, coarse: bool) -> None:
    draw = np.random.default_rng(seed)
    item = item_of(" ".join(draw.choice(list(LETTERS), count)), "q r", Windows(45, 16, 8))
    responses = {}
    for number, window in enumerate(item.windows):
        values = draw.normal(size=(item.offset + window.length + 1, 2))
        # Coarse values are often equal: the order among equals counts.
        responses[number] = (values.round() if coarse else values).astype(np.float32)
    span = plainly(item, responses, 45)
    expected = "empty" if span is None else " ".join(item.document.words[span[0] : span[1] + 1])
    assert answer(item, responses, 45) == expected


@pytest.mark.parametrize(
    ("found", "original", "aligned"),
    [
        ("steve smith", "Steve Smith's", "Steve Smith"),
        ("1895", "(1895-1943).", "1895"),
        ("cafe", "the Café,", "Café"),
        ("smith - jones", "Smith-Jones Ltd.", "Smith-Jones"),
        # Not there, empty, or of another number of characters: all the words.
        ("smyth", "Steve Smith's", "Steve Smith's"),
        ("", "Steve", "Steve"),
        ("smith", "Smith a\u200bb", "Smith a\u200bb"),
        ("a", "a\u00a0b", "a\u00a0b"),
    ],
)
def test_alignment(found: str, original: str, aligned: str) -> None:
    assert align(found, original) == aligned


@given(st.text(max_size=12), st.text(max_size=20))
def test_alignment_gives_a_part_of_the_words(found: str, original: str) -> None:
    assert align(found, original) in original
