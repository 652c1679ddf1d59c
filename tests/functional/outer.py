"""Another build system around a project: make, ninja and cmake as they are installed here."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from functional.project import ROOT, Outcome, Project

EXAMPLES = ROOT / "examples"


def needs(tool: str) -> pytest.MarkDecorator:
    """Skips a test where the tool is missing, and says so."""
    return pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} is not installed")


def with_command(project: Project) -> Project:
    """The project with a `benchwright` on its PATH that is the one under test."""
    binaries = project.folder.parent / "bin"
    binaries.mkdir(exist_ok=True)
    shim = binaries / "benchwright"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m benchwright "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    project.env["PATH"] = f"{binaries}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return project


def example(name: str, place: Path, env: dict[str, str]) -> Project:
    """A copy of an example, in a folder whose name needs escaping."""
    folder = place / f"an example of {name}"
    shutil.copytree(
        EXAMPLES / name, folder, ignore=shutil.ignore_patterns("build", "app.tar", "__pycache__")
    )
    return with_command(Project(folder, dict(env)))


def ran(outcome: Outcome) -> bool:
    """Whether the outer build called us."""
    return (
        "benchwright run" in outcome.out
        or "benchwright /" in outcome.out
        or ("benchwright build/" in outcome.out)
    )
