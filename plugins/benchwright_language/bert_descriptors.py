"""What bert is and where its files come from; nothing heavy is imported.

Addresses, checksums and counts of the official preset are MLCommons' (mlcommons/inference at v3.1,
language/bert, and its automation's metadata). The tiny preset's are its card's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo, Presets
from benchwright.contracts.source import Checksum, Download, Packaged

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import Benchmark

_TINY_FILES = (
    ("bert.onnx", "2ab943d9071945077d618ee2f9a4cefb23267866602f0ff172802d76cc2c231d"),
    ("bert_squad.tar.gz", "bf454ff9a190b402ae5b7f6e1a68088c08185626571e2d1d2f59e4f3bbeaaf04"),
)
"""The model and the data set of tiny/bert.card.yaml, which has the whole story."""
_CODE = tuple(
    f"benchwright_language.bert_{module}"
    for module in (
        "benchmark",
        "config",
        "squad",
        "wordpiece",
        "features",
        "answers",
        "metric",
        "graph",
        "module",
    )
)
_ONNX = "https://zenodo.org/record/3733910/files/model.onnx"
_LARGE_BYTES = 1_340_000_000
"""BERT-large's weights in float32."""


def _load() -> Benchmark:
    from benchwright_language.bert_benchmark import Bert

    return Bert()


def _tiny() -> PresetInfo:
    model, dataset = (
        Packaged.beside("benchwright_language.tiny", name, sha256) for name, sha256 in _TINY_FILES
    )
    return PresetInfo(
        name="tiny",
        summary="a small BERT, really trained, on generated paragraphs about invented people",
        sample_count=661,
        dataset_name="squad-tiny",
        dataset=(dataset,),
        model=(model,),
        weights="trained from scratch by benchwright_language/tiny/bert_train.py",
        reference={"F1": 100.0},
        input_data_types="int64",
        disk_bytes=5_000_000,
        memory_bytes=200_000_000,
        sources=_CODE,
        model_files=("bert.onnx",),
        tools=("numpy",),
    )


def _official() -> PresetInfo:
    return PresetInfo(
        name="official",
        summary="BERT-large, uncased, as MLCommons publishes it, on SQuAD v1.1's development set",
        sample_count=10_833,
        dataset_name="squad",
        dataset=(
            Download(
                name="dev-v1.1.json",
                urls=(
                    "https://raw.githubusercontent.com/rajpurkar/SQuAD-explorer/master/dataset/"
                    "dev-v1.1.json",
                ),
                checksum=Checksum("md5", "3e85deb501d4e538b6bc56f786231552"),
            ),
            Download(
                name="vocab.txt",
                urls=("https://zenodo.org/record/3733868/files/vocab.txt",),
                checksum=Checksum("md5", "64800d5d8528ce344256daf115d4965e"),
            ),
        ),
        model=(
            Download(
                name="model.onnx",
                urls=(_ONNX, "https://armi.in/files/model.onnx"),
                checksum=Checksum("md5", "819b25b19cd8e59080c10892689750ca"),
            ),
        ),
        weights=_ONNX,
        official=True,
        input_data_types="int64",
        # The download, the model, the engine; then texts and samples.
        disk_bytes=3 * _LARGE_BYTES + 50_000_000,
        model_disk_bytes=3 * _LARGE_BYTES,
        memory_bytes=2 * _LARGE_BYTES + 1_000_000_000,
        sources=_CODE,
        model_files=("bert.onnx",),
        tools=("numpy",),
    )


def _synthetic() -> PresetInfo:
    return PresetInfo(
        name="synthetic",
        summary="BERT-large with random weights, on random words as long as SQuAD's questions",
        sample_count=10_833,
        dataset_name="squad-synthetic",
        dataset=(),
        model=(),
        weights="random (seeded), of BERT-large's architecture",
        speed_only=True,
        input_data_types="int64",
        disk_bytes=2 * _LARGE_BYTES + 50_000_000,
        model_disk_bytes=2 * _LARGE_BYTES,
        # Measured while the model is written: the graph holds copies of its weights.
        memory_bytes=8_000_000_000,
        requires=("onnx",),
        extra="language",
        sources=(
            *_CODE,
            "benchwright_language.bert_synthetic",
            "benchwright.onnxgraph",
        ),
        model_files=("bert.onnx",),
        tools=("numpy", "onnx"),
    )


def bert() -> tuple[BenchmarkInfo, BenchmarkInfo]:
    """The descriptors of bert-99 and bert-99.9: one model and data set, two accuracies to keep."""
    presets = Presets({"tiny": _tiny, "official": _official, "synthetic": _synthetic})

    def described(name: str, quality: float) -> BenchmarkInfo:
        return BenchmarkInfo(
            name=name,
            summary=f"question answering, SQuAD v1.1, {quality:.1%} of the reference F1",
            family="bert",
            presets=presets,
            load=_load,
            quality=quality,
            forms=("onnx", "torch"),
            dtypes=("int64", "float32"),
        )

    return described("bert-99", 0.99), described("bert-99.9", 0.999)
