"""What fixes an RNN transducer here: labels, sizes of the layers, figures of the features.

The official sizes and figures are those of mlcommons/inference at v3.1 (speech_recognition/rnnt).
"""

from __future__ import annotations

from dataclasses import dataclass

LABELS = " abcdefghijklmnopqrstuvwxyz'"
"""What a symbol id means; the blank comes after them."""

BLANK = len(LABELS)
START = BLANK
"""As the label that came before, the blank's id stands for the start: a zero vector."""

MAX_SYMBOLS = 30
"""So many symbols at most are read from one encoder frame."""

SAMPLE_RATE = 16_000
HOP = 160
"""Samples from one frame's centre to the next; a window is two hops long."""

FFT = 512
MELS = 80
STACKED = 3
"""So many frames become one input vector of the encoder."""

FEATURES = MELS * STACKED
PREEMPHASIS = 0.97
DITHER_POWER = 1e-10
LOG_FLOOR = 1e-20
DEVIATION_FLOOR = 1e-5
TIME_FACTOR = 2
"""So many outputs of the encoder's first layers become one input of the later ones."""

MAX_SECONDS = 15.0
"""Longer utterances are left out of the data set."""

MIN_SAMPLES = 2 * STACKED * HOP
"""Two input vectors are the least that have a standard deviation."""


@dataclass(frozen=True, slots=True)
class Transducer:
    """Sizes of the layers: LSTM cells and how many LSTMs follow one another."""

    encoder: int
    before: int
    after: int
    prediction: int
    prediction_layers: int
    joint: int


OFFICIAL = Transducer(
    encoder=1024, before=2, after=3, prediction=320, prediction_layers=2, joint=512
)
TINY = Transducer(encoder=96, before=1, after=1, prediction=64, prediction_layers=2, joint=64)
SIZES = {"official": OFFICIAL, "tiny": TINY, "synthetic": OFFICIAL}
"""By preset."""


def shapes(size: Transducer) -> dict[str, tuple[int, ...]]:
    """The model's weights by name, as the official checkpoint calls and shapes them."""
    symbols = BLANK + 1
    return {
        **_lstm("encoder.pre_rnn", FEATURES, size.encoder, size.before),
        **_lstm("encoder.post_rnn", TIME_FACTOR * size.encoder, size.encoder, size.after),
        "prediction.embed.weight": (BLANK, size.prediction),
        **_lstm("prediction.dec_rnn", size.prediction, size.prediction, size.prediction_layers),
        "joint.net.0.weight": (size.joint, size.encoder + size.prediction),
        "joint.net.0.bias": (size.joint,),
        "joint.net.3.weight": (symbols, size.joint),
        "joint.net.3.bias": (symbols,),
    }


def _lstm(prefix: str, inputs: int, cells: int, layers: int) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for layer in range(layers):
        width = cells if layer else inputs
        found[f"{prefix}.lstm.weight_ih_l{layer}"] = (4 * cells, width)
        found[f"{prefix}.lstm.weight_hh_l{layer}"] = (4 * cells, cells)
        found[f"{prefix}.lstm.bias_ih_l{layer}"] = (4 * cells,)
        found[f"{prefix}.lstm.bias_hh_l{layer}"] = (4 * cells,)
    return found
