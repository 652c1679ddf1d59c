"""Word pieces: hand-computed, against the library, and the vocabularies that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.errors import BenchwrightError
from benchwright_language.bert_wordpiece import WordPieces, basic_tokens

SIGMA = "\N{GREEK SMALL LETTER SIGMA}"
VOCABULARY = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] un ##aff ##able a b c ##a ##b ##c , - ( 1 ##8 ##9 "
    f"{SIGMA} ##{SIGMA}"
)
PIECES = {piece: number for number, piece in enumerate(VOCABULARY.split())}


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Zürich—(1895-1943).", ["zurich", "—", "(", "1895", "-", "1943", ")", "."]),
        ("a\tb\n c\u00a0d\u2028e", ["a", "b", "c", "d", "e"]),
        ("a\x00b\ufffdc\u200bd\x07e", ["abcde"]),
        ("x東京y", ["x", "東", "京", "y"]),
        ("İstanbul ÇA e\u0301", ["istanbul", "ca", "e"]),
        # A final sigma is one only where a whole word is put in lower case.
        ("ΟΔΟΣ", ["οδος"]),
        ("$5_[x]^`~", ["$", "5", "_", "[", "x", "]", "^", "`", "~"]),
        ("ﬁn ½ ²", ["ﬁn", "½", "²"]),
        ("", []),
        (" \t ", []),
    ],
)
def test_basic_tokens(text: str, tokens: list[str]) -> None:
    assert basic_tokens(text) == tokens


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("UNAFFABLE", ["un", "##aff", "##able"]),
        ("unable aabc", ["un", "##able", "a", "##a", "##b", "##c"]),
        # One character that is not known makes the whole word unknown.
        ("abz a", ["[UNK]", "a"]),
        ("(189)", ["(", "1", "##8", "##9", "[UNK]"]),
        # Characters are put in lower case one by one, so that no sigma is a final one.
        ("\N{GREEK CAPITAL LETTER SIGMA}" * 2, [SIGMA, f"##{SIGMA}"]),
        ("a [SEP] a[SEP]", ["a", "[SEP]", "a", "[UNK]", "[UNK]", "[UNK]"]),
        ("a" * 100, ["a", *["##a"] * 99]),
        ("a" * 101, ["[UNK]"]),
    ],
)
def test_pieces(text: str, pieces: list[str]) -> None:
    found = WordPieces(PIECES).pieces(text)
    assert found == pieces
    assert WordPieces(PIECES).ids(found) == [PIECES[piece] for piece in pieces]


SIGNS = st.characters(max_codepoint=126, exclude_categories=["Cc"])


@given(st.text(SIGNS | st.sampled_from("abcunaffable ,-(189"), max_size=30))
def test_ascii_text_is_cut_as_the_library_cuts_it(text: str) -> None:
    library = pytest.importorskip("tokenizers")
    known = library.BertWordPieceTokenizer(PIECES, lowercase=True)
    if "[" in text:
        # The library takes special pieces out of the middle of words.
        return
    assert WordPieces(PIECES).pieces(text) == known.encode(text, add_special_tokens=False).tokens


@given(st.text(max_size=30))
def test_any_text_is_cut_without_loss_of_words(text: str) -> None:
    tokens = basic_tokens(text)
    assert all(tokens)
    assert not any(sign.isspace() for token in tokens for sign in token)
    assert basic_tokens(" ".join(tokens)) == tokens


def write(folder: Path, text: str) -> Path:
    (folder / "vocab.txt").write_text(text, encoding="utf-8", newline="")
    return folder


def test_a_vocabulary_is_read_by_line(tmp_path: Path) -> None:
    # Only line feeds end a line: some pieces are characters that others take for a line's end.
    pieces = WordPieces.read(write(tmp_path, "[PAD]\n[UNK]\n\u2028\n[CLS]\n[SEP]\na\n"))
    assert len(pieces) == 6
    assert (pieces.unknown, pieces.classify, pieces.separate) == (1, 3, 4)
    assert pieces.ids(["a", "[SEP]"]) == [5, 4]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[UNK]\n[CLS]\n", r"this vocabulary has no \[SEP\]"),
        ("[UNK]\n[SEP]\n", r"this vocabulary has no \[CLS\]"),
        ("[CLS]\n[SEP]\n", r"this vocabulary has no \[UNK\]"),
        ("", r"this vocabulary has no \[UNK\]"),
        ("[UNK]\na\n[CLS]\na\n[SEP]\n", r"vocab\.txt:4: the piece 'a' is there twice"),
        ("[UNK]\n\n[CLS]\n[SEP]\n", r"vocab\.txt:2: this line is empty"),
        (None, "no readable vocab"),
    ],
)
def test_a_wrong_vocabulary_is_told(tmp_path: Path, text: str | None, told: str) -> None:
    if text is not None:
        write(tmp_path, text)
    with pytest.raises(BenchwrightError, match=told) as failure:
        WordPieces.read(tmp_path)
    assert str(tmp_path / "vocab.txt") in str(failure.value)
