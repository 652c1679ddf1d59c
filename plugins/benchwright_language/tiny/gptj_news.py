"""Made-up news for gptj's tiny preset: who did what where, with sentences that do not matter
around it, and the highlights that keep what matters, in the form of CNN-DailyMail.

An evaluation article's main person, first and last name together, occurs in no training article.
"""

from __future__ import annotations

import random

from benchwright_language.gptj_prompts import INSTRUCTION, Article


def _words(text: str) -> list[str]:
    return text.split()


FIRST = _words(
    "Ada Ben Cleo Dan Eva Finn Gus Ida Jan Kai Lea Max Nia Otto Pia Rex Sam Tom Una Vera"
)
LAST = _words("Berg Cole Diaz Frey Gray Hunt Khan Lind Moss Nash Park Ross Shaw Todd Voss Wood")
PLACES = _words("Bonn Cairo Delhi Genoa Kyoto Lima Milan Osaka Oslo Paris Quito Riga Rome Sofia")
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
DEEDS = (
    ("opened", "opens"),
    ("closed", "closes"),
    ("bought", "buys"),
    ("sold", "sells"),
    ("painted", "paints"),
    ("found", "finds"),
    ("lost", "loses"),
    ("built", "builds"),
    ("saved", "saves"),
    ("won", "wins"),
)
"""What happened, as an article tells it and as its highlights do."""
KINDS = _words("old new small big red blue green famous")
THINGS = _words("museum bridge boat school garden hotel farm tower theatre bakery library ship")
FILLERS = (
    "{who} watched from {where}.",
    "{who} was glad to hear it in {where}.",
    "The weather was {kind} and the streets were full.",
    "It took {number} months and many helpers.",
    "People came from {where} to see it.",
    '"We did not expect that," said {who}.',
    "Nobody knows what comes next.",
)
MAIN = (
    "{who} {did} a {kind} {thing} in {where} on {day}.",
    "On {day} {who} {did} a {kind} {thing} in {where}.",
    "In {where}, {who} {did} a {kind} {thing} on {day}.",
)
HIGHLIGHT = "{who} {does} {kind} {thing} in {where} on {day} ."


def held_out(first: str, last: str) -> bool:
    """Whether this name belongs to the evaluation: one in five."""
    return (FIRST.index(first) + 2 * LAST.index(last)) % 5 == 0


def article(chance: random.Random, *, evaluation: bool) -> Article:
    """One article; other people than the main one always come from training's names."""
    who = _name(chance, evaluation)
    did, does = chance.choice(DEEDS)
    facts = {
        "who": who,
        "did": did,
        "does": does,
        "kind": chance.choice(KINDS),
        "thing": chance.choice(THINGS),
        "where": chance.choice(PLACES),
        "day": chance.choice(DAYS),
    }
    sentences = [
        _filler(chance, form, who) for form in chance.sample(FILLERS, chance.randint(2, 4))
    ]
    main = chance.choice(MAIN).format(**facts)
    sentences.insert(chance.randint(0, min(2, len(sentences))), main)
    return Article(INSTRUCTION, " ".join(sentences), HIGHLIGHT.format(**facts))


def _name(chance: random.Random, evaluation: bool) -> str:
    while True:
        first, last = chance.choice(FIRST), chance.choice(LAST)
        if held_out(first, last) == evaluation:
            return f"{first} {last}"


def _filler(chance: random.Random, form: str, main: str) -> str:
    who = main
    while who == main:
        who = _name(chance, evaluation=False)
    return form.format(
        who=who,
        where=chance.choice(PLACES),
        kind=chance.choice(KINDS),
        number=chance.randint(2, 9),
    )


def news(seed: int, count: int, *, evaluation: bool) -> list[Article]:
    """So many articles, no two alike."""
    chance = random.Random(seed)
    found: dict[str, Article] = {}
    while len(found) < count:
        made = article(chance, evaluation=evaluation)
        found[made.input] = made
    return list(found.values())
