"""SQuAD v1.1 files: what is read, and how everything that is wrong in one is told."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.errors import BenchwrightError
from benchwright_language.bert_squad import Paragraph, Question, read_squad

DOCUMENT: dict[str, Any] = {
    "version": "1.1",
    "data": [
        {
            "title": "T",
            "paragraphs": [
                {
                    "context": "Ann met Bob.",
                    "qas": [
                        {
                            "id": "q1",
                            "question": "Who met Bob?",
                            "answers": [
                                {"answer_start": 0, "text": "Ann"},
                                {"answer_start": 8, "text": "Bob."},
                            ],
                        },
                        {
                            "id": "q2",
                            "question": "Whom?",
                            "answers": [{"answer_start": 8, "text": "Bob"}],
                        },
                    ],
                }
            ],
        },
        {"title": "U", "paragraphs": [{"context": "x", "qas": []}]},
    ],
}


def write(folder: Path, document: object) -> Path:
    (folder / "dev-v1.1.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def changed(path: list[Any], value: Any) -> dict[str, Any]:
    """The document with another value at a path; `...` takes the field away."""
    document = copy.deepcopy(DOCUMENT)
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return document


PARAGRAPH = ["data", 0, "paragraphs", 0]
QUESTION = [*PARAGRAPH, "qas", 1]
ANSWER = [*QUESTION, "answers", 0]


def test_paragraphs_are_read_in_order(tmp_path: Path) -> None:
    assert read_squad(write(tmp_path, DOCUMENT)) == [
        Paragraph(
            "Ann met Bob.",
            (Question("q1", "Who met Bob?", ("Ann", "Bob.")), Question("q2", "Whom?", ("Bob",))),
        ),
        Paragraph("x", ()),
    ]


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (["version"], ..., "version: the field `version` is missing"),
        (["version"], "v2.0", "version: this is SQuAD 'v2.0'"),
        (["data"], {}, "data: `data` is no list"),
        (["data"], [], "data: there is no question in it"),
        (["data", 1], "U", r"data\[1\]: an object is due here"),
        (["data", 1, "paragraphs"], ..., r"data\[1\]\.paragraphs: the field"),
        ([*PARAGRAPH, "context"], 7, r"paragraphs\[0\]\.context: `context` is no text"),
        ([*PARAGRAPH, "context"], " \n", r"paragraphs\[0\]\.context: this paragraph has no words"),
        ([*QUESTION, "id"], "q1", r"qas\[1\]\.id: the id 'q1' is used twice"),
        ([*QUESTION, "id"], None, r"qas\[1\]\.id: `id` is no text"),
        ([*QUESTION, "question"], ..., r"qas\[1\]\.question: the field"),
        ([*QUESTION, "answers"], [], r"qas\[1\]\.answers: this question has no answer"),
        ([*ANSWER, "answer_start"], -1, r"answers\[0\]\.answer_start: this answer lies outside"),
        ([*ANSWER, "answer_start"], 10, r"answers\[0\]\.answer_start: this answer lies outside"),
        ([*ANSWER, "answer_start"], "8", r"answers\[0\]\.answer_start: `answer_start` is no whole"),
        (
            [*ANSWER, "answer_start"],
            True,
            r"answers\[0\]\.answer_start: `answer_start` is no whole",
        ),
        ([*ANSWER, "text"], ..., r"answers\[0\]\.text: the field"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(
    tmp_path: Path, path: list[Any], value: Any, told: str
) -> None:
    with pytest.raises(BenchwrightError, match=told) as failure:
        read_squad(write(tmp_path, changed(path, value)))
    assert str(tmp_path / "dev-v1.1.json") in str(failure.value)


def test_an_answer_may_end_where_its_paragraph_does(tmp_path: Path) -> None:
    read_squad(write(tmp_path, changed([*ANSWER, "answer_start"], 9)))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"version": "1.1",\n "data": [}', r"dev-v1\.1\.json:2: this file is not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "the document is no object"),
        (None, "no readable dev-v1"),
    ],
)
def test_a_file_that_is_no_json_is_told(tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "dev-v1.1.json").write_bytes(content)
    with pytest.raises(BenchwrightError, match=told):
        read_squad(tmp_path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 20) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
PATHS = st.sampled_from([["version"], ["data"], ["data", 0], PARAGRAPH, QUESTION, ANSWER]).flatmap(
    lambda path: st.sampled_from(
        [path, [*path, "answer_start"], [*path, "qas"], [*path, "text"], [*path, "context"]]
    )
)


@given(PATHS, VALUES)
def test_any_other_value_is_read_or_explained(path: list[Any], value: Any) -> None:
    try:
        document = changed(path, value)
    except (TypeError, IndexError):
        # The path leads into a text.
        return
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(BenchwrightError):
        found = read_squad(write(Path(folder), document))
        assert all(question.answers for paragraph in found for question in paragraph.questions)
