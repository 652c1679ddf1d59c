"""Trains the tiny preset of bert and writes its three files: model, data set and card.

    python -m benchwright_language.tiny.bert_train                              # the shipped files
    python -m benchwright_language.tiny.bert_train --shuffle-labels --out DIR   # the control

Needs torch (CPU) and onnx besides Benchwright's own requirements. The benchmark only reads the
written files; it never imports this.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchwright import training
from benchwright.archive import unpack
from benchwright.harness.accuracy_log import Entry
from benchwright_language.bert_benchmark import Bert, encode_logits, padded_call
from benchwright_language.bert_config import PRESETS
from benchwright_language.bert_features import inputs, sequences
from benchwright_language.bert_graph import END, IDS, SEGMENTS, START, build_graph
from benchwright_language.bert_metric import squad_score
from benchwright_language.bert_squad import read_squad
from benchwright_language.bert_wordpiece import WordPieces
from benchwright_language.tiny.bert_data import (
    SPLIT_SEED,
    evaluation,
    pack,
    training_paragraphs,
)
from benchwright_language.tiny.bert_stories import Asked, split_names
from benchwright_language.tiny.bert_training import Recipe, examples, shuffled, train

MODEL, DATASET, CARD = "bert.onnx", "bert_squad.tar.gz", "bert.card.yaml"
_BATCH = 32


class Scored(NamedTuple):
    """What ONNX Runtime made of the evaluation: F1 and exact match in percent, samples."""

    f1: float
    exact: float
    samples: int


def score(model: bytes, dataset: Path) -> Scored:
    """Scores a graph on an unpacked data set as an accuracy run does."""
    import onnxruntime

    pieces, windows = WordPieces.read(dataset), PRESETS["tiny"].windows
    samples = [
        dict(zip((IDS, SEGMENTS), inputs(item, window, pieces), strict=True))
        for item in sequences(read_squad(dataset), pieces, windows)
        for window in item.windows
    ]

    class Session:
        def __init__(self) -> None:
            self._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

        def run(self, given: Any) -> Any:
            return self._session.run([START, END], given)

    entries = []
    for first in range(0, len(samples), _BATCH):
        part = samples[first : first + _BATCH]
        batch = {name: [sample[name] for sample in part] for name in (IDS, SEGMENTS)}
        found = encode_logits(padded_call({"main": Session()}, batch, length=None), np.empty(0))
        entries += [Entry(0, first + row, logits.tobytes()) for row, logits in enumerate(found)]
    values = Bert().score("tiny", dataset, entries).values
    return Scored(values["F1"], values["exact_match"], len(samples))


def chances(asked: Sequence[Sequence[Asked]]) -> dict[str, float]:
    """F1 in percent of two answers that need no understanding: any word of the paragraph, and any
    answer to the question's kind of question that the paragraph holds."""
    draw = random.Random(SPLIT_SEED)
    every = [item for questions in asked for item in questions]
    ways = {
        "any_word_f1": [draw.choice(item.context.split()) for item in every],
        "any_answer_of_the_kind_f1": [draw.choice(item.rivals) for item in every],
    }
    wanted = [(item.answer,) for item in every]
    return {
        name: round(squad_score(zip(found, wanted, strict=True))[1], 3)
        for name, found in ways.items()
    }


class Trained(NamedTuple):
    """One training, exported and scored."""

    model: bytes
    parameters: int
    scored: Scored
    seconds: float


def train_and_score(recipe: Recipe, dataset: Path, *, shuffle: bool) -> Trained:
    """Trains on the training names, with the answers permuted if `shuffle`."""
    preset = PRESETS["tiny"]
    training.settle(recipe.seed, recipe.threads)
    found = examples(
        training_paragraphs(recipe.paragraphs), WordPieces.read(dataset), preset.windows
    )
    if shuffle:
        found = shuffled(found, recipe.seed)
    begin = time.monotonic()
    module = train(found, recipe, print)
    seconds = time.monotonic() - begin
    weights = {name: weight.numpy() for name, weight in module.state_dict().items()}
    graph = build_graph(preset.encoder, weights, "bert-tiny")
    model = graph.model().SerializeToString(deterministic=True)
    parameters = sum(weight.size for weight in weights.values())
    return Trained(model, parameters, score(model, dataset), seconds)


def describe(trained: Trained, control: Scored, recipe: Recipe, out: Path) -> dict[str, Any]:
    """The card: where the data come from, and what was measured."""
    asked = evaluation()
    names, held = split_names(SPLIT_SEED)
    encoder, windows, _ = PRESETS["tiny"]
    return {
        "name": "bert-tiny",
        "task": "question answering: the span of a paragraph that answers a question",
        "source": {
            "name": "generated by benchwright_language/tiny/bert_stories.py",
            "licence": "Apache-2.0, as Benchwright itself",
            "description": "Paragraphs tell 4 to 7 facts (one in ten: 9 to 12, more than a window "
            "holds) of two or three kinds about invented people, two facts each; two questions ask "
            "for a fact each. To answer, the question's name and its kind of fact must both be "
            "found among those of others. SQuAD v1.1's form; no text of SQuAD.",
        },
        "split": {
            "train_questions": 2 * recipe.paragraphs,
            "evaluation": trained.scored.samples,
            "evaluation_questions": sum(len(questions) for questions in asked),
            "seed": SPLIT_SEED,
            "note": f"{len(names.people)} people and {len(names.places)} places occur in training, "
            f"{len(held.people)} and {len(held.places)} others in the evaluation: no name, and so "
            "no sentence with a name, is in both. Names share their syllables, and all sentences "
            "their forms. The recipe was chosen on another split of the names.",
        },
        "chance": chances(asked),
        "accuracy": {
            "metric": "F1",
            "fp32_percent": round(trained.scored.f1, 3),
            "fp32_exact_match_percent": round(trained.scored.exact, 3),
            "shuffled_labels_percent": round(control.f1, 3),
        },
        "training": {
            "script": "plugins/benchwright_language/tiny/bert_train.py",
            "seconds": round(trained.seconds, 1),
            "seed": recipe.seed,
            "epochs": recipe.epochs,
            "batch": recipe.batch,
            "threads": recipe.threads,
            "note": "Seeded and deterministic on one kind of CPU; another CPU or another torch "
            "rounds differently and gives other weights. Seconds are wall time, on a machine that "
            "may have had other work.",
            "versions": training.versions("torch", "numpy", "onnx", "onnxruntime"),
        },
        "model": {
            "parameters": trained.parameters,
            "encoder": encoder._asdict(),
            "windows": windows._asdict(),
        },
        "files": {
            "model": training.described(out / MODEL),
            "dataset": training.described(out / DATASET),
        },
    }


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = training.parser(__doc__ or "", program="bert_train")
    options = parser.parse_args(arguments)
    out = training.place(parser, options, Path(__file__).resolve().parent)
    recipe = replace(Recipe(), seed=options.seed)
    training.replace(out / DATASET, pack(evaluation()))
    with tempfile.TemporaryDirectory() as scratch:
        dataset = Path(scratch, "dataset")
        unpack(out / DATASET, dataset)
        control = train_and_score(recipe, dataset, shuffle=True)
        print(f"shuffled labels: F1 {control.scored.f1:.3f}")
        trained = control
        if not options.shuffle_labels:
            trained = train_and_score(recipe, dataset, shuffle=False)
            print(f"true labels: F1 {trained.scored.f1:.3f}, exact {trained.scored.exact:.3f}")
    training.replace(out / MODEL, trained.model)
    card = describe(trained, control.scored, recipe, out)
    if options.shuffle_labels:
        card["name"] += "-shuffled"
    training.write_card(out / CARD, card)


if __name__ == "__main__":
    main()
