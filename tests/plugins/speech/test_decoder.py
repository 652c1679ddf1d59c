"""The graphs and the batched search against one sample and one symbol at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright_speech import graphs, weights
from benchwright_speech.config import BLANK, MAX_SYMBOLS, START, Transducer
from benchwright_speech.decoder import GreedyDriver

from .plain import Network, OrtSession, features

SIZE = Transducer(encoder=12, before=2, after=3, prediction=8, prediction_layers=2, joint=16)
SIZES = [960, 1000, 2400, 2401, 5280, 5440, 4000]


def waveforms() -> list[Any]:
    random = np.random.default_rng(4)
    return [(0.1 * random.standard_normal(size)).astype(np.float32) for size in SIZES]


@pytest.fixture(scope="module", params=[-50.0, 3.0, 50.0])
def network(request: pytest.FixtureRequest) -> Network:
    """Blanks never, now and then, and always."""
    return Network(SIZE, weights.random(SIZE, 5, request.param))


@pytest.fixture(scope="module")
def sessions(network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, OrtSession]:
    folder = tmp_path_factory.mktemp("graphs")
    graphs.write(SIZE, network.weights, folder)
    return {graph.name: OrtSession(folder / str(graph.onnx)) for graph in graphs.graphs(SIZE)}


def test_a_batch_gives_what_each_sample_gives_step_by_step(
    network: Network, sessions: dict[str, OrtSession]
) -> None:
    given = waveforms()
    wanted = [network.greedy(features(waveform)) for waveform in given]
    frames = [len(network.encoded(features(waveform))) for waveform in given]
    bias = network.weights["joint.net.3.bias"][BLANK]
    if bias < 0:
        assert [len(one) for one in wanted] == [MAX_SYMBOLS * count for count in frames]
    elif bias > 10:
        assert not any(wanted)
    else:
        assert 0.1 < sum(map(len, wanted)) / sum(frames) < 10
        assert len({symbol for one in wanted for symbol in one}) > 3
    for window in (1, 3, 8):
        driver = GreedyDriver(SIZE, window)
        (found,) = driver(sessions, {"waveform": given})
        assert [one.tolist() for one in found] == wanted
        assert {one.dtype for one in found} == {np.dtype(np.int64)}
        alone = [driver(sessions, {"waveform": [waveform]})[0][0].tolist() for waveform in given]
        assert alone == wanted


def test_the_encoder_gives_the_joint_networks_part_for_every_valid_frame(
    network: Network, sessions: dict[str, OrtSession]
) -> None:
    vectors = [features(waveform) for waveform in waveforms()]
    lengths = np.array([len(one) for one in vectors])
    padded = np.zeros((len(vectors), 12, 240), np.float32)
    for row, one in zip(padded, vectors, strict=True):
        row[: len(one)] = one
        row[len(one) :] = 7.0
    (found,) = sessions["encoder"].run({"features": padded, "lengths": lengths})
    first = network.weights["joint.net.0.weight"][:, : SIZE.encoder]
    for row, one in zip(found, vectors, strict=True):
        wanted = network.encoded(one) @ first.T + network.weights["joint.net.0.bias"]
        np.testing.assert_allclose(row[: len(wanted)], wanted, atol=1e-4)


class Script:
    """Graphs that say what a table tells: `table[sample][frame]` symbols, then a blank.

    The encoder's output is (sample, frame); the hidden state counts labels, so that the answers
    are right only where the search keeps states as it must.
    """

    def __init__(self, table: list[list[list[int]]]) -> None:
        self.table = table
        self.longest = max(map(len, table))
        self.all = [[symbol for frame in sample for symbol in frame] for sample in table]

    def sessions(self) -> Any:
        class Graph:
            def __init__(self, run: Any) -> None:
                self.run = run

        return {
            "features": Graph(lambda inputs: (inputs["samples"], np.array(self.lengths()))),
            "encoder": Graph(self.encode),
            "decoder": Graph(self.decode),
        }

    def lengths(self) -> list[int]:
        # An odd number of vectors is one frame more than half of it.
        return [2 * len(sample) - row % 2 for row, sample in enumerate(self.table)]

    def encode(self, inputs: Mapping[str, Any]) -> Sequence[Any]:
        found = np.full((len(self.table), self.longest, 2), -1, np.float32)
        for row in range(len(self.table)):
            found[row, :, 0] = row
            found[row, :, 1] = np.arange(self.longest)
        return (found,)

    def decode(self, inputs: Mapping[str, Any]) -> Sequence[Any]:
        assert inputs["hidden"].shape == inputs["cell"].shape == (1, len(inputs["label"]), 1)
        hidden = np.where(inputs["label"] == START, 0, inputs["hidden"][0, :, 0] + 1)
        choices = np.full(inputs["window"].shape[:2], BLANK)
        for row, (window, label) in enumerate(zip(inputs["window"], inputs["label"], strict=True)):
            given = int(hidden[row])
            said = self.all[int(window[0, 0])]
            assert label == (said[given - 1] if given else START)
            for column, (sample, frame) in enumerate(window.astype(int)):
                choices[row, column] = self.choice(sample, frame, given)
        return choices, hidden[None, :, None], inputs["cell"]

    def choice(self, sample: int, frame: int, given: int) -> int:
        """Beyond a sample's end whatever comes is no symbol of it: a zero."""
        rows = self.table[sample]
        if frame >= len(rows):
            return 0
        before = sum(map(len, rows[:frame]))
        symbols = rows[frame]
        place = given - before
        return symbols[place] if 0 <= place < len(symbols) else BLANK


frame = st.lists(st.integers(0, BLANK - 1), max_size=4)
utterances = st.lists(st.lists(frame, min_size=1, max_size=12), min_size=1, max_size=5)


@given(utterances, st.integers(1, 9))
def test_any_script_is_read_as_it_is(table: list[list[list[int]]], window: int) -> None:
    script = Script(table)
    size = Transducer(1, 1, 1, prediction=1, prediction_layers=1, joint=2)
    batch = {"waveform": [np.ones(960, np.float32)] * len(table)}
    (found,) = GreedyDriver(size, window)(script.sessions(), batch)
    assert [one.tolist() for one in found] == script.all


def test_thirty_symbols_at_most_come_from_one_frame() -> None:
    class Endless(Script):
        def choice(self, sample: int, frame: int, given: int) -> int:
            return given % BLANK if frame in (0, 2) else BLANK

    script = Endless([[[], [], [], []]])
    script.all = [[number % BLANK for number in range(60)]]
    size = Transducer(1, 1, 1, prediction=1, prediction_layers=1, joint=2)
    (found,) = GreedyDriver(size, 3)(script.sessions(), {"waveform": [np.ones(960, np.float32)]})
    assert found[0].tolist() == script.all[0]


def test_blanks_cost_no_calls_of_their_own(tmp_path: Path) -> None:
    made = weights.random(SIZE, 5, 50.0)
    graphs.write(SIZE, made, tmp_path)
    sessions = {graph.name: OrtSession(tmp_path / str(graph.onnx)) for graph in graphs.graphs(SIZE)}
    # 16,000 samples are 17 encoder frames.
    GreedyDriver(SIZE, 8)(sessions, {"waveform": [np.ones(16_000, np.float32)]})
    assert sessions["decoder"].calls == 3
