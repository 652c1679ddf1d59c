"""Trains the tiny preset of resnet50 and writes its three files: model, data set and card.

    python -m benchwright_vision.tiny.train_resnet50                       # the shipped files
    python -m benchwright_vision.tiny.train_resnet50 --folds 5             # quality of the recipe
    python -m benchwright_vision.tiny.train_resnet50 --shuffle-labels --out DIR    # the control

Needs torch (CPU), scikit-learn and onnx besides Benchwright's own requirements. The benchmark only
reads the written files; it never imports this. Two cores need about two minutes.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright import training
from benchwright_vision.tiny.digits import SPLIT_SEED, load_images, pack, split
from benchwright_vision.tiny.graph import INPUT, LABEL, PROBABILITIES, Score, score, to_onnx
from benchwright_vision.tiny.residual import CLASSES, Recipe, cross_validate, train

if TYPE_CHECKING:
    from benchwright_vision.tiny.digits import Images, Labels

MODEL, DATASET, CARD = "resnet50.onnx", "digits.tar.gz", "resnet50.card.yaml"


@dataclass(frozen=True)
class Trained:
    """One training, exported and scored; `seconds` of wall time are the training's alone."""

    model: bytes
    parameters: int
    score: Score
    seconds: float


def train_and_score(
    data: tuple[Images, Labels], known: Labels, dataset: Path, recipe: Recipe, *, shuffle: bool
) -> Trained:
    """Trains on the `known` indices of `data`, with their labels permuted if `shuffle`."""
    import numpy as np

    images, labels = data[0][known], data[1][known]
    if shuffle:
        labels = np.random.default_rng(recipe.seed).permutation(labels)
    start = time.monotonic()
    network = train(images, labels, recipe)
    seconds = time.monotonic() - start
    graph = to_onnx(network)
    model = graph.SerializeToString(deterministic=True)
    parameters = sum(math.prod(weight.dims) for weight in graph.graph.initializer)
    return Trained(model, parameters, score(model, dataset, network), seconds)


def describe(
    trained: Trained, shuffled: Score, out: Path, recipe: Recipe, sizes: tuple[int, int]
) -> dict[str, Any]:
    """The card: where the data comes from, what was done to it, and what was measured.

    out: where model and data set lie; sizes: images of training and of evaluation.
    """
    choice = "; the recipe (seed and epochs) was given on the command line"
    if recipe == Recipe():
        choice = (
            " nor in any choice: the recipe was judged by cross-validation inside the training "
            "images alone (--folds) and fixed before the evaluation images were first scored"
        )
    return {
        "name": "resnet50-tiny",
        "task": "image classification: handwritten digits, ten classes and a background class",
        "source": {
            "name": "Optical Recognition of Handwritten Digits",
            "url": "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
            "licence": "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)",
            "attribution": "E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten "
            "Digits, UCI Machine Learning Repository",
            "loader": "sklearn.datasets.load_digits (1,797 images: the part that UCI calls the "
            "test set)",
        },
        "transformation": "Each 8x8 image of values 0..16 became an 8-bit grey PNG of the same "
        "size with pixel = round(value * 255 / 16). Labels are unchanged. The benchmark decodes to "
        "RGB, converts to float32, subtracts 123.68, 116.78 and 103.94 and transposes to CHW; no "
        "resize, no scaling.",
        "split": {
            "train": sizes[0],
            "evaluation": sizes[1],
            "seed": SPLIT_SEED,
            "note": "Stratified by label. The evaluation images took no part in training"
            f"{choice}; the weights are the last epoch's. scikit-learn's copy carries no writer "
            "ids, so the same writers may appear in both parts, and the accuracy says nothing "
            "about unseen writers. No image occurs twice.",
        },
        "chance_percent": 10.0,
        "accuracy": {
            "metric": "acc",
            "fp32_percent": trained.score.percent,
            "good": trained.score.good,
            "total": trained.score.total,
            "shuffled_labels_percent": shuffled.percent,
        },
        "training": {
            "script": "plugins/benchwright_vision/tiny/train_resnet50.py",
            "seconds": round(trained.seconds, 1),
            "seed": recipe.seed,
            "epochs": recipe.epochs,
            "threads": recipe.threads,
            "note": "Seeded and deterministic on one kind of CPU; another CPU or another torch "
            "rounds differently and gives other weights. Seconds are wall time, on a machine that "
            "may have had other work.",
            "versions": training.versions(
                "torch", "scikit-learn", "numpy", "onnx", "onnxruntime", "pillow"
            ),
        },
        "model": {
            "parameters": trained.parameters,
            "inputs": [{"name": INPUT, "dtype": "float32", "shape": ["N", 3, 8, 8]}],
            "outputs": [
                {"name": LABEL, "dtype": "int64", "shape": ["N"]},
                {"name": PROBABILITIES, "dtype": "float32", "shape": ["N", CLASSES]},
            ],
        },
        "files": {
            "model": training.described(out / MODEL),
            "dataset": training.described(out / DATASET),
        },
    }


def write_all(out: Path, recipe: Recipe, *, shuffle: bool, say: Callable[[str], None]) -> None:
    """Trains, scores and writes model, data set and card into `out`."""
    import numpy as np

    data = load_images()
    known, unseen = split(data[1])
    if len(np.unique(data[0].reshape(len(data[0]), -1), axis=0)) != len(data[0]):
        raise ValueError("an image occurs twice: the split may not keep evaluation images unseen")
    archive = pack(data[0][unseen], data[1][unseen])
    with tempfile.TemporaryDirectory() as scratch:
        dataset = Path(scratch, DATASET)
        dataset.write_bytes(archive)
        control = train_and_score(data, known, dataset, recipe, shuffle=True)
        say(f"shuffled labels: {control.score.good} of {control.score.total} right")
        trained = control
        if not shuffle:
            trained = train_and_score(data, known, dataset, recipe, shuffle=False)
            say(f"true labels: {trained.score.good} of {trained.score.total} right")
    training.replace(out / MODEL, trained.model)
    training.replace(out / DATASET, archive)
    card = describe(trained, control.score, out, recipe, (len(known), len(unseen)))
    if shuffle:
        card["name"] += "-shuffled"
    training.write_card(out / CARD, card)
    say(f"wrote {MODEL} ({len(trained.model)} bytes), {DATASET} ({len(archive)} bytes) and {CARD}")


def positive(text: str) -> int:
    """An argparse type: a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def main(arguments: list[str] | None = None) -> None:
    """The command line; argparse refuses what does not fit together."""
    parser = training.parser(__doc__ or "", program="train_resnet50")
    parser.add_argument("--epochs", type=positive, default=Recipe.epochs)
    parser.add_argument(
        "--folds",
        type=positive,
        help="only cross-validate inside the training images; writes nothing",
    )
    options = parser.parse_args(arguments)
    recipe = Recipe(seed=options.seed, epochs=options.epochs)
    if options.folds is None:
        out = training.place(parser, options, Path(__file__).resolve().parent)
        write_all(out, recipe, shuffle=options.shuffle_labels, say=print)
        return
    if options.shuffle_labels:
        parser.error("argument --folds: not allowed with argument --shuffle-labels")
    if options.out is not None:
        parser.error("--folds writes nothing: leave out --out")
    if options.folds == 1:
        parser.error("--folds needs at least 2")
    images, labels = load_images()
    known, _ = split(labels)
    found = []
    for percent in cross_validate(images[known], labels[known], recipe, options.folds):
        found.append(percent)
        print(f"fold {len(found)} of {options.folds}: {percent:.2f} %", flush=True)
    print(f"mean: {sum(found) / len(found):.2f} %")


if __name__ == "__main__":
    main()
