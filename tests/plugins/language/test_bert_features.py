"""Documents, windows and sequences, by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchwright_language.bert_config import Windows
from benchwright_language.bert_features import Window, cut, inputs, owners, sequences
from benchwright_language.bert_squad import Paragraph, Question
from benchwright_language.bert_wordpiece import WordPieces

VOCABULARY = "[PAD] [UNK] [CLS] [SEP] a b c ##x . who ?"
PIECES = WordPieces({piece: number for number, piece in enumerate(VOCABULARY.split())})


def test_a_document_is_cut_word_by_word() -> None:
    paragraph = Paragraph("a\u202fbx.\r\nc  zz", (Question("1", "Who a?", ("a",)),))
    (item,) = sequences([paragraph], PIECES, Windows(length=12, stride=2, question=2))
    assert item.document.words == ["a", "bx.", "c", "zz"]
    assert item.document.pieces == ["a", "b", "##x", ".", "c", "[UNK]"]
    assert item.document.word_of == [0, 1, 1, 1, 2, 3]
    # Of three pieces of the question two are kept.
    assert item.pieces == ["who", "a"]
    assert item.windows == [Window(0, 6)]
    ids, segments = inputs(item, item.windows[0], PIECES)
    assert ids.tolist() == [2, 9, 4, 3, 4, 5, 7, 8, 6, 1, 3]
    assert segments.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]
    assert (ids.dtype, segments.dtype) == (np.int64, np.int64)


def test_a_long_document_has_windows_that_overlap() -> None:
    # 384 - 10 - 3 pieces fit beside a question of ten.
    assert cut(700, 371, 128) == [
        Window(0, 371),
        Window(128, 371),
        Window(256, 371),
        Window(384, 316),
    ]
    assert cut(371, 371, 128) == [Window(0, 371)]
    assert cut(372, 371, 128) == [Window(0, 371), Window(128, 244)]
    # A stride longer than the window leaves nothing out.
    assert cut(5, 2, 3) == [Window(0, 2), Window(2, 2), Window(4, 1)]
    assert cut(0, 371, 128) == []


def test_a_second_window_of_a_question_follows_the_first() -> None:
    paragraph = Paragraph("a b c a b", (Question("1", "who", ("a",)), Question("2", "b", ("a",))))
    windows = Windows(length=7, stride=2, question=2)
    items = list(sequences([paragraph], PIECES, windows))
    assert [item.windows for item in items] == [[Window(0, 3), Window(2, 3)]] * 2
    assert inputs(items[1], items[1].windows[1], PIECES)[0].tolist() == [2, 5, 3, 6, 4, 5, 3]
    # Piece 2 ends the first window and begins the second, without context in either: a tie.
    assert items[0].owner.tolist() == [0, 0, 0, 1, 1]


def test_a_piece_belongs_to_the_window_with_the_most_context() -> None:
    # Pieces 2 and 3 are in both; the lesser contexts are 2 and 1 in the first, 0 and 1 in the
    # second, which for piece 3 is longer.
    assert owners([Window(0, 5), Window(2, 6)], 8).tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert owners([Window(0, 4)], 4).tolist() == [0, 0, 0, 0]
    assert owners([], 0).tolist() == []


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 20))
def test_windows_cover_the_document_and_own_what_they_hold(
    total: int, longest: int, stride: int
) -> None:
    windows = cut(total, longest, stride)
    covered = {start + k for start, length in windows for k in range(length)}
    assert covered == set(range(total))
    assert windows[-1].start + windows[-1].length == total
    assert all(length <= longest for _, length in windows)
    for place, number in enumerate(owners(windows, total).tolist()):
        scores = [
            min(place - start, start + length - 1 - place) + 0.01 * length
            if start <= place < start + length
            else -1.0
            for start, length in windows
        ]
        assert number == scores.index(max(scores))
