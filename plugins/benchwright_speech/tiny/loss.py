"""The transducer's loss: minus the log-probability of all ways through the lattice.

A way goes through nodes (t, u): t frames passed, u labels given. A blank leads to (t + 1, u),
the label u + 1 to (t, u + 1); it ends with the last frame's blank. Nodes with the same t + u do
not depend on one another, so that one vector operation computes each such diagonal
(A. Graves, Sequence Transduction with Recurrent Neural Networks, 2012, equations 16 to 19).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from benchwright_speech.config import BLANK

if TYPE_CHECKING:
    from torch import Tensor

_NEVER = -1e30
"""The logarithm of 0, such that sums and differences of it stay finite."""


def transducer_loss(steps: Tensor, labels: Tensor, frames: Tensor, sizes: Tensor) -> Tensor:
    """The loss of each item, float32 [B], in nats.

    steps: log-probabilities [B, T, U + 1, symbols]; labels: int64 [B, U]; frames and sizes:
    int64 [B], each item's own number of frames and of labels.
    """
    batch, time, width, _ = steps.shape
    blanks = steps[..., BLANK]
    index = labels[:, None, :, None].expand(batch, time, width - 1, 1)
    given = steps[:, :, :-1].gather(3, index).squeeze(3)
    # Turned so that diagonal n is one row: column u holds the node (n - u, u).
    blanks, given = _diagonals(blanks), _diagonals(given)
    ways = steps.new_full((batch, width), _NEVER)
    ways[:, 0] = 0.0
    rows = [ways]
    for number in range(1, time + width - 1):
        waited = ways + blanks[:, number - 1]
        named = ways[:, :-1] + given[:, number - 1, : width - 1]
        named = torch.nn.functional.pad(named, (1, 0), value=_NEVER)
        ways = torch.logaddexp(waited, named)
        rows.append(ways)
    item = torch.arange(batch)
    last = frames - 1 + sizes
    total = torch.stack(rows, dim=1)[item, last, sizes] + blanks[item, last, sizes]
    return -total


def _diagonals(values: Tensor) -> Tensor:
    """[B, T, W] to [B, T + W', W], row n, column u: the value at (n - u, u), or the log of 0."""
    batch, time, width = values.shape
    rows = torch.arange(time + width)[:, None] - torch.arange(width)
    found = values.gather(1, rows.clamp(0, time - 1).expand(batch, -1, -1))
    return found.masked_fill((rows < 0) | (rows >= time), _NEVER)
