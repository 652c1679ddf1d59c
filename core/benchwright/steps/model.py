"""Models and engines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchwright.build import artifact
from benchwright.build.recipe import Kitchen
from benchwright.errors import BenchwrightError
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
