"""The store's folder: putting artifacts in and taking them out, by any number of processes.

Every object carries one fixed modification time, so that any later write to it shows: one whose
size and time are right is trusted, any other is hashed before it is used.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchwright.build.artifact import FileEntry, sha256_of
from benchwright.build.store.entry import FORMAT, KEY, Entry, parse_entry
from benchwright.build.store.files import clone_or_copy, link_or_copy
from benchwright.errors import BenchwrightError

STORE_VARIABLE = "BENCHWRIGHT_STORE"
"""Environment variable: the store's folder, or `off`."""

OBJECT_TIME_NS = 315_532_800 * 10**9
"""The modification time of every object, in ns: 1980-01-01, which no clock of today writes."""

UNFINISHED = ".unfinished-"
"""How the names of files begin that are not complete yet."""

Note = Callable[[str], None]


class StoreUnusable(BenchwrightError):
    """The store cannot be used at all; a build goes on without it."""


def store_folder() -> Path | None:
    """Where the store is: `BENCHWRIGHT_STORE`, else in the user's cache folder; None when off."""
    given = os.environ.get(STORE_VARIABLE, "")
    if given == "off":
        return None
    if given:
        return Path(given).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "benchwright" / "store"


class Store:
    """One store folder, which need not exist yet."""

    def __init__(self, root: Path) -> None:
        """Raises StoreUnusable when anybody may write there, or a newer version made it."""
        self.root = root
        self.entries = root / "entries"
        self.objects = root / "objects"
        self._format_file = root / "store.json"
        try:
            mode = root.stat().st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreUnusable(
                "the store cannot be looked at", where=str(root), why=str(error)
            ) from error
        self._refuse_unsafe(mode)
        self._refuse_newer()

    def _refuse_unsafe(self, mode: int) -> None:
        if not stat.S_ISDIR(mode):
            raise StoreUnusable(
                "the store is no folder",
                where=str(self.root),
                fix=f"name a folder with {STORE_VARIABLE}",
            )
        if mode & stat.S_IWOTH:
            raise StoreUnusable(
                "anybody may write into this store",
                where=str(self.root),
                why="what a stranger puts there would run on your machine",
                fix=f"chmod o-w {self.root}; to share a store with others, give it a group",
            )

    def _refuse_newer(self) -> None:
        try:
            version = json.loads(self._format_file.read_text(encoding="utf-8"))["store"]
        except (OSError, ValueError, KeyError, TypeError):
            # Missing or damaged: every entry states the format too, and `keep` writes it anew.
            return
        if version != FORMAT:
            raise StoreUnusable(
                f"this store has format {version}, and this Benchwright knows format {FORMAT}",
                where=str(self.root),
                fix=f"upgrade Benchwright, or name another folder with {STORE_VARIABLE}",
            )

    # ---- what a build does

    def restore(self, key: str, out: Path, note: Note, *, link: bool = False) -> Entry | None:
        """Puts the files of `key` into the folder `out`; None when they are not here whole.

        link: hard links to the store's own files instead of files of one's own. What is damaged is
        noted and dropped. Raises OSError when `out` cannot be written.
        """
        with self.shared() as there:
            entry = self.read(key, note) if there else None
            if entry is None:
                return None
            place_file = link_or_copy if link else clone_or_copy
            folders = {""}
            # Text instead of paths: a data set may be ten thousand small files.
            root = str(out)
            for item in entry.manifest.files:
                place = self._object(item.sha256)
                if not self.sound(place, item):
                    note(f"{place} is missing or damaged: dropped, {entry.task} is made again")
                    self._drop(self.entry(key), Path(place))
                    return None
                folder = item.path.rpartition("/")[0]
                if folder not in folders:
                    os.makedirs(f"{root}/{folder}", exist_ok=True)
                    folders.add(folder)
                place_file(place, f"{root}/{item.path}")
            with contextlib.suppress(OSError):
                os.utime(self.entry(key))
            return entry

    def keep(self, entry: Entry, folder: Path) -> None:
        """Puts in a copy of an artifact's files, which lie in `folder`. Raises OSError; nothing
        unfinished is left."""
        self.make_place()
        with self.shared():
            for item in entry.manifest.files:
                if not self.sound(self.object(item.sha256), item):
                    self._keep_file(folder / item.path, item)
            self._write(self.entry(entry.key), entry.to_json().encode())

    def read(self, key: str, note: Note) -> Entry | None:
        """The entry under `key`; a damaged one is noted, dropped and counts as none."""
        path = self.entry(key)
        try:
            return parse_entry(path.read_text(encoding="utf-8"), key)
        except FileNotFoundError:
            return None
        except OSError as error:
            note(f"{path} cannot be read: {error.strerror}")
        except (UnicodeDecodeError, BenchwrightError) as error:
            note(f"{path} is damaged and is dropped ({getattr(error, 'why', error)})")
            self._drop(path)
        return None

    def sound(self, place: str | Path, item: FileEntry) -> bool:
        """Whether an object is what it says; read only when its size and time do not tell."""
        try:
            status = os.lstat(place)
            if not stat.S_ISREG(status.st_mode) or status.st_size != item.size:
                return False
            # Anybody can set a time: it is a memo only where this user or root wrote the file.
            if status.st_mtime_ns == OBJECT_TIME_NS and status.st_uid in (os.geteuid(), 0):
                return True
            return sha256_of(Path(place)) == item.sha256
        except OSError:
            return False

    # ---- what upkeep and bundles do

    def entry(self, key: str) -> Path:
        """The file of an entry."""
        return self.entries / key[:2] / f"{key[2:]}.json"

    def object(self, sha256: str) -> Path:
        """The file of an object."""
        return Path(self._object(sha256))

    def _object(self, sha256: str) -> str:
        return f"{self.objects}/{sha256[:2]}/{sha256[2:]}"

    def entry_keys(self) -> Iterator[str]:
        """The keys of all entries, sorted."""
        for path in sorted(self.entries.glob("??/*.json")):
            key = path.parent.name + path.stem
            if KEY.fullmatch(key):
                yield key

    def object_names(self) -> Iterator[str]:
        """The sha256 of all objects, sorted."""
        for path in sorted(self.objects.glob("??/*")):
            name = path.parent.name + path.name
            if KEY.fullmatch(name):
                yield name

    def unfinished(self) -> Iterator[Path]:
        """Files that a killed process left."""
        yield from self.root.glob(f"{UNFINISHED}*")
        yield from self.root.glob(f"*/*/{UNFINISHED}*")

    def add_object(self, chunks: Iterable[bytes], item: FileEntry) -> None:
        """Puts in an object from its bytes; BenchwrightError when they are not its content."""
        digest, size = hashlib.sha256(), 0
        with self._unfinished(self.object(item.sha256)) as temporary:
            with temporary.open("wb") as stream:
                for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    stream.write(chunk)
            if digest.hexdigest() != item.sha256 or size != item.size:
                raise BenchwrightError("this content is not what its name says", where=item.sha256)
            _seal(temporary)

    def add_entry(self, entry: Entry) -> None:
        """Puts in an entry; BenchwrightError when one of its objects is not there."""
        for item in entry.manifest.files:
            if not self.sound(self.object(item.sha256), item):
                raise BenchwrightError(
                    f"the content of {item.path} is missing", where=f"{entry.task} ({entry.key})"
                )
        self._write(self.entry(entry.key), entry.to_json().encode())

    def make_place(self) -> None:
        """Makes the store's folders where they are not there yet. Raises OSError."""
        if not self.root.is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
            # Whatever the umask: a store that others may write into is refused.
            self.root.chmod(self.root.stat().st_mode & ~stat.S_IWOTH)
        self._folder(self.entries)
        self._folder(self.objects)
        try:
            sound = json.loads(self._format_file.read_text(encoding="utf-8")) == {"store": FORMAT}
        except (OSError, ValueError):
            sound = False
        if not sound:
            self._write(self._format_file, json.dumps({"store": FORMAT}).encode())

    @contextlib.contextmanager
    def shared(self) -> Iterator[bool]:
        """Holds the store against `alone`; yields whether there is a store."""
        with self._locked(exclusive=False) as there:
            yield there

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Holds the store against everybody; yields whether there is a store."""
        with self._locked(exclusive=True) as there:
            yield there

    # ---- the inside

    def _keep_file(self, source: Path, item: FileEntry) -> None:
        with self._unfinished(self.object(item.sha256)) as temporary:
            temporary.unlink()
            clone_or_copy(source, temporary)
            # The copy is hashed, not the source: it is what others will be given.
            if sha256_of(temporary) != item.sha256:
                raise OSError(errno.EAGAIN, "changed while it was put into the store", str(source))
            _seal(temporary)

    def _write(self, path: Path, data: bytes) -> None:
        with self._unfinished(path) as temporary:
            temporary.write_bytes(data)
            temporary.chmod(0o644 | self._group_bits() & 0o060)

    @contextlib.contextmanager
    def _unfinished(self, path: Path) -> Iterator[Path]:
        """A file beside `path` that takes its place at the end, and goes if there is an error."""
        self._folder(path.parent)
        descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
        os.close(descriptor)
        temporary = Path(name)
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def _folder(self, folder: Path) -> None:
        """Makes a folder with the root's own rights for its group, which may share the store."""
        if folder.is_dir() or folder == self.root:
            return
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            folder.chmod(0o755 | self._group_bits())

    def _group_bits(self) -> int:
        return self.root.stat().st_mode & (stat.S_IRWXG | stat.S_ISGID)

    def _drop(self, *paths: Path) -> None:
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink()

    @contextlib.contextmanager
    def _locked(self, *, exclusive: bool) -> Iterator[bool]:
        """The kernel's lock on the folder itself, so that a read-only store can be used; where
        the file system has no locks, nothing is held."""
        if sys.platform == "win32":
            yield self.root.is_dir()
            return
        import fcntl

        try:
            descriptor = os.open(self.root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        except OSError:
            yield False
            return
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
            yield True
        finally:
            os.close(descriptor)


def _seal(path: Path) -> None:
    path.chmod(0o444)
    os.utime(path, ns=(OBJECT_TIME_NS, OBJECT_TIME_NS))
