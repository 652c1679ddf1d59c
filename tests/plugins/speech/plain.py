"""The benchmark's computations once more, step by step in NumPy, one sample after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchwright_speech import mel
from benchwright_speech.config import BLANK, Transducer

Floats = NDArray[Any]


class OrtSession:
    """A graph on ONNX Runtime; counts its calls."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options)
        self.calls = 0

    def run(self, inputs: Mapping[str, Any]) -> Sequence[Any]:
        self.calls += 1
        outputs: Sequence[Any] = self._session.run(None, dict(inputs))
        return outputs


def features(waveform: Floats) -> Floats:
    """The official features of one waveform, [vectors, 240], in float64."""
    signal = waveform.astype(np.float64)
    signal = np.append(signal[0], signal[1:] - 0.97 * signal[:-1])
    padded = np.pad(signal, 256, mode="reflect")
    window = np.zeros(512)
    window[96:416] = np.hanning(320)
    count = len(signal) // 160 + 1
    frames = np.stack([padded[160 * t : 160 * t + 512] for t in range(count)]) * window
    power = np.abs(np.fft.rfft(frames)) ** 2 + 1e-10
    logs = np.log(power @ mel.filters(16000, 512, 80).T + 1e-20)
    logs = np.pad(logs, ((0, -count % 3), (0, 0)))
    stacked = logs.reshape(-1, 240)
    hops = -(-len(signal) // 160)
    valid = stacked[: -(-hops // 3)]
    result: Floats = (valid - valid.mean(axis=0)) / (valid.std(axis=0, ddof=1) + 1e-5)
    return result


class Network:
    """A transducer from weights as the official checkpoint names them."""

    def __init__(self, size: Transducer, weights: Mapping[str, Floats]) -> None:
        self.size, self.weights = size, weights

    def cell(self, name: str, given: Floats, state: tuple[Floats, Floats]) -> Any:
        """One step of one LSTM; gates in the order input, forget, cell, output."""
        w = {kind: self.weights[name.format(kind)] for kind in KINDS}
        total = w["weight_ih"] @ given + w["bias_ih"] + w["weight_hh"] @ state[0] + w["bias_hh"]
        i, f, g, o = np.split(total, 4)
        cell = _sigmoid(f) * state[1] + _sigmoid(i) * np.tanh(g)
        return _sigmoid(o) * np.tanh(cell), cell

    def over_time(self, name: str, values: Floats, layers: int) -> Floats:
        for layer in range(layers):
            state = (np.zeros(self.size.encoder), np.zeros(self.size.encoder))
            outputs = []
            for vector in values:
                state = self.cell(f"{name}.lstm.{{}}_l{layer}", vector, state)
                outputs.append(state[0])
            values = np.stack(outputs)
        return values

    def encoded(self, vectors: Floats) -> Floats:
        values = self.over_time("encoder.pre_rnn", vectors, self.size.before)
        values = np.pad(values, ((0, len(values) % 2), (0, 0)))
        values = values.reshape(len(values) // 2, -1)
        return self.over_time("encoder.post_rnn", values, self.size.after)

    def greedy(self, vectors: Floats) -> list[int]:
        """Frame by frame, until a blank or 30 symbols; the state follows symbols only."""
        found: list[int] = []
        states = [(np.zeros(self.size.prediction),) * 2] * self.size.prediction_layers
        for frame in self.encoded(vectors):
            for _ in range(30):
                predicted, after = self.predicted(found, states)
                joined = np.concatenate([frame, predicted])
                w = self.weights
                middle = w["joint.net.0.weight"] @ joined + w["joint.net.0.bias"]
                scores = w["joint.net.3.weight"] @ np.maximum(middle, 0) + w["joint.net.3.bias"]
                best = int(scores.argmax())
                if best == BLANK:
                    break
                found.append(best)
                states = after
        return found

    def predicted(self, found: list[int], states: list[Any]) -> tuple[Floats, list[Any]]:
        given = np.zeros(self.size.prediction)
        if found:
            given = self.weights["prediction.embed.weight"][found[-1]]
        after = []
        for layer, state in enumerate(states):
            state = self.cell(f"prediction.dec_rnn.lstm.{{}}_l{layer}", given, state)
            given = state[0]
            after.append(state)
        return given, after


KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _sigmoid(values: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-values))
    return result
