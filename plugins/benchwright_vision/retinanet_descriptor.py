"""What retinanet is and where its files come from; nothing heavy is imported, no file is read.

Addresses, checksums and counts of the official preset are MLCommons' (mlcommons/inference at
v3.1, vision/classification_and_detection, and its automation's metadata). Figures of the tiny
preset are those of its card, to which a test holds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo, Presets
from benchwright.contracts.source import Checksum, Download, Packaged

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import Benchmark

_CODE = (
    "benchwright_vision.retinanet",
    "benchwright_vision.retinanet_config",
    "benchwright_vision.retinanet_detector",
    "benchwright_vision.retinanet_module",
    "benchwright_vision.detections",
    "benchwright_vision.openimages",
    "benchwright_vision.images",
)
_REQUIRES = ("opencv-python-headless:cv2", "faster-coco-eval")
_TOOLS = ("pillow", "numpy", "opencv-python-headless", "faster-coco-eval")
_MODEL = "retinanet.onnx"
_ONNX = "https://zenodo.org/record/6617879/files/resnext50_32x4d_fpn.onnx"
_PICTURES_BYTES = 8_200_000_000
_SAMPLE_BYTES = 3 * 800 * 800 * 4
"""A preprocessed picture of the full size."""

TINY_COUNT = 512
TINY_MAP = 46.066
TINY_CHECKSUMS = {
    "retinanet.onnx": "96aae12cc7a10bd7ca7f3890c5e1916dffd90ebb6a1da590bdd054db1ec6b3ea",
    "scenes.tar.gz": "999d88204731b2d198724e807b1bea1597e5b05ad8c41557aa68702e219b80b6",
}


def _load() -> Benchmark:
    from benchwright_vision.retinanet import RetinaNet

    return RetinaNet()


def _packaged(name: str) -> Packaged:
    return Packaged.beside("benchwright_vision.tiny", name, TINY_CHECKSUMS[name])


def _tiny() -> PresetInfo:
    return PresetInfo(
        name="tiny",
        summary="a small RetinaNet, really trained, on scenes of handwritten digits",
        sample_count=TINY_COUNT,
        dataset_name="digit-scenes",
        dataset=(_packaged("scenes.tar.gz"),),
        model=(_packaged(_MODEL),),
        weights="trained from scratch by benchwright_vision/tiny/train_retinanet.py",
        reference={"mAP": TINY_MAP},
        disk_bytes=70_000_000,
        memory_bytes=300_000_000,
        requires=_REQUIRES,
        extra="vision",
        sources=_CODE,
        model_files=(_MODEL,),
        tools=_TOOLS,
    )


def _official() -> PresetInfo:
    return PresetInfo(
        name="official",
        summary="RetinaNet (ResNeXt-50 32x4d, FPN) as MLCommons publishes it, on 24,781 pictures "
        "of OpenImages v6 (public, without checksums)",
        sample_count=24_781,
        dataset_name="openimages",
        dataset=(
            Download(
                name="openimages-mlperf_annotations_2.1.json.zip",
                urls=(
                    "https://github.com/mlcommons/inference/releases/download/v2.1/"
                    "openimages-mlperf_annotations_2.1.json.zip",
                ),
                checksum=Checksum("md5", "817fd8da3aeeb0575f1e2d2926b15e68"),
            ),
        ),
        model=(
            Download(
                name="resnext50_32x4d_fpn.onnx",
                urls=(
                    _ONNX,
                    "https://armi.in/files/resnext50_32x4d_fpn.onnx",
                    "https://storage.googleapis.com/resnet50_assets/resnext50_32x4d_fpn.onnx",
                ),
                checksum=Checksum("md5", "4544f4e56e0a4684215831cc937ea45c"),
            ),
        ),
        weights=_ONNX,
        official=True,
        # The pictures (about 330 kB each), and 24,781 preprocessed float32 ones of 3x800x800.
        disk_bytes=_PICTURES_BYTES + 24_781 * _SAMPLE_BYTES,
        more_download_bytes=_PICTURES_BYTES,
        memory_bytes=6_000_000_000,
        requires=_REQUIRES,
        extra="vision",
        sources=(*_CODE, "benchwright_vision.openimages_download"),
        model_files=(_MODEL,),
        tools=_TOOLS,
    )


def _synthetic() -> PresetInfo:
    return PresetInfo(
        name="synthetic",
        summary="the official RetinaNet at full size with random weights, on random pictures: "
        "speed only",
        sample_count=64,
        dataset_name="random-openimages",
        dataset=(),
        model=(),
        weights="random, seeded by benchwright_vision/synthetic/detector.py",
        speed_only=True,
        # The model, its engine, and 64 preprocessed pictures.
        disk_bytes=320_000_000 + 64 * _SAMPLE_BYTES,
        memory_bytes=4_000_000_000,
        requires=("onnx", *_REQUIRES),
        extra="vision",
        sources=(
            *_CODE,
            "benchwright_vision.retinanet_graph",
            "benchwright_vision.synthetic.detector",
            "benchwright_vision.synthetic.pictures",
            "benchwright_vision.synthetic.weights",
        ),
        model_files=(_MODEL,),
        tools=("onnx", *_TOOLS),
    )


def retinanet() -> BenchmarkInfo:
    """The descriptor of retinanet."""
    return BenchmarkInfo(
        name="retinanet",
        summary="object detection, OpenImages",
        family="retinanet",
        presets=Presets({"tiny": _tiny, "official": _official, "synthetic": _synthetic}),
        load=_load,
        quality=0.99,
        forms=("onnx", "torch"),
        dtypes=("float32", "int64"),
    )
