"""What gptj is and where its files come from; nothing heavy is imported, no file is read.

Figures and addresses of the official preset: mlcommons/inference at v3.1, language/gpt-j, and its
automation's metadata; the articles are the file that the data set's owner publishes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo, Presets
from benchwright.contracts.source import Checksum, Download, Packaged

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import Benchmark

TINY_SAMPLES = 512
TINY_REFERENCE = {"ROUGE1": 99.3652, "ROUGE2": 98.87, "ROUGEL": 99.3652, "GEN_LEN": 23839}
TINY_FILES = {
    "gptj.onnx": "2b3c889ed0e4b6f19bb42c3cf4ed06731b1960a985e865a718c2df92c62f7667",
    "gptj_news.tar.gz": "fd1ff565a93eaf88d2bdf5232d52e043fddf2a8be36ccc2b62b10f9d33cb69d2",
}
"""What the tiny preset's card says."""

SYNTHETIC_SAMPLES = 64

_MODULES = (
    "gptj",
    "gptj_config",
    "gptj_driver",
    "gptj_graph",
    "gptj_module",
    "gptj_prompts",
    "gptj_search",
)
_CODE = tuple(f"benchwright_language.{name}" for name in _MODULES)
_CHECKPOINT = "https://cloud.mlcommons.org/index.php/s/QAZ2oM94MkFtbQx/download"
_ARTICLES = "https://huggingface.co/datasets/abisee/cnn_dailymail/resolve/main/3.0.0"
_GPT2 = "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main"
_EXTRA = "language"
_NEEDED = ("tokenizers", "rouge-score")


def _load() -> Benchmark:
    from benchwright_language.gptj import Gptj

    return Gptj()


def _tiny() -> PresetInfo:
    def packaged(name: str) -> Packaged:
        return Packaged.beside("benchwright_language.tiny", name, TINY_FILES[name])

    return PresetInfo(
        name="tiny",
        summary="a transformer of two layers, really trained, on made-up news",
        sample_count=TINY_SAMPLES,
        dataset_name="made-up-news",
        dataset=(packaged("gptj_news.tar.gz"),),
        model=(packaged("gptj.onnx"),),
        weights="trained from scratch by benchwright_language/tiny/gptj_train.py",
        reference=TINY_REFERENCE,
        input_data_types="int64",
        disk_bytes=4_000_000,
        memory_bytes=200_000_000,
        requires=_NEEDED,
        extra=_EXTRA,
        sources=_CODE,
        tools=("tokenizers", "numpy"),
        model_files=("gptj.onnx",),
    )


def _official() -> PresetInfo:
    return PresetInfo(
        name="official",
        summary="GPT-J 6B as MLCommons fine-tuned it, on CNN-DailyMail 3.0.0 validation",
        sample_count=13_368,
        dataset_name="cnn-dailymail",
        dataset=(
            Download(
                name="validation-00000-of-00001.parquet",
                urls=(f"{_ARTICLES}/validation-00000-of-00001.parquet",),
                checksum=Checksum(
                    "sha256", "65a5ccce932b08f050114ce6e3c39355d563fa24f194052bb2f27d1c6c499c91"
                ),
            ),
            # The tokenizer of GPT-J is GPT-2's; its extra tokens occur in no text.
            Download(
                name="vocab.json",
                urls=(f"{_GPT2}/encoder.json",),
                checksum=Checksum(
                    "sha256", "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"
                ),
            ),
            Download(
                name="merges.txt",
                urls=(f"{_GPT2}/vocab.bpe",),
                checksum=Checksum(
                    "sha256", "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
                ),
            ),
        ),
        # MLCommons' automation has an MD5 of this file (e677e28a...) that it does not compare.
        model=(Download(name="checkpoint.zip", urls=(_CHECKPOINT,), checksum=None),),
        weights=_CHECKPOINT,
        official=True,
        input_data_types="int64",
        # The archive, its checkpoint (each part goes when it is converted), and the graph, each
        # of 6.05e9 float32 numbers; then articles and prompts.
        disk_bytes=4 * 24_200_000_000 + 300_000_000,
        model_disk_bytes=4 * 24_200_000_000,
        # The weights once to write the graph; once and a prompt's keys and values to run it.
        memory_bytes=32_000_000_000,
        requires=(*_NEEDED, "onnx", "pyarrow", "torch", "safetensors"),
        extra="gptj",
        sources=(
            *_CODE,
            "benchwright_language.gptj_official",
            "benchwright.onnxgraph",
            "benchwright.checkpoint",
        ),
        tools=("tokenizers", "numpy", "onnx"),
        model_files=("gptj.onnx",),
    )


def _synthetic() -> PresetInfo:
    return PresetInfo(
        name="synthetic",
        summary="GPT-J's layers at full size, two of 28, with random weights and articles",
        sample_count=SYNTHETIC_SAMPLES,
        dataset_name="random-articles",
        dataset=(),
        model=(),
        weights="random, seeded",
        speed_only=True,
        input_data_types="int64",
        disk_bytes=2 * 3_300_000_000,
        model_disk_bytes=2 * 3_300_000_000,
        memory_bytes=8_000_000_000,
        requires=(*_NEEDED, "onnx"),
        extra=_EXTRA,
        sources=(*_CODE, "benchwright_language.gptj_synthetic", "benchwright.onnxgraph"),
        tools=("tokenizers", "numpy", "onnx"),
        model_files=("gptj.onnx",),
    )


def gptj() -> Iterator[BenchmarkInfo]:
    """The descriptors of gptj-99 and gptj-99.9."""
    presets = Presets({"tiny": _tiny, "official": _official, "synthetic": _synthetic})
    for name, quality in (("gptj-99", 0.99), ("gptj-99.9", 0.999)):
        yield BenchmarkInfo(
            name=name,
            summary="news summarisation, CNN-DailyMail",
            family="gptj",
            presets=presets,
            load=_load,
            quality=quality,
            qualities={"GEN_LEN": 0.9},
            scenarios=("SingleStream", "Server", "Offline"),
            forms=("onnx", "torch"),
            dtypes=("float32", "int64"),
            graphs=("decoder",),
        )
