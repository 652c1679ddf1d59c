"""The packed tree: the same bytes whatever the machine's clock, owner and order of files."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

from benchwright.steps.package import pack_tree

FILES = {"open/Acme/a.txt": b"a", "open/Acme/b/c.txt": b"c" * 5000, "README.md": b""}


def tree(folder: Path, names: list[str], when: int, mode: int) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FILES[name])
        path.chmod(mode)
        os.utime(path, (when, when))
    return folder


def test_the_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    one = tree(tmp_path / "one", list(FILES), 1_000_000_000, 0o644)
    two = tree(tmp_path / "two", list(reversed(FILES)), 2_000_000_000, 0o700)
    for folder in (one, two):
        pack_tree(folder, tmp_path / f"{folder.name}.tar.gz")
    first, second = ((tmp_path / f"{name}.tar.gz").read_bytes() for name in ("one", "two"))
    assert first == second
    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        members = archive.getmembers()
        found = {m.name: archive.extractfile(m).read() for m in members}  # type: ignore[union-attr]
    assert found == FILES
    assert [m.name for m in members] == sorted(FILES)
    assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}


def test_one_changed_byte_changes_it(tmp_path: Path) -> None:
    folder = tree(tmp_path / "tree", list(FILES), 1_000_000_000, 0o644)
    pack_tree(folder, tmp_path / "before.tar.gz")
    (folder / "open/Acme/a.txt").write_bytes(b"b")
    pack_tree(folder, tmp_path / "after.tar.gz")
    assert (tmp_path / "before.tar.gz").read_bytes() != (tmp_path / "after.tar.gz").read_bytes()
