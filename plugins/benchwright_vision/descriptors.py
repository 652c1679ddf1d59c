"""What the vision benchmarks are and where their files come from; nothing heavy is imported.

Addresses, checksums and counts of the official preset are MLCommons' (mlcommons/inference at
v3.1, vision/classification_and_detection, and its automation's metadata).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo, Presets
from benchwright.contracts.source import Checksum, Download, Manual, Packaged

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import Benchmark

_CODE = ("benchwright_vision.resnet50", "benchwright_vision.images")
_OPENCV = "opencv-python-headless:cv2"
_TINY = "benchwright_vision.tiny"
_ONNX = "https://zenodo.org/record/4735647/files/resnet50_v1.onnx"


def _load_resnet50() -> Benchmark:
    from benchwright_vision.resnet50 import ResNet50

    return ResNet50()


def _tiny() -> PresetInfo:
    """Figures are those of tiny/resnet50.card.yaml, which has the whole story."""

    return PresetInfo(
        name="tiny",
        summary="a small residual network, really trained, on 8x8 handwritten digits",
        sample_count=1024,
        dataset_name="digits",
        dataset=(
            Packaged.beside(
                _TINY,
                "digits.tar.gz",
                "cd7ba052b1c2d9f2abc251ce39f0cf11027f7a53b70f2385073152460ca63ae7",
            ),
        ),
        model=(
            Packaged.beside(
                _TINY,
                "resnet50.onnx",
                "07994be8014c17e3bf90191ce0de8ac4c7e8bce0093d3c423904db42c552a8cf",
            ),
        ),
        weights="trained from scratch by benchwright_vision/tiny/train_resnet50.py",
        reference={"acc": 99.219},
        disk_bytes=3_000_000,
        memory_bytes=200_000_000,
        sources=(*_CODE, "benchwright_vision.tiny.module"),
        model_files=("resnet50.onnx",),
        tools=("pillow", "numpy"),
    )


def _official() -> PresetInfo:
    return PresetInfo(
        name="official",
        summary="ResNet-50 v1.5 as MLCommons publishes it, on ImageNet 2012 validation",
        sample_count=50_000,
        dataset_name="imagenet2012",
        dataset=(
            Manual(
                name="ILSVRC2012_img_val.tar",
                checksum=Checksum("md5", "29b22e2961454d5413ddabcf34fc5622"),
                instructions="ImageNet's licence asks for an account: get the validation images "
                "(task 1 & 2) at https://image-net.org/challenges/LSVRC/2012/2012-downloads.php",
                size=6_744_924_160,
            ),
            Download(
                name="caffe_ilsvrc12.tar.gz",
                urls=("http://dl.caffe.berkeleyvision.org/caffe_ilsvrc12.tar.gz",),
                checksum=Checksum("md5", "f963098ea0e785a968ca1eb634003a90"),
            ),
        ),
        model=(
            Download(
                name="resnet50_v1.onnx",
                urls=(
                    _ONNX,
                    "https://armi.in/files/resnet50_v1_op11/resnet50_v1.onnx",
                    "https://storage.googleapis.com/resnet50_assets/resnet50_v1.onnx",
                    "https://huggingface.co/ctuning/mlperf-inference-resnet50-onnx-fp32-"
                    "imagenet2012-v1.0/resolve/main/resnet50_v1.onnx",
                ),
                checksum=Checksum("md5", "f6a4da60cd5f084d97efc2c1ddb10beb"),
            ),
        ),
        weights=_ONNX,
        official=True,
        # Archive, unpacked images, and 50,000 preprocessed float32 images of 3x224x224.
        disk_bytes=2 * 6_744_924_160 + 50_000 * 3 * 224 * 224 * 4,
        memory_bytes=4_000_000_000,
        requires=(_OPENCV,),
        extra="vision",
        sources=_CODE,
        model_files=("resnet50.onnx",),
        tools=("pillow", "numpy", "opencv-python-headless"),
    )


def _synthetic() -> PresetInfo:
    return PresetInfo(
        name="synthetic",
        summary="ResNet-50 v1.5 at full size with random weights, on random pictures: speed only",
        sample_count=1024,
        dataset_name="random-imagenet",
        dataset=(),
        model=(),
        weights="random, seeded by benchwright_vision/resnet50_graph.py",
        speed_only=True,
        # The model, its engine, the pictures, and 1,024 preprocessed float32 images of 3x224x224.
        disk_bytes=220_000_000 + 1024 * 3 * 224 * 224 * 4,
        memory_bytes=2_000_000_000,
        requires=("onnx", _OPENCV),
        extra="vision",
        sources=(
            *_CODE,
            "benchwright_vision.resnet50_graph",
            "benchwright_vision.synthetic.pictures",
            "benchwright_vision.synthetic.weights",
        ),
        model_files=("resnet50.onnx",),
        tools=("pillow", "numpy", "onnx", "opencv-python-headless"),
    )


def resnet50() -> BenchmarkInfo:
    """The descriptor of resnet50."""
    return BenchmarkInfo(
        name="resnet50",
        summary="image classification, ImageNet 2012",
        family="resnet50",
        presets=Presets({"tiny": _tiny, "official": _official, "synthetic": _synthetic}),
        load=_load_resnet50,
        quality=0.99,
        forms=("onnx", "torch"),
        dtypes=("float32", "int64"),
    )
