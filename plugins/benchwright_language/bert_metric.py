"""SQuAD v1.1's metric: exact match and F1 of words, as its evaluation defines them."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> list[str]:
    """The words that count: lower case, without ASCII punctuation and English articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def f1(found: list[str], wanted: list[str]) -> float:
    """The harmonic mean of precision and recall of words, each counted as often as it occurs."""
    common = (Counter(found) & Counter(wanted)).total()
    if not common:
        return 0.0
    precision, recall = common / len(found), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def squad_score(answered: Iterable[tuple[str, Iterable[str]]]) -> tuple[float, float]:
    """Exact match and F1 in percent over all questions.

    answered: for each question the text found and the texts that people gave, of which the most
    favourable counts.
    """
    matches = total = 0
    overlap = 0.0
    for text, wanted in answered:
        found = normalised(text)
        people = [normalised(one) for one in wanted]
        matches += found in people
        overlap += max(f1(found, one) for one in people)
        total += 1
    return 100.0 * matches / total, 100.0 * overlap / total
