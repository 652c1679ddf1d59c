"""The pytest fixtures: a temporary project, and a campaign run in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchwright.testing.project import CampaignOutcome, Project


@pytest.fixture
def benchwright_project(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """An empty project: the real command line runs in it, without the store. The lock that gives
    a measured run the machine alone is the tests' own."""
    project = Project(tmp_path / "project", {"TMPDIR": str(tmp_path_factory.getbasetemp())})
    yield project
    project.close()


@pytest.fixture
def benchwright_campaign(benchwright_project: Project) -> Callable[..., CampaignOutcome]:
    """Runs a campaign of a few seconds: `benchwright_campaign(benchmarks=["resnet50"],
    backends=["acme"])`; see `Project.measure`."""

    def measure(**keys: Any) -> CampaignOutcome:
        return benchwright_project.measure(**keys)

    return measure


@pytest.fixture
def fake_backend(benchwright_project: Project) -> str:
    """Brings the backend `fake` into the project: right answers after a settable time, as
    `backends: {fake: {latency_ms: 5}}`. Gives its name."""
    benchwright_project.plug("fake", "benchwright.testing.fake")
    return "fake"
