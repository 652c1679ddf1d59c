"""The driver: waveforms to symbols by greedy decoding, all samples of a batch at once.

The reference takes one sample after the other and asks for one frame's best symbol at a time.
Here each call of the graph `decoder` takes one label of every sample through the prediction
network and scores a window of encoder frames against it: whatever comes before the window's
first symbol is passed in one go. The symbols are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchwright_speech.config import BLANK, MAX_SYMBOLS, START, TIME_FACTOR, Transducer
from benchwright_speech.waveforms import lay_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchwright.contracts.program import Array, Session, Sessions

    Whole = NDArray[np.int64]

WINDOW = 8
"""So many frames are scored in one call: 0.48 s."""


class GreedyDriver:
    """The driver of one preset's program. Holds sizes only, so that threads may share it."""

    def __init__(self, size: Transducer, window: int = WINDOW) -> None:
        self._state = (size.prediction_layers, size.prediction)
        self._window = window

    def __call__(self, sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[list[Array]]:
        """batch: `waveform`, a list of float32 [samples]; returns the list of their symbols,
        int64 [symbols] each."""
        signal, samples = lay_out(batch["waveform"])
        features, lengths = sessions["features"].run({"signal": signal, "samples": samples})
        frames = (lengths + 1) // TIME_FACTOR
        (encoded,) = sessions["encoder"].run({"features": features, "lengths": lengths})
        search = _Search(encoded, frames, self._state, self._window)
        while search.rows.size:
            search.step(sessions["decoder"])
        return [[np.array(symbols, dtype=np.int64) for symbols in search.found]]


class _Search:
    """Where each sample of a batch stands.

    `rows`: the samples not yet at their end; the other arrays have one entry for each of these.
    time: the frame; emitted: symbols read from it so far; label, hidden and cell: the last
    symbol and the prediction network's state before it.
    """

    def __init__(self, encoded: Array, frames: Array, state: tuple[int, int], window: int) -> None:
        count = len(encoded)
        self.found: list[list[int]] = [[] for _ in range(count)]
        self.rows = np.arange(count)
        self._window = np.arange(window)
        # Rows of zeros behind the last frame: a window never ends outside.
        self._encoded = np.pad(encoded, ((0, 0), (0, window), (0, 0)))
        self._frames = np.asarray(frames, dtype=np.int64)
        self._time = np.zeros(count, dtype=np.int64)
        self._emitted = np.zeros(count, dtype=np.int64)
        self._label = np.full(count, START, dtype=np.int64)
        layers, cells = state
        self._hidden = np.zeros((layers, count, cells), dtype=np.float32)
        self._cell = np.zeros((layers, count, cells), dtype=np.float32)

    def step(self, decoder: Session) -> None:
        """One call: each sample goes to its next symbol, or past the window."""
        choices, hidden, cell = decoder.run(
            {
                "label": self._label,
                "hidden": self._hidden,
                "cell": self._cell,
                "window": self._windows(),
            }
        )
        symbols = (choices != BLANK) & (self._time[:, None] + self._window < self._frames[:, None])
        passed = symbols.argmax(axis=1)
        named = symbols.any(axis=1)
        passed[~named] = len(self._window)
        self._time += passed
        self._emitted[passed > 0] = 0
        if not named.any():
            self._drop_finished()
            return
        self._name(named.nonzero()[0], choices, passed)
        np.copyto(self._hidden, hidden, where=named[:, None])
        np.copyto(self._cell, cell, where=named[:, None])
        self._drop_finished()

    def _windows(self) -> Array:
        """The next frames of each sample, float32 [rows, window, joint]."""
        width = len(self._window)
        if self.rows.size == 1:
            # A view: nothing is copied where samples come one by one.
            row, time = int(self.rows[0]), int(self._time[0])
            found: Array = self._encoded[row : row + 1, time : time + width]
        else:
            found = self._encoded[self.rows[:, None], self._time[:, None] + self._window]
        return found

    def _name(self, named: Whole, choices: Array, passed: Whole) -> None:
        """Notes the symbols of the samples `named`."""
        labels = choices[named, passed[named]]
        self._label[named] = labels
        for row, label in zip(self.rows[named].tolist(), labels.tolist(), strict=True):
            self.found[row].append(label)
        self._emitted[named] += 1
        full = self._emitted == MAX_SYMBOLS
        if full.any():
            self._time[full] += 1
            self._emitted[full] = 0

    def _drop_finished(self) -> None:
        going = self._time < self._frames
        if going.all():
            return
        self.rows = self.rows[going]
        self._frames, self._time = self._frames[going], self._time[going]
        self._emitted, self._label = self._emitted[going], self._label[going]
        self._hidden = self._hidden.compress(going, axis=1)
        self._cell = self._cell.compress(going, axis=1)
