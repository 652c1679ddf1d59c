"""Data sets and samples: fetched, verified, unpacked, validated; then preprocessed."""

from __future__ import annotations

from pathlib import Path

from benchwright.build import artifact
from benchwright.build.recipe import Kitchen
from benchwright.contracts.benchmark import Benchmark
from benchwright.errors import BenchwrightError
from benchwright.harness.samples import SampleWriter
from benchwright.requirements import absent_folder
from benchwright.steps.common import load_benchmark, preset_of
from benchwright.steps.sources import obtain


def build(kitchen: Kitchen) -> None:
    """Makes a data set in its official form, or takes the user's own folder as it is."""
    given = kitchen.parameters
    benchmark = load_benchmark(given["benchmark"])
    if given["folder"] is not None:
        place = Path(given["folder"])
        count = _take(kitchen, benchmark, place)
    else:
        _, preset = preset_of(given["benchmark"], given["preset"])
        try:
            sources = obtain(preset.dataset, Path(kitchen.recipe.aside["downloads"]), kitchen)
        except BenchwrightError as error:
            instead = f"`datasets: {{{given['dataset_name']}: …}}`"
            also = f"or name a folder that holds this data set: {instead}"
            error.fix = "; ".join(filter(None, [error.fix, also]))
            raise
        # The recipe's place exists and is empty; an archive is unpacked into a place of its own.
        kitchen.out.rmdir()
        place = kitchen.out
        benchmark.assemble_dataset(given["preset"], sources, place, kitchen.progress)
        count = benchmark.validate_dataset(given["preset"], place)
    kitchen.facts["samples"] = count
    kitchen.note(f"{count} samples in {place}")


def _take(kitchen: Kitchen, benchmark: Benchmark, place: Path) -> int:
    """Validates the user's own folder, and then records what is in it; its number of samples."""
    if not place.is_dir():
        raise absent_folder(place, kitchen.recipe.aside["stated_in"])
    try:
        # First: a folder of another kind may hold a whole disk, which need not be hashed.
        count = benchmark.validate_dataset(kitchen.parameters["preset"], place)
        kitchen.files = artifact.scan(place)
    except OSError as error:
        raise BenchwrightError(
            "this data set folder cannot be read as a whole",
            where=str(error.filename or place),
            why=error.strerror or str(error),
            fix="give yourself read permission there; take away a link that leads nowhere",
        ) from error
    kitchen.root = str(place)
    return count


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
