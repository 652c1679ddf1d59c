"""Archives unpacked with guards: regular files and folders only, all of them or nothing.

tar (plain, gzip, bzip2, xz) and zip, told apart by their content. The tar headers are walked here,
because `tarfile` takes a damaged header for the end of the archive and its `filter=` is missing
from Python 3.11.0 to 3.11.3. Getting the archive is `download`'s work.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from benchwright.errors import BenchwrightError

Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_LONGEST_EXTENSION = 1 << 20
# What a tar may hold besides contents: headers, padding, zeros at the end.
_OVERHEAD, _OVERHEAD_PER_MEMBER = 64 << 20, 8 << 10
# Control characters, line separators, and what is left of bytes that are not UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DRIVE = re.compile("[A-Za-z]:")
_ZIP_ENCRYPTED = 0x1 | 0x40 | 0x2000
_EXTENSIONS = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE,
               tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE)  # fmt: skip
_TAR_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}
_ZIP_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may amount to; counted as it is written, whatever its headers say.

    members: files and folders. member_bytes, total_bytes: of one file, of all files.
    ratio: bytes written for each byte of the archive; looked at beyond `ratio_floor` bytes.
    """

    members: int = 2_000_000
    member_bytes: int = 1 << 40
    total_bytes: int = 4 << 40
    ratio: int = 200
    ratio_floor: int = 64 << 20


_LIMITS = Limits()


def unpack(
    archive: Path,
    into: Path,
    *,
    limits: Limits = _LIMITS,
    strip: int = 0,
    progress: Progress | None = None,
) -> list[Path]:
    """Unpack into a folder that is new or empty; returns the files, in the archive's order.

    strip: how many leading parts to drop from every name; a file whose name has no more than
        that is an error, never skipped.
    progress: called with the bytes of the archive read so far and its size.

    Files get mode 0644, or 0755 where the archive has them executable; folders 0755; times are
    not kept. The work is done in `.<name>.unpacking` beside the target and moved into place at
    the end: whatever fails, `into` stays as it was. A folder may be listed more than once.

    Raises BenchwrightError, naming archive and member, for names that leave the folder or collide
    (also where only upper and lower case differ), anything but files and folders, encryption,
    damage, a limit passed, a disk that is full or cannot be written.
    """
    if strip < 0:
        raise ValueError(f"strip={strip}")
    target = Path(os.path.realpath(into))
    try:
        with archive.open("rb") as raw, _staging(archive, target) as staging:
            size = os.fstat(raw.fileno()).st_size
            sink = _Sink(archive, size, staging, limits, strip)
            furthest = 0

            def report() -> None:
                nonlocal furthest
                furthest = max(furthest, raw.tell())
                if progress is not None:
                    progress(furthest, size)

            magic = raw.read(_BLOCK)
            raw.seek(0)
            if magic.startswith((b"PK\x03\x04", b"PK\x05\x06")):
                _unzip(sink, raw, report)
            else:
                _Tar(sink, _decompressed(sink, magic, raw), report).unpack()
    except OSError as error:
        raise BenchwrightError(
            f"cannot unpack into {into}",
            where=str(archive),
            why=f"{error.strerror or error}: {error.filename or target}",
            fix=f"see that the archive can be read, and {target.parent} written and not full",
        ) from error
    return [into.joinpath(*parts) for parts in sink.files]


@contextlib.contextmanager
def _staging(archive: Path, target: Path) -> Iterator[Path]:
    """The folder to work in: becomes the target when all went well, otherwise vanishes."""

    def refuse(why: str, fix: str) -> BenchwrightError:
        return BenchwrightError(
            f"cannot unpack into {target}", where=str(archive), why=why, fix=fix
        )

    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise refuse("it exists and is not an empty folder", "remove it, or name another place")
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.unpacking")
    staging.mkdir(exist_ok=True)
    descriptor = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        held = False
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = os.path.samestat(os.fstat(descriptor), os.stat(staging))
        if not held:
            raise refuse("another process is unpacking there", "wait for it")
        try:
            # A killed process leaves its folder, but not its lock.
            for left in staging.iterdir():
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
            yield staging
            staging.chmod(0o755)
            os.replace(staging, target)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
    finally:
        os.close(descriptor)


class _Sink:
    """Where members go: checks each name, counts every byte, writes below `root` only."""

    def __init__(self, archive: Path, size: int, root: Path, limits: Limits, strip: int) -> None:
        self.archive = archive
        self.limits = limits
        self.files: list[tuple[str, ...]] = []
        self.members = 0
        self.written = 0
        self._most = max(limits.ratio * size, limits.ratio_floor)
        self._root = str(root)
        self._strip = strip
        self._folders: set[str] = set()
        self._spelling: dict[str, str] = {}

    def damaged(self, why: str) -> BenchwrightError:
        return BenchwrightError(
            "the archive cannot be read to its end",
            where=str(self.archive),
            why=why,
            fix="get the archive again",
        )

    def refuse(self, name: str, why: str, fix: str | None = None) -> BenchwrightError:
        return BenchwrightError(
            f"member {name[:300]!r} is refused",
            where=str(self.archive),
            why=why,
            fix=fix or "find out where this archive comes from before using it",
        )

    def beyond(self, name: str, limit: str) -> BenchwrightError:
        fix = "raise that limit if the archive is known to be good"
        return self.refuse(name, f"beyond the limit `{limit}`", fix)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Around calls that do nothing but decode: whatever they raise is damage."""
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise self.damaged(str(error) or type(error).__name__) from error

    def _count(self, name: str) -> None:
        # Folders that only deep names imply are made all the same, so they count too.
        if max(self.members, len(self._spelling)) > self.limits.members:
            raise self.beyond(name, f"members={self.limits.members}")

    def folder(self, name: str) -> None:
        self.members += 1
        self._count(name)
        parts = self._parts(name)[self._strip :]
        for depth in range(1, len(parts) + 1):
            self._make_folder(name, "/".join(parts[:depth]))

    def file(self, name: str, chunks: Iterable[bytes], *, executable: bool) -> int:
        """Write one file; returns its size."""
        self.members += 1
        self._count(name)
        parts = self._parts(name)[self._strip :]
        if not parts or name.endswith("/"):
            left = f" after strip={self._strip}" if self._strip else ""
            raise self.refuse(name, f"it leaves no name for a file{left}")
        for depth in range(1, len(parts)):
            self._make_folder(name, "/".join(parts[:depth]))
        path = "/".join(parts)
        self._claim(name, path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        size = 0
        with open(os.open(f"{self._root}/{path}", flags, 0o600), "wb") as stream:
            for chunk in chunks:
                size += len(chunk)
                self.written += len(chunk)
                self._check_bytes(name, size)
                stream.write(chunk)
            os.fchmod(stream.fileno(), 0o755 if executable else 0o644)
        self.files.append(parts)
        return size

    def _check_bytes(self, name: str, size: int) -> None:
        if size > self.limits.member_bytes:
            raise self.beyond(name, f"member_bytes={self.limits.member_bytes}")
        if self.written > self.limits.total_bytes:
            raise self.beyond(name, f"total_bytes={self.limits.total_bytes}")
        if self.written > self._most:
            raise self.beyond(name, f"ratio={self.limits.ratio}")

    def _parts(self, name: str) -> tuple[str, ...]:
        """The name's parts, without `.`; raises where it is anything but plain and relative."""
        if name.startswith("/"):
            raise self.refuse(name, "an absolute path")
        if found := _UNPRINTABLE.search(name):
            raise self.refuse(name, f"its name holds the character {found[0]!r}")
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if ".." in parts:
            raise self.refuse(name, "its name climbs with `..`")
        if any(_DRIVE.match(part) for part in (parts[:1] + parts[self._strip :][:1])):
            raise self.refuse(name, "its name starts with a drive letter")
        return parts

    def _make_folder(self, name: str, path: str) -> None:
        if path not in self._folders:
            self._claim(name, path)
            os.mkdir(f"{self._root}/{path}", 0o700)
            os.chmod(f"{self._root}/{path}", 0o755)
            self._folders.add(path)

    def _claim(self, name: str, path: str) -> None:
        # Two names that some file system takes for one would overwrite each other there.
        key = (path if path.isascii() else unicodedata.normalize("NFD", path)).casefold()
        if key in self._spelling:
            raise self.refuse(name, f"it collides with {self._spelling[key]!r}, which came before")
        self._spelling[key] = path
        self._count(name)


# tar


class _Readable(Protocol):
    def read(self, count: int, /) -> bytes: ...


def _decompressed(sink: _Sink, magic: bytes, raw: IO[bytes]) -> _Readable:
    # Each decompressor may be missing from a Python built without its library.
    try:
        if magic.startswith(b"\x1f\x8b"):
            import gzip

            return gzip.GzipFile(fileobj=raw)
        if magic.startswith(b"BZh"):
            import bz2

            return bz2.BZ2File(raw)
        if magic.startswith(b"\xfd7zXZ\x00"):
            import lzma

            return lzma.LZMAFile(raw)
    except ImportError as error:
        raise BenchwrightError(
            "this Python cannot read the archive", where=str(sink.archive), why=str(error)
        ) from error
    return raw


class _Tar:
    """Walks a tar from front to back, once, in bounded memory."""

    def __init__(self, sink: _Sink, stream: _Readable, report: Callable[[], None]) -> None:
        self.sink = sink
        self.stream = stream
        self.report = report
        self.taken = 0

    def unpack(self) -> None:
        long_name: str | None = None
        records: dict[str, bytes] = {}
        pending = False
        while (block := self._take(_BLOCK)).count(0) < _BLOCK:
            info = self._header(block)
            if info.type in _EXTENSIONS:
                data = self._extension(info)
                if info.type == tarfile.GNUTYPE_LONGNAME:
                    long_name = _text(data.rstrip(b"\0"))
                elif info.type == tarfile.XGLTYPE:
                    if {"path", "size"} & self._records(data).keys():
                        raise self.sink.damaged("one header renames or resizes every member")
                    continue
                elif info.type != tarfile.GNUTYPE_LONGLINK:
                    records |= self._records(data)
                pending = True
                continue
            name = info.name if long_name is None else long_name
            self._member(info, _text(records["path"]) if "path" in records else name, records)
            long_name, records, pending = None, {}, False
        if pending:
            raise self.sink.damaged("the last header belongs to no member")
        if not self.sink.members and self.taken == _BLOCK:
            raise self.sink.damaged("it begins with zeros")
        while rest := self._read(_CHUNK):
            if rest.count(0) != len(rest):
                raise self.sink.damaged("more data follows its end mark")

    def _member(self, info: tarfile.TarInfo, name: str, records: dict[str, bytes]) -> None:
        sink = self.sink
        if why := _TAR_KINDS.get(info.type):
            raise sink.refuse(name, why)
        if any(key.startswith("GNU.sparse.") for key in records):
            raise sink.refuse(name, "a sparse file")
        if info.type == tarfile.DIRTYPE:
            if not name:
                raise sink.refuse(name, "a folder without a name")
            sink.folder(name)
        elif info.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
            size = info.size
            if "size" in records:
                if not re.fullmatch(rb"[0-9]{1,19}", records["size"]):
                    raise sink.damaged(f"the size of {name!r} is not a number")
                size = int(records["size"])
            sink.file(name, self._chunks(size), executable=bool(info.mode & 0o100))
            self._take(-size % _BLOCK)
        else:
            raise sink.refuse(name, f"neither a file nor a folder (tar type {info.type!r})")
        self.report()

    def _header(self, block: bytes) -> tarfile.TarInfo:
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.TarError, ValueError, LookupError) as error:
            if self.taken > _BLOCK:
                at = self.taken - _BLOCK
                raise self.sink.damaged(f"no valid tar header at byte {at} ({error})") from error
            raise BenchwrightError(
                "not an archive that can be unpacked",
                where=str(self.sink.archive),
                why="its content is neither zip nor tar (plain, gzip, bzip2 or xz)",
                fix="check that this is the file, not a web page about it",
            ) from error
        if block[257:263] != b"ustar\0":
            # Only POSIX headers continue the name elsewhere; GNU tar keeps times there.
            info.name = _text(block[:100].partition(b"\0")[0])
        if info.size < 0:
            raise self.sink.damaged(f"{info.name!r} has a negative size")
        return info

    def _extension(self, info: tarfile.TarInfo) -> bytes:
        if info.size > _LONGEST_EXTENSION:
            raise self.sink.damaged(f"a header of {info.size} bytes")
        return self._take(info.size + -info.size % _BLOCK)[: info.size]

    def _records(self, data: bytes) -> dict[str, bytes]:
        """The `<length> <key>=<value>` lines of a pax header."""
        records: dict[str, bytes] = {}
        at = 0
        while at < len(data) and data[at]:
            found = re.compile(rb"([0-9]{1,9}) ([^=\n]+)=").match(data, at)
            end = at + int(found[1]) if found else 0
            if not found or not found.end() < end <= len(data) or data[end - 1] != ord("\n"):
                raise self.sink.damaged("a pax header that is none")
            records[found[2].decode("utf-8", "replace")] = data[found.end() : end - 1]
            at = end
        return records

    def _chunks(self, size: int) -> Iterator[bytes]:
        while size:
            chunk = self._take(min(size, _CHUNK))
            size -= len(chunk)
            yield chunk
            self.report()

    def _take(self, count: int) -> bytes:
        """Exactly that many bytes."""
        data = self._read(count) if count else b""
        if len(data) < count:
            raise self.sink.damaged("it ends too early")
        return data

    def _read(self, count: int) -> bytes:
        with self.sink.reading():
            data = self.stream.read(count)
        self.taken += len(data)
        overhead = self.taken - self.sink.written - _CHUNK
        if overhead > _OVERHEAD + _OVERHEAD_PER_MEMBER * self.sink.members:
            raise self.sink.damaged("it holds far more headers and padding than files")
        return data


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


# zip


def _unzip(sink: _Sink, raw: IO[bytes], report: Callable[[], None]) -> None:
    with sink.reading():
        opened = zipfile.ZipFile(raw)
    with opened:
        for info in opened.infolist():
            _unzip_member(sink, opened, info, report)


def _unzip_member(
    sink: _Sink, opened: zipfile.ZipFile, info: zipfile.ZipInfo, report: Callable[[], None]
) -> None:
    # zipfile cuts names at a NUL and may take another name from an extra field.
    for name in (info.orig_filename, info.filename):
        if "\\" in name or "\0" in name:
            raise sink.refuse(name, "its name holds a backslash or a NUL")
    name, mode = info.filename, info.external_attr >> 16
    if info.flag_bits & _ZIP_ENCRYPTED:
        raise sink.refuse(name, "it is encrypted", "decrypt the archive first")
    kind = stat.S_IFMT(mode)
    is_folder = name.endswith("/")
    if why := _ZIP_KINDS.get(kind):
        raise sink.refuse(name, why)
    if kind and kind != (stat.S_IFDIR if is_folder else stat.S_IFREG):
        raise sink.refuse(name, "its name and its mode disagree on what it is")
    if is_folder:
        if info.file_size:
            raise sink.refuse(name, "a folder with content")
        sink.folder(name)
        return

    def chunks() -> Iterator[bytes]:
        while True:
            with sink.reading():
                chunk = member.read(_CHUNK)
            if not chunk:
                return
            yield chunk
            report()

    with sink.reading():
        member = opened.open(info)
    with member:
        size = sink.file(name, chunks(), executable=bool(mode & 0o100))
    if size != info.file_size:
        raise sink.damaged(f"{name!r} has {size} bytes, not {info.file_size}")
    report()
