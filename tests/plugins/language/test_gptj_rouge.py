"""ROUGE and lengths by hand."""

from __future__ import annotations

import re

import pytest

from benchwright.rounds import load_round
from benchwright_language.gptj_rouge import evaluate


def test_a_summary_by_hand() -> None:
    """Reference: the cat sat on mats (5 words); generated: the cats sat (3, stemmed alike)."""
    found = evaluate(["The cats sat. "], ["the cat sat on mats ."])
    # 3 common words: precision 1, recall 3/5, F 0.75. Bigrams: 2 of 2 and of 4.
    assert found["rouge1"] == 75.0
    assert found["rouge2"] == pytest.approx(200 / 3, abs=1e-4)
    assert found["rougeL"] == 75.0
    assert (found["gen_len"], found["gen_num"]) == (len("The cats sat."), 1)


def test_order_matters_to_the_longest_subsequence_alone() -> None:
    found = evaluate(["sat cat the"], ["the cat sat"])
    assert (found["rouge1"], found["rouge2"]) == (100.0, 0.0)
    assert found["rougeL"] == pytest.approx(100 / 3, abs=1e-4)


def test_lines_are_sentences_to_rouge_lsum_and_one_character_each() -> None:
    """Two sentences in the other order: found whole by rougeLsum, by halves by rougeL."""
    found = evaluate(["Dogs bark. Cats sleep."], ["Cats sleep.\nDogs bark."])
    assert found["rougeL"] == 50.0
    assert found["rougeLsum"] == 100.0
    assert found["gen_len"] == len("Dogs bark.\nCats sleep.")


def test_means_are_over_samples() -> None:
    found = evaluate(["a b", "x"], ["a b", "y"])
    assert found["rouge1"] == 50.0
    assert found["gen_len"] == 4
    assert found["gen_num"] == 2
    assert list(found) == ["rouge1", "rouge2", "rougeL", "rougeLsum", "gen_len", "gen_num"]


def test_printed_figures_are_those_the_checkers_find() -> None:
    found = evaluate(["The cats sat."], ["the cat sat on mats ."])
    text = str(found)
    assert "np." not in text
    patterns = load_round("v3.1").accuracy_patterns
    for metric, key in (("ROUGE1", "rouge1"), ("ROUGEL", "rougeL"), ("GEN_LEN", "gen_len")):
        match = re.match(patterns[metric], text)
        assert match is not None
        assert float(match.group(1)) == found[key]
