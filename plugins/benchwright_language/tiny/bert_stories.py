"""Generated paragraphs with questions: the data of bert's tiny preset, in SQuAD v1.1's form.

A paragraph tells a few facts of each of some relations about different people; a question asks for
one of them, so that both its relation and its name must be found. Names of people and places are
put together from syllables, and those of the evaluation never occur in training.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple


def _words(text: str) -> list[str]:
    return text.split()


PEOPLE = (
    _words("bar cal dor fen gar hal jor kel lor mar nel pol ral sol tam ver wil yor zan bel"),
    _words("da den do ek in ka lo mo na nus ra ri so ta vo wen"),
)
PLACES = (
    _words("ald bry cor dun esk fal gri hol ing kir lan mol nor osk pen rus sta tor ulm wes"),
    _words("berg dale field gate ham mont port stad vik wick"),
)
"""First and second syllables of names; each is one word piece."""
YEARS = (_words("16 17 18 19"), [f"{number:02}" for number in range(100)])
KINDS = {
    "job": _words("baker clerk cook doctor farmer judge miller pilot sailor smith tailor teacher"),
    "colour": _words("black blue brown green grey orange purple red white yellow"),
    "thing": _words("boat bowl cart chair clock coat drum flute hat knife lamp piano ring sword"),
    "building": _words("bridge castle church harbour library market mill prison school tower"),
}
EVALUATION_SHARE = 0.25
"""The share of all names that the evaluation's are drawn from."""


class Relation(NamedTuple):
    """How a fact is told, and what can be asked of it: question and the fields that answer it."""

    telling: str
    asked: tuple[tuple[str, str], ...]


RELATIONS = (
    Relation(
        "{person} was born in {place} in {year}.",
        (
            ("Where was {person} born?", "{place}"),
            ("When was {person} born?", "{year}"),
            ("Who was born in {place}?", "{person}"),
        ),
    ),
    Relation(
        "{person} works as a {job} in {place}.",
        (
            ("What does {person} work as?", "{job}"),
            ("Where does {person} work?", "{place}"),
        ),
    ),
    Relation(
        "The {building} of {place} was built by {person} in {year}.",
        (
            ("Who built the {building} of {place}?", "{person}"),
            ("When was the {building} of {place} built?", "{year}"),
            ("What did {person} build?", "{building} of {place}"),
        ),
    ),
    Relation(
        "{person} owns a {colour} {thing}.",
        (
            ("What does {person} own?", "{colour} {thing}"),
            ("Who owns a {colour} {thing}?", "{person}"),
        ),
    ),
    Relation(
        "In {year}, {person} moved to {place}.",
        (
            ("When did {person} move?", "{year}"),
            ("Where did {person} move?", "{place}"),
        ),
    ),
)


class Names(NamedTuple):
    """The people and places that a part of the data may mention."""

    people: list[str]
    places: list[str]


class Asked(NamedTuple):
    """One question: its text, the paragraph, where the answer begins, and what would answer it of
    all the facts of its relation (the right one among them)."""

    question: str
    context: str
    start: int
    answer: str
    rivals: tuple[str, ...]


def split_names(seed: int) -> tuple[Names, Names]:
    """All names, parted at random into those of training and those of the evaluation."""
    draw = random.Random(f"names {seed}")
    training, evaluation = [], []
    for syllables in (PEOPLE, PLACES):
        names = ["".join(pair).capitalize() for pair in product(*syllables)]
        draw.shuffle(names)
        count = round(len(names) * EVALUATION_SHARE)
        evaluation.append(names[:count])
        training.append(names[count:])
    return Names(*training), Names(*evaluation)


def paragraphs(names: Names, seed: int, *, long_share: float) -> Iterator[list[Asked]]:
    """Paragraphs without end, each as the questions on it; `long_share` of them are too long for
    one window of the tiny preset."""
    draw = random.Random(f"paragraphs {seed}")
    while True:
        facts = draw.randint(9, 12) if draw.random() < long_share else draw.randint(4, 7)
        yield _paragraph(draw, names, facts)


def _paragraph(draw: random.Random, names: Names, count: int) -> list[Asked]:
    """A paragraph of `count` facts, told in any order, two about each person, and two questions
    on it."""
    relations = draw.sample(RELATIONS, 2 if count < 6 else 3)
    values = {kind: draw.sample(all_of, len(all_of)) for kind, all_of in KINDS.items()}
    values["person"] = draw.sample(names.people, count)
    values["place"] = draw.sample(names.places, count)
    values["year"] = draw.sample(["".join(pair) for pair in product(*YEARS)], count)
    facts = []
    for number in range(count):
        fields = {kind: pool[number % len(pool)] for kind, pool in values.items()}
        fields["person"] = values["person"][number // 2]
        facts.append((relations[number % len(relations)], fields))
    draw.shuffle(facts)
    told = [relation.telling.format(**fields) for relation, fields in facts]
    context = " ".join(told)
    found = []
    for place in draw.sample(range(count), 2):
        relation, fields = facts[place]
        question, answer = draw.choice(relation.asked)
        text = answer.format(**fields)
        start = sum(len(sentence) + 1 for sentence in told[:place]) + told[place].index(text)
        rivals = tuple(answer.format(**other) for kind, other in facts if kind is relation)
        found.append(Asked(question.format(**fields), context, start, text, rivals))
    return found


def vocabulary() -> list[str]:
    """The word pieces of all these texts, specials first."""
    words = {word for kind in KINDS.values() for word in kind}
    for relation in RELATIONS:
        for text in (relation.telling, *(question for question, _ in relation.asked)):
            words |= {word.strip(".,?").lower() for word in text.split() if "{" not in word}
    starts = {*PEOPLE[0], *PLACES[0], *YEARS[0]}
    ends = {f"##{end}" for _, ends in (PEOPLE, PLACES, YEARS) for end in ends}
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return [*special, ".", ",", "?", *sorted(words), *sorted(starts - words), *sorted(ends)]


def squad(found: list[list[Asked]], title: str) -> dict[str, Any]:
    """Paragraphs as a SQuAD v1.1 document."""
    number = 0
    told = []
    for questions in found:
        asked = []
        for item in questions:
            answer = {"answer_start": item.start, "text": item.answer}
            asked.append({"answers": [answer], "question": item.question, "id": f"{number:06}"})
            number += 1
        told.append({"context": questions[0].context, "qas": asked})
    return {"data": [{"title": title, "paragraphs": told}], "version": "1.1"}
