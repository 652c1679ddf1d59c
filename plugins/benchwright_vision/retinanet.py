"""retinanet: object detection on OpenImages, and its tiny preset on scenes of digits.

All presets run the same code; they differ in the network's shape, its weights and the pictures.
The graph takes one picture a call, as the official one does, and puts out as many detections as
it finds; the driver calls it for each picture of a batch.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchwright.contracts.benchmark import Benchmark, Encoder, Score
from benchwright.contracts.program import Graph, Output, Program, Sessions, TorchForm
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.harness.accuracy_log import Entry
from benchwright.progress import ProgressCallback
from benchwright_vision.detections import DetectionEncoder, mean_average_precision
from benchwright_vision.openimages import Picture, network_input, read_annotations, read_dataset
from benchwright_vision.retinanet_config import CONFIGS

if TYPE_CHECKING:
    from benchwright.harness.samples import SampleWriter

MODEL_FILE = "retinanet.onnx"
_DETECTOR = "benchwright_vision.retinanet_detector:Detector"
_CHUNK = 32


def detect(sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[Output]:
    """Boxes, scores and labels, each a list of one array a picture."""
    run, images = sessions["main"].run, batch["images"]
    if len(images) == 1:
        return [[output] for output in run({"images": images})]
    found = [
        [np.array(output) for output in run({"images": images[index : index + 1]})]
        for index in range(len(images))
    ]
    return [list(outputs) for outputs in zip(*found, strict=True)]


class RetinaNet(Benchmark):
    """The benchmark behind the name `retinanet`."""

    def program(self, preset: str) -> Program:
        side, count = CONFIGS[preset].side, "detections"
        graph = Graph(
            "main",
            (TensorSpec("images", "float32", (1, 3, side, side)),),
            (
                TensorSpec("boxes", "float32", (count, 4)),
                TensorSpec("scores", "float32", (count,)),
                TensorSpec("labels", "int64", (count,)),
            ),
            onnx=MODEL_FILE,
            # The official graph's weights have names of their own.
            torch=None
            if preset == "official"
            else TorchForm(_DETECTOR, MODEL_FILE, {"preset": preset}),
        )
        inputs = (TensorSpec("images", "float32", (BATCH, 3, side, side)),)
        outputs = tuple(
            TensorSpec(spec.name, spec.dtype, (BATCH, *spec.shape)) for spec in graph.outputs
        )
        return Program(f"retinanet-{preset}", (graph,), inputs, outputs, lambda: detect)

    def assemble_model(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        if preset == "synthetic":
            from benchwright_vision.synthetic.detector import write_model

            write_model(out / MODEL_FILE)
            return
        (source,) = sources.values()
        shutil.copyfile(source, out / MODEL_FILE)

    def assemble_dataset(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        if preset == "synthetic":
            from benchwright_vision.synthetic.pictures import write_detection_set

            write_detection_set(out, progress)
        elif preset == "official":
            from benchwright_vision.openimages_download import assemble

            (annotations,) = sources.values()
            assemble(annotations, out, CONFIGS[preset].classes, progress)
        else:
            from benchwright.archive import unpack

            (archive,) = sources.values()
            unpack(archive, out)

    def validate_dataset(self, preset: str, dataset: Path) -> int:
        return len(read_dataset(dataset, CONFIGS[preset].classes).pictures)

    def preprocess(
        self, preset: str, dataset: Path, out: SampleWriter, progress: ProgressCallback
    ) -> None:
        config = CONFIGS[preset]
        pictures = read_dataset(dataset, config.classes).pictures

        def ready(picture: Picture) -> Any:
            return network_input(picture, config.side)

        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for start in range(0, len(pictures), _CHUNK):
                chunk = pictures[start : start + _CHUNK]
                for values in pool.map(ready, chunk):
                    out.add({"images": values})
                progress(start + len(chunk), len(pictures))

    def encoder(self, preset: str) -> Encoder:
        return DetectionEncoder(CONFIGS[preset].side)

    def score(self, preset: str, dataset: Path, responses: Iterable[Entry]) -> Score:
        return mean_average_precision(read_annotations(dataset, CONFIGS[preset].classes), responses)
