"""Responses as bytes, and their word error rate."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright_speech.config import LABELS
from benchwright_speech.transcripts import decode, encode, score

texts = st.text(alphabet=LABELS, max_size=40)


def entry(index: int, text: str) -> Entry:
    symbols = [LABELS.index(sign) for sign in text]
    return Entry(seq_id=0, qsl_idx=index, data=struct.pack(f"<{len(symbols)}q", *symbols))


def test_responses_are_little_endian_int64() -> None:
    outputs = [[np.array([1, 0, 27]), np.array([], np.int64)]]
    first, second = encode(outputs, np.arange(2))
    # `a '`: label 0 is the space, 1 to 26 are letters, 27 is the apostrophe.
    assert first.tobytes().hex() == "010000000000000000000000000000001b00000000000000"
    assert second.nbytes == 0
    assert decode(Entry(0, 0, first.tobytes())) == "a '"
    assert decode(Entry(0, 0, b"")) == ""


@given(st.lists(texts, min_size=1, max_size=5))
def test_what_is_encoded_is_decoded(spoken: list[str]) -> None:
    symbols = [np.array([LABELS.index(sign) for sign in text], np.int64) for text in spoken]
    rows = encode([symbols], np.arange(len(spoken)))
    assert [decode(Entry(0, 0, row.tobytes())) for row in rows] == spoken


def test_the_word_error_rate_counts_words_over_all_samples() -> None:
    spoken = ["the cat sat", "a", "on it"]
    # One word wrong and one more; one missing; all right: 3 of 6 words.
    heard = [entry(2, "on it"), entry(0, "the bat sat down"), entry(1, "")]
    found = score(spoken, heard)
    assert found.values == {"WER": 50.0}
    assert type(found.values["WER"]) is float
    assert found.samples == 3
    assert found.text == "Word Error Rate: 50.0%, accuracy=50.0%\n"


def test_the_text_is_what_the_checkers_look_for() -> None:
    found = score(["a b c"], [entry(0, "a x c")])
    match = re.match(r"Word Error Rate:.*, accuracy=([0-9.]+)%", found.text)
    assert match is not None
    assert float(match[1]) == found.values["WER"] == pytest.approx(200 / 3)


def distance(one: list[str], two: list[str]) -> int:
    """The textbook's table of edit distances."""
    rows = list(range(len(two) + 1))
    for number, word in enumerate(one, start=1):
        before, rows[0] = rows[0], number
        for column, other in enumerate(two, start=1):
            change = before + (word != other)
            before = rows[column]
            rows[column] = min(change, rows[column] + 1, rows[column - 1] + 1)
    return rows[-1]


sentences = st.lists(st.sampled_from(["a", "b", "it's", "on"]), min_size=1, max_size=6)
said = st.text(alphabet="ab ", max_size=12)


@given(st.lists(st.tuples(sentences, said), min_size=1, max_size=6), st.randoms())
def test_any_answers_in_any_order(pairs: list[tuple[list[str], str]], random: object) -> None:
    spoken = [" ".join(words) for words, _ in pairs]
    entries = [entry(index, text) for index, (_, text) in enumerate(pairs)]
    wrong = sum(distance(words, text.split()) for words, text in pairs)
    rate = wrong / sum(len(words) for words, _ in pairs)
    random.shuffle(entries)  # type: ignore[attr-defined]
    # A later answer to the same sample is passed over.
    found = score(spoken, [*entries, entry(0, "something else")])
    assert found.values["WER"] == pytest.approx(100 * (1 - rate))
    assert found.samples == len(pairs)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (Entry(0, 1, b""), "sample 1 cannot be scored"),
        (Entry(0, -1, b""), "sample -1 cannot be scored"),
        (Entry(0, 0, b"1234567"), "7 bytes are no multiple of 8"),
        (Entry(0, 0, struct.pack("<q", 28)), "symbols go from 0 to 27"),
        (Entry(0, 0, struct.pack("<q", -1)), "symbols go from 0 to 27"),
    ],
)
def test_a_response_that_cannot_be_scored_is_an_error(bad: Entry, told: str) -> None:
    with pytest.raises(BenchwrightError, match="cannot be scored") as caught:
        score(["a"], [bad])
    assert told in str(caught.value)


def test_no_response_is_an_error() -> None:
    with pytest.raises(BenchwrightError, match="no response"):
        score(["a"], [])
