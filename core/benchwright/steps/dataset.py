"""Data sets and samples: fetched, verified, unpacked, validated; then preprocessed."""

from __future__ import annotations

from pathlib import Path

from benchwright.build import artifact
from benchwright.build.recipe import Kitchen
from benchwright.errors import BenchwrightError
from benchwright.harness.samples import SampleWriter
from benchwright.steps.common import load_benchmark, preset_of
from benchwright.steps.sources import obtain


def build(kitchen: Kitchen) -> None:
    """Makes a data set in its official form, or takes the user's own folder as it is."""
    given = kitchen.parameters
    benchmark = load_benchmark(given["benchmark"])
    if given["folder"] is not None:
        place = Path(given["folder"])
        if not place.is_dir():
            raise BenchwrightError(
                "this data set folder does not exist",
                where=str(place),
                fix=f"correct `datasets: {{{given['dataset_name']}: …}}` in the campaign",
            )
        kitchen.root = str(place)
        kitchen.files = artifact.scan(place)
    else:
        _, preset = preset_of(given["benchmark"], given["preset"])
        sources = obtain(preset.dataset, Path(kitchen.recipe.aside["downloads"]), kitchen)
        # The recipe's place exists and is empty; an archive is unpacked into a place of its own.
        kitchen.out.rmdir()
        benchmark.assemble_dataset(given["preset"], sources, kitchen.out, kitchen.progress)
        place = kitchen.out
    count = benchmark.validate_dataset(given["preset"], place)
    kitchen.facts["samples"] = count
    kitchen.note(f"{count} samples in {place}")


def preprocess(kitchen: Kitchen) -> None:
    """Writes every sample as the program takes it."""
    given = kitchen.parameters
    benchmark = load_benchmark(given["benchmark"])
    folder = kitchen.input("dataset")
    manifest = artifact.read_manifest(folder)
    program = benchmark.program(given["preset"])
    count = int(manifest.facts["samples"])
    with SampleWriter(kitchen.out, program.inputs, count) as writer:
        benchmark.preprocess(given["preset"], manifest.base(folder), writer, kitchen.progress)
    kitchen.facts["samples"] = count
