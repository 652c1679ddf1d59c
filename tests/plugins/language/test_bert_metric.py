"""Exact match and F1, by hand."""

from __future__ import annotations

import pytest

from benchwright_language.bert_metric import f1, normalised, squad_score


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The  Eiffel-Tower, an icon.", ["eiffeltower", "icon"]),
        ("A", []),
        ("theatre a.the", ["theatre", "athe"]),
        ("1,000—2", ["1000—2"]),
    ],
)
def test_words_that_count(text: str, words: list[str]) -> None:
    assert normalised(text) == words


def test_f1_of_words() -> None:
    # Two of three found words are among the two wanted: precision 2/3, recall 1.
    assert f1(["x", "y", "z"], ["y", "x"]) == pytest.approx(0.8)
    # A word counts as often as it is there.
    assert f1(["x", "x"], ["x"]) == pytest.approx(2 / 3)
    assert f1(["x"], ["y"]) == 0.0
    assert f1([], []) == 0.0


def test_the_most_favourable_answer_counts() -> None:
    exact, overlap = squad_score(
        [
            ("the cat", ["dog", "Cat!"]),
            ("black cat", ["cat", "a dog"]),
            ("empty", ["cat"]),
            ("", ["the"]),
        ]
    )
    # Exact: the first, and the last, where nothing is left of either; its F1 is 0 all the same.
    assert exact == 50.0
    assert overlap == pytest.approx(100 * (1 + 2 / 3 + 0 + 0) / 4)
