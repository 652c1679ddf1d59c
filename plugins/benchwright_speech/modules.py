"""The graphs of the transducer as torch modules, for backends that take modules: the same tensors
in and out as `graphs` describes, and weights from there.

`rnnt_module` has the same network as training needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from benchwright_speech import config, mel
from benchwright_speech.config import BLANK, FEATURES, HOP, SIZES, STACKED, TIME_FACTOR
from benchwright_speech.graphs import spectrum

if TYPE_CHECKING:
    from torch import Tensor

    Weights = Mapping[str, Tensor]


class Features(nn.Module):
    """Hops of waveforms float32 [N, hops, 160] and samples int64 [N] to normalised log mel
    vectors float32 [N, vectors, 240] and their number int64 [N]."""

    full_precision = True
    """Powers span twenty orders of magnitude."""

    def __init__(self) -> None:
        super().__init__()
        self._cosines, self._sines = (torch.from_numpy(part).float() for part in spectrum())
        bank = mel.filters(config.SAMPLE_RATE, config.FFT, config.MELS).T
        self._bank = torch.tensor(bank, dtype=torch.float32)

    def forward(self, signal: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
        before, turned = signal[:, :-1], signal[:, 1:].flip(-1)
        even, odd = (before + turned) @ self._cosines, (before - turned) @ self._sines
        power = even * even + odd * odd + config.DITHER_POWER
        logs = torch.log(power @ self._bank + config.LOG_FLOOR)
        # Frames beyond the waveform's last one count as zeros.
        there = _before(logs, samples // HOP + 1)
        stacked = (logs * there).reshape(len(logs), -1, FEATURES)
        hops = (samples + HOP - 1) // HOP
        lengths = (hops + STACKED - 1) // STACKED
        mask = _before(stacked, lengths)
        count = lengths[:, None, None].float()
        centred = (stacked - (stacked * mask).sum(1, keepdim=True) / count) * mask
        deviation = (centred.square().sum(1, keepdim=True) / (count - 1)).sqrt()
        return centred / (deviation + config.DEVIATION_FLOOR), lengths


class Encoder(nn.Module):
    """Vectors float32 [N, vectors, 240] and their number int64 [N] to what the joint network takes
    of them, float32 [N, vectors / 2, joint]."""

    def __init__(self, preset: str) -> None:
        super().__init__()
        size = SIZES[preset]
        self.pre = nn.LSTM(FEATURES, size.encoder, size.before, batch_first=True)
        self.post = nn.LSTM(TIME_FACTOR * size.encoder, size.encoder, size.after, batch_first=True)
        self.joint = nn.Linear(size.encoder, size.joint)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        values = self.pre(features)[0]
        # Two neighbours become one; beyond the last valid one, zeros.
        values = values * _before(values, lengths).to(values.dtype)
        values = values.reshape(len(values), -1, TIME_FACTOR * values.shape[2])
        encoded: Tensor = self.joint(self.post(values)[0])
        return encoded

    def graph_state(self, weights: Weights) -> dict[str, Tensor]:
        """The state that the graph's weights are."""
        return {
            **_lstm_state(weights, "encoder.pre_rnn", "pre"),
            **_lstm_state(weights, "encoder.post_rnn", "post"),
            "joint.weight": weights["joint.encoder"].T,
            "joint.bias": weights["joint.net.0.bias"],
        }


class Decoder(nn.Module):
    """One more label int64 [N] through the prediction network, whose states are float32
    [layers, N, cells], and the joint network's choices int64 [N, width] for encoder frames float32
    [N, width, joint]; then the new states."""

    def __init__(self, preset: str) -> None:
        super().__init__()
        size = SIZES[preset]
        self.embed = nn.Embedding(BLANK + 1, size.prediction)
        self.lstm = nn.LSTM(size.prediction, size.prediction, size.prediction_layers)
        self.joint = nn.Linear(size.prediction, size.joint, bias=False)
        self.last = nn.Linear(size.joint, BLANK + 1)

    def forward(
        self, label: Tensor, hidden: Tensor, cell: Tensor, window: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        values, (hidden, cell) = self.lstm(self.embed(label)[None], (hidden, cell))
        scores = self.last((window + self.joint(values[0])[:, None]).relu())
        return scores.argmax(dim=2), hidden, cell

    def graph_state(self, weights: Weights) -> dict[str, Tensor]:
        """The state that the graph's weights are."""
        return {
            **_lstm_state(weights, "prediction.dec_rnn", "lstm"),
            "embed.weight": weights["prediction.embed.weight"],
            "joint.weight": weights["joint.prediction"].T,
            "last.weight": weights["joint.net.3.weight"].T,
            "last.bias": weights["joint.net.3.bias"],
        }


def _before(tensor: Tensor, lengths: Tensor) -> Tensor:
    """bool [N, time, 1]: which places of the second axis lie before `lengths` [N]."""
    places = torch.arange(tensor.shape[1], device=tensor.device)
    return (places < lengths[:, None])[:, :, None]


def _lstm_state(weights: Weights, graph: str, module: str) -> dict[str, Tensor]:
    """The state of an LSTM by the name `module` from the graph's matrices."""
    state = {}
    for name, values in weights.items():
        part = name.removeprefix(f"{graph}.lstm.")
        if part == name:
            continue
        if part.startswith("bias_"):
            layer = part.removeprefix("bias_")
            for kind, bias in zip(("ih", "hh"), values[0].chunk(2), strict=True):
                state[f"{module}.bias_{kind}_{layer}"] = _gates(bias)
        else:
            state[f"{module}.{part}"] = _gates(values[0])
    return state


def _gates(values: Tensor) -> Tensor:
    """Gates from ONNX's order (input, output, forget, cell) to torch's."""
    first, output, forget, cell = values.chunk(4)
    return torch.cat([first, forget, cell, output])
