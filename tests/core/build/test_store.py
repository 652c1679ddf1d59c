"""The store: what is put in comes out whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.build import artifact
from benchwright.build.artifact import FileEntry, Manifest
from benchwright.build.store import upkeep
from benchwright.build.store.entry import FORMAT, Entry, parse_entry
from benchwright.build.store.store import OBJECT_TIME_NS, Store, StoreUnusable, store_folder
from benchwright.errors import BenchwrightError

KEY, OTHER = "a" * 64, "b" * 64


def made(folder: Path, files: dict[str, bytes], key: str = KEY, task: str = "model:one") -> Entry:
    """An artifact in a folder, and its entry."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Entry(key, task, Manifest(artifact.scan(folder), {"samples": 3}))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def notes() -> list[str]:
    return []


FILES = {"one": b"1", "sub/two": b"2" * 100_000, "sub/drei ß\n.bin": b"", "again": b"1"}


def test_what_is_kept_is_restored(tmp_path: Path, store: Store, notes: list[str]) -> None:
    entry = made(tmp_path / "out", FILES)
    store.keep(entry, tmp_path / "out")
    (tmp_path / "back").mkdir()
    assert store.restore(KEY, tmp_path / "back", notes.append) == entry
    assert contents(tmp_path / "back") == FILES
    assert notes == []
    # Equal contents are one object.
    assert len(list(store.object_names())) == 3
    assert not list(store.unfinished())


def test_a_restored_file_is_ones_own(tmp_path: Path, store: Store, notes: list[str]) -> None:
    store.keep(made(tmp_path / "out", FILES), tmp_path / "out")
    (tmp_path / "out" / "one").write_bytes(b"changed")
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        assert store.restore(KEY, tmp_path / name, notes.append)
        assert contents(tmp_path / name) == FILES
        (tmp_path / name / "sub/two").write_bytes(b"changed")
    assert notes == []


def test_links_are_the_stores_own_files(tmp_path: Path, store: Store, notes: list[str]) -> None:
    store.keep(made(tmp_path / "out", FILES), tmp_path / "out")
    (tmp_path / "back").mkdir()
    assert store.restore(KEY, tmp_path / "back", notes.append, link=True)
    linked = tmp_path / "back" / "sub/two"
    assert linked.stat().st_nlink == 2
    assert linked.stat().st_mode & 0o222 == 0
    # Root may write all the same: the store sees it by the time, and nobody gets the damage.
    linked.chmod(0o644)
    linked.write_bytes(b"3" * 100_000)
    (tmp_path / "next").mkdir()
    assert store.restore(KEY, tmp_path / "next", notes.append) is None
    assert "missing or damaged" in notes[0]
    assert "model:one is made again" in notes[0]


def test_nothing_is_restored_from_where_nothing_is(
    tmp_path: Path, store: Store, notes: list[str]
) -> None:
    assert store.restore(KEY, tmp_path, notes.append) is None
    store.keep(made(tmp_path / "out", FILES), tmp_path / "out")
    assert store.restore(OTHER, tmp_path / "out", notes.append) is None
    assert notes == []


def objects(store: Store) -> dict[str, Path]:
    """The objects of FILES by one of the names."""
    return {
        name: store.object(hashlib.sha256(content).hexdigest()) for name, content in FILES.items()
    }


@pytest.mark.parametrize("how", ["changed", "shorter", "missing", "link", "folder"])
def test_a_damaged_object(tmp_path: Path, store: Store, notes: list[str], how: str) -> None:
    entry = made(tmp_path / "out", FILES)
    store.keep(entry, tmp_path / "out")
    place = objects(store)["sub/two"]
    place.chmod(0o644)
    if how == "changed":
        place.write_bytes(b"3" * 100_000)
    elif how == "shorter":
        os.truncate(place, 5)
        os.utime(place, ns=(OBJECT_TIME_NS, OBJECT_TIME_NS))
    else:
        place.unlink()
        if how == "link":
            place.symlink_to(tmp_path / "out" / "sub/two")
        elif how == "folder":
            place.mkdir()
    (tmp_path / "back").mkdir()
    assert store.restore(KEY, tmp_path / "back", notes.append) is None
    assert len(notes) == 1
    assert str(place) in notes[0]
    # Dropped, not asked for again; put in anew it is whole.
    (tmp_path / "new").mkdir()
    assert store.restore(KEY, tmp_path / "new", notes.append) is None
    assert len(notes) == 1
    if how == "folder":
        place.rmdir()
    store.keep(entry, tmp_path / "out")
    assert store.restore(KEY, tmp_path / "new", notes.append) == entry


def test_a_touched_object_is_read_and_trusted(
    tmp_path: Path, store: Store, notes: list[str]
) -> None:
    store.keep(made(tmp_path / "out", FILES), tmp_path / "out")
    for place in objects(store).values():
        os.utime(place)
    (tmp_path / "back").mkdir()
    assert store.restore(KEY, tmp_path / "back", notes.append)
    assert contents(tmp_path / "back") == FILES


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "\udcff", '{"store": 1}', '{"store": 2, "key": "' + KEY + '"}'],
)
def test_a_damaged_entry(tmp_path: Path, store: Store, notes: list[str], text: str) -> None:
    store.keep(made(tmp_path / "out", FILES), tmp_path / "out")
    store.keep(made(tmp_path / "out", FILES, OTHER), tmp_path / "out")
    store.entry(KEY).write_bytes(text.encode(errors="surrogateescape"))
    (tmp_path / "back").mkdir()
    assert store.restore(KEY, tmp_path / "back", notes.append) is None
    assert "is damaged and is dropped" in notes[0]
    assert not store.entry(KEY).exists()
    assert store.restore(OTHER, tmp_path / "back", notes.append) is not None


@pytest.mark.parametrize(
    ("path", "size", "sha256"),
    [
        ("../out", 1, KEY),
        ("/etc/passwd", 1, KEY),
        ("a/../../b", 1, KEY),
        ("", 1, KEY),
        ("a\0b", 1, KEY),
        ("a", -1, KEY),
        ("a", True, KEY),
        ("a", "1", KEY),
        ("a", 1, "../" + "a" * 61),
        ("a", 1, "A" * 64),
        ("a", 1, None),
    ],
)
def test_an_entry_that_leaves_its_place(path: str, size: object, sha256: object) -> None:
    text = json.dumps(
        {"store": FORMAT, "key": KEY, "task": "t", "facts": {}, "files": [[path, size, sha256]]}
    )
    with pytest.raises(BenchwrightError, match="damaged"):
        parse_entry(text, KEY)


names = st.text(st.characters(exclude_characters="/\0"), min_size=1).filter(
    lambda name: name not in (".", "..")
)
entries = st.builds(
    lambda files, facts: Entry(
        KEY, "task:ß", Manifest(tuple(FileEntry(f"x/{n}", s, h) for n, s, h in files), facts)
    ),
    st.lists(
        st.tuples(
            names, st.integers(0, 1 << 60), st.text("0123456789abcdef", min_size=64, max_size=64)
        )
    ),
    st.dictionaries(st.text(), st.none() | st.integers() | st.text()),
)


@given(entries)
def test_an_entry_survives_its_text(entry: Entry) -> None:
    assert parse_entry(entry.to_json(), KEY) == entry


@given(
    st.text()
    | st.recursive(
        st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    ).map(json.dumps)
)
def test_any_text_is_an_entry_or_refused(text: str) -> None:
    with pytest.raises(BenchwrightError):
        parse_entry(text, KEY)


def test_what_changes_meanwhile_is_not_put_in(tmp_path: Path, store: Store) -> None:
    entry = made(tmp_path / "out", FILES)
    (tmp_path / "out" / "sub/two").write_bytes(b"!")
    with pytest.raises(OSError, match="changed while"):
        store.keep(entry, tmp_path / "out")
    assert list(store.entry_keys()) == []
    assert not list(store.unfinished())


def test_a_store_that_anybody_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(0o777)
    with pytest.raises(StoreUnusable, match="anybody may write") as caught:
        Store(tmp_path / "store")
    assert caught.value.fix is not None
    assert "chmod o-w" in caught.value.fix


def test_no_umask_makes_a_store_that_is_refused(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(tmp_path / "store")
        store.keep(made(tmp_path / "out", FILES), tmp_path / "out")
        Store(tmp_path / "store")
    finally:
        os.umask(before)
    for path in (tmp_path / "store").rglob("*"):
        assert path.stat().st_mode & 0o002 == 0, path


def test_a_group_that_shares_a_store_may_write_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(0o2770)
    before = os.umask(0o077)
    try:
        store = Store(tmp_path / "store")
        store.keep(made(tmp_path / "out", FILES), tmp_path / "out")
    finally:
        os.umask(before)
    for path in (tmp_path / "store").rglob("*"):
        wanted = 0o070 if path.is_dir() else 0o040
        assert path.stat().st_mode & wanted == wanted, path


def test_a_newer_store_is_left_alone(tmp_path: Path, store: Store) -> None:
    store.keep(made(tmp_path / "out", FILES), tmp_path / "out")
    (store.root / "store.json").write_text('{"store": 2}')
    with pytest.raises(StoreUnusable, match="format 2"):
        Store(store.root)


def test_a_damaged_format_file_costs_nothing(
    tmp_path: Path, store: Store, notes: list[str]
) -> None:
    entry = made(tmp_path / "out", FILES)
    store.keep(entry, tmp_path / "out")
    (store.root / "store.json").write_text("{")
    again = Store(store.root)
    (tmp_path / "back").mkdir()
    assert again.restore(KEY, tmp_path / "back", notes.append) == entry
    again.keep(entry, tmp_path / "out")
    assert json.loads((store.root / "store.json").read_text()) == {"store": FORMAT}


def test_a_file_in_the_stores_place(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreUnusable, match="no folder"):
        Store(tmp_path / "store")


def test_where_the_store_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("BENCHWRIGHT_STORE", "")
    assert store_folder() == Path("/home/ann/.cache/benchwright/store")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert store_folder() == Path("/cache/benchwright/store")
    monkeypatch.setenv("BENCHWRIGHT_STORE", "~/s")
    assert store_folder() == Path("/home/ann/s")
    monkeypatch.setenv("BENCHWRIGHT_STORE", "off")
    assert store_folder() is None


# ---- upkeep


def filled(store: Store, place: Path, sizes: Iterable[int]) -> list[str]:
    """A store with one artifact for each size, and a file that all have; the oldest first."""
    keys = []
    for number, size in enumerate(sizes):
        key = f"{number:064x}"
        folder = place / str(number)
        files = {"own": bytes([number]) * size, "common": b"c" * 10}
        store.keep(made(folder, files, key, f"engine:{number}"), folder)
        os.utime(store.entry(key), (1000 + number, 1000 + number))
        keys.append(key)
    return keys


def test_holdings(tmp_path: Path, store: Store, notes: list[str]) -> None:
    assert upkeep.holdings(store, notes.append) == upkeep.Holdings()
    filled(store, tmp_path, [100, 200])
    store.keep(made(tmp_path / "out", {"m": b"mm"}), tmp_path / "out")
    found = upkeep.holdings(store, notes.append)
    assert found.stages == {"engine": 2, "model": 1}
    assert (found.entries, found.objects, found.size, found.unused_size) == (3, 4, 312, 0)
    store.entry(KEY).unlink()
    assert upkeep.holdings(store, notes.append).unused_size == 2


def test_prune_removes_what_was_not_used_for_longest(
    tmp_path: Path, store: Store, notes: list[str]
) -> None:
    keys = filled(store, tmp_path, [100, 200, 300])
    (tmp_path / "back").mkdir()
    # Using the oldest makes it the newest.
    assert store.restore(keys[0], tmp_path / "back", notes.append)
    done = upkeep.prune(store, 450, notes.append)
    assert (done.entries, done.objects, done.freed, done.size) == (1, 1, 200, 410)
    assert list(store.entry_keys()) == [keys[0], keys[2]]
    assert not upkeep.verify(store, notes.append).broken
    done = upkeep.prune(store, 0, notes.append)
    assert (done.entries, done.size) == (2, 0)
    assert list(store.object_names()) == []


def test_prune_removes_what_nobody_needs(tmp_path: Path, store: Store, notes: list[str]) -> None:
    (key,) = filled(store, tmp_path, [100])
    store.entry(key).unlink()
    left = store.objects / "ab" / ".unfinished-x"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"123")
    done = upkeep.prune(store, 1e9, notes.append)
    assert (done.entries, done.objects, done.freed) == (0, 2, 113)
    assert not left.exists()


def test_verify_finds_what_the_memo_hides(tmp_path: Path, store: Store, notes: list[str]) -> None:
    keys = filled(store, tmp_path, [100, 200])
    assert upkeep.verify(store, notes.append) == upkeep.Verified(3, 310)
    place = store.object(hashlib.sha256(bytes([1]) * 200).hexdigest())
    place.chmod(0o644)
    place.write_bytes(bytes([7]) * 200)
    os.utime(place, ns=(OBJECT_TIME_NS, OBJECT_TIME_NS))
    found = upkeep.verify(store, notes.append, remove=False)
    assert (found.damaged, found.broken) == ([str(place)], ["engine:1"])
    assert place.exists()
    assert upkeep.verify(store, notes.append) == found
    assert not place.exists()
    assert list(store.entry_keys()) == keys[:1]
    assert upkeep.verify(store, notes.append) == upkeep.Verified(2, 110)


def test_a_read_only_store_is_used(tmp_path: Path, store: Store, notes: list[str]) -> None:
    entry = made(tmp_path / "out", FILES)
    store.keep(entry, tmp_path / "out")
    for path in [store.root, *store.root.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        (tmp_path / "back").mkdir()
        assert Store(store.root).restore(KEY, tmp_path / "back", notes.append) == entry
    finally:
        for path in [store.root, *store.root.rglob("*")]:
            path.chmod(0o755)
    shutil.rmtree(store.root)
