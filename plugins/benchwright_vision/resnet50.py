"""resnet50: image classification on ImageNet, and its tiny preset on handwritten digits.

All presets run the same code; they differ in image geometry and number of classes. Labels,
tensor names and the accuracy log follow the official model: class 0 is background, the logged
label is the arg-max minus one as one float32.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchwright.contracts.benchmark import Benchmark, Encoder, Score
from benchwright.contracts.program import Array, Graph, Program, TorchForm
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.progress import ProgressCallback
from benchwright_vision.images import VAL_MAP, Geometry, network_input, read_val_map

if TYPE_CHECKING:
    from benchwright.harness.samples import SampleWriter

MODEL_FILE = "resnet50.onnx"
_OFFICIAL = Geometry(224, 256)
_GEOMETRY = {"official": _OFFICIAL, "synthetic": _OFFICIAL, "tiny": Geometry(8)}
_CLASSES = {"official": 1000, "synthetic": 1000, "tiny": 10}
_TORCH = TorchForm("benchwright_vision.tiny.module:Classifier", weights=MODEL_FILE)
_CHUNK = 256


def encode_labels(outputs: Sequence[Array], indices: Array) -> Array:
    """Arg-max int64 [B] → label as float32 [B, 1]; class 0 is background."""
    return np.subtract(outputs[0], 1, dtype=np.float32).reshape(-1, 1)


class ResNet50(Benchmark):
    """The benchmark behind the name `resnet50`."""

    def program(self, preset: str) -> Program:
        side = _GEOMETRY[preset].side
        inputs = (TensorSpec("input_tensor:0", "float32", (BATCH, 3, side, side)),)
        outputs = (TensorSpec("ArgMax:0", "int64", (BATCH,)),)
        torch = _TORCH if preset == "tiny" else None
        graph = Graph("main", inputs, outputs, onnx=MODEL_FILE, torch=torch)
        return Program(f"resnet50-{preset}", (graph,), inputs, outputs)

    def assemble_model(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        if preset == "synthetic":
            from benchwright_vision.resnet50_graph import write

            write(out / MODEL_FILE)
            return
        (source,) = sources.values()
        shutil.copyfile(source, out / MODEL_FILE)

    def assemble_dataset(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        from benchwright.archive import unpack

        if preset == "tiny":
            (archive,) = sources.values()
            unpack(archive, out)
            return
        if preset == "synthetic":
            from benchwright_vision.synthetic.pictures import write_classification_set

            write_classification_set(out, progress)
            return
        unpack(sources["ILSVRC2012_img_val.tar"], out, progress=progress)
        labels = out.with_name(f"{out.name}-labels")
        unpack(sources["caffe_ilsvrc12.tar.gz"], labels)
        shutil.copyfile(labels / "val.txt", out / VAL_MAP)
        shutil.rmtree(labels)

    def validate_dataset(self, preset: str, dataset: Path) -> int:
        return len(read_val_map(dataset, _CLASSES[preset]))

    def preprocess(
        self, preset: str, dataset: Path, out: SampleWriter, progress: ProgressCallback
    ) -> None:
        images = read_val_map(dataset, _CLASSES[preset])
        geometry = _GEOMETRY[preset]
        name = self.program(preset).inputs[0].name
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for start in range(0, len(images), _CHUNK):
                paths = [image.path for image in images[start : start + _CHUNK]]
                for array in pool.map(lambda path: network_input(path, geometry), paths):
                    out.add({name: array})
                progress(start + len(paths), len(images))

    def encoder(self, preset: str) -> Encoder:
        return encode_labels

    def score(self, preset: str, dataset: Path, responses: Iterable[Entry]) -> Score:
        images = read_val_map(dataset, _CLASSES[preset])
        seen: dict[int, int] = {}
        for entry in responses:
            if entry.qsl_idx in seen:
                continue
            if len(entry.data) < 4 or not 0 <= entry.qsl_idx < len(images):
                raise BenchwrightError(
                    f"the response for sample {entry.qsl_idx} cannot be scored",
                    why=f"{len(entry.data)} bytes; 4 are needed, and an index below {len(images)}",
                )
            seen[entry.qsl_idx] = int(np.frombuffer(entry.data, np.float32, 1)[0])
        good = sum(images[index].label == label for index, label in seen.items())
        total = len(seen)
        percent = 100.0 * good / total if total else 0.0
        text = f"accuracy={percent:.3f}%, good={good}, total={total}\n"
        return Score({"acc": percent}, text, total)
