"""Benchwright's fixtures, and a sensor for the power meter."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["benchwright.testing"]


@pytest.fixture(autouse=True)
def sensor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that says 12.5 W, as the board's sensor would."""
    place = tmp_path / "power"
    place.write_text("12.5\n")
    monkeypatch.setenv("ACME_POWER_FILE", str(place))
    return place
