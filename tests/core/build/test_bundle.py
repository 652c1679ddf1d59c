"""Bundles: the same artifacts on another machine, and nothing from a stranger's file."""

from __future__ import annotations

import contextlib
import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from benchwright.build import artifact
from benchwright.build.artifact import Manifest
from benchwright.build.store import upkeep
from benchwright.build.store.bundle import read_bundle, write_bundle
from benchwright.build.store.entry import Entry
from benchwright.build.store.store import Store
from benchwright.errors import BenchwrightError, UsageError

FILES = {"one": b"1" * 5000, "sub/two": b"2" * 70_000, "sub/drei ß\n.bin": b"", "same": b"1" * 5000}


@pytest.fixture
def artifacts(tmp_path: Path) -> list[tuple[Entry, Path]]:
    found = []
    for number in range(2):
        folder = tmp_path / "build" / str(number)
        for name, content in {**FILES, "own": bytes([number]) * 10}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        manifest = Manifest(artifact.scan(folder), {"samples": number})
        found.append((Entry(f"{number:064x}", f"dataset:{number}", manifest), folder))
    return found


@pytest.mark.parametrize("name", ["b.tar", "b.tar.gz", "b.tgz"])
def test_what_is_exported_is_imported(
    tmp_path: Path, artifacts: list[tuple[Entry, Path]], name: str
) -> None:
    seen: list[tuple[int, int | None]] = []
    wrote = write_bundle(tmp_path / name, artifacts, lambda done, total: seen.append((done, total)))
    assert (wrote.tasks, wrote.files, wrote.size) == (["dataset:0", "dataset:1"], 5, 75_020)
    assert seen[-1] == (75_020, 75_020)
    store = Store(tmp_path / "store")
    read = read_bundle(tmp_path / name, store)
    assert (read.tasks, read.files, read.size, read.known) == (wrote.tasks, 5, 75_020, 0)
    for entry, folder in artifacts:
        out = tmp_path / "out" / entry.key
        out.mkdir(parents=True)
        assert store.restore(entry.key, out, pytest.fail) == entry
        assert artifact.scan(out) == artifact.scan(folder)
    again = read_bundle(tmp_path / name, store)
    assert (again.files, again.known) == (0, 2)


@pytest.mark.parametrize("name", ["b.tar", "b.tar.gz"])
def test_the_same_artifacts_give_the_same_bytes(
    tmp_path: Path, artifacts: list[tuple[Entry, Path]], name: str
) -> None:
    write_bundle(tmp_path / "1" / name, artifacts)
    write_bundle(tmp_path / "2" / name, reversed(artifacts))
    assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_name_that_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.tar"):
        write_bundle(tmp_path / "bundle.zip", [])


@pytest.mark.parametrize("content", [b"1" * 4999, b"1" * 5001, b"3" * 5000, None])
def test_a_file_that_changed_since(
    tmp_path: Path, artifacts: list[tuple[Entry, Path]], content: bytes | None
) -> None:
    target = tmp_path / "b.tar"
    for _, folder in artifacts:
        for name in ("one", "same"):
            if content is None:
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(content)
    with pytest.raises((BenchwrightError, FileNotFoundError)):
        write_bundle(target, artifacts)
    assert not target.exists()
    assert not list(tmp_path.glob(".b.tar*"))


Change = Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]


def rewritten(source: Path, change: Change) -> Path:
    """A bundle whose members were changed by a stranger."""
    with tarfile.open(source) as tar:
        members = []
        for member in tar:
            stream = tar.extractfile(member)
            assert stream is not None
            members.append((member, stream.read()))
    change(members)
    target = source.with_name("other.tar")
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for member, data in members:
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data))
    return target


def renamed(at: int, name: str) -> Change:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        members[at][0].name = name

    return change


def linked(at: int, kind: bytes) -> Change:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        members[at][0].type = kind
        members[at][0].linkname = "/etc/passwd"

    return change


def replaced(at: int, data: bytes) -> Change:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        members[at] = (members[at][0], data)

    return change


def without(at: int) -> Change:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        del members[at]

    return change


# Members: 0 bundle.json, 1 and 2 entries, 3 to 7 objects.
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (renamed(3, "../evil"), "does not belong"),
        (renamed(3, "objects/../../evil"), "does not belong"),
        (renamed(3, "objects/" + "f" * 64), "does not belong"),
        (renamed(1, "entries/../x.json"), "does not belong"),
        (renamed(1, "entries/" + "f" * 64 + ".json"), "damaged"),
        (linked(3, tarfile.SYMTYPE), "regular files only"),
        (linked(3, tarfile.LNKTYPE), "regular files only"),
        (linked(1, tarfile.SYMTYPE), "regular files only"),
        (linked(0, tarfile.SYMTYPE), "not its first file"),
        (replaced(5, b"other"), "not what its name says"),
        (replaced(1, b"{"), "damaged"),
        (replaced(0, b"{"), "bundle.json is damaged"),
        (replaced(0, json.dumps({"bundle": 2}).encode()), "format 2"),
        (without(0), "not its first file"),
        (without(-1), "is missing"),
    ],
)
def test_a_strangers_bundle(
    tmp_path: Path, artifacts: list[tuple[Entry, Path]], change: Change, what: str
) -> None:
    write_bundle(tmp_path / "b.tar", artifacts)
    bundle = rewritten(tmp_path / "b.tar", change)
    store = Store(tmp_path / "store")
    with pytest.raises(BenchwrightError, match="no whole bundle") as caught:
        read_bundle(bundle, store)
    assert what in str(caught.value.why)
    assert str(caught.value.where) == str(bundle)
    # What is in the store is sound, and nothing lies beside it.
    assert not list(store.unfinished())
    for key in store.entry_keys():
        (tmp_path / key).mkdir()
        assert store.restore(key, tmp_path / key, pytest.fail)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", ["b.tar", "b.tar.gz"])
def test_a_bundle_cut_short_anywhere(
    tmp_path: Path, artifacts: list[tuple[Entry, Path]], name: str
) -> None:
    write_bundle(tmp_path / name, artifacts)
    whole = (tmp_path / name).read_bytes()
    cut = tmp_path / "cut.tar"
    for twentieth in range(17):
        cut.write_bytes(whole[: len(whole) * twentieth // 20])
        store = Store(tmp_path / "store")
        with pytest.raises(BenchwrightError, match="no whole bundle"):
            read_bundle(cut, store)
        assert not list(store.unfinished())


@pytest.mark.parametrize("name", ["b.tar", "b.tar.gz"])
def test_a_bundle_with_any_byte_changed(
    tmp_path: Path, artifacts: list[tuple[Entry, Path]], name: str
) -> None:
    write_bundle(tmp_path / name, artifacts)
    whole = (tmp_path / name).read_bytes()
    draw = random.Random(1)
    for number in range(60):
        at = draw.randrange(min(len(whole), 9000))
        changed = tmp_path / "changed.tar"
        changed.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << number % 8]) + whole[at + 1 :])
        store = Store(tmp_path / f"store-{number}")
        # Some bytes of a tar file, such as a member's time, mean nothing here.
        with contextlib.suppress(BenchwrightError):
            read_bundle(changed, store)
        assert upkeep.verify(store, pytest.fail).damaged == []
        assert not list(store.unfinished())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_bundle(tmp_path / "b.tar", Store(tmp_path / "store"))
    assert not (tmp_path / "store").exists()
