"""SQuAD v1.1 data sets: reading and checking.

A data set is a folder with `dev-v1.1.json` (articles of paragraphs of questions, each with the
answers that people gave) and `vocab.txt` (see bert_wordpiece).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from benchwright.errors import BenchwrightError

QUESTIONS_FILE = "dev-v1.1.json"
VERSION = "1.1"


class Question(NamedTuple):
    """A question on a paragraph: its id, its text, and the texts that answer it."""

    id: str
    text: str
    answers: tuple[str, ...]


class Paragraph(NamedTuple):
    """A text and the questions on it."""

    context: str
    questions: tuple[Question, ...]


def read_squad(dataset: Path) -> list[Paragraph]:
    """The paragraphs of a data set in order.

    Raises BenchwrightError with file and dotted path for whatever is missing, of another kind, or
    impossible: an answer outside its paragraph, a question without an answer, an id used twice.
    """
    path = dataset / QUESTIONS_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchwrightError(
            f"this data set has no readable {QUESTIONS_FILE}",
            where=str(path),
            why=error.strerror or str(error),
            fix=f"put SQuAD v1.1's development set there, under the name {QUESTIONS_FILE}",
        ) from error
    except (ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BenchwrightError(
            "this file is not valid JSON", where=f"{path}{line}", why=str(error)
        ) from error
    return _Reader(path).paragraphs(content)


class _Reader:
    """Walks the document; `at` is the dotted path of the value in hand."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids: dict[str, str] = {}

    def paragraphs(self, content: Any) -> list[Paragraph]:
        if not isinstance(content, dict):
            raise self._fault("", "the document is no object", _kind(content))
        version = self._field(content, "", "version", str)
        if version != VERSION:
            raise self._fault(
                "version",
                f"this is SQuAD {version!r}, not {VERSION!r}",
                "later versions hold questions without answers, which are scored otherwise",
            )
        found = [
            self._paragraph(paragraph, at)
            for article, outer in self._items(content, "", "data")
            for paragraph, at in self._items(article, outer, "paragraphs")
        ]
        if not any(paragraph.questions for paragraph in found):
            raise self._fault("data", "there is no question in it")
        return found

    def _paragraph(self, value: Any, at: str) -> Paragraph:
        context = self._field(value, at, "context", str)
        if not context.strip():
            raise self._fault(f"{at}.context", "this paragraph has no words")
        questions = [
            self._question(item, place, context) for item, place in self._items(value, at, "qas")
        ]
        return Paragraph(context, tuple(questions))

    def _question(self, value: Any, at: str, context: str) -> Question:
        name = self._field(value, at, "id", str)
        if name in self._ids:
            raise self._fault(f"{at}.id", f"the id {name!r} is used twice", self._ids[name])
        self._ids[name] = f"first at {at}.id"
        answers = [
            self._answer(item, place, context) for item, place in self._items(value, at, "answers")
        ]
        if not answers:
            raise self._fault(f"{at}.answers", "this question has no answer")
        return Question(name, self._field(value, at, "question", str), tuple(answers))

    def _answer(self, value: Any, at: str, context: str) -> str:
        text: str = self._field(value, at, "text", str)
        start: int = self._field(value, at, "answer_start", int)
        if start < 0 or start + len(text) > len(context):
            raise self._fault(
                f"{at}.answer_start",
                "this answer lies outside its paragraph",
                f"{len(text)} characters from {start} on; the paragraph has {len(context)}",
            )
        return text

    def _items(self, value: Any, at: str, name: str) -> list[tuple[Any, str]]:
        found = self._field(value, at, name, list)
        outer = f"{at}.{name}" if at else name
        return [(item, f"{outer}[{number}]") for number, item in enumerate(found)]

    def _field(self, value: Any, at: str, name: str, kind: type[Any]) -> Any:
        if not isinstance(value, dict):
            raise self._fault(at, "an object is due here", _kind(value))
        place = f"{at}.{name}" if at else name
        if name not in value:
            raise self._fault(place, f"the field `{name}` is missing")
        found = value[name]
        if not isinstance(found, kind) or isinstance(found, bool):
            raise self._fault(place, f"`{name}` is no {_KINDS[kind]}", _kind(found))
        return found

    def _fault(self, at: str, what: str, why: str | None = None) -> BenchwrightError:
        where = f"{self._path}: {at}" if at else str(self._path)
        return BenchwrightError(
            what, where=where, why=why, fix=f"take an undamaged {QUESTIONS_FILE}"
        )


_KINDS = {str: "text", int: "whole number", list: "list", dict: "object"}


def _kind(value: object) -> str:
    return f"it is {_KINDS.get(type(value), type(value).__name__)}: {str(value)[:60]!r}"
