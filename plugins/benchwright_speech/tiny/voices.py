"""The tiny preset's voices: who speaks what, for training and for evaluation.

Evaluation speakers and sentences are none of training's: speakers come from other seeds, and a
sentence of one part is never taken into the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchwright.progress import ProgressCallback
from benchwright_speech.tiny.lexicon import sentence
from benchwright_speech.tiny.voice import Speaker, say, speaker
from benchwright_speech.writer import write_chapter

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPEAKERS = 32
PER_SPEAKER = 16
COUNT = SPEAKERS * PER_SPEAKER
_EVALUATION, _TRAINING = 7_000, 8_000
"""First of the evaluation's and of training's speaker numbers, which are their seeds."""


class Spoken(NamedTuple):
    """One utterance: its text in lower case, and int16 [samples] at 16 kHz."""

    text: str
    samples: NDArray[np.int16]


def evaluation() -> Iterator[tuple[int, list[Spoken]]]:
    """The evaluation's speakers: number and utterances."""
    used: set[str] = set()
    for number in range(_EVALUATION, _EVALUATION + SPEAKERS):
        yield number, _utterances(number, PER_SPEAKER, used)


def training(speakers: int, per_speaker: int) -> Iterator[tuple[int, list[Spoken]]]:
    """The same for training; none of its sentences is in the evaluation."""
    avoided = evaluation_texts()
    for number in range(_TRAINING, _TRAINING + speakers):
        yield number, _utterances(number, per_speaker, avoided)


def evaluation_texts() -> set[str]:
    """What the evaluation's speakers say."""
    used: set[str] = set()
    for number in range(_EVALUATION, _EVALUATION + SPEAKERS):
        _texts(np.random.default_rng(number), PER_SPEAKER, used)
    return used


def _utterances(number: int, count: int, avoided: set[str]) -> list[Spoken]:
    random = np.random.default_rng(number)
    texts = _texts(random, count, avoided)
    voice: Speaker = speaker(random)
    return [Spoken(text, say(text, voice, random)) for text in texts]


def _texts(random: np.random.Generator, count: int, avoided: set[str]) -> list[str]:
    """Sentences that are not in `avoided`, to which they are added."""
    found: list[str] = []
    while len(found) < count:
        text = sentence(random)
        if text not in avoided:
            avoided.add(text)
            found.append(text)
    return found


def write_voices(out: Path, progress: ProgressCallback) -> None:
    """Writes the evaluation as a data set in LibriSpeech's form into the new folder `out`."""
    for done, (number, spoken) in enumerate(evaluation(), start=1):
        write_chapter(out, number, 1, [(one.text, one.samples) for one in spoken])
        progress(done * PER_SPEAKER, COUNT)
