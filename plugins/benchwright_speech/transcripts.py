"""Responses: symbols as bytes, as the official accuracy script reads them, and their score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchwright.contracts.benchmark import Score
from benchwright.contracts.program import Array, Output
from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright_speech.config import LABELS

_SYMBOL = np.dtype("<i8")


def encode(outputs: Sequence[Output], indices: Array) -> Sequence[Array]:
    """Each sample's symbols as int64, little-endian; empty where nothing was recognised."""
    return [np.ascontiguousarray(symbols, dtype=_SYMBOL) for symbols in outputs[0]]


def decode(entry: Entry) -> str:
    """The text of a response; BenchwrightError where its bytes are no symbols."""
    size = len(entry.data)
    why = f"{size} bytes are no multiple of {_SYMBOL.itemsize}"
    if size % _SYMBOL.itemsize == 0:
        symbols = np.frombuffer(entry.data, dtype=_SYMBOL)
        if not size or (symbols.min() >= 0 and symbols.max() < len(LABELS)):
            return "".join(LABELS[symbol] for symbol in symbols)
        why = f"symbols go from 0 to {len(LABELS) - 1}; it has {symbols.min()}..{symbols.max()}"
    raise BenchwrightError(f"the response for sample {entry.qsl_idx} cannot be scored", why=why)


def score(texts: Sequence[str], responses: Iterable[Entry]) -> Score:
    """The word error rate: word edit distances by reference words, over all samples answered.

    texts: what was spoken, by sample index. Of several responses to a sample the first counts
    (the official script counts each; an accuracy run has one).
    """
    heard: dict[int, str] = {}
    for entry in responses:
        if not 0 <= entry.qsl_idx < len(texts):
            raise BenchwrightError(
                f"the response for sample {entry.qsl_idx} cannot be scored",
                why=f"the data set has {len(texts)} samples",
            )
        if entry.qsl_idx not in heard:
            heard[entry.qsl_idx] = decode(entry)
    if not heard:
        raise BenchwrightError("there is no response to score")
    spoken = [texts[index] for index in heard]
    aligned = _jiwer().process_words(spoken, list(heard.values()))
    wrong = aligned.substitutions + aligned.deletions + aligned.insertions
    rate = wrong / sum(len(text.split()) for text in spoken)
    accuracy = (1 - rate) * 100
    text = f"Word Error Rate: {rate * 100}%, accuracy={accuracy}%\n"
    return Score({"WER": accuracy}, text, len(heard))


def _jiwer() -> Any:
    try:
        import jiwer
    except ImportError as error:
        raise BenchwrightError(
            "the word error rate needs the package `jiwer`",
            why=str(error),
            fix="pip install 'benchwright[speech]'",
        ) from error
    return jiwer
