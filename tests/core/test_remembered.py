"""What start-up remembers, and when it does not believe it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from benchwright.remembered import FOLDER, remembered


class Worked:
    """Counts how often a value was worked out."""

    def __init__(self, value: Any, files: Iterable[Path] = ()) -> None:
        self.value = value
        self.files = [str(file) for file in files]
        self.times = 0

    def __call__(self) -> tuple[Any, list[str]]:
        self.times += 1
        return self.value, self.files


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which something was built already."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()
    return tmp_path


def test_a_value_is_worked_out_once() -> None:
    worked = Worked({"a": [1, None]})
    for _ in range(3):
        assert remembered("thing", ["k"], worked) == {"a": [1, None]}
    assert worked.times == 1


def test_another_key_another_value(place: Path) -> None:
    assert remembered("thing", ["a", "b"], Worked(1)) == 1
    # Parts are kept apart.
    assert remembered("thing", ["ab", ""], Worked(2)) == 2
    assert remembered("thing", ["a", "b"], Worked(3)) == 3
    assert remembered("other", ["a", "b"], Worked(4)) == 4
    assert len(list((place / FOLDER).iterdir())) == 2


def test_a_changed_or_missing_file_makes_it_anew(place: Path) -> None:
    file = place / "rules.py"
    file.write_text("one")
    worked = Worked(1, [file])
    remembered("thing", [], worked)
    remembered("thing", [], worked)
    assert worked.times == 1
    file.write_text("three")
    remembered("thing", [], worked)
    assert worked.times == 2
    state = file.stat()
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    remembered("thing", [], worked)
    assert worked.times == 3
    file.unlink()
    worked.files = []
    remembered("thing", [], worked)
    assert worked.times == 4


@pytest.mark.parametrize("text", ["", "[]", "{}", "not JSON", '{"key": 1, "files": 2, "value": 3}'])
def test_damage_is_not_believed(place: Path, text: str) -> None:
    remembered("thing", ["k"], Worked(1))
    (file,) = (place / FOLDER).iterdir()
    file.write_text(text)
    assert remembered("thing", ["k"], Worked(2)) == 2


def test_nothing_is_written_where_nothing_was_built(place: Path) -> None:
    (place / "build").rmdir()
    assert remembered("thing", ["k"], Worked(1)) == 1
    assert list(place.iterdir()) == []


def test_before_anything_is_built_a_process_remembers(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "build").rmdir()
    (place / "rules.py").write_text("one")
    worked = Worked({"a": []}, [place / "rules.py"])
    remembered("thing", ["k"], worked)
    remembered("thing", ["k"], worked)["a"].append("a caller's own")
    assert remembered("thing", ["k"], worked) == {"a": []}
    assert worked.times == 1
    (place / "rules.py").write_text("other")
    remembered("thing", ["k"], worked)
    assert worked.times == 2
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    remembered("thing", ["k"], worked)
    assert worked.times == 3


def test_what_is_no_json_and_a_folder_that_refuses_do_no_harm(place: Path) -> None:
    value = object()
    assert remembered("thing", ["k"], Worked(value)) is value
    (place / FOLDER).write_text("a file in the way")
    assert remembered("thing", ["k"], Worked(1)) == 1
