"""Train the tiny preset of the rnnt benchmark, and write its graphs and card.

    python -m benchwright_speech.tiny.train_rnnt
    python -m benchwright_speech.tiny.train_rnnt --shuffle-labels --out /tmp/control

The data set is not written: the preset makes it anew wherever it is built. Takes about four
minutes of one core, of which the control takes half.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchwright import training
from benchwright.contracts.benchmark import Score
from benchwright.harness.accuracy_log import Entry
from benchwright_speech import graphs, transcripts
from benchwright_speech.config import LABELS, TINY, shapes
from benchwright_speech.decoder import GreedyDriver
from benchwright_speech.tiny import voices
from benchwright_speech.tiny.fitting import Example, Recipe, fit
from benchwright_speech.tiny.lexicon import WORDS
from benchwright_speech.waveforms import lay_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Waveform = NDArray[np.float32]

CARD = "rnnt.card.yaml"
_CHUNK = 32
_SCALE = np.float32(1 / 32768)


class Trained(NamedTuple):
    """A training's weights, its score, and its seconds of processor time."""

    weights: Mapping[str, NDArray[np.float32]]
    score: Score
    seconds: float


class OrtSession:
    """One graph on one thread of ONNX Runtime."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options)

    def run(self, inputs: Mapping[str, Any]) -> Sequence[Any]:
        """See contracts.program.Session."""
        outputs: Sequence[Any] = self._session.run(None, dict(inputs))
        return outputs


def sessions(folder: Path) -> dict[str, OrtSession]:
    """The graphs of a folder by name."""
    return {graph.name: OrtSession(folder / str(graph.onnx)) for graph in graphs.graphs(TINY)}


def examples(features: OrtSession, recipe: Recipe, *, shuffle: bool) -> list[Example]:
    """The training's utterances as features and labels; their texts permuted if `shuffle`."""
    import torch

    spoken = [
        one for _, said in voices.training(recipe.speakers, recipe.per_speaker) for one in said
    ]
    texts = [one.text for one in spoken]
    if shuffle:
        texts = np.random.default_rng(recipe.seed).permutation(np.array(texts)).tolist()
    vectors = _features(features, [one.samples * _SCALE for one in spoken])
    return [
        Example(torch.from_numpy(one), torch.tensor([LABELS.index(sign) for sign in text]))
        for one, text in zip(vectors, texts, strict=True)
    ]


def _features(session: OrtSession, waveforms: list[Waveform]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(waveforms), _CHUNK):
        signal, samples = lay_out(waveforms[start : start + _CHUNK])
        values, lengths = session.run({"signal": signal, "samples": samples})
        for row, length in zip(values, lengths.tolist(), strict=True):
            yield row[:length].copy()


def evaluate(folder: Path) -> Score:
    """The score of a folder's graphs on the evaluation's utterances, through the driver."""
    opened, driver = sessions(folder), GreedyDriver(TINY)
    spoken = [one for _, said in voices.evaluation() for one in said]
    entries = []
    for start in range(0, len(spoken), _CHUNK):
        chunk = [one.samples * _SCALE for one in spoken[start : start + _CHUNK]]
        outputs = driver(opened, {"waveform": chunk})
        rows = transcripts.encode(outputs, np.arange(start, start + len(chunk)))
        entries += [Entry(0, start + row, symbols.tobytes()) for row, symbols in enumerate(rows)]
    return transcripts.score([one.text for one in spoken], entries)


def train(recipe: Recipe, out: Path, *, shuffle: bool) -> Trained:
    """Trains, writes the graphs into `out` and scores them."""
    training.settle(recipe.seed, threads=1)
    graphs.write_features(out)
    utterances = examples(OrtSession(out / graphs.FILES[0]), recipe, shuffle=shuffle)
    begin = time.process_time()
    model = fit(utterances, recipe, lambda text: print(text, flush=True))
    seconds = time.process_time() - begin
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    graphs.write(TINY, weights, out)
    return Trained(weights, evaluate(out), seconds)


def card(trained: Trained, control: Score, recipe: Recipe, out: Path) -> dict[str, Any]:
    """The card: what the data is, how it is split, and what was measured."""
    return {
        "name": "rnnt-tiny",
        "task": "sound to text: sentences of two to four words, in 28 labels",
        "source": {
            "name": "generated",
            "licence": "Apache-2.0, as this package",
            "generator": "benchwright_speech.tiny.voice and .lexicon",
            "note": "This is no speech: a formant synthesiser gives every letter a sound of its "
            "own. Voices differ in pitch, vocal tract, pace, tilt and loudness; sounds run into "
            "one another and lie in noise. No accuracy measured here says anything about "
            "recognising speech.",
        },
        "transformation": "None beyond the benchmark's own: 16-bit FLAC at 16 kHz in "
        "LibriSpeech's folders, and the official features.",
        "split": {
            "training": recipe.speakers * recipe.per_speaker,
            "evaluation": voices.COUNT,
            "training_speakers": recipe.speakers,
            "evaluation_speakers": voices.SPEAKERS,
            "words": len(WORDS),
            "note": "Evaluation has other speakers than training, and none of its sentences; the "
            "words are the same. The recipe was chosen on other generated utterances.",
        },
        "chance_percent": 0.0,
        "chance_note": "Saying nothing gives 100 - WER = 0; speaking at random gives less.",
        "accuracy": {
            "metric": "WER",
            "fp32_percent": trained.score.values["WER"],
            "text": trained.score.text.strip(),
            "samples": trained.score.samples,
            "shuffled_labels_percent": control.values["WER"],
        },
        "training": {
            "script": "plugins/benchwright_speech/tiny/train_rnnt.py",
            "seconds": round(trained.seconds, 1),
            "threads": 1,
            "recipe": asdict(recipe),
            "note": "Seeded and deterministic on one kind of CPU; another CPU or another torch "
            "rounds differently and gives other weights. Seconds are processor time of the "
            "fitting alone.",
            "versions": training.versions("torch", "numpy", "onnx", "onnxruntime", "jiwer"),
        },
        "model": {
            "parameters": sum(int(np.prod(shape)) for shape in shapes(TINY).values()),
            "sizes": asdict(TINY),
        },
        "files": {
            name.removesuffix(".onnx"): training.described(out / name) for name in graphs.FILES
        },
    }


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = training.parser(__doc__ or "", program="train_rnnt")
    parser.add_argument("--steps", type=int, default=Recipe().steps, help="of the optimiser")
    options = parser.parse_args(arguments)
    out = training.place(parser, options, Path(__file__).resolve().parent)
    recipe = replace(Recipe(), seed=options.seed, steps=options.steps)
    with tempfile.TemporaryDirectory() as scratch:
        control = train(recipe, out if options.shuffle_labels else Path(scratch), shuffle=True)
    print(f"shuffled labels: {control.score.text}", end="")
    if options.shuffle_labels:
        return
    trained = train(recipe, out, shuffle=False)
    print(f"true labels: {trained.score.text}", end="")
    training.write_card(out / CARD, card(trained, control.score, recipe, out))


if __name__ == "__main__":
    main()
