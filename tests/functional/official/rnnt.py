"""rnnt: noise, and for its transcripts what a plain computation hears in it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from functional.official.miniature import Miniature, tar

SIZES = {
    "encoder": 6,
    "before": 2,
    "after": 3,
    "prediction": 5,
    "prediction_layers": 2,
    "joint": 7,
}
SPOKEN = {(84, 121123): [20_000, 250_000], (2277, 149896): [24_000, 18_000]}
"""By speaker and chapter: lengths of the utterances. One has more than 15 s."""
SAMPLES = 3


def shrink(values: Mapping[str, Any]) -> None:
    """Narrow layers."""
    from benchwright_speech.config import SIZES as SIZES_OF
    from benchwright_speech.config import Transducer

    SIZES_OF["official"] = Transducer(**values)


def make(folder: Path) -> Miniature:
    """dev-clean as OpenSLR packs it, and a checkpoint with the official one's names."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    pytest.importorskip("soundfile")
    pytest.importorskip("jiwer")
    from benchwright_speech import weights
    from benchwright_speech.config import LABELS, Transducer
    from benchwright_speech.writer import write_chapter
    from plugins.speech.plain import Network, features

    size = Transducer(**SIZES)
    made = weights.random(size, 1, 3.0)
    network = Network(size, made)
    random = np.random.default_rng(0)

    def utterance(length: int) -> tuple[str, Any]:
        wave = random.integers(-999, 999, length).astype(np.int16)
        if length > 240_000:
            return "left out", wave
        heard = network.greedy(features(wave / np.float32(32768)))
        return " ".join("".join(LABELS[symbol] for symbol in heard).split()), wave

    for (speaker, chapter), sizes in SPOKEN.items():
        write_chapter(folder, speaker, chapter, [utterance(length) for length in sizes])
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    # The checkpoint calls the joint network as it was called then, and has its filters in it.
    state = {name.replace("joint.net.", "joint_net."): torch.from_numpy(array)
             for name, array in made.items()}  # fmt: skip
    state["audio_preprocessor.featurizer.fb"] = torch.zeros(1, 80, 257)
    stored = io.BytesIO()
    torch.save({"epoch": 100, "state_dict": state}, stored)
    return Miniature(
        family="rnnt",
        benchmark="rnnt",
        package="benchwright_speech",
        module=__name__,
        dataset={"dev-clean.tar.gz": tar({"LibriSpeech/README.TXT": b"about\n", **files}, "w:gz")},
        model={"rnnt-epoch-100.pt": stored.getvalue()},
        samples=SAMPLES,
        accuracy={"WER": 100.0},
        values=SIZES,
    )
