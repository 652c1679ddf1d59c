"""The ONNX graphs of the transducer, for any sizes and weights.

features: hops of waveforms to normalised log mel vectors. encoder: those to what the joint
network takes of them. decoder: one more label through the prediction network, and the joint
network's choices for some encoder frames.

The joint network's first layer is a sum of what it takes of the encoder and what it takes of the
prediction: the first part is computed for all frames at once, at the end of the encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchwright.contracts.program import Graph
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.onnxgraph import GraphWriter
from benchwright_speech import config, mel
from benchwright_speech.config import FEATURES, HOP, MELS, STACKED, TIME_FACTOR, Transducer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.generic]]

FILES = ("features.onnx", "encoder.onnx", "decoder.onnx")


def graphs(size: Transducer) -> tuple[Graph, ...]:
    """The program's graphs: names, tensors and files."""
    state = (size.prediction_layers, BATCH, size.prediction)
    signal = TensorSpec("signal", "float32", (BATCH, "hops", HOP))
    features = TensorSpec("features", "float32", (BATCH, "vectors", FEATURES))
    lengths = TensorSpec("lengths", "int64", (BATCH,))
    return (
        Graph(
            "features",
            (signal, TensorSpec("samples", "int64", (BATCH,))),
            (features, lengths),
            onnx=FILES[0],
        ),
        Graph(
            "encoder",
            (features, lengths),
            (TensorSpec("encoded", "float32", (BATCH, "frames", size.joint)),),
            onnx=FILES[1],
        ),
        Graph(
            "decoder",
            (
                TensorSpec("label", "int64", (BATCH,)),
                TensorSpec("hidden", "float32", state),
                TensorSpec("cell", "float32", state),
                TensorSpec("window", "float32", (BATCH, "width", size.joint)),
            ),
            (
                TensorSpec("choices", "int64", (BATCH, "width")),
                TensorSpec("next_hidden", "float32", state),
                TensorSpec("next_cell", "float32", state),
            ),
            onnx=FILES[2],
        ),
    )


def write(size: Transducer, weights: Weights, out: Path) -> None:
    """Writes the three graphs into the folder `out`; weights: as `config.shapes` lists them."""
    _, encoder, decoder = graphs(size)
    write_features(out)
    _encoder(_begun(encoder), size, weights).save(out / FILES[1])
    _decoder(_begun(decoder), size, weights).save(out / FILES[2])


def write_features(out: Path) -> None:
    """Writes the graph `features` alone, which has no weights, into the folder `out`."""
    _features(_begun(graphs(config.OFFICIAL)[0])).save(out / FILES[0])


def _begun(graph: Graph) -> GraphWriter:
    writer = GraphWriter(graph.name)
    for spec in graph.inputs:
        writer.input(spec.name, spec.dtype, spec.shape)
    for spec in graph.outputs:
        writer.output(spec.name, spec.dtype, spec.shape)
    return writer


def spectrum() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The windowed Fourier transform of a frame of two hops, folded at its centre.

    Returns cosines and sines [160, 257]. With the second hop turned round, the sum of both hops
    times the cosines and their difference times the sines are the two parts of each bin, up to a
    phase that its power does not see.
    """
    length = 2 * HOP
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))
    distance = (length - 1) / 2 - np.arange(HOP)
    angle = 2 * np.pi * distance[:, None] * np.arange(config.FFT // 2 + 1) / config.FFT
    return window[:HOP, None] * np.cos(angle), window[:HOP, None] * np.sin(angle)


def _features(w: GraphWriter) -> GraphWriter:
    def number(value: float) -> str:
        return w.constant(value, "float32")

    def whole(*values: int) -> str:
        return w.constant(values, "int64")

    cosines, sines = (w.constant(part, "float32") for part in spectrum())
    before = w.node("Slice", ["signal", whole(0), whole(-1), whole(1)])
    after = w.node("Slice", ["signal", whole(1), whole(2**31), whole(1)])
    turned = w.node("Slice", [after, whole(-1), whole(-HOP - 1), whole(2), whole(-1)])
    even = w.node("MatMul", [w.node("Add", [before, turned]), cosines])
    odd = w.node("MatMul", [w.node("Sub", [before, turned]), sines])
    power = w.node("Add", [w.node("Mul", [even, even]), w.node("Mul", [odd, odd])])
    power = w.node("Add", [power, number(config.DITHER_POWER)])
    bank = mel.filters(config.SAMPLE_RATE, config.FFT, MELS).T
    energy = w.node("MatMul", [power, w.constant(bank, "float32")])
    logs = w.node("Log", [w.node("Add", [energy, number(config.LOG_FLOOR)])])

    # Frames beyond the waveform's last one count as zeros.
    samples = w.node("Unsqueeze", ["samples", whole(1)])
    count = w.node("Add", [w.node("Div", [samples, whole(HOP)]), whole(1)])
    there = w.node("Unsqueeze", [_before(w, logs, count), whole(2)])
    logs = w.node("Where", [there, logs, number(0)])
    stacked = w.node("Reshape", [logs, whole(0, -1, FEATURES)])

    hops = w.node("Div", [w.node("Add", [samples, whole(HOP - 1)]), whole(HOP)])
    lengths = w.node("Div", [w.node("Add", [hops, whole(STACKED - 1)]), whole(STACKED)])
    w.node("Squeeze", [lengths, whole(1)], "lengths")
    _normalised(w, stacked, lengths)
    return w


def _normalised(w: GraphWriter, stacked: str, lengths: str) -> None:
    """Each feature with mean 0 and sample standard deviation 1 over the valid vectors; the
    others become zeros."""
    axes, time = w.constant([2], "int64"), w.constant([1], "int64")
    valid = w.node("Unsqueeze", [_before(w, stacked, lengths), axes])
    mask = w.node("Cast", [valid], to=1)
    count = w.node("Cast", [w.node("Unsqueeze", [lengths, axes])], to=1)
    total = w.node("ReduceSum", [w.node("Mul", [stacked, mask]), time])
    mean = w.node("Div", [total, count])
    centred = w.node("Mul", [w.node("Sub", [stacked, mean]), mask])
    squares = w.node("ReduceSum", [w.node("Mul", [centred, centred]), time])
    free = w.node("Sub", [count, w.constant(1, "float32")])
    deviation = w.node("Sqrt", [w.node("Div", [squares, free])])
    floor = w.constant(config.DEVIATION_FLOOR, "float32")
    w.node("Div", [centred, w.node("Add", [deviation, floor])], "features")


def _before(w: GraphWriter, tensor: str, lengths: str) -> str:
    """bool [N, time]: which places of `tensor`'s second axis lie before `lengths` [N, 1]."""
    size = w.node("Shape", [tensor], start=1, end=2)
    size = w.node("Squeeze", [size])
    zero, one = (w.constant(value, "int64") for value in (0, 1))
    return w.node("Less", [w.node("Range", [zero, size, one]), lengths])


def _encoder(w: GraphWriter, size: Transducer, weights: Weights) -> GraphWriter:
    def whole(*values: int) -> str:
        return w.constant(values, "int64")

    valid = _before(w, "features", w.node("Unsqueeze", ["lengths", whole(1)]))
    mask = w.node("Cast", [w.node("Transpose", [valid], perm=[1, 0])], to=1)
    mask = w.node("Unsqueeze", [mask, whole(2)])
    values = w.node("Transpose", ["features"], perm=[1, 0, 2])
    for layer in range(size.before):
        values = _lstm(w, f"encoder.pre_rnn.lstm.{{}}_l{layer}", values, weights)
    # Two neighbours become one; beyond the last valid one, zeros.
    values = w.node("Mul", [values, mask])
    values = w.node("Transpose", [values], perm=[1, 0, 2])
    values = w.node("Reshape", [values, whole(0, -1, TIME_FACTOR * size.encoder)])
    values = w.node("Transpose", [values], perm=[1, 0, 2])
    for layer in range(size.after):
        values = _lstm(w, f"encoder.post_rnn.lstm.{{}}_l{layer}", values, weights)
    values = w.node("Transpose", [values], perm=[1, 0, 2])
    joint = weights["joint.net.0.weight"][:, : size.encoder].T
    values = w.node("MatMul", [values, w.weight("joint.encoder", joint)])
    bias = w.weight("joint.net.0.bias", weights["joint.net.0.bias"])
    w.node("Add", [values, bias], "encoded")
    return w


def _decoder(w: GraphWriter, size: Transducer, weights: Weights) -> GraphWriter:
    embedding = weights["prediction.embed.weight"]
    start = np.zeros((1, size.prediction), dtype=embedding.dtype)
    table = w.weight("prediction.embed.weight", np.concatenate([embedding, start]))
    values = w.node("Unsqueeze", [w.node("Gather", [table, "label"]), w.constant([0], "int64")])
    layers = size.prediction_layers
    hidden = _parts(w, "hidden", layers)
    cell = _parts(w, "cell", layers)
    after: list[tuple[str, str]] = []
    for layer in range(layers):
        name = f"prediction.dec_rnn.lstm.{{}}_l{layer}"
        state = (hidden[layer], cell[layer])
        values, *states = _lstm_step(w, name, values, weights, state)
        after.append((states[0], states[1]))
    w.node("Concat", [pair[0] for pair in after], "next_hidden", axis=0)
    w.node("Concat", [pair[1] for pair in after], "next_cell", axis=0)
    joint = weights["joint.net.0.weight"][:, size.encoder :].T
    # [1, N, cells] to [N, 1, joint], for all frames of the window alike.
    predicted = w.node("MatMul", [values, w.weight("joint.prediction", joint)])
    predicted = w.node("Transpose", [predicted], perm=[1, 0, 2])
    values = w.node("Relu", [w.node("Add", ["window", predicted])])
    last = w.weight("joint.net.3.weight", weights["joint.net.3.weight"].T)
    bias = w.weight("joint.net.3.bias", weights["joint.net.3.bias"])
    scores = w.node("Add", [w.node("MatMul", [values, last]), bias])
    w.node("ArgMax", [scores], "choices", axis=2, keepdims=0)
    return w


def _parts(w: GraphWriter, state: str, layers: int) -> list[str]:
    if layers == 1:
        return [state]
    return w.nodes("Split", [state, w.constant([1] * layers, "int64")], layers, axis=0)


def _lstm(w: GraphWriter, name: str, values: str, weights: Weights) -> str:
    """One LSTM over time from a zero state: [time, N, inputs] to [time, N, cells]."""
    matrices, cells = _lstm_weights(w, name, weights)
    output = w.node("LSTM", [values, *matrices], hidden_size=cells)
    return w.node("Squeeze", [output, w.constant([1], "int64")])


def _lstm_step(
    w: GraphWriter, name: str, values: str, weights: Weights, state: tuple[str, str]
) -> list[str]:
    """One step of an LSTM: output, hidden and cell state, each [1, N, cells]."""
    matrices, cells = _lstm_weights(w, name, weights)
    inputs = [values, *matrices, "", *state]
    _, hidden, cell = w.nodes("LSTM", inputs, 3, hidden_size=cells)
    return [hidden, hidden, cell]


def _lstm_weights(w: GraphWriter, name: str, weights: Weights) -> tuple[list[str], int]:
    """ONNX's W, R and B: gates in the order input, output, forget, cell; the checkpoint has them
    in the order input, forget, cell, output."""
    found = []
    for kind in ("weight_ih", "weight_hh"):
        array = weights[name.format(kind)]
        found.append(w.weight(name.format(kind), _gates(array)[None]))
    biases = [_gates(weights[name.format(kind)]) for kind in ("bias_ih", "bias_hh")]
    found.append(w.weight(name.format("bias"), np.concatenate(biases)[None]))
    return found, len(array) // 4


def _gates(array: NDArray[np.generic]) -> NDArray[np.generic]:
    first, forget, cell, output = np.split(array, 4)
    return np.concatenate([first, output, forget, cell])
