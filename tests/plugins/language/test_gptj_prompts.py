"""The data file, the prompt's form and the tokenizer."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchwright.errors import BenchwrightError
from benchwright_language.gptj_prompts import (
    ARTICLES,
    MERGES,
    TEMPLATE,
    Article,
    Tokens,
    read_articles,
    write_articles,
)
from plugins.language.gptj_files import alphabet, write_tokenizer


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    write_tokenizer(tmp_path, [("a", "b"), ("Ġ", "ab"), ("ab", "c")])
    return Tokens(tmp_path)


def test_template_is_the_reference_s() -> None:
    content = TEMPLATE.encode()
    assert len(content) == 224
    assert hashlib.sha256(content).hexdigest() == (
        "28811e9850d9511bab334d167a03a8a37614535fdb28d645492efac8e9951c0f"
    )


def test_prompt_takes_texts_as_they_are() -> None:
    prompt = Article("Do {input} it:", "{instruction} {x}", "").prompt
    assert prompt.endswith(
        "### Instruction:\nDo {input} it:\n\n### Input:\n{instruction} {x}\n\n### Response:"
    )


def test_encoding_merges_by_rank_and_cuts_the_end_off(tokens: Tokens) -> None:
    ab, spaced, abc = 256, 257, 258
    (found,) = tokens.encode(["ab ab abc"], 100)
    # " abc": "Ġab" is merged before "abc".
    c = alphabet().index("c")
    assert found.tolist() == [ab, spaced, spaced, c]
    assert found.dtype == "int64"
    (found,) = tokens.encode(["abc ab"], 1)
    assert found.tolist() == [abc]
    assert (tokens.end, tokens.count) == (259, 260)


def test_decoding_leaves_the_end_out_and_tidies(tokens: Tokens) -> None:
    text = "He did n't say : `` ab , ab ' s 've ' I 'm , yes ! ? ."
    (ids,) = tokens.encode([text], 1000)
    # Space before marks and contractions goes, in the order in which the library replaces.
    wanted = "He didn't say : `` ab, ab's've'I'm, yes!?."
    assert tokens.decode([*ids.tolist(), tokens.end]) == wanted


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_survives_encoding(tmp_path_factory: Any, text: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    write_tokenizer(folder, [("a", "b")])
    tokens = Tokens(folder)
    (ids,) = tokens.encode([text], 10_000)
    if " " not in text and "<|endoftext|>" not in text:
        assert tokens.decode(ids.tolist()) == text


def test_articles_come_back_in_order(tmp_path: Path) -> None:
    items = [Article("i", "Zürich: 'news'", "a\nb"), Article("i", "x", "")]
    write_articles(tmp_path, items)
    assert read_articles(tmp_path) == items
    assert "Zürich" in (tmp_path / ARTICLES).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "place", "complaint"),
    [
        ('[{"instruction": "i",\n "input": ]', f"{ARTICLES}:2", "no readable"),
        ('{"input": "x"}', ARTICLES, "not a list"),
        ("[]", ARTICLES, "not a list"),
        ("[" * 100_000, ARTICLES, "no readable"),
        (
            '[{"instruction": "i", "input": "x\\ud800", "output": "y"}]',
            "[0].input",
            "no valid text as `input`",
        ),
        ("[7]", "[0].instruction", "no text as `instruction`"),
        ('[{"instruction": "i", "input": "x", "output": 3}]', "[0].output", "no text as `output`"),
        (
            '[{"instruction": "i", "input": "x", "output": "y"}, {"instruction": "i"}]',
            "[1].input",
            "no text as `input`",
        ),
        ('[{"instruction": "i", "input": "", "output": "y"}]', "[0].input", "no text as `input`"),
    ],
)
def test_a_damaged_data_file_is_told_with_the_place(
    tmp_path: Path, content: str, place: str, complaint: str
) -> None:
    (tmp_path / ARTICLES).write_text(content)
    with pytest.raises(BenchwrightError, match=complaint) as caught:
        read_articles(tmp_path)
    assert place in str(caught.value.where)
    assert str(tmp_path) in str(caught.value.where)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / ARTICLES).write_bytes(b'["\xff\xfe"]')
    with pytest.raises(BenchwrightError, match="no readable"):
        read_articles(tmp_path)


def test_a_tokenizer_that_lacks_a_file_is_told(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, [])
    (tmp_path / MERGES).unlink()
    with pytest.raises(BenchwrightError, match=r"no merges\.txt"):
        Tokens(tmp_path)


def test_a_tokenizer_whose_files_do_not_fit_is_told(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, [])
    (tmp_path / MERGES).write_text("#version: 0.2\nxx yy\n")
    with pytest.raises(BenchwrightError, match="do not fit together"):
        Tokens(tmp_path)


def test_a_vocabulary_without_end_is_told(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, [], end=False)
    with pytest.raises(BenchwrightError, match="endoftext"):
        Tokens(tmp_path)


def test_merges_that_were_cut_off_are_told(tmp_path: Path) -> None:
    """The library takes them, and would cut texts into other tokens."""
    write_tokenizer(tmp_path, [("a", "b"), ("ab", "c"), ("x", "y")])
    Tokens(tmp_path)
    lines = (tmp_path / MERGES).read_text().splitlines()
    (tmp_path / MERGES).write_text("\n".join(lines[:2]) + "\n")
    with pytest.raises(BenchwrightError, match=r"merges\.txt.*does not make 2 .*such as `xy`"):
        Tokens(tmp_path)
