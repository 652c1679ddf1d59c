"""What the benchmarks run on: engines and samples, kept in `build/benchmarks`.

The tiny ones are built by the product's own tasks. Of the synthetic ResNet-50, only the engine
and a few samples are needed: they are made here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchwright.build.artifact import digest_of, sha256_of
from benchwright.cli.init import TEMPLATE
from benchwright.distributions import tool_versions
from benchwright.errors import BenchwrightError
from benchwright.layout import Layout
from benchwright.plugins import Registry, lookup
from benchwright.progress import silent
from measures.registry import Note

STOCK = Path(__file__).parents[2] / "build" / "benchmarks"
RESNET50_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Stock:
    """An engine's folder, its samples' folder, and the preset of resnet50 they are shaped as."""

    engine: Path
    samples: Path
    preset: str

    def spec(self) -> dict[str, Any]:
        """As a round's specification takes it."""
        return {
            "engine": str(self.engine),
            "samples": str(self.samples),
            "preset": self.preset,
        }


def tiny(note: Note) -> Stock:
    """The tiny preset of resnet50, as the default campaign builds it."""
    folder = STOCK / "tiny"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchwright.yaml").write_text(TEMPLATE, encoding="utf-8")
    tasks = ("preprocess:resnet50-tiny", "engine:resnet50-tiny/onnxruntime")
    note("building the tiny preset, where it is not up to date")
    done = subprocess.run(
        [sys.executable, "-m", "benchwright", "run", *tasks],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stdout + done.stderr).strip().splitlines()
        raise BenchwrightError(
            "the tiny preset could not be built", where=str(folder), why="; ".join(last[-3:])
        )
    layout = Layout.of("default")
    return Stock(
        folder / layout.engine("resnet50-tiny/onnxruntime"),
        folder / layout.samples("resnet50-tiny"),
        "tiny",
    )


def _environment() -> dict[str, str]:
    """This process's, with a PYTHONPATH that holds in another folder too."""
    found = dict(os.environ)
    if paths := found.get("PYTHONPATH"):
        found["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths.split(os.pathsep)))
    return found


def resnet50(note: Note) -> Stock:
    """ResNet-50 with seeded random weights, and random images of its size."""
    registry = Registry()
    info = lookup("backend", "onnxruntime", registry.backends)
    described = lookup("benchmark", "resnet50", registry.benchmarks)
    preset, benchmark = described.presets["synthetic"], described.load()
    program = benchmark.program(preset.name)
    options = info.load_options()().model_dump(mode="json")

    def model(out: Path) -> None:
        note("writing ResNet-50 with random weights (100 MB)")
        benchmark.assemble_model(preset.name, {}, out, silent)

    def engine(out: Path) -> None:
        note("building its engine")
        info.load().build_engine(program, weights, options, out)

    def samples(out: Path) -> None:
        import numpy as np

        from benchwright.harness.samples import SampleWriter

        random = np.random.default_rng(1)
        (spec,) = program.inputs
        shape = tuple(int(size) for size in spec.sample_shape)
        with SampleWriter(out, program.inputs, RESNET50_SAMPLES) as writer:
            for _ in range(RESNET50_SAMPLES):
                writer.add({spec.name: random.standard_normal(shape, np.float32)})

    specs = [find_spec(name) for name in preset.sources]
    code = [sha256_of(Path(str(spec.origin))) for spec in specs if spec is not None]
    weights = _kept("resnet50-model", [code, dict(tool_versions(*preset.tools))], model)
    identity = registry.read_system().identity
    machine = {name: identity.get(name) for name in info.identity}
    key = [code, options, dict(tool_versions(*info.tools)), machine]
    built = _kept("resnet50-engine", key, engine)
    images = _kept("resnet50-samples", [sha256_of(Path(__file__))], samples)
    return Stock(built, images, preset.name)


def _kept(name: str, key: object, make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills, made again when the key changes; older ones go."""
    folder = STOCK / f"{name}-{digest_of(key)[:12]}"
    if folder.exists():
        return folder
    older = list(STOCK.glob(f"{name}-*"))
    partial = STOCK / f"{name}-{os.getpid()}.part"
    partial.mkdir(parents=True)
    try:
        make(partial)
        partial.replace(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    for old in older:
        shutil.rmtree(old, ignore_errors=True)
    return folder
