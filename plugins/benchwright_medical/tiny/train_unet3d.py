"""Trains the tiny preset of 3d-unet and writes its three files: model, data set and card.

    python -m benchwright_medical.tiny.train_unet3d                          # the shipped files
    python -m benchwright_medical.tiny.train_unet3d --judge                  # quality of the recipe
    python -m benchwright_medical.tiny.train_unet3d --shuffle-labels --out DIR    # the control

Needs torch (CPU), onnx, and nilearn's files (`pip install --no-deps nilearn`) besides the extra
`medical`. The benchmark only reads the written files; it never imports this.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchwright import training
from benchwright_medical import dice
from benchwright_medical.network import weight_shapes, write_onnx
from benchwright_medical.tiny import brain, learn
from benchwright_medical.volumes import CLASSES
from benchwright_medical.windows import INPUT, OUTPUT, SlidingWindows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MODEL, DATASET, CARD = "unet3d.onnx", "brain.tar.gz", "unet3d.card.yaml"
JUDGED = 20
"""Cases of the training part that `--judge` holds out."""


@dataclass(frozen=True)
class Measured:
    """Mean Dice of one network; `seconds` of processor time are its training's alone."""

    composite: float
    parts: dice.Dice
    seconds: float


class _Session:
    """A graph on ONNX Runtime, as the driver calls it."""

    def __init__(self, model: Path) -> None:
        import onnxruntime

        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(str(model), providers=providers)

    def run(self, inputs: Any) -> Any:
        return self._session.run([OUTPUT], inputs)


def measure(model: Path, pairs: Sequence[learn.Pair]) -> tuple[float, dice.Dice]:
    """Mean Dice of a graph on preprocessed cases: the composite, and of each tissue."""
    driver = SlidingWindows(brain.WINDOW)
    volumes = [image[np.newaxis] for image, _ in pairs]
    (found,) = driver({"main": _Session(model)}, {INPUT: volumes})
    return dice.mean(
        [dice.dice(classes, label) for classes, (_, label) in zip(found, pairs, strict=True)]
    )


def train(
    pairs: Sequence[learn.Pair],
    judged: Sequence[learn.Pair],
    recipe: learn.Recipe,
    model: Path,
    say: Callable[[str], None],
) -> Measured:
    """Trains on `pairs`, writes the graph and scores it on `judged`."""
    import torch

    start = time.process_time()
    network = learn.train(pairs, recipe, say)
    seconds = time.process_time() - start
    weights: dict[str, NDArray[np.float32]] = {
        name: value.contiguous().numpy() for name, value in network.state_dict().items()
    }
    write_onnx(model, learn.SHAPE, brain.WINDOW.edge, weights)
    sample = judged[0][0][np.newaxis, np.newaxis, *([slice(brain.WINDOW.edge)] * 3)]
    with torch.inference_mode():
        expected = network(torch.from_numpy(np.ascontiguousarray(sample))).numpy()
    (answer,) = _Session(model).run({INPUT: np.ascontiguousarray(sample)})
    if (gap := float(np.abs(answer - expected).max())) > 1e-3:
        raise ValueError(f"the graph is not the network: scores differ by {gap:.2g}")
    return Measured(*measure(model, judged), seconds)


def constant(pairs: Sequence[learn.Pair]) -> float:
    """The chance level: the best mean Dice of an answer that is one class everywhere."""
    return max(
        dice.mean([dice.dice(np.full_like(label, number), label) for _, label in pairs])[0]
        for number in range(CLASSES)
    )


def judge(recipe: learn.Recipe, say: Callable[[str], None]) -> None:
    """Scores the recipe on cases of the training part that it does not train on."""
    whole = brain.load().between(brain.POSTERIOR)
    scans = list(brain.scans(whole, recipe.cases + JUDGED, brain.SEED))
    pairs = learn.prepared(scans)
    with tempfile.TemporaryDirectory() as scratch:
        found = train(pairs[JUDGED:], pairs[:JUDGED], recipe, Path(scratch, MODEL), say)
    say(f"held-out cases of the training part: {found}")


def write_all(
    out: Path, recipe: learn.Recipe, *, shuffle: bool, say: Callable[[str], None]
) -> None:
    """Trains, scores and writes model, data set and card into `out`."""
    whole = brain.load()
    given = learn.prepared(
        list(brain.scans(whole.between(brain.POSTERIOR), recipe.cases, brain.SEED))
    )
    scans = list(brain.scans(whole.between(brain.ANTERIOR), brain.EVALUATION, brain.SEED + 1))
    unseen = learn.prepared(scans)
    with tempfile.TemporaryDirectory() as scratch:
        dataset, model = Path(scratch, "brain"), Path(scratch, MODEL)
        brain.write(scans, dataset)
        archive = training.pack(training.members(dataset))
        control = train(learn.shuffled(given, recipe.seed), unseen, recipe, model, say)
        say(f"shuffled labels: {control}")
        trained = control
        if not shuffle:
            trained = train(given, unseen, recipe, model, say)
            say(f"true labels: {trained}")
        training.replace(out / MODEL, model.read_bytes())
    training.replace(out / DATASET, archive)
    card = describe(out, trained, control, constant(unseen), recipe)
    if shuffle:
        card["name"] += "-shuffled"
    training.write_card(out / CARD, card)
    say(f"wrote {MODEL}, {DATASET} and {CARD} into {out}")


def describe(
    out: Path, trained: Measured, control: Measured, chance: float, recipe: learn.Recipe
) -> dict[str, Any]:
    """The card: where the data comes from, what was done to it, and what was measured."""
    edge = brain.WINDOW.edge
    return {
        "name": "3d-unet-tiny",
        "task": "segmentation of simulated brain scans: background, grey and white matter, which "
        "stand for KiTS19's background, kidney and tumour",
        "data": "real anatomy, simulated imaging",
        "source": {
            "name": "ICBM 152 Nonlinear atlas 2009a, symmetric: T1 template, grey and white matter",
            "url": "https://www.bic.mni.mcgill.ca/ServicesAtlases/ICBM152NLin2009",
            "licence": "the atlas's own: use, copying, change and distribution without fee as long "
            "as its copyright notice appears in all copies (NOTICE in the data set). nilearn, "
            "under BSD-3-Clause, ships the three files without a notice of their own",
            "attribution": "Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, "
            "Montreal Neurological Institute, McGill University. V. Fonov et al., Unbiased average "
            "age-appropriate atlases for pediatric studies, NeuroImage 54 (2011); V. Fonov et al., "
            "NeuroImage 47 (2009); D. L. Collins et al., IPMI 1999",
            "loader": "nilearn/datasets/data/mni_icbm152_{t1,gm,wm}_tal_nlin_sym_09a_converted"
            ".nii.gz",
        },
        "transformation": "A case is a block of the template at a random place, sampled at voxel "
        "edges of 1 to 3 mm across and 0.9 to 1.5 mm within slices (linearly; labels by nearest "
        "voxel). Values became Hounsfield-like numbers by a random span, offset, contrast curve, "
        "smooth shading and Gaussian noise of 5 to 12. A voxel's label is the tissue whose map "
        "gives it a half or more. The benchmark resamples, normalises and fits cases exactly as it "
        "does KiTS19's.",
        "split": {
            "train": recipe.cases,
            "evaluation": brain.EVALUATION,
            "seed": brain.SEED,
            "note": f"Training cases are cut from the template's coronal planes {brain.POSTERIOR}, "
            f"evaluation cases from {brain.ANTERIOR}: other parts of the brain, with 8 mm between "
            "them that neither touches. Within a part cases overlap, and the template's halves "
            "mirror each other. The recipe was judged on held-out cases of the training part alone "
            "(--judge) and fixed before the evaluation cases were first scored; the weights are "
            "the last step's.",
        },
        "chance": chance,
        "accuracy": {
            "metric": "DICE",
            "fp32": trained.composite,
            "grey_matter": trained.parts.kidney,
            "white_matter": trained.parts.tumour,
            "shuffled_labels": control.composite,
            "note": "Fractions from 0 to 1. Chance is the best answer of one class everywhere; "
            "shuffled labels are dealt out among a case's voxels.",
        },
        "training": {
            "script": "plugins/benchwright_medical/tiny/train_unet3d.py",
            "seconds": round(trained.seconds, 1),
            "seed": recipe.seed,
            "steps": recipe.steps,
            "batch": recipe.batch,
            "threads": recipe.threads,
            "note": "Seeded and deterministic on one kind of CPU; another CPU or another torch "
            "rounds differently and gives other weights. Seconds are processor time, one core's.",
            "versions": training.versions(
                "torch", "numpy", "scipy", "nibabel", "nilearn", "onnx", "onnxruntime"
            ),
        },
        "model": {
            "filters": list(learn.SHAPE.filters),
            "parameters": sum(math.prod(size) for _, size in weight_shapes(learn.SHAPE)),
            "inputs": [{"name": INPUT, "dtype": "float32", "shape": ["N", 1, edge, edge, edge]}],
            "outputs": [
                {"name": OUTPUT, "dtype": "float32", "shape": ["N", CLASSES, edge, edge, edge]}
            ],
        },
        "files": {
            "model": training.described(out / MODEL),
            "dataset": training.described(out / DATASET),
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; argparse refuses what does not fit together."""
    parser = training.parser(__doc__ or "", program="train_unet3d")
    parser.add_argument("--steps", type=int, default=learn.Recipe.steps)
    parser.add_argument("--threads", type=int, default=learn.Recipe.threads)
    parser.add_argument(
        "--judge", action="store_true", help="only score the recipe on held-out training cases"
    )
    options = parser.parse_args(arguments)
    recipe = replace(
        learn.Recipe(), seed=options.seed, steps=options.steps, threads=options.threads
    )

    def say(line: str) -> None:
        print(line, flush=True)

    if options.judge:
        judge(recipe, say)
        return
    out = training.place(parser, options, Path(__file__).resolve().parent)
    write_all(out, recipe, shuffle=options.shuffle_labels, say=say)


if __name__ == "__main__":
    main()
