"""Trains the tiny preset of dlrm-v2 and writes its three files: model, data set and card.

    python -m benchwright_recommendation.tiny.train_dlrm                            # shipped files
    python -m benchwright_recommendation.tiny.train_dlrm --shuffle-labels --out DIR # the control

Needs torch (CPU), scikit-learn and onnx besides Benchwright's own requirements. The benchmark only
reads the written files; it never imports this. One core needs about a minute.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchwright import training
from benchwright_recommendation.architecture import TINY
from benchwright_recommendation.criteo import ClickLog, write
from benchwright_recommendation.graph import click_graph
from benchwright_recommendation.tiny import clicks

if TYPE_CHECKING:
    import torch

    from benchwright_recommendation.module import Dlrm

MODEL, DATASET, CARD = "dlrm.onnx", "clicks.tar.gz", "dlrm.card.yaml"
EPOCHS, BATCH, RATE, THREADS = 2, 512, 4e-3, 1


@dataclass(frozen=True)
class Trained:
    """One training: weights by name, and its seconds of wall time."""

    weights: Mapping[str, NDArray[np.float32]]
    seconds: float


def _tensors(day: clicks.Clicks) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Dense features, ids and labels of a day's rows."""
    import torch

    ids = np.concatenate(day.bags, axis=1)
    labels = day.labels[:, 0].astype(np.float32)
    return torch.from_numpy(day.dense), torch.from_numpy(ids), torch.from_numpy(labels)


def _network() -> Dlrm:
    import torch

    from benchwright_recommendation.module import Dlrm

    network = Dlrm(TINY)
    for name, value in network.named_parameters():
        if name.startswith("tables"):
            torch.nn.init.normal_(value, std=0.05)
    return network


def train(day: clicks.Clicks, seed: int, *, shuffle: bool) -> Trained:
    """Trains on all rows of a day, with their labels permuted if `shuffle`."""
    import torch

    training.settle(seed, THREADS)
    dense, ids, labels = _tensors(day)
    if shuffle:
        labels = labels[torch.randperm(len(labels))]
    start = time.monotonic()
    network = _network()
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    steps = len(labels) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=EPOCHS * steps, pct_start=0.1
    )
    for _ in range(EPOCHS):
        order = torch.randperm(len(labels))
        for step in range(steps):
            rows = order[step * BATCH : (step + 1) * BATCH]
            logits = network(dense[rows], ids[rows])
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels[rows])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    return Trained(weights, time.monotonic() - start)


def pack(day: clicks.Clicks) -> bytes:
    """A day as a gzipped tar of the data set's files that holds nothing that varies."""
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch), day.dense, day.bags, day.labels, day.offsets)
        return training.pack(training.members(Path(scratch)))


def score(model: bytes, archive: bytes) -> float:
    """The AUC in percent that ONNX Runtime reaches on the packed day, read as the benchmark
    reads it."""
    import onnxruntime
    from sklearn.metrics import roc_auc_score

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            opened.extractall(scratch, filter="data")
        pairs = list(ClickLog(Path(scratch), TINY).read())
    found = [session.run(None, {"dense": item.dense, "ids": item.ids})[0] for item in pairs]
    labels = np.concatenate([item.labels for item in pairs])
    return 100 * float(roc_auc_score(labels, np.concatenate(found)))


def card(
    days: tuple[clicks.Clicks, clicks.Clicks], trained: Trained, found: tuple[float, float]
) -> dict[str, Any]:
    """What is known about the files; found: AUC with true and with permuted labels."""
    from sklearn.metrics import roc_auc_score

    first, second = days
    best = 100 * float(roc_auc_score(second.labels[:, 0], second.probabilities))
    return {
        "name": "dlrm-v2-tiny",
        "task": "click-through prediction: will this user click on this item",
        "source": {
            "name": "generated clicks",
            "licence": "Apache-2.0 (made by this repository)",
            "generator": "benchwright_recommendation.tiny.clicks",
            "seed": clicks.DATA_SEED,
            "note": "No packaged click data with a permissive licence would do: the Open Bandit "
            "Dataset's samples (CC BY 4.0, in the package obp) hold 287 clicks in 60,000 "
            "impressions, from which a logistic regression reaches an AUC of 54 %.",
        },
        "transformation": "13 counts a pair, stored as ln(count + 3); 26 categorical features, "
        "each id standing for a fixed bag of ids, in the files of the official multi-hot data. "
        "Tables have at most 200 rows, bags at most 10 ids, samples 10 to 70 pairs.",
        "split": {
            "train_users": clicks.USERS,
            "train_pairs": len(first.labels),
            "evaluation": clicks.EVALUATION,
            "evaluation_pairs": len(second.labels),
            "items": clicks.ITEMS,
            "note": "A sample is one user with distinct items. No user of the evaluation is in "
            "training; items are shared. The recipe was chosen on data of another seed.",
        },
        "chance_percent": 50.0,
        "accuracy": {
            "metric": "AUC",
            "fp32_percent": round(found[0], 3),
            "best_possible_percent": round(best, 3),
            "shuffled_labels_percent": round(found[1], 3),
        },
        "training": {
            "script": "plugins/benchwright_recommendation/tiny/train_dlrm.py",
            "seconds": round(trained.seconds, 1),
            "epochs": EPOCHS,
            "threads": THREADS,
            "note": "Seeded and deterministic on one kind of CPU; another CPU or another torch "
            "rounds differently and gives other weights. Seconds are wall time, on a machine that "
            "may have had other work.",
            "versions": training.versions("torch", "scikit-learn", "numpy", "onnx", "onnxruntime"),
        },
        "model": {"parameters": sum(value.size for value in trained.weights.values())},
    }


def write_all(out: Path, seed: int, *, shuffle: bool, say: Callable[[str], None]) -> None:
    """Trains, scores and writes model, data set and card into `out`."""
    days = clicks.generate()
    archive = pack(days[1])
    found = []
    for shuffled in (True,) if shuffle else (True, False):
        trained = train(days[0], seed, shuffle=shuffled)
        model = click_graph(TINY, trained.weights).model().SerializeToString(deterministic=True)
        found.append(score(model, archive))
        say(f"{'permuted' if shuffled else 'true'} labels: AUC {found[-1]:.3f} %")
    training.replace(out / MODEL, model)
    training.replace(out / DATASET, archive)
    made = card(days, trained, (found[-1], found[0]))
    made["training"]["seed"] = seed
    made["files"] = {
        "model": training.described(out / MODEL),
        "dataset": training.described(out / DATASET),
    }
    if shuffle:
        made["name"] += "-shuffled"
    training.write_card(out / CARD, made)
    say(f"wrote {MODEL} ({len(model)} bytes), {DATASET} ({len(archive)} bytes) and {CARD}")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = training.parser(__doc__ or "", program="train_dlrm")
    options = parser.parse_args(arguments)
    out = training.place(parser, options, Path(__file__).resolve().parent)
    write_all(out, options.seed, shuffle=options.shuffle_labels, say=print)


if __name__ == "__main__":
    main()
