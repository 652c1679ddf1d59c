"""Bundles: artifacts in one file, for the store of a machine without network.

A tar file, compressed or not:

    bundle.json          the format, and what is in it, to be read first
    entries/<key>.json   the artifacts
    objects/<sha256>     the files' contents

A bundle may come from anybody: nothing is unpacked by its name, everything is hashed.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from benchwright import __version__
from benchwright.build.artifact import FileEntry, partial_place
from benchwright.build.store.entry import FORMAT, KEY, Entry, parse_entry
from benchwright.build.store.store import Store
from benchwright.errors import BenchwrightError, UsageError
from benchwright.progress import ProgressCallback, silent

_HEAD = "bundle.json"
_BLOCK = 1 << 20
_LARGEST_PAPER = 1 << 28
"""Bytes; of a header or an entry, which are read whole (50,000 files take about 6 MB)."""

MODES: Mapping[str, str] = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz"}
"""How a bundle's name ends → tarfile's mode of writing it."""


@dataclass
class Transfer:
    """What an export wrote or an import added: tasks by name; files and bytes of content."""

    tasks: list[str] = field(default_factory=list)
    files: int = 0
    size: int = 0
    known: int = 0
    """Of an import: artifacts that were in the store already."""
    made_by: str = ""
    """The version of Benchwright that wrote the bundle."""


def write_bundle(
    target: Path, artifacts: Iterable[tuple[Entry, Path]], progress: ProgressCallback = silent
) -> Transfer:
    """Writes entries with the files that lie in their folders; the same artifacts give the same
    bytes. Raises BenchwrightError when a file is no longer what its entry says."""
    mode = next((MODES[end] for end in sorted(MODES) if target.name.endswith(end)), None)
    if mode is None:
        raise UsageError(
            "the name of a bundle ends in .tar or .tar.gz", where=str(target), fix=f"{target}.tar"
        )
    chosen = sorted(artifacts, key=lambda pair: pair[0].key)
    contents = {
        item.sha256: (item, folder / item.path)
        for entry, folder in chosen
        for item in entry.manifest.files
    }
    total = sum(item.size for item, _ in contents.values())
    done = Transfer([entry.task for entry, _ in chosen], len(contents), total)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial_place(target)
    try:
        with temporary.open("wb") as raw, _tar(raw, mode) as tar:
            head = {"bundle": FORMAT, "benchwright": __version__, "tasks": done.tasks}
            _add_text(tar, _HEAD, json.dumps(head))
            for entry, _ in chosen:
                _add_text(tar, f"entries/{entry.key}.json", entry.to_json())
            written = 0
            for sha256, (item, path) in sorted(contents.items()):
                _add_file(tar, f"objects/{sha256}", item, path)
                written += item.size
                progress(written, total)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return done


def _tar(raw: IO[bytes], mode: str) -> tarfile.TarFile:
    if mode == "w":
        return tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT)
    import gzip

    # No time and no name inside: the same artifacts give the same bytes.
    packed = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0)
    return _Packed(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT)


class _Packed(tarfile.TarFile):
    """A tar file that closes its compressor as well."""

    def close(self) -> None:
        super().close()
        if self.fileobj is not None:
            self.fileobj.close()


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _add_file(tar: tarfile.TarFile, name: str, item: FileEntry, path: Path) -> None:
    member = tarfile.TarInfo(name)
    member.size = item.size
    with path.open("rb") as stream:
        reader = _Hashing(stream)
        try:
            tar.addfile(member, reader)
            sound = reader.hexdigest() == item.sha256 and not stream.read(1)
        except OSError as error:
            if error.errno is not None:
                raise
            # What tarfile says of a file that is shorter than it was.
            sound = False
    if not sound:
        raise BenchwrightError(
            "this file has changed since it was built",
            where=str(path),
            fix="run the build again, then export",
        )


class _Hashing:
    """A stream that hashes what is read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        import hashlib

        self._stream = stream
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._digest.update(data)
        return data

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def read_bundle(source: Path, store: Store, progress: ProgressCallback = silent) -> Transfer:
    """Adds a bundle's artifacts to the store. Raises BenchwrightError for anything in it that is
    not as it should be; what was added before is sound and stays."""
    try:
        with source.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as tar:
            store.make_place()
            with store.shared():
                return _Reading(tar, store, progress).transfer()
    except FileNotFoundError as error:
        if str(error.filename) != str(source):
            raise
        raise UsageError("this file does not exist", where=str(source)) from error
    except OSError as error:
        if error.errno is not None:
            raise
        # What gzip says of bytes that are none of its own.
        raise _unsound(source, error) from error
    except (tarfile.TarError, zlib.error, EOFError, ValueError, BenchwrightError) as error:
        raise _unsound(source, error) from error


def _unsound(source: Path, error: Exception) -> BenchwrightError:
    why = str(error)
    if isinstance(error, BenchwrightError):
        why = f"{error.where}: {error.what}" if error.where else error.what
    return BenchwrightError(
        "this is no whole bundle of `benchwright store export`",
        where=str(source),
        why=why or type(error).__name__,
        fix="copy or export it again",
    )


class _Reading:
    """One import: members in the order in which they lie in the file."""

    def __init__(self, tar: tarfile.TarFile, store: Store, progress: ProgressCallback) -> None:
        self._tar = tar
        self._store = store
        self._progress = progress
        self._entries: list[Entry] = []
        self._wanted: dict[str, FileEntry] = {}

    def transfer(self) -> Transfer:
        members = iter(self._tar)
        head = self._head(members)
        done = Transfer(made_by=str(head.get("benchwright", "")))
        read = 0
        for member in members:
            folder, _, name = member.name.partition("/")
            if not member.isreg():
                raise BenchwrightError("a bundle holds regular files only", where=member.name)
            if folder == "entries" and KEY.fullmatch(name.removesuffix(".json")):
                self._expect(parse_entry(self._paper(member), name.removesuffix(".json")))
            elif folder == "objects" and name in self._wanted:
                item = self._wanted[name]
                if not self._store.sound(self._store.object(name), item):
                    self._store.add_object(self._blocks(member), item)
                    done.files += 1
                    done.size += item.size
                read += item.size
                self._progress(read, self._total)
            else:
                raise BenchwrightError("this does not belong in a bundle", where=member.name)
        for entry in self._entries:
            if self._store.entry(entry.key).exists():
                done.known += 1
            self._store.add_entry(entry)
            done.tasks.append(entry.task)
        return done

    def _head(self, members: Iterator[tarfile.TarInfo]) -> Mapping[str, Any]:
        first = next(members, None)
        if first is None or first.name != _HEAD or not first.isreg():
            raise BenchwrightError(f"{_HEAD} is not its first file")
        try:
            head = json.loads(self._paper(first))
            version = head["bundle"]
        except (ValueError, KeyError, TypeError) as error:
            raise BenchwrightError(f"{_HEAD} is damaged") from error
        if version != FORMAT:
            raise BenchwrightError(
                f"this bundle has format {version}, and this Benchwright knows format {FORMAT}"
            )
        found: Mapping[str, Any] = head
        return found

    def _expect(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._wanted.update({item.sha256: item for item in entry.manifest.files})
        self._total = sum(item.size for item in self._wanted.values())

    def _paper(self, member: tarfile.TarInfo) -> str:
        if member.size > _LARGEST_PAPER:
            raise BenchwrightError(f"{member.size:,} bytes are too many here", where=member.name)
        return b"".join(self._blocks(member)).decode()

    def _blocks(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        stream = self._tar.extractfile(member)
        while stream is not None and (block := stream.read(_BLOCK)):
            yield block
