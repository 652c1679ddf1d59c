"""Names and versions of installed distributions, read from the top of their metadata."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

from benchwright import distributions
from benchwright.distributions import NOT_INSTALLED, name_and_version, tool_version, tool_versions


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Versions are remembered for a process's life; each test begins without."""
    distributions.tool_version.cache_clear()
    yield
    distributions.tool_version.cache_clear()


@pytest.mark.parametrize("name", ["numpy", "doit", "PyYAML", "onnxruntime"])
def test_as_importlib_says(name: str) -> None:
    assert tool_version(name) == version(name)
    found = name_and_version(distribution(name))
    assert found == (distribution(name).metadata["Name"], version(name))


def test_what_is_not_installed() -> None:
    assert tool_version("nowhere-to-be-found") == NOT_INSTALLED
    assert tool_versions("numpy", "nowhere-to-be-found") == {
        "numpy": version("numpy"),
        "nowhere-to-be-found": NOT_INSTALLED,
    }


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("METADATA", "Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n", "1.0"),
        ("METADATA", "version: 9\nName: odd\nVersion:2.0 \nVersion: 3\n", "2.0"),
        # What follows the empty line is the description, whatever it looks like.
        ("METADATA", "Name: odd\n\nVersion: 4.0\n", "unknown"),
        ("METADATA", "", "unknown"),
        ("PKG-INFO", "Name: odd\nVersion: 5.0\n", "5.0"),
    ],
)
def test_odd_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, expected: str
) -> None:
    info = tmp_path / "odd-1.dist-info"
    info.mkdir()
    (info / file).write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert tool_version("odd") == expected
