"""Models, quantised models and engines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchwright.build import artifact
from benchwright.build.recipe import Kitchen
from benchwright.errors import BenchwrightError
from benchwright.harness.samples import SampleStore
from benchwright.plugins import lookup
from benchwright.steps.common import load_benchmark, preset_of, program_of, registry
from benchwright.steps.sources import obtain


def build(kitchen: Kitchen) -> None:
    """Obtains a model's files in the forms that its program names."""
    given = kitchen.parameters
    _, preset = preset_of(given["benchmark"], given["preset"])
    sources = obtain(preset.model, Path(kitchen.recipe.aside["downloads"]), kitchen)
    benchmark = load_benchmark(given["benchmark"])
    benchmark.assemble_model(given["preset"], sources, kitchen.out, kitchen.progress)
    kitchen.facts["weights"] = preset.weights


def quantize(kitchen: Kitchen) -> None:
    """Lets a quantizer write the model's graphs in another precision."""
    given = kitchen.parameters
    quantizer = lookup("quantizer", given["quantizer"], registry().quantizers).load()
    program = program_of(given["benchmark"], given["preset"], given["backend"])
    store = SampleStore.open(kitchen.input("samples"))
    count = min(store.count, given["calibration_samples"])
    samples = (_sample(store, index) for index in range(count))
    model = kitchen.input("model")
    facts = quantizer.quantize(program, model, samples, given["options"], kitchen.out)
    kitchen.facts.update(facts)
    kitchen.facts["calibration"] = f"the first {count} samples of the data set"


def _sample(store: SampleStore, index: int) -> dict[str, Any]:
    return {name: items[0] for name, items in store.load([index]).slice(0, 1).items()}


def build_engine(kitchen: Kitchen) -> None:
    """Lets a backend turn the model's graphs into an engine."""
    given = kitchen.parameters
    backend = lookup("backend", given["backend"], registry().backends).load()
    program = program_of(given["benchmark"], given["preset"], given["backend"])
    model = kitchen.input("model")
    facts = backend.build_engine(program, model, given["options"], kitchen.out)
    if not isinstance(facts, Mapping):
        raise BenchwrightError(
            f"the backend `{given['backend']}` did not say what it built",
            why=f"its `build_engine` returned {type(facts).__name__}, not a mapping of facts",
        )
    kitchen.facts.update(facts)
    kitchen.facts["model"] = {
        entry.path: entry.sha256 for entry in artifact.read_manifest(model).files
    }
