"""The transducer as torch modules; state-dict names are the official checkpoint's.

Only training needs it: a program's graphs are written from the same weights by `graphs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from benchwright_speech.config import BLANK, FEATURES, TIME_FACTOR, Transducer

if TYPE_CHECKING:
    from torch import Tensor


class Lstms(nn.Module):
    """LSTMs one after the other, by the name `lstm`."""

    def __init__(self, inputs: int, cells: int, layers: int, dropout: float) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(inputs, cells, layers, batch_first=True, dropout=between)
        for name, bias in self.lstm.named_parameters():
            # Both biases count: together the forget gates begin at 1.
            if "bias" in name:
                nn.init.zeros_(bias)
                nn.init.constant_(bias[cells : 2 * cells], 0.5)

    def forward(self, values: Tensor) -> Tensor:
        """[B, time, inputs] to [B, time, cells]."""
        output: Tensor = self.lstm(values)[0]
        return output


class Encoder(nn.Module):
    """Feature vectors [B, T, 240] to [B, ceil(T / 2), cells]; `valid` bool [B, T]."""

    def __init__(self, size: Transducer, dropout: float) -> None:
        super().__init__()
        self.pre_rnn = Lstms(FEATURES, size.encoder, size.before, dropout)
        self.post_rnn = Lstms(TIME_FACTOR * size.encoder, size.encoder, size.after, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor, valid: Tensor) -> Tensor:
        values = self.dropout(self.pre_rnn(features)) * valid[:, :, None]
        odd = values.shape[1] % TIME_FACTOR
        if odd:
            values = nn.functional.pad(values, (0, 0, 0, TIME_FACTOR - odd))
        batch, time, cells = values.shape
        stacked = values.reshape(batch, time // TIME_FACTOR, TIME_FACTOR * cells)
        result: Tensor = self.dropout(self.post_rnn(stacked))
        return result


class Prediction(nn.Module):
    """Labels [B, U] to [B, U + 1, cells]; the first is that of the start, a zero vector."""

    def __init__(self, size: Transducer, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Embedding(BLANK, size.prediction)
        self.dec_rnn = Lstms(size.prediction, size.prediction, size.prediction_layers, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, labels: Tensor) -> Tensor:
        embedded = nn.functional.pad(self.embed(labels), (0, 0, 1, 0))
        result: Tensor = self.dropout(self.dec_rnn(embedded))
        return result


class Joint(nn.Module):
    """Scores [B, T, U + 1, symbols] of what encoder and prediction gave."""

    def __init__(self, size: Transducer, dropout: float) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(size.encoder + size.prediction, size.joint),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(size.joint, BLANK + 1),
        )

    def forward(self, encoded: Tensor, predicted: Tensor) -> Tensor:
        first = self.net[0]
        assert isinstance(first, nn.Linear)
        # The first layer is a sum: each part is computed once, not for every pair.
        split = encoded.shape[-1]
        one = nn.functional.linear(encoded, first.weight[:, :split], first.bias)
        two = nn.functional.linear(predicted, first.weight[:, split:])
        result: Tensor = self.net[1:](one[:, :, None] + two[:, None])
        return result


class RnnTransducer(nn.Module):
    """The whole model, for training: log-probabilities over the lattice."""

    def __init__(self, size: Transducer, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = Encoder(size, dropout)
        self.prediction = Prediction(size, dropout)
        self.joint = Joint(size, dropout)

    def forward(self, features: Tensor, valid: Tensor, labels: Tensor) -> Tensor:
        """float32 [B, ceil(T / 2), U + 1, symbols]: log-probabilities of every step."""
        scores: Tensor = self.joint(self.encoder(features, valid), self.prediction(labels))
        return torch.log_softmax(scores, dim=-1)
