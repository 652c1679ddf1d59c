"""The synthetic preset's data set: noise of the lengths that dev-clean's utterances have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchwright.progress import ProgressCallback
from benchwright_speech.config import SAMPLE_RATE
from benchwright_speech.writer import write_chapter

COUNT = 512
PER_CHAPTER = 64
TEXT = "NOISE"

_QUANTILES = (0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1)
_SECONDS = (1.445, 2.338, 2.685, 3.625, 5.535, 8.42, 10.894, 12.292, 14.995)
"""Of the 2,513 utterances of dev-clean that are at most 15 s long; the mean is 6.25 s."""

_LEVEL = 20
"""The noise's deviation, in steps of 16 bits: FLAC then needs about 6 bits a sample."""


def durations(count: int, seed: int) -> list[float]:
    """Seconds of `count` utterances, in random order: equally spaced quantiles."""
    places = (np.arange(count) + 0.5) / count
    seconds = np.interp(places, _QUANTILES, _SECONDS)
    shuffled: list[float] = np.random.default_rng(seed).permutation(seconds).tolist()
    return shuffled


def write_noise(out: Path, seed: int, progress: ProgressCallback) -> None:
    """Writes the data set into the new folder `out`."""
    random = np.random.default_rng(seed)
    lengths = durations(COUNT, seed)
    for start in range(0, COUNT, PER_CHAPTER):
        chapter = [
            (TEXT, np.rint(random.standard_normal(round(seconds * SAMPLE_RATE)) * _LEVEL))
            for seconds in lengths[start : start + PER_CHAPTER]
        ]
        number = start // PER_CHAPTER + 1
        utterances = [(text, samples.astype(np.int16)) for text, samples in chapter]
        write_chapter(out, number, number, utterances)
        progress(start + len(utterances), COUNT)
