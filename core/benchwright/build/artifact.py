"""Artifacts: a folder with a `manifest.json` (what is in it) and a `recipe.json` (how it was made).

The manifest holds content only, so an artifact that is made again with the same bytes has the
same manifest and nothing that depends on it is made again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from benchwright.errors import BenchwrightError

MANIFEST = "manifest.json"
RECIPE = "recipe.json"
_BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def digest_of(value: Any) -> str:
    """The sha256 of a JSON value in canonical form."""
    # ASCII, because a file's name may hold bytes that are no text (lone surrogates in Python).
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class FileEntry(NamedTuple):
    """One file of an artifact: path relative to the root, size in bytes, sha256."""

    path: str
    size: int
    sha256: str


class Manifest(NamedTuple):
    """What an artifact holds. `root` is set when the files lie elsewhere, such as in a folder of
    the user's own; it is kept in the recipe, because the same files elsewhere are no change."""

    files: tuple[FileEntry, ...]
    facts: Mapping[str, Any] = MappingProxyType({})
    root: str | None = None

    def base(self, folder: Path) -> Path:
        """The folder that the files' paths are relative to."""
        return Path(self.root) if self.root is not None else folder

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.files)

    def to_json(self) -> str:
        """Deterministic text; one line per file, so that 50,000 files stay readable and quick."""
        head = {"artifact": 1, "facts": dict(self.facts)}
        lines = [json.dumps([entry.path, entry.size, entry.sha256]) for entry in self.files]
        body = ",\n".join(lines)
        start = json.dumps(head, sort_keys=True)
        return f'{start[:-1]}, "files": [\n{body}\n]}}\n'


def scan(root: Path, *, skip: frozenset[str] = frozenset()) -> tuple[FileEntry, ...]:
    """Every regular file below `root`, sorted by path; links are followed only to files. OSError
    where a folder cannot be listed or a link leads nowhere."""
    entries = []
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            if relative in skip:
                continue
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                entries.append(FileEntry(relative, status.st_size, sha256_of(path)))
    return tuple(sorted(entries, key=lambda entry: entry.path))


def _raise(error: OSError) -> None:
    raise error


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact's folder; BenchwrightError when it is missing or damaged."""
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(FileEntry(name, size, sha) for name, size, sha in data["files"])
        return Manifest(files, data["facts"], read_recipe(folder).get("root"))
    except FileNotFoundError as error:
        raise BenchwrightError(
            "this artifact has not been built", where=str(folder), fix="run the task that builds it"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchwrightError(
            "this manifest is damaged",
            where=str(path),
            why=f"{type(error).__name__}: {error}",
            fix=f"delete the folder {folder} and run again",
        ) from error


def read_recipe(folder: Path) -> dict[str, Any]:
    """What `recipe.json` says; empty when there is none or it is damaged."""
    try:
        data = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


Stamp = list[int]
"""[size, mtime in ns, ctime in ns, inode]: changes with any write to a file's content."""


def stamp(path: str | Path) -> Stamp | None:
    """The stamp of a file, or None where there is no regular file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def stamps(folder: Path) -> dict[str, Stamp | None]:
    """The stamps of every file of an artifact by path, manifest and recipe included."""
    found = {path: stamp(path) for path in _papers(folder)}
    manifest = read_manifest(folder)
    base = manifest.base(folder)
    for entry in manifest.files:
        path = f"{base}/{entry.path}"
        found[path] = stamp(path)
    return found


def _papers(folder: Path) -> tuple[str, str]:
    return f"{folder}/{MANIFEST}", f"{folder}/{RECIPE}"


def damage(folder: Path, known: Mapping[str, Stamp | None] | None = None) -> str | None:
    """Why an artifact is not whole, or None.

    A file whose stamp is in `known` is trusted; any other is hashed. A file that has appeared is
    no damage: what a data set or a tree consists of is said by files that are in the manifest.
    """
    try:
        manifest = read_manifest(folder)
    except BenchwrightError as error:
        return f"{error.where}: {error.what}"
    base = manifest.base(folder)
    # What is known was known of the files that these very papers list.
    if not known or any(known.get(path) != stamp(path) for path in _papers(folder)):
        known = {}
        # An edit may leave it readable, and others would be told something else of the artifact.
        told = read_recipe(folder).get("manifest")
        if told is not None and told != _digest(folder / MANIFEST):
            return f"{folder / MANIFEST} has changed content"
    for entry in manifest.files:
        path = f"{base}/{entry.path}"
        now = stamp(path)
        if now is None:
            return f"{path} is missing"
        if now == known.get(path):
            continue
        if now[0] != entry.size:
            return f"{path} has {now[0]} bytes instead of {entry.size}"
        if (digest := _digest(Path(path))) is None:
            return f"{path} is missing"
        if digest != entry.sha256:
            return f"{path} has changed content"
    return None


def _digest(path: Path) -> str | None:
    """A file's SHA-256; None where another process has just taken it away."""
    try:
        return sha256_of(path)
    except FileNotFoundError:
        return None


def partial_place(place: Path) -> Path:
    """Where a folder or file is written before it is complete: beside its place, on one file
    system."""
    return place.with_name(f".{place.name}.partial-{os.getpid()}")


def scratch_folder(folder: Path) -> Path:
    """Where a recipe may keep intermediate files while it works."""
    return folder.with_name(f".{folder.name}.partial-scratch-{os.getpid()}")


def discard_partials(folder: Path, *, alone: bool) -> None:
    """Removes what interrupted processes left beside an artifact.

    alone: nobody else can be at work there (see `alone`); else what belongs to a process that
    lives is left.
    """
    for left in folder.parent.glob(f".{folder.name}.partial-*"):
        owner = left.name.rsplit("-", 1)[-1]
        if not alone and owner.isdigit() and int(owner) != os.getpid() and _alive(int(owner)):
            continue
        shutil.rmtree(left, ignore_errors=True)
    for left in folder.parent.glob(f".{folder.name}.replaced-*"):
        shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def interrupted(folder: Path) -> bool:
    """Whether a process works at an artifact's place or was killed there: its lock is left."""
    return _lock_file(folder).exists()


def _lock_file(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


class Place(NamedTuple):
    """An artifact's place while `alone` holds it. left: whether somebody may have left something
    there (looking for that each time would read a folder of 10,000 artifacts 10,000 times);
    locked: whether others are kept out, which not every file system can."""

    left: bool
    locked: bool


@contextlib.contextmanager
def alone(folder: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[Place]:
    """Holds an artifact's place against other processes; `waiting` is called once if it must wait.

    The lock is the kernel's (flock on a file beside the folder): it ends with its holder, however
    that ends.
    """
    if sys.platform == "win32":
        yield Place(left=True, locked=False)
        return
    descriptor, locked, left = _lock(_lock_file(folder), waiting)
    try:
        yield Place(left, locked)
    finally:
        # Unlinked while held: whoever waits for this file finds that it has gone and opens anew.
        _lock_file(folder).unlink(missing_ok=True)
        os.close(descriptor)


def _lock(path: Path, waiting: Callable[[], None]) -> tuple[int, bool, bool]:
    """(the lock's file, whether the kernel locks it, whether somebody left it)."""
    import fcntl

    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    while True:
        try:
            descriptor, left = os.open(path, flags | os.O_EXCL, 0o666), False
        except FileExistsError:
            # Another's, who holds it, or was killed before us or while we wait.
            descriptor, left = os.open(path, flags, 0o666), True
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == os.fstat(descriptor).st_ino:
                    return descriptor, True, left
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                return descriptor, False, left
            os.close(descriptor)
            raise
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


INVALID = ".invalid-"
"""In the name of a folder that holds an artifact which says of itself that it does not count
(`valid: false` among its facts), kept beside its successor."""


def counts(folder: Path) -> bool:
    """False of an artifact that says of itself that it does not count."""
    try:
        return read_manifest(folder).facts.get("valid") is not False
    except BenchwrightError:
        return True


def _beside(folder: Path) -> Path:
    """A free place beside a folder for what it holds now."""
    number = 1
    while (place := folder.with_name(f"{folder.name}{INVALID}{number}")).exists():
        number += 1
    return place


def install(partial: Path, folder: Path) -> None:
    """Puts a complete partial folder in its place, replacing what was there; what does not count
    is kept beside it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_dir() and not counts(folder):
        os.replace(folder, _beside(folder))
    old = folder.with_name(f".{folder.name}.replaced-{os.getpid()}")
    if folder.exists() or folder.is_symlink():
        os.replace(folder, old)
    os.replace(partial, folder)
    if old.is_symlink() or old.is_file():
        old.unlink()
    else:
        shutil.rmtree(old, ignore_errors=True)


def walk_files(folder: Path) -> Iterator[Path]:
    """The files of an artifact, by absolute or relative path as `folder` is."""
    manifest = read_manifest(folder)
    base = manifest.base(folder)
    for entry in manifest.files:
        yield base / entry.path
