"""What the speech benchmarks are and where their files come from; nothing heavy is imported.

Addresses, checksums and counts of the official preset are MLCommons' (mlcommons/inference at
v3.1, speech_recognition/rnnt). The tiny preset's figures are its card's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo, Presets
from benchwright.contracts.source import Checksum, Download, Packaged

if TYPE_CHECKING:
    from benchwright.contracts.benchmark import Benchmark

_CODE = tuple(
    f"benchwright_speech.{module}"
    for module in (
        "rnnt",
        "config",
        "graphs",
        "mel",
        "waveforms",
        "modules",
        "decoder",
        "librispeech",
        "manifest",
        "chapters",
        "transcripts",
    )
)
_WRITTEN = (*_CODE, "benchwright_speech.writer")
_WEIGHTS = ("benchwright_speech.weights", "benchwright.onnxgraph")
_CHECKPOINT = (
    "https://zenodo.org/record/3662521/files/"
    "DistributedDataParallel_1576581068.9962234-epoch-100.pt?download=1"
)
_DEV_CLEAN = "http://www.openslr.org/resources/12/dev-clean.tar.gz"
_FILES = ("features.onnx", "encoder.onnx", "decoder.onnx")

TINY_SAMPLES = 512
TINY_WER = 97.94293297942933
TINY_SHA256 = {
    "features.onnx": "ae132b182cff4f5eda416c8559da3485bd826ffc0701b7320df90b25e29ec28a",
    "encoder.onnx": "0bd829d26415c97486473133baa4611ad9960c05ad867ffafb1d6c0f0a7eb102",
    "decoder.onnx": "0175a7337df7275e15ade6ab54d0bd57651cbe7013b4ca8d3a8426b5c82b7ff4",
}
SYNTHETIC_SAMPLES = 512
OFFICIAL_SAMPLES = 2513
_OFFICIAL_PARAMETERS = 45_300_000
_DEV_CLEAN_SECONDS = 15_711
"""Of the utterances that are at most 15 s long."""


def _load_rnnt() -> Benchmark:
    from benchwright_speech.rnnt import Rnnt

    return Rnnt()


def _tiny() -> PresetInfo:
    return PresetInfo(
        name="tiny",
        summary="a small transducer, really trained, on generated voices (which are no speech)",
        sample_count=TINY_SAMPLES,
        dataset_name="generated-voices",
        dataset=(),
        model=tuple(
            Packaged(
                name=f"rnnt-{name}",
                package="benchwright_speech.tiny",
                path=name,
                checksum=Checksum("sha256", digest),
            )
            for name, digest in TINY_SHA256.items()
        ),
        weights="trained from scratch by benchwright_speech/tiny/train_rnnt.py",
        reference={"WER": TINY_WER},
        # FLAC, and float32 samples.
        disk_bytes=65_000_000,
        memory_bytes=300_000_000,
        requires=("soundfile", "jiwer"),
        extra="speech",
        sources=(
            *_WRITTEN,
            "benchwright_speech.tiny.voices",
            "benchwright_speech.tiny.voice",
            "benchwright_speech.tiny.lexicon",
        ),
        tools=("numpy", "soundfile", "jiwer"),
        model_files=_FILES,
    )


def _official() -> PresetInfo:
    return PresetInfo(
        name="official",
        summary="the transducer that MLCommons publishes, on LibriSpeech dev-clean up to 15 s",
        sample_count=OFFICIAL_SAMPLES,
        dataset_name="librispeech-dev-clean",
        dataset=(
            Download(
                name="dev-clean.tar.gz",
                urls=(_DEV_CLEAN,),
                checksum=Checksum("md5", "42e2234ba48799c1f50f24a7926300a1"),
            ),
        ),
        model=(
            # Its publisher gives no checksum: every use says so.
            Download(name="rnnt-epoch-100.pt", urls=(_CHECKPOINT,), checksum=None),
        ),
        weights=_CHECKPOINT,
        official=True,
        # Archive and FLAC files of 0.34 GB each, float32 samples; checkpoint, graphs, engine.
        disk_bytes=2 * 340_000_000 + _DEV_CLEAN_SECONDS * 64_000 + 5 * 4 * _OFFICIAL_PARAMETERS,
        model_disk_bytes=5 * 4 * _OFFICIAL_PARAMETERS,
        memory_bytes=4_000_000_000,
        requires=("soundfile", "jiwer", "onnx", "torch", "safetensors"),
        extra="speech,torch",
        sources=(*_CODE, *_WEIGHTS),
        tools=("numpy", "soundfile", "jiwer", "onnx"),
        model_files=_FILES,
    )


def _synthetic() -> PresetInfo:
    return PresetInfo(
        name="synthetic",
        summary="the official sizes with random weights, on noise of dev-clean's lengths",
        sample_count=SYNTHETIC_SAMPLES,
        dataset_name="generated-noise",
        dataset=(),
        model=(),
        weights="random, from a seed",
        speed_only=True,
        # FLAC and float32 samples of 6.25 s on average; graphs and engine.
        disk_bytes=SYNTHETIC_SAMPLES * 6 * 80_000 + 2 * 4 * _OFFICIAL_PARAMETERS,
        model_disk_bytes=2 * 4 * _OFFICIAL_PARAMETERS,
        memory_bytes=2_000_000_000,
        requires=("soundfile", "onnx"),
        extra="speech",
        sources=(*_WRITTEN, *_WEIGHTS, "benchwright_speech.synthetic"),
        tools=("numpy", "soundfile", "onnx"),
        model_files=_FILES,
    )


def rnnt() -> BenchmarkInfo:
    """The descriptor of rnnt."""
    return BenchmarkInfo(
        name="rnnt",
        summary="speech to text, LibriSpeech",
        family="rnnt",
        presets=Presets({"tiny": _tiny, "official": _official, "synthetic": _synthetic}),
        load=_load_rnnt,
        quality=0.99,
        forms=("onnx", "torch"),
        dtypes=("float32", "int64"),
        graphs=("features", "encoder", "decoder"),
    )
