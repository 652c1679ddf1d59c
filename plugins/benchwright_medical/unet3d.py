"""3d-unet: segmentation of kidney tumours in CT volumes of KiTS19, and its other presets.

All presets run this code; they differ in the window's edge, the network's shape, and where the
cases come from. Names, sizes and bytes follow the official model and its reference.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchwright.contracts.benchmark import Benchmark, Encoder, Score
from benchwright.contracts.program import Array, Graph, Output, Program, TorchForm
from benchwright.contracts.tensor import BATCH, TensorSpec
from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.progress import ProgressCallback
from benchwright_medical import dice, kits
from benchwright_medical.volumes import CLASSES, Window, image_input, label_volume
from benchwright_medical.windows import INPUT, OUTPUT, SlidingWindows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchwright.harness.samples import SampleWriter

MODEL_FILE = "unet3d.onnx"
_WINDOWS = {
    "tiny": Window(24, per_call=8),
    # One window of 128 keeps any chip busy; two hide its hand-over at twice the memory.
    "official": Window(128, per_call=2),
    "synthetic": Window(128, per_call=2),
}
_TOGETHER = 2
"""Cases preprocessed at once; each takes up to 4 GB while it is resampled."""


def encode_volumes(outputs: Sequence[Output], indices: Array) -> Sequence[Array]:
    """The classes as they are: uint8, the last axis fastest; one response per volume."""
    return [np.ascontiguousarray(volume, dtype=np.uint8) for volume in outputs[0]]


class UNet3d(Benchmark):
    """The benchmark behind the names `3d-unet-99` and `3d-unet-99.9`."""

    def program(self, preset: str) -> Program:
        window = _WINDOWS[preset]
        cube = (window.edge,) * 3
        graph = Graph(
            "main",
            (TensorSpec(INPUT, "float32", (BATCH, 1, *cube)),),
            (TensorSpec(OUTPUT, "float32", (BATCH, CLASSES, *cube)),),
            onnx=MODEL_FILE,
            torch=TorchForm("benchwright_medical.module:network", MODEL_FILE, {"preset": preset}),
        )
        return Program(
            f"3d-unet-{preset}",
            (graph,),
            (TensorSpec(INPUT, "float32", (BATCH, 1, "D", "H", "W")),),
            (TensorSpec("segmentation", "uint8", (BATCH, "D", "H", "W")),),
            load_driver=partial(SlidingWindows, window),
        )

    def assemble_model(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        if preset == "synthetic":
            from benchwright_medical.synthetic import write_model

            write_model(out / MODEL_FILE, _WINDOWS[preset])
            return
        (source,) = sources.values()
        shutil.copyfile(source, out / MODEL_FILE)

    def assemble_dataset(
        self, preset: str, sources: Mapping[str, Path], out: Path, progress: ProgressCallback
    ) -> None:
        if preset == "synthetic":
            from benchwright_medical.synthetic import write_dataset

            write_dataset(out, progress)
            return
        if preset == "tiny":
            from benchwright.archive import unpack

            (archive,) = sources.values()
            unpack(archive, out)
            return
        for number, (name, source) in enumerate(sources.items(), start=1):
            case, file = name.split("-", 1)
            (out / case).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, out / case / file)
            progress(number, len(sources))

    def validate_dataset(self, preset: str, dataset: Path) -> int:
        cases = kits.read_cases(dataset)
        for case in cases:
            kits.read_geometry(case)
        return len(cases)

    def preprocess(
        self, preset: str, dataset: Path, out: SampleWriter, progress: ProgressCallback
    ) -> None:
        cases = kits.read_cases(dataset)
        window = _WINDOWS[preset]

        def volume(case: kits.Case) -> Array:
            # Only scoring needs them, hours later: damage is told now.
            kits.read_labels(case)
            spacing = kits.read_geometry(case).spacing
            return image_input(kits.read_image(case), spacing, window)

        with ThreadPoolExecutor(_TOGETHER) as pool:
            for start in range(0, len(cases), _TOGETHER):
                chunk = cases[start : start + _TOGETHER]
                for array in pool.map(volume, chunk):
                    out.add({INPUT: array})
                progress(start + len(chunk), len(cases))

    def encoder(self, preset: str) -> Encoder:
        return encode_volumes

    def score(self, preset: str, dataset: Path, responses: Iterable[Entry]) -> Score:
        cases = kits.read_cases(dataset)
        found: dict[int, dice.Dice] = {}
        for entry in responses:
            if entry.qsl_idx in found:
                continue
            if not 0 <= entry.qsl_idx < len(cases):
                raise BenchwrightError(
                    f"the response for sample {entry.qsl_idx} cannot be scored",
                    why=f"there are {len(cases)} cases",
                )
            case = cases[entry.qsl_idx]
            label = label_volume(
                kits.read_labels(case), kits.read_geometry(case).spacing, _WINDOWS[preset]
            )
            found[entry.qsl_idx] = dice.dice(_classes(entry, label.size), label)
        composite, parts = dice.mean([found[index] for index in sorted(found)])
        text = (
            f"Accuracy: mean = {composite:.5f}, "
            f"kidney = {parts.kidney:.4f}, tumor = {parts.tumour:.4f}\n"
        )
        return Score({"DICE": composite}, text, len(found))


def _classes(entry: Entry, size: int) -> NDArray[np.uint8]:
    """A response's classes: uint8 [size]."""
    classes = np.frombuffer(entry.data, np.uint8)
    if classes.size != size or (classes >= CLASSES).any():
        raise BenchwrightError(
            f"the response for sample {entry.qsl_idx} cannot be scored",
            why=f"{classes.size} bytes from 0 to {classes.max(initial=0)}; a byte below "
            f"{CLASSES} is needed for each of the volume's {size} voxels",
        )
    return classes
