"""What the medical benchmarks are and where their files come from; nothing heavy is imported.

Addresses, checksums and counts of the official preset are MLCommons' (mlcommons/inference at
v3.1, vision/medical_imaging/3d-unet-kits19) and those of KiTS19's own repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo, Presets
from benchwright.contracts.source import Checksum, Download, Packaged

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import Benchmark

_CODE = (
    "benchwright_medical.unet3d",
    "benchwright_medical.module",
    "benchwright_medical.network",
    "benchwright_medical.kits",
    "benchwright_medical.kits19",
    "benchwright_medical.volumes",
    "benchwright_medical.windows",
)
_MODEL_FILES = ("unet3d.onnx",)
_READING = ("nibabel", "scipy")
_TOOLS = ("numpy", *_READING)
_ONNX = "https://zenodo.org/record/5597155/files/3dunet_kits19_128x128x128_dynbatch.onnx"
_IMAGES = (
    "https://huggingface.co/datasets/neheller/KiTS-Challenge-Imaging/resolve/main/images/{}.nii.gz"
)
_SEGMENTATIONS = "https://raw.githubusercontent.com/neheller/kits19/{}/data/{}/segmentation.nii.gz"

TINY_MODEL = "372f2fe3e1fe264dd711fb4c0c66d859a0d60cf58cc9276d6eccbeecacba3207"
TINY_DATASET = "d11e2dc4ba124c97939995be627bccfb6d8d789aaa048cd6fa34d8d7e5012ccf"
TINY_DICE = 0.8375655868299001
"""These three are what tiny/unet3d.card.yaml says."""


def _load() -> Benchmark:
    from benchwright_medical.unet3d import UNet3d

    return UNet3d()


def _tiny() -> PresetInfo:
    place = "benchwright_medical.tiny"
    return PresetInfo(
        name="tiny",
        summary="a small 3D U-Net, really trained, on simulated scans of an averaged brain",
        sample_count=43,
        dataset_name="brain",
        dataset=(Packaged.beside(place, "brain.tar.gz", TINY_DATASET),),
        model=(Packaged.beside(place, "unet3d.onnx", TINY_MODEL),),
        weights="trained from scratch by benchwright_medical/tiny/train_unet3d.py",
        reference={"DICE": TINY_DICE},
        disk_bytes=15_000_000,
        memory_bytes=300_000_000,
        requires=_READING,
        extra="medical",
        sources=_CODE,
        tools=_TOOLS,
        model_files=_MODEL_FILES,
    )


def _official() -> PresetInfo:
    return PresetInfo(
        name="official",
        summary="3D U-Net as MLCommons publishes it, on 43 cases of KiTS19 "
        "(CC BY-NC-SA 4.0: not for commercial use)",
        sample_count=43,
        dataset_name="kits19",
        dataset=tuple(_kits19()),
        model=(
            Download(
                name="3dunet_kits19_128x128x128_dynbatch.onnx",
                urls=(_ONNX,),
                checksum=Checksum("md5", "82f0618fde78f9839e7c712274019b4a"),
            ),
        ),
        weights=_ONNX,
        official=True,
        # 2.47e9 voxels of 2 bytes before compression, kept twice; 1.42e9 of 4 when preprocessed.
        disk_bytes=16_000_000_000,
        memory_bytes=16_000_000_000,
        requires=_READING,
        extra="medical",
        sources=_CODE,
        tools=_TOOLS,
        model_files=_MODEL_FILES,
    )


def _kits19() -> Iterator[Download]:
    """Two files of each case. Nobody publishes the images' checksums."""
    from benchwright_medical.kits19 import COMMIT, VOLUMES

    for volume in VOLUMES:
        number = volume.case.removeprefix("case_")
        yield Download(
            name=f"{volume.case}-imaging.nii.gz",
            urls=(
                _IMAGES.format(volume.case),
                f"https://kits19.sfo2.digitaloceanspaces.com/master_{number}.nii.gz",
            ),
            checksum=None,
        )
        yield Download(
            name=f"{volume.case}-segmentation.nii.gz",
            urls=(_SEGMENTATIONS.format(COMMIT, volume.case),),
            checksum=Checksum("sha256", volume.segmentation_sha256),
            size=volume.segmentation_bytes,
        )


def _synthetic() -> PresetInfo:
    return PresetInfo(
        name="synthetic",
        summary="the official network with random weights, on random volumes of real sizes",
        sample_count=5,
        dataset_name="kits19-synthetic",
        dataset=(),
        model=(),
        weights="drawn at random (seed 2019)",
        speed_only=True,
        # 31.2 million weights, the files, and 1.7e8 preprocessed voxels of 4 bytes.
        disk_bytes=900_000_000,
        memory_bytes=10_000_000_000,
        requires=(*_READING, "onnx"),
        extra="medical",
        sources=(
            *_CODE,
            "benchwright_medical.synthetic",
            "benchwright_medical.network",
            "benchwright.onnxgraph",
        ),
        tools=(*_TOOLS, "onnx"),
        model_files=_MODEL_FILES,
    )


def unet3d(name: str, quality: float) -> BenchmarkInfo:
    """The descriptor of the benchmark at one of its two qualities."""
    return BenchmarkInfo(
        name=name,
        summary=f"segmentation of kidney tumours, KiTS19, at {100 * quality:g} % of FP32 quality",
        family="3d-unet",
        presets=Presets({"tiny": _tiny, "official": _official, "synthetic": _synthetic}),
        load=_load,
        quality=quality,
        forms=("onnx", "torch"),
    )
