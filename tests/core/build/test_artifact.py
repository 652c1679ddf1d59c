"""Artifacts: manifests that come back as they were written, damage that is found, places that
only one process holds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.build import artifact
from benchwright.build.artifact import MANIFEST, RECIPE, FileEntry, Manifest, damage, scan

PART = st.text(
    st.characters(exclude_characters="/\x00", exclude_categories=[]), min_size=1, max_size=8
).filter(lambda part: part not in (".", ".."))
"""Any part of a path that Linux allows; lone surrogates stand for bytes that are no text."""

ENTRIES = st.lists(
    st.builds(
        FileEntry,
        st.lists(PART, min_size=1, max_size=3).map("/".join),
        st.integers(0, 1 << 60),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
    ),
    max_size=5,
).map(tuple)
FACTS = st.dictionaries(
    st.text(max_size=5), st.none() | st.integers() | st.text() | st.lists(st.booleans()), max_size=3
)


def made(folder: Path, files: dict[str, bytes], root: str | None = None) -> Path:
    """An artifact with the given files."""
    base = Path(root) if root is not None else folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(content)
    entries = scan(base, skip=frozenset({MANIFEST, RECIPE}))
    (folder / MANIFEST).write_text(Manifest(entries, {"made": 1}).to_json(), encoding="utf-8")
    (folder / RECIPE).write_text(json.dumps({"root": root}), encoding="utf-8")
    return folder


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return made(tmp_path / "artifact", {"a.bin": b"alpha", "sub/b.bin": b"beta" * 100, "c": b""})


@given(ENTRIES, FACTS)
def test_a_manifest_comes_back_as_it_was_written(
    entries: tuple[FileEntry, ...], facts: dict[str, object]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = Manifest(entries, facts)
        (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        assert artifact.read_manifest(folder) == manifest
        assert artifact.read_manifest(folder).to_json() == manifest.to_json()
        assert manifest.size == sum(entry.size for entry in entries)


def test_a_manifest_holds_content_only(tmp_path: Path) -> None:
    files = {"x": b"1", "y/z": b"2"}
    here, there = made(tmp_path / "here", files), made(tmp_path / "there", files)
    own = made(tmp_path / "own", files, root=str(tmp_path / "data"))
    texts = {(folder / MANIFEST).read_bytes() for folder in (here, there, own)}
    assert len(texts) == 1
    assert artifact.read_manifest(own).base(own) == tmp_path / "data"
    assert sorted(artifact.walk_files(own)) == [tmp_path / "data/x", tmp_path / "data/y/z"]
    assert sorted(artifact.walk_files(here)) == [here / "x", here / "y/z"]


def test_a_folder_that_cannot_be_listed_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").touch()
    scandir = os.scandir

    def closed(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(PermissionError, match="closed"):
        scan(tmp_path)


def test_scan_is_sorted_and_takes_regular_files_only(tmp_path: Path) -> None:
    for name in ("b/2", "a", "b.x", "b/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "folder-link").symlink_to(tmp_path / "b")
    os.mkfifo(tmp_path / "pipe")
    found = scan(tmp_path, skip=frozenset({"b.x"}))
    assert [entry.path for entry in found] == ["a", "b/1", "b/2", "link"]
    assert found[3].sha256 == found[0].sha256
    assert [entry.size for entry in found] == [1, 3, 3, 1]


def test_a_whole_artifact_has_no_damage(whole: Path) -> None:
    assert damage(whole) is None
    assert damage(whole, artifact.stamps(whole)) is None
    (whole / "extra").write_text("more", encoding="utf-8")
    assert damage(whole) is None, "what is not in the manifest does not count"


@pytest.mark.parametrize("known", [False, True], ids=["unknown", "with stamps"])
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.unlink(), "a.bin is missing"),
        (lambda path: path.write_bytes(b"alph"), "a.bin has 4 bytes instead of 5"),
        (lambda path: path.write_bytes(b"alphb"), "a.bin has changed content"),
        (lambda path: (path.unlink(), path.mkdir()), "a.bin is missing"),
        (lambda path: (path.parent / MANIFEST).unlink(), "this artifact has not been built"),
        (lambda path: (path.parent / MANIFEST).write_text("[]"), "this manifest is damaged"),
        (lambda path: (path.parent / MANIFEST).write_text('{"files": [1]}'), "manifest is damaged"),
        (lambda path: (path.parent / MANIFEST).write_bytes(b"\xff"), "this manifest is damaged"),
        (lambda path: shutil.rmtree(path.parent), "this artifact has not been built"),
    ],
)
def test_damage_is_told_with_the_file(whole: Path, spoil: object, told: str, known: bool) -> None:
    stamps = artifact.stamps(whole) if known else None
    assert callable(spoil)
    spoil(whole / "a.bin")
    found = damage(whole, stamps)
    assert found is not None
    assert told in found
    assert str(whole) in found


@given(st.data())
def test_any_changed_byte_is_found(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        contents = data.draw(
            st.dictionaries(
                st.sampled_from(["a", "b", "c/d"]), st.binary(min_size=1, max_size=50), min_size=1
            )
        )
        folder = made(Path(name, "artifact"), contents)
        victim = data.draw(st.sampled_from(sorted(contents)))
        place = data.draw(st.integers(0, len(contents[victim]) - 1))
        bit = 1 << data.draw(st.integers(0, 7))
        changed = bytearray(contents[victim])
        changed[place] ^= bit
        stamps = artifact.stamps(folder)
        (folder / victim).write_bytes(changed)
        found = damage(folder, stamps)
        assert found == f"{folder}/{victim} has changed content"
        (folder / victim).write_bytes(contents[victim])
        assert damage(folder, stamps) is None, "touched, and the same"


def test_known_files_are_not_read_again(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = artifact.stamps(whole)
    read: list[Path] = []
    monkeypatch.setattr(artifact, "sha256_of", lambda path: read.append(path) or "")
    assert damage(whole, stamps) is None
    assert read == []
    damage(whole)
    assert len(read) == 1


def test_digest_of_is_canonical() -> None:
    assert artifact.digest_of({"b": 1, "a": [1, 2]}) == artifact.digest_of({"a": [1, 2], "b": 1})
    assert artifact.digest_of({"a": [2, 1]}) != artifact.digest_of({"a": [1, 2]})
    assert artifact.digest_of("\udcff") != artifact.digest_of("?")


def test_what_does_not_count_is_kept_beside_its_successor(tmp_path: Path) -> None:
    place = tmp_path / "run"

    def install(name: str, facts: dict[str, object]) -> None:
        partial = made(tmp_path / "partial", {"name": name.encode()})
        manifest = artifact.read_manifest(partial)
        text = Manifest(manifest.files, facts).to_json()
        (partial / MANIFEST).write_text(text, encoding="utf-8")
        artifact.install(partial, place)

    steps: list[tuple[str, dict[str, object]]] = [
        ("first", {"valid": False}),
        ("second", {"valid": False}),
        ("third", {"valid": True}),
        ("fourth", {}),
    ]
    for name, facts in steps:
        install(name, facts)
    found = {path.name: (path / "name").read_text() for path in tmp_path.iterdir()}
    assert found == {"run": "fourth", "run.invalid-1": "first", "run.invalid-2": "second"}
    assert artifact.counts(place)
    assert not artifact.counts(tmp_path / "run.invalid-1")
    assert artifact.counts(tmp_path / "nothing"), "of nothing, nothing is known"


def test_install_replaces_folders_links_and_files(tmp_path: Path) -> None:
    def partial(text: str) -> Path:
        folder = tmp_path / "partial"
        folder.mkdir()
        (folder / "x").write_text(text, encoding="utf-8")
        return folder

    place = tmp_path / "deep" / "place"
    artifact.install(partial("first"), place)
    (place / "old").touch()
    artifact.install(partial("second"), place)
    assert [path.name for path in place.iterdir()] == ["x"]
    assert (place / "x").read_text(encoding="utf-8") == "second"
    shutil.rmtree(place)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine").touch()
    place.symlink_to(other)
    artifact.install(partial("third"), place)
    assert not place.is_symlink()
    assert (other / "mine").exists(), "what a link led to is not ours"
    shutil.rmtree(place)
    place.write_text("a file", encoding="utf-8")
    artifact.install(partial("fourth"), place)
    assert [path.name for path in place.parent.iterdir()] == ["place"]


@pytest.mark.parametrize("alone", [True, False])
def test_only_what_the_dead_left_is_discarded(tmp_path: Path, alone: bool) -> None:
    folder = tmp_path / "engine"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    living = os.getppid()
    names = {
        f".engine.partial-{ended.pid}": False,
        f".engine.partial-scratch-{ended.pid}": False,
        f".engine.partial-{os.getpid()}": False,
        f".engine.replaced-{ended.pid}": False,
        # A process that was killed may still be there when its lock has gone.
        f".engine.partial-{living}": not alone,
        f".engine-2.partial-{ended.pid}": True,
        "engine": True,
    }
    for name in names:
        (tmp_path / name).mkdir()
    artifact.discard_partials(folder, alone=alone)
    assert {name: (tmp_path / name).exists() for name in names} == names


# One process at a time


HOLD = """
import sys
from pathlib import Path
from benchwright.build.artifact import alone

with alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "engine")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_place_is_held_by_one(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    told: list[str] = []

    def waiting() -> None:
        told.append("waiting")
        assert holder.stdin is not None
        holder.stdin.write("\n")
        holder.stdin.flush()

    assert artifact.interrupted(tmp_path / "engine")
    with artifact.alone(tmp_path / "engine", waiting) as place:
        assert told == ["waiting"]
        assert place == artifact.Place(left=False, locked=True), "who ends tidies up"
    assert list(tmp_path.iterdir()) == []
    with artifact.alone(tmp_path / "engine") as place:
        assert not place.left, "nobody has left anything"


def test_a_lock_that_appears_at_the_last_moment_is_anothers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder may be killed before us: what that left has to be looked for."""
    really = os.open

    def late(path: Any, flags: int, *mode: int) -> int:
        if flags & os.O_EXCL:
            Path(path).write_bytes(b"")
        return really(path, flags, *mode)

    monkeypatch.setattr(os, "open", late)
    with artifact.alone(tmp_path / "engine") as place:
        assert place.left


def test_a_killed_holder_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    assert artifact.interrupted(tmp_path / "engine"), "its lock tells that it was there"
    with artifact.alone(tmp_path / "engine", lambda: pytest.fail("there is nobody")) as place:
        assert place.left
    assert not artifact.interrupted(tmp_path / "engine")


COUNT = """
import sys
from pathlib import Path
from benchwright.build.artifact import alone

place = Path(sys.argv[1])
for _ in range(100):
    with alone(place):
        counter = place.with_name("counter")
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def test_no_two_hold_a_place_at_once(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0", encoding="utf-8")
    command = [sys.executable, "-c", COUNT, str(tmp_path / "engine")]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    assert (tmp_path / "counter").read_text(encoding="utf-8") == "300"


def test_a_file_that_goes_while_it_is_looked_at_is_missing(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process replaces the artifact between the look at a file and its reading."""
    (whole / RECIPE).unlink(missing_ok=True)
    first = artifact.read_manifest(whole).files[0].path

    def gone(path: Path) -> str:
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(artifact, "sha256_of", gone)
    assert damage(whole) == f"{whole}/{first} is missing"
