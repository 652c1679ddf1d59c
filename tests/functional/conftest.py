"""Projects: one quick campaign is built once and copied for the tests that change it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from functional import vendor
from functional.project import QUICK, Project

MEMORY = Path("/dev/shm")
ROOM = 500_000_000
"""Bytes that projects may need at a time, with much to spare."""


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where projects lie: in memory where there is room, because a copy has a thousand files."""
    usable = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    if not usable:
        yield tmp_path_factory.mktemp("projects")
        return
    with tempfile.TemporaryDirectory(
        dir=MEMORY, prefix="benchwright-", ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


@pytest.fixture
def place(ground: Path) -> Iterator[Path]:
    """A folder of its own for one test's projects."""
    with tempfile.TemporaryDirectory(dir=ground) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A folder for temporary files that only these tests use, so that the machine-wide lock of
    measured runs is not shared with whatever else measures here."""
    return {"TMPDIR": str(tmp_path_factory.mktemp("tmp"))}


@pytest.fixture(scope="session")
def built(ground: Path, temporary: dict[str, str]) -> Project:
    """The quick campaign, built and measured. Tests that change anything take `project`."""
    project = Project(ground / "built", temporary)
    project.campaign(QUICK)
    project.benchwright("run")
    return project


@pytest.fixture
def project(built: Project, place: Path) -> Iterator[Project]:
    """A copy of the built project, which must be as up to date as the original."""
    folder = place / "project"
    shutil.copytree(built.folder, folder, symlinks=True)
    project = Project(folder, dict(built.env))
    yield project
    project.close()


@pytest.fixture
def fresh(place: Path, temporary: dict[str, str]) -> Iterator[Project]:
    """A project with the quick campaign in which nothing has been built."""
    project = Project(place / "fresh", dict(temporary))
    project.campaign(QUICK)
    yield project
    project.close()


@pytest.fixture
def acme(fresh: Project, tmp_path: Path) -> Project:
    """A project whose only backend comes from a vendor's package; nothing has been built."""
    fresh.path.append(vendor.install(tmp_path / "site", "acme", vendor.BACKEND))
    fresh.campaign(vendor.CAMPAIGN)
    return fresh
