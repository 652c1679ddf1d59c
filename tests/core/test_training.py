"""What the training scripts share: the shipped archives and cards vary with nothing else."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from benchwright import training


def test_an_archive_varies_with_names_and_contents_alone(tmp_path: Path) -> None:
    one = training.pack({"b/c.txt": b"second", "a.txt": b"first"})
    assert one == training.pack({"a.txt": b"first", "b/c.txt": b"second"})
    assert one != training.pack({"a.txt": b"first", "b/c.txt": b"third"})
    file = tmp_path / "a.tar.gz"
    file.write_bytes(one)
    with tarfile.open(file) as archive:
        entries = archive.getmembers()
        read = {entry.name: archive.extractfile(entry) for entry in entries}
        found = {name: part.read() for name, part in read.items() if part is not None}
    assert found == {"a.txt": b"first", "b/c.txt": b"second"}
    assert {(e.mtime, e.uid, e.uname, e.mode) for e in entries} == {(0, 0, "", 0o644)}


def test_a_folder_gives_its_files_by_their_paths(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "x").write_bytes(b"1")
    (tmp_path / "top").write_bytes(b"2")
    os.utime(tmp_path / "top", (1, 1))
    (tmp_path / "top").chmod(0o600)
    assert training.members(tmp_path) == {"deep/er/x": b"1", "top": b"2"}


def test_a_broken_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"old")

    def full(self: Path, content: bytes) -> int:
        raise OSError("no space")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        training.replace(target, b"new")
    assert target.read_bytes() == b"old"
