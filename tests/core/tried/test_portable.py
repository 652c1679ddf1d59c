"""Tried models that come from elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchwright.errors import BenchwrightError, UsageError
from benchwright.tried import described, portable
from benchwright.tried.describe import describe, settle
from benchwright.tried.request import Asked
from benchwright.tried.resolve import Located
from core.tried import graphs


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tried model on its way: the working folder is where it goes."""
    origin, goal = tmp_path / "origin", tmp_path / "goal"
    for folder in (origin, goal):
        folder.mkdir()
    monkeypatch.chdir(origin)
    graphs.embedding(Path("model.onnx"))
    path = Path("model.onnx").resolve()
    settle(describe(Located("model", path.parent, path), Asked(lengths=(4, 4)), {}))
    for name, file in portable.files_of("model-len4"):
        target = goal / "unpacked" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    monkeypatch.chdir(goal)
    shutil.rmtree(origin)
    return Path("unpacked/model-len4")


def rewrite(folder: Path, **values: Any) -> None:
    path = folder / "tried.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**known, **values}), encoding="utf-8")


def test_a_model_is_the_same_wherever_it_lies(unpacked: Path) -> None:
    sent = (unpacked / "tried.json").read_bytes()
    portable.settle(unpacked)
    assert described.file_of("model-len4").read_bytes() == sent
    found = described.load("model-len4")
    assert Path(found.sources[0].path) == (unpacked / "files" / "model.onnx").resolve()
    portable.settle(unpacked)


def test_another_model_of_that_name_stays(unpacked: Path) -> None:
    portable.settle(unpacked)
    rewrite(unpacked, seed=7)
    with pytest.raises(UsageError, match="another model"):
        portable.settle(unpacked)
    assert described.load("model-len4").seed == 0


def test_a_changed_file_is_refused(unpacked: Path) -> None:
    (unpacked / "files" / "model.onnx").write_bytes(b"another")
    with pytest.raises(BenchwrightError, match="another one"):
        portable.settle(unpacked)


@pytest.mark.parametrize("name", ["../../model.onnx", "/etc/passwd"])
def test_files_elsewhere_are_refused(unpacked: Path, name: str) -> None:
    source = {"name": name, "sha256": "0" * 64, "size": 1}
    rewrite(unpacked, sources=[source])
    with pytest.raises(BenchwrightError, match="outside its folder"):
        portable.settle(unpacked)


def test_a_factory_of_anybody_s_is_refused(unpacked: Path) -> None:
    """What it names would be imported and called."""
    graph = json.loads((unpacked / "tried.json").read_text(encoding="utf-8"))["graphs"][0]
    torch = {"factory": "os:system", "weights": "w", "arguments": {"command": "true"}}
    rewrite(unpacked, graphs=[{**graph, "torch": torch}])
    with pytest.raises(BenchwrightError, match="none of ours"):
        portable.settle(unpacked)
    assert described.names() == []


def test_a_name_that_leads_elsewhere_is_refused(unpacked: Path) -> None:
    rewrite(unpacked, name="../model-len4")
    with pytest.raises(BenchwrightError, match="none of ours"):
        portable.settle(unpacked)
