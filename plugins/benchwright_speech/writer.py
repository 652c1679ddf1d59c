"""Writing a data set in LibriSpeech's form: the other side of `librispeech`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchwright_speech.config import SAMPLE_RATE
from benchwright_speech.librispeech import soundfile_module

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def write_chapter(
    root: Path, speaker: int, chapter: int, utterances: Sequence[tuple[str, NDArray[np.int16]]]
) -> None:
    """Writes one chapter below `LibriSpeech/dev-clean`: texts and int16 [samples] at 16 kHz."""
    soundfile = soundfile_module()
    folder = root / "LibriSpeech" / "dev-clean" / str(speaker) / str(chapter)
    folder.mkdir(parents=True)
    lines = []
    for number, (text, samples) in enumerate(utterances):
        name = f"{speaker}-{chapter}-{number:04}"
        soundfile.write(str(folder / f"{name}.flac"), samples, SAMPLE_RATE, subtype="PCM_16")
        lines.append(f"{name} {text.upper()}\n")
    transcripts = folder / f"{speaker}-{chapter}.trans.txt"
    transcripts.write_text("".join(lines), encoding="utf-8")
