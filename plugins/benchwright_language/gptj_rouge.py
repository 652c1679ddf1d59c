"""Scores of generated highlights, as the reference's evaluation script computes and prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchwright.errors import BenchwrightError

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("rouge1", "rouge2", "rougeL", "rougeLsum")


def evaluate(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float | int]:
    """Mean F-measures in percent to four places (Porter's stemmer on), `gen_len`: how many
    characters were generated in all, and `gen_num`: how many texts.

    Sentences lie on lines of their own, which rougeLsum looks at and gen_len counts one character
    for. The reference cuts them by a trained model of English that is a download; here is the
    same algorithm without it, which knows no abbreviations: rougeLsum may differ a little, the
    others cannot, nor gen_len where sentences are one space apart.
    """
    split, scorer = _tools()
    means = dict.fromkeys(KINDS, 0.0)
    characters = 0
    for prediction, reference in zip(predictions, references, strict=True):
        generated = "\n".join(split(prediction.strip()))
        characters += len(generated)
        found = scorer.score("\n".join(split(reference.strip())), generated)
        for kind in KINDS:
            means[kind] += float(found[kind].fmeasure)
    count = max(1, len(predictions))
    rounded: dict[str, float | int] = {
        kind: round(100 * total / count, 4) for kind, total in means.items()
    }
    return rounded | {"gen_len": characters, "gen_num": len(predictions)}


def _tools() -> tuple[Callable[[str], list[str]], Any]:
    try:
        from nltk.tokenize.punkt import PunktSentenceTokenizer
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as error:
        raise BenchwrightError(
            "scoring summaries needs the package `rouge-score`",
            why=str(error),
            fix="pip install 'benchwright[language]'",
        ) from error
    return PunktSentenceTokenizer().tokenize, RougeScorer(list(KINDS), use_stemmer=True)
