"""A data set's folder of the user's own: validated first, then recorded; read, never written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchwright.build import artifact
from benchwright.errors import BenchwrightError
from benchwright.steps import dataset


class Counting:
    """A benchmark whose samples are the files of the folder; none is a fault."""

    def validate_dataset(self, preset: str, place: Path) -> int:
        count = len(list(place.iterdir()))
        if count == 0:
            raise BenchwrightError("there is no sample", where=str(place))
        return count


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(dataset, "load_benchmark", lambda name: Counting())
    (tmp_path / "mine").mkdir()
    given = {"benchmark": "b", "preset": "tiny", "folder": str(tmp_path / "mine")}
    recipe = SimpleNamespace(aside={"stated_in": "c.yaml:9: datasets.mine"})
    return SimpleNamespace(
        parameters=given, recipe=recipe, facts={}, note=lambda text: None, root=None, files=None
    )


def test_the_folder_is_recorded_as_it_is(kitchen: Any, tmp_path: Path) -> None:
    (tmp_path / "mine" / "one").write_text("1")
    dataset.build(kitchen)
    assert kitchen.facts == {"samples": 1}
    assert kitchen.root == str(tmp_path / "mine")
    assert [entry.path for entry in kitchen.files] == ["one"]


def test_a_folder_of_another_kind_is_refused_before_it_is_hashed(
    kitchen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hashing(place: Path) -> None:
        raise AssertionError("it may be a whole disk")

    monkeypatch.setattr(artifact, "scan", hashing)
    with pytest.raises(BenchwrightError, match="there is no sample"):
        dataset.build(kitchen)


def test_a_folder_that_is_gone_is_told_with_its_place_in_the_campaign(
    kitchen: Any, tmp_path: Path
) -> None:
    (tmp_path / "mine").rename(tmp_path / "mines")
    with pytest.raises(BenchwrightError, match=r"c\.yaml:9: datasets\.mine: there is no data set"):
        dataset.build(kitchen)


@pytest.mark.parametrize("by", ["link", "scan", "validation"])
def test_what_cannot_be_read_is_named(
    kitchen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    closed = tmp_path / "mine" / "closed"
    (tmp_path / "mine" / "one").write_text("1")

    def refuse(*arguments: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(closed))

    if by == "link":
        closed.symlink_to("nowhere")
    elif by == "scan":
        monkeypatch.setattr(artifact, "scan", refuse)
    else:
        monkeypatch.setattr(Counting, "validate_dataset", refuse)
    with pytest.raises(BenchwrightError, match=r"closed: this data set folder cannot be read") as e:
        dataset.build(kitchen)
    assert "read permission" in str(e.value)
