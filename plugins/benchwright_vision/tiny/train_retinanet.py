"""Trains the tiny preset of retinanet and writes its three files: model, data set and card.

    python -m benchwright_vision.tiny.train_retinanet                      # the shipped files
    python -m benchwright_vision.tiny.train_retinanet --shuffle-labels --out DIR    # the control

Needs torch (CPU), scikit-learn, onnx, OpenCV and faster-coco-eval besides Benchwright's own
requirements. The benchmark only reads the written files; it never imports this.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from benchwright import training
from benchwright.archive import unpack
from benchwright.harness.accuracy_log import Entry
from benchwright_vision.detections import DetectionEncoder, mean_average_precision
from benchwright_vision.openimages import (
    ANNOTATIONS,
    PICTURES,
    DetectionSet,
    network_input,
    read_dataset,
    resized,
)
from benchwright_vision.retinanet_config import TINY, weight_shapes
from benchwright_vision.retinanet_graph import retinanet
from benchwright_vision.tiny.detector import Examples, Recipe, train
from benchwright_vision.tiny.digits import SPLIT_SEED, load_images, split
from benchwright_vision.tiny.scenes import Scene, draw

if TYPE_CHECKING:
    from benchwright_vision.tiny.digits import Images, Labels

MODEL, DATASET, CARD = "retinanet.onnx", "scenes.tar.gz", "retinanet.card.yaml"
TRAINING, EVALUATION = 4000, 512
"""Scenes of one epoch, which are drawn anew for the next, and of the evaluation."""
TILT = 10.0
"""Degrees by which digits of the training scenes are turned at most."""
EVALUATION_SEED = 1998
THREADS = 1


def draw_scenes(
    images: Images, labels: Labels, count: int, seed: int | tuple[int, int], tilt: float = 0.0
) -> Iterator[Scene]:
    """Scenes with digits out of `images`, one after the other."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        yield draw(images, labels, random, tilt)


def examples(scenes: Iterator[Scene], count: int) -> Examples:
    """Scenes at the network's size, resized as the benchmark resizes pictures."""
    side = TINY.side
    pixels = np.empty((count, 3, side, side), np.uint8)
    boxes, labels = [], []
    for index, scene in enumerate(scenes):
        height, width = scene.pixels.shape[:2]
        pixels[index] = np.rint(resized(scene.pixels, side)).transpose(2, 0, 1)
        ends = np.concatenate([scene.boxes[:, :2], scene.boxes[:, :2] + scene.boxes[:, 2:]], 1)
        scale = np.array([side / width, side / height] * 2)
        boxes.append((ends * scale).astype(np.float32))
        labels.append(scene.labels)
    return Examples(pixels, boxes, labels)


def pack(scenes: Iterator[Scene]) -> bytes:
    """The data set as a gzipped tar that depends on nothing but the scenes and the libraries."""
    from PIL import Image

    members: dict[str, bytes] = {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index, scene in enumerate(scenes):
        name = f"{index:016x}.jpg"
        jpeg = io.BytesIO()
        Image.fromarray(scene.pixels).save(jpeg, format="JPEG", quality=85, optimize=True)
        members[f"{PICTURES}/{name}"] = jpeg.getvalue()
        height, width = scene.pixels.shape[:2]
        images.append({"id": index + 1, "file_name": name, "width": width, "height": height})
        for box, label in zip(scene.boxes.tolist(), scene.labels.tolist(), strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": label,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": digit, "name": str(digit)} for digit in range(TINY.classes)]
    truth = {"categories": categories, "images": images, "annotations": annotations}
    members[str(ANNOTATIONS)] = json.dumps(truth).encode("ascii")
    return training.pack(members)


def responses(model: Path, data: DetectionSet) -> Iterator[Entry]:
    """What ONNX Runtime answers to each picture, as the accuracy log has it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    encode = DetectionEncoder(TINY.side)
    for index, picture in enumerate(data.pictures):
        found = session.run(None, {"images": network_input(picture, TINY.side)[None]})
        (rows,) = encode([[output] for output in found], np.array([index]))
        yield Entry(index, index, rows.tobytes())


def fit(images: Images, labels: Labels, recipe: Recipe, out: Path) -> tuple[int, float]:
    """Trains on scenes of these digits and writes the graph; its parameters, and the
    processor seconds taken."""
    training.settle(recipe.seed, THREADS)

    def epoch(number: int) -> Examples:
        scenes = draw_scenes(images, labels, TRAINING, (recipe.seed, number), TILT)
        return examples(scenes, TRAINING)

    start = time.process_time()
    network = train(TINY, epoch, recipe, lambda text: print(text, flush=True))
    seconds = time.process_time() - start
    state = network.state_dict()
    weights = {name: state[name].contiguous().numpy() for name in weight_shapes(TINY)}
    retinanet(TINY, weights, "retinanet-tiny").save(out / MODEL)
    return sum(math.prod(weight.shape) for weight in weights.values()), seconds


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = training.parser(__doc__ or "", program="train_retinanet")
    options = parser.parse_args(arguments)
    out = training.place(parser, options, Path(__file__).resolve().parent)
    recipe = Recipe(seed=options.seed)
    images, labels = load_images()
    known, unseen = split(labels)
    training.replace(
        out / DATASET,
        pack(draw_scenes(images[unseen], labels[unseen], EVALUATION, EVALUATION_SEED)),
    )
    shuffled = np.random.default_rng(recipe.seed).permutation(labels[known])
    with tempfile.TemporaryDirectory() as scratch:
        unpack(out / DATASET, Path(scratch, "data"))
        data = read_dataset(Path(scratch, "data"), TINY.classes)

        def percent(model: Path) -> float:
            score = mean_average_precision(data, responses(model, data))
            return round(score.values["mAP"], 3)

        parameters, seconds = fit(images[known], shuffled, recipe, Path(scratch))
        control = percent(Path(scratch, MODEL))
        print(f"shuffled labels: mAP {control} %", flush=True)
        if options.shuffle_labels:
            found = control
            training.replace(out / MODEL, Path(scratch, MODEL).read_bytes())
        else:
            parameters, seconds = fit(images[known], labels[known], recipe, out)
            found = percent(out / MODEL)
            print(f"true labels: mAP {found} %", flush=True)
    objects = len(data.truth["annotations"])
    card = describe(recipe, (len(known), len(unseen), objects), (found, control))
    card["training"]["seconds"] = round(seconds, 1)
    card["model"]["parameters"] = parameters
    card["files"] = {
        "model": training.described(out / MODEL),
        "dataset": training.described(out / DATASET),
    }
    if options.shuffle_labels:
        card["name"] += "-shuffled"
    training.write_card(out / CARD, card)


def describe(
    recipe: Recipe, counts: tuple[int, int, int], figures: tuple[float, float]
) -> dict[str, Any]:
    """The card; counts: digits for training and for evaluation, objects of the evaluation scenes;
    figures: mAP in percent, with true and with shuffled labels."""
    return {
        "name": "retinanet-tiny",
        "task": "object detection: handwritten digits on textured ground, ten classes",
        "source": {
            "name": "Optical Recognition of Handwritten Digits",
            "url": "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
            "licence": "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)",
            "attribution": "E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten "
            "Digits, UCI Machine Learning Repository",
            "loader": "sklearn.datasets.load_digits (1,797 images: the part that UCI calls the "
            "test set)",
        },
        "transformation": "The digits are real, the ground is generated. Each scene has one to "
        "five digits, enlarged from 8x8 by cubic interpolation to 14 to 60 pixels, in a random "
        "colour, none touching another, on a ground of colour patches, stripes and grain; a JPEG "
        "of 90 to 128 pixels a side. A box is the extent of the ink. The benchmark resizes to "
        "96x96 as it does OpenImages' pictures to 800x800.",
        "split": {
            "train": TRAINING * recipe.epochs,
            "evaluation": EVALUATION,
            "train_digits": counts[0],
            "evaluation_digits": counts[1],
            "evaluation_objects": counts[2],
            "digits_seed": SPLIT_SEED,
            "evaluation_seed": EVALUATION_SEED,
            "note": "Scenes. Digits were split first, stratified by label, as for resnet50's tiny "
            "preset, so that no digit of an evaluation scene is in any training scene. "
            "scikit-learn's copy carries no writer ids: the same writers may appear in both. The "
            "weights are the last epoch's. One earlier recipe (the same 4,000 scenes in each "
            "epoch) was scored on other scenes of the evaluation digits: 39.99 %.",
        },
        "chance_percent": 10.0,
        "accuracy": {
            "metric": "mAP",
            "definition": "COCO, intersection over union 0.50 to 0.95, in percent",
            "fp32_percent": figures[0],
            "shuffled_labels_percent": figures[1],
            "note": "Chance is a detector that places every box exactly and guesses the class; one "
            "that finds nothing has 0. With shuffled labels, places can still be learnt.",
        },
        "training": {
            "script": "plugins/benchwright_vision/tiny/train_retinanet.py",
            "seconds": 0.0,
            "seed": recipe.seed,
            "epochs": recipe.epochs,
            "threads": THREADS,
            "note": "Seeded and deterministic on one kind of CPU; another CPU or another torch "
            "rounds differently and gives other weights. Seconds are of processor time, scenes "
            "included.",
            "versions": training.versions(
                "torch",
                "scikit-learn",
                "numpy",
                "onnx",
                "onnxruntime",
                "pillow",
                "opencv-python-headless",
                "faster-coco-eval",
            ),
        },
        "model": {
            "parameters": 0,
            "inputs": [{"name": "images", "dtype": "float32", "shape": [1, 3, 96, 96]}],
            "outputs": [
                {"name": "boxes", "dtype": "float32", "shape": ["detections", 4]},
                {"name": "scores", "dtype": "float32", "shape": ["detections"]},
                {"name": "labels", "dtype": "int64", "shape": ["detections"]},
            ],
        },
    }


if __name__ == "__main__":
    main()
