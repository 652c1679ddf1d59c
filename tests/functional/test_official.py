"""The official presets end to end: from a server to a score, on miniature files in the official
formats, by the code that serves every preset."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from functional.official.miniature import Served, served

FAMILIES = ("resnet50", "bert", "rnnt", "unet", "dlrm", "gptj")


@pytest.fixture(scope="module", params=FAMILIES)
def measured(
    request: pytest.FixtureRequest, ground: Path, temporary: dict[str, str]
) -> Iterator[Served]:
    """A family's miniature, fetched, built and measured."""
    name = request.param
    folder = ground / f"official-{name}"
    made = import_module(f"functional.official.{name}").make(folder / "files")
    with served(made, folder, temporary) as found:
        found.place()
        found.outcome = found.project.run(code=None)
        yield found
        found.project.close()


def test_it_runs_from_download_to_score(measured: Served) -> None:
    print(measured.outcome.err, measured.outcome.out)
    assert measured.outcome.code == 0
    for run in measured.project.measured():
        print(run.result)
