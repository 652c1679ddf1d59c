"""Files to be placed by hand: all of them are asked for at once, before anything is fetched."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchwright.contracts.source import Checksum, Download, Manual
from benchwright.errors import BenchwrightError
from benchwright.steps import sources

MD5 = Checksum("md5", "0" * 32)
DAY = "get the day at https://example.org"
WANTED = (
    Download("trace.txt", ("https://example.org/trace.txt",), MD5),
    Manual("dense.npy", MD5, DAY),
    Manual("labels.npy", MD5, DAY),
    Manual("list.csv", MD5, "get the list at https://example.com"),
)


@pytest.fixture
def kitchen(monkeypatch: pytest.MonkeyPatch) -> Any:
    def fetching(*arguments: Any, **named: Any) -> Path:
        raise AssertionError("nothing need be fetched yet")

    monkeypatch.setattr(sources, "fetch", fetching)
    return SimpleNamespace(note=lambda text: None, say=print, progress=None)


def test_all_missing_files_are_named_with_their_places(kitchen: Any, tmp_path: Path) -> None:
    with pytest.raises(BenchwrightError) as told:
        sources.obtain(WANTED, tmp_path, kitchen)
    assert told.value.what == "dense.npy, labels.npy and list.csv must be placed by hand"
    assert told.value.where == str(tmp_path)
    assert told.value.fix is not None
    assert told.value.fix.count(DAY) == 1
    assert "get the list at https://example.com" in told.value.fix
    for name in ("dense.npy", "labels.npy", "list.csv"):
        assert f"put it at {tmp_path}/{name} ({MD5})" in told.value.fix


def test_the_last_missing_file_is_named_alone(kitchen: Any, tmp_path: Path) -> None:
    for name in ("labels.npy", "list.csv"):
        (tmp_path / name).touch()
    with pytest.raises(BenchwrightError, match=r"dense\.npy: dense\.npy must be placed by hand"):
        sources.obtain(WANTED, tmp_path, kitchen)
