"""docs/vendor.md is right: its code, put where it says, passes the examination, and the fault that
it suggests is found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchwright.newplugin import NewPlugin
from benchwright.testing.project import register
from functional.project import ROOT

PAGE = (ROOT / "docs" / "vendor.md").read_text("utf-8")


def code(beginning: str) -> str:
    """The page's block of code that begins so."""
    (found,) = [
        block
        for block in re.findall(r"```(?:python|text)\n(.*?)```", PAGE, re.DOTALL)
        if block.lstrip().startswith(beginning)
    ]
    return str(found)


def follow(package: Path) -> None:
    """Does to a new package what section 2 of the page says."""
    module = package / "src/benchwright_acme/backend_options.py"
    text = module.read_text("utf-8")
    module.write_text(text[: text.index("class AcmeOptions")] + code("class AcmeOptions"), "utf-8")
    backend = package / "src/benchwright_acme/backend.py"
    text = backend.read_text("utf-8")
    session = text[text.index("class AcmeSession") : text.index("\n\nclass AcmeBackend")]
    text = text.replace(session, code("class AcmeSession"))
    lines = code("[spec.name for spec").splitlines(keepends=True)
    assert lines[0] in text
    text = text.replace(lines[0], "".join(lines))
    for added in ("from concurrent.futures import ThreadPoolExecutor", "import numpy as np"):
        assert f"`{added}`" in PAGE
        text = text.replace("import onnxruntime\n", f"{added}\nimport onnxruntime\n", 1)
    backend.write_text(text, "utf-8")
    test = package / "tests/test_backend.py"
    assert '`{"streams": 3}`' in PAGE
    text = test.read_text("utf-8")
    test.write_text(text.replace("variants = (", 'variants = ({"streams": 3}, '), "utf-8")


def examine(package: Path, site: str) -> subprocess.CompletedProcess[str]:
    path = [site, str(package / "src"), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "TestBackend"],
        cwd=package,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_the_exercise_of_the_page(tmp_path: Path) -> None:
    package = tmp_path / "benchwright-acme"
    NewPlugin("acme", ("backend",)).write(package)
    site = register(tmp_path / "site", "acme", "benchwright_acme")
    follow(package)
    passed = examine(package, site)
    assert passed.returncode == 0, passed.stdout
    backend = package / "src/benchwright_acme/backend.py"
    text = backend.read_text("utf-8")
    assert "zip(*done, strict=True)" in text
    backend.write_text(text.replace("zip(*done,", "zip(*reversed(done),"), "utf-8")
    failed = examine(package, site)
    assert failed.returncode == 1
    failures = [line for line in failed.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failures) == 1
    assert "test_the_answers_are_right_under_every_variant" in failures[0]
    assert "with {'streams': 3}: " in failed.stdout
