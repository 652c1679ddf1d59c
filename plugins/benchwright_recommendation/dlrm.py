"""dlrm-v2: click-through prediction with DLRM-DCNv2, the same code for every preset.

A sample is a run of user-item pairs. The driver computes the pairs of all samples of a batch in
one call, so that nothing is padded. The official accuracy log holds each pair's label beside its
prediction; labels therefore go with the samples, and the driver hands them through.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchwright.contracts.benchmark import Benchmark, Encoder, Score
from benchwright.contracts.program import Array, Driver, Graph, Output, Program, Sessions, TorchForm
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.progress import ProgressCallback
from benchwright.ragged import lengths
from benchwright_recommendation.architecture import ARCHITECTURES, DENSE, SYNTHETIC
from benchwright_recommendation.criteo import ClickLog
from benchwright_recommendation.graph import DENSE_INPUT, IDS_INPUT, PREDICTION, click_graph

if TYPE_CHECKING:
    from benchwright.harness.samples import SampleWriter

MODEL_FILE = "dlrm.onnx"
_MODULE = "benchwright_recommendation.module:Clicks"
LABELS = "labels"
_PAIRS = "pairs"
_PAIR_BYTES = 8


def run(sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[Output]:
    """The driver: predictions and labels, each a list of float32 [pairs] by sample."""
    dense, ids, labels = batch[DENSE_INPUT], batch[IDS_INPUT], batch[LABELS]
    session = sessions["main"]
    if len(labels) == 1:
        return [session.run({DENSE_INPUT: dense[0], IDS_INPUT: ids[0]}), labels]
    packed = {DENSE_INPUT: np.concatenate(dense), IDS_INPUT: np.concatenate(ids)}
    (predictions,) = session.run(packed)
    return [_cut(predictions, labels), labels]


def encode_pairs(outputs: Sequence[Output], indices: Array) -> Sequence[Array]:
    """Predictions and labels to float32 [pairs, 2] for each sample."""
    predictions, labels = outputs
    rows = np.empty((int(lengths(labels).sum()), 2), np.float32)
    np.concatenate(predictions, out=rows[:, 0])
    np.concatenate(labels, out=rows[:, 1])
    return _cut(rows, labels)


def _cut(rows: Array, like: Sequence[Array]) -> list[Array]:
    """Rows end to end, as one array for each of `like`, of its length."""
    found, start = [], 0
    for item in like:
        stop = start + len(item)
        found.append(rows[start:stop])
        start = stop
    return found


def _load_driver() -> Driver:
    return run


class Dlrm(Benchmark):
    """The benchmark behind the names `dlrm-v2-99` and `dlrm-v2-99.9`."""

    def program(self, preset: str) -> Program:
        ids = ARCHITECTURES[preset].ids
        graph = Graph(
            "main",
            inputs=(
                TensorSpec(DENSE_INPUT, "float32", (BATCH, DENSE)),
                TensorSpec(IDS_INPUT, "int32", (BATCH, ids)),
            ),
            outputs=(TensorSpec(PREDICTION, "float32", (BATCH,)),),
            onnx=MODEL_FILE,
            torch=TorchForm(_MODULE, MODEL_FILE, {"preset": preset}),
        )
        return Program(
            f"dlrm-v2-{preset}",
            (graph,),
            inputs=(
                TensorSpec(DENSE_INPUT, "float32", (BATCH, _PAIRS, DENSE)),
                TensorSpec(IDS_INPUT, "int32", (BATCH, _PAIRS, ids)),
                TensorSpec(LABELS, "float32", (BATCH, _PAIRS)),
            ),
            outputs=(
                TensorSpec(PREDICTION, "float32", (BATCH, _PAIRS)),
                TensorSpec(LABELS, "float32", (BATCH, _PAIRS)),
            ),
            load_driver=_load_driver,
        )

    def assemble_model(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        if preset == "tiny":
            (source,) = sources.values()
            shutil.copyfile(source, out / MODEL_FILE)
            return
        from benchwright_recommendation import weights

        architecture = ARCHITECTURES[preset]
        if preset == "synthetic":
            click_graph(architecture, weights.random(architecture)).save(out / MODEL_FILE)
            return
        from benchwright.archive import unpack

        (source,) = sources.values()
        unpacked = out.with_name(f"{out.name}-snapshot")
        shutil.rmtree(unpacked, ignore_errors=True)
        try:
            unpack(source, unpacked, progress=progress)
            found = weights.from_snapshot(unpacked, architecture)
            click_graph(architecture, found).save(out / MODEL_FILE)
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)

    def assemble_dataset(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        if preset == "synthetic":
            from benchwright_recommendation.synthetic import write_clicks

            write_clicks(out, SYNTHETIC)
            return
        if preset == "tiny":
            from benchwright.archive import unpack

            (archive,) = sources.values()
            unpack(archive, out)
            return
        out.mkdir(parents=True)
        for number, (name, source) in enumerate(sources.items(), start=1):
            _place(source, out / name)
            progress(number, len(sources))

    def validate_dataset(self, preset: str, dataset: Path) -> int:
        return sum(1 for _ in ClickLog(dataset, ARCHITECTURES[preset]).read())

    def preprocess(
        self, preset: str, dataset: Path, out: SampleWriter, progress: ProgressCallback
    ) -> None:
        log = ClickLog(dataset, ARCHITECTURES[preset])
        for number, pairs in enumerate(log.read(), start=1):
            out.add({DENSE_INPUT: pairs.dense, IDS_INPUT: pairs.ids, LABELS: pairs.labels})
            if number % 256 == 0 or number == log.samples:
                progress(number, log.samples)

    def encoder(self, preset: str) -> Encoder:
        return encode_pairs

    def score(self, preset: str, dataset: Path, responses: Iterable[Entry]) -> Score:
        log = ClickLog(dataset, ARCHITECTURES[preset])
        seen: set[int] = set()
        found = []
        for entry in responses:
            if entry.qsl_idx not in seen:
                found.append(_pairs_of(entry, log))
                seen.add(entry.qsl_idx)
        rows = np.concatenate(found) if found else np.empty((0, 2), np.float32)
        auc, good, total = _auc(rows), int((np.rint(rows[:, 0]) == rows[:, 1]).sum()), len(rows)
        accuracy = 100.0 * good / total if total else 0.0
        text = (
            f"AUC={auc:.3f}%, accuracy={accuracy:.3f}%, good={good}, total={total}, "
            f"queries={len(seen)}\n"
        )
        return Score({"AUC": auc}, text, len(seen))


def _pairs_of(entry: Entry, log: ClickLog) -> NDArray[np.float32]:
    """One response as float32 [pairs, 2]; its labels must be those of its sample."""
    index, size = entry.qsl_idx, len(entry.data)
    why = None
    if not 0 <= index < log.samples:
        why = f"the data set has {log.samples} samples"
    else:
        labels = log.labels(index)
        pairs = np.frombuffer(entry.data[: size - size % 4], np.float32)
        if size != _PAIR_BYTES * len(labels):
            why = f"{size} bytes; {len(labels)} pairs take {_PAIR_BYTES} each"
        elif not np.array_equal(pairs[1::2], labels):
            why = "the labels in it are not those of this sample's pairs"
        elif not np.isfinite(pairs).all():
            why = "a prediction in it is no finite number"
    if why is not None:
        raise BenchwrightError(f"the response for sample {index} cannot be scored", why=why)
    return pairs.reshape(-1, 2)


def _auc(rows: NDArray[np.float32]) -> float:
    """The area under the ROC curve in percent; 0 where there is no pair at all."""
    from sklearn.metrics import roc_auc_score

    if not len(rows):
        return 0.0
    if rows[:, 1].min() == rows[:, 1].max():
        raise BenchwrightError(
            "the AUC of these responses is not defined",
            why=f"all {len(rows)} pairs have the label {rows[0, 1]:g}",
            fix="score samples with clicks and without",
        )
    return 100.0 * float(roc_auc_score(rows[:, 1], rows[:, 0]))


def _place(source: Path, target: Path) -> None:
    """Puts a file into the data set without a second copy of it where the disk allows that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
