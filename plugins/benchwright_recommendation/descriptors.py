"""What the recommendation benchmarks are and where their files come from; nothing heavy is
imported, and no file is read.

Addresses, checksums and counts of the official preset are MLCommons' (mlcommons/inference at
v3.1, recommendation/dlrm_v2, and its storage's metadata). Figures of the tiny preset are its
card's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo, Presets
from benchwright.contracts.source import Checksum, Download, Manual, Packaged

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import Benchmark

TINY_AUC = 82.307
TINY_MODEL_SHA256 = "27ec24e6755de1448d5fd80a4315ed46e0dee42d77c138915d7caf0462a98cc4"
TINY_DATASET_SHA256 = "8d4a0b33fcec5d798ffa49332ee52a5e9593839452b88c2b21261cd6027b1112"

_PACKAGE = "benchwright_recommendation"
_CODE = tuple(
    f"{_PACKAGE}.{name}"
    for name in ("dlrm", "architecture", "criteo", "graph", "module", "stored", "trace")
)
_WEIGHTS_CODE = (f"{_PACKAGE}.weights", "benchwright.onnxgraph")
_WEIGHTS = "https://cloud.mlcommons.org/index.php/s/XzfSeLgW8FYfR3S/download"
_DAY = "https://inference.mlcommons-storage.org/metadata/dlrm-v2-preprocessed-dataset.uri"

_DAY_ROWS = 178_274_637
_OFFICIAL_PAIRS = 89_137_319
_MODEL_BYTES = 104_606_687_236
"""Architecture.weight_bytes of the official model."""


def _load() -> Benchmark:
    from benchwright_recommendation.dlrm import Dlrm

    return Dlrm()


def _tiny() -> PresetInfo:
    place = f"{_PACKAGE}.tiny"
    return PresetInfo(
        name="tiny",
        summary="a small DLRM-DCNv2, really trained, on generated clicks",
        sample_count=640,
        dataset_name="clicks",
        dataset=(Packaged.beside(place, "clicks.tar.gz", TINY_DATASET_SHA256),),
        model=(Packaged.beside(place, "dlrm.onnx", TINY_MODEL_SHA256),),
        weights="trained from scratch by benchwright_recommendation/tiny/train_dlrm.py",
        reference={"AUC": TINY_AUC},
        disk_bytes=20_000_000,
        memory_bytes=200_000_000,
        requires=("scikit-learn",),
        extra="recommendation",
        sources=_CODE,
        tools=("numpy",),
        model_files=("dlrm.onnx",),
    )


def _official() -> PresetInfo:
    def day(name: str, md5: str, size: int | None) -> Manual:
        return Manual(
            name=name,
            checksum=Checksum("md5", md5),
            instructions="made from Criteo's click logs, whose terms you accept by fetching them: "
            f"get day 23, preprocessed, with MLCommons' downloader from {_DAY}",
            size=size,
        )

    return PresetInfo(
        name="official",
        summary="DLRM-DCNv2 as MLCommons publishes it, on the first half of Criteo's day 23",
        sample_count=330_067,
        dataset_name="criteo",
        dataset=(
            day("day_23_dense.npy", "cdf7af87cbc7e9b468c0be46b1767601", _DAY_ROWS * 13 * 4 + 128),
            day("day_23_sparse_multi_hot.npz", "c46b7e31ec6f2f8768fa60bdfc0f6e40", None),
            day("day_23_labels.npy", "dd68f93301812026ed6f58dfb0757fa7", _DAY_ROWS * 4 + 128),
            Download(
                name="dlrm_trace_of_aggregated_samples.txt",
                urls=(
                    "https://zenodo.org/record/3941795/files/"
                    "dlrm_trace_of_aggregated_samples.txt?download=1",
                ),
                checksum=Checksum("md5", "3db90209564316f2506c99cc994ad0b2"),
            ),
        ),
        # No checksum of the weights is published. Whoever has the snapshot as a folder places it
        # as an archive of this name.
        model=(Download(name="dlrm-v2-weights.zip", urls=(_WEIGHTS,), checksum=None),),
        weights=_WEIGHTS,
        official=True,
        # The day's files, and its first half as samples; the weights as an archive, unpacked
        # for the time of the conversion, and as a model.
        disk_bytes=_DAY_ROWS * 4 * (13 + 214 + 1)
        + _OFFICIAL_PAIRS * 4 * (13 + 214 + 1)
        + 3 * _MODEL_BYTES,
        model_disk_bytes=3 * _MODEL_BYTES,
        # The tables, and 204,800 samples of 270 pairs.
        memory_bytes=_MODEL_BYTES + 204_800 * 270 * 4 * (13 + 214 + 1) + 8_000_000_000,
        requires=("onnx", "scikit-learn"),
        extra="recommendation",
        sources=(*_CODE, *_WEIGHTS_CODE, f"{_PACKAGE}.snapshot"),
        tools=("numpy", "onnx"),
        model_files=("dlrm.onnx",),
    )


def _synthetic() -> PresetInfo:
    return PresetInfo(
        name="synthetic",
        summary="DLRM-DCNv2 with layers and bags of official size, tables cut to 100,000 rows, "
        "random weights and clicks",
        sample_count=512,
        dataset_name="random-clicks",
        dataset=(),
        model=(),
        weights="random, from a seed",
        speed_only=True,
        # Data set and samples, 128 MB each, and 0.53 GB of weights.
        disk_bytes=2 * 128_000_000 + 540_000_000,
        model_disk_bytes=540_000_000,
        memory_bytes=4_000_000_000,
        requires=("onnx", "scikit-learn"),
        extra="recommendation",
        sources=(*_CODE, *_WEIGHTS_CODE, f"{_PACKAGE}.synthetic"),
        tools=("numpy", "onnx"),
        model_files=("dlrm.onnx",),
    )


def dlrm_v2(name: str, quality: float) -> BenchmarkInfo:
    """The descriptor of one of dlrm-v2's two benchmarks, which differ in quality alone."""
    return BenchmarkInfo(
        name=name,
        summary="click-through prediction, Criteo 1 TB",
        family="dlrm-v2",
        presets=Presets({"tiny": _tiny, "official": _official, "synthetic": _synthetic}),
        load=_load,
        quality=quality,
        forms=("onnx", "torch"),
        dtypes=("float32", "int32"),
    )
