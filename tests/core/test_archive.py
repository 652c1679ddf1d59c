"""`unpack` on sound, damaged and hostile archives; all are made here, byte by byte where needed."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchwright import archive as module
from benchwright.archive import Limits, unpack
from benchwright.errors import BenchwrightError

SOURCE = Path(module.__file__).parents[1]
NOISE = random.Random(1).randbytes(1_200_000)
FILES = {"top/a.txt": b"alpha", "top/sub/b.bin": NOISE, "top/sub/empty": b"", "top/z": b"x" * 512}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
Builder = Callable[[list[tuple[str, bytes | None]]], bytes]


def tar_entry(
    name: str, content: bytes | None = b"", *, kind: bytes | None = None, mode: int = 0o644
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind or (tarfile.DIRTYPE if content is None else tarfile.REGTYPE)
    info.size, info.mode, info.linkname = len(content or b""), mode, "a.txt"
    return info, content or b""


def tar_of(*entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, errors="surrogateescape") as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zip_of(*entries: tuple[zipfile.ZipInfo | str, bytes], method: int = 8) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as opened:
        for info, content in entries:
            opened.writestr(info, content, method)
    return out.getvalue()


def zip_entry(name: str, mode: int, content: bytes = b"") -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info, content


def make_tar(entries: list[tuple[str, bytes | None]]) -> bytes:
    return tar_of(*(tar_entry(name, content) for name, content in entries))


def make_zip(entries: list[tuple[str, bytes | None]]) -> bytes:
    return zip_of(
        *(
            (name.rstrip("/") + "/", b"") if content is None else (name, content)
            for name, content in entries
        )
    )


BUILDERS = pytest.mark.parametrize("build", [make_tar, make_zip])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    # The name says nothing: the content decides.
    return tmp_path / "archive.bin"


def content_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refused(archive: Path, data: bytes, match: str, **options: object) -> str:
    """Unpacking raises, naming the archive, and leaves nothing at all."""
    archive.write_bytes(data)
    into = archive.parent / "into"
    with pytest.raises(BenchwrightError, match=match) as caught:
        unpack(archive, into, **options)  # type: ignore[arg-type]
    assert os.listdir(archive.parent) == [archive.name]
    assert str(archive) in str(caught.value)
    return str(caught.value)


# Sound archives


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("packer", PACKERS)
def test_every_tar_comes_out_as_it_went_in(archive: Path, packer: str, form: int) -> None:
    data = tar_of(*(tar_entry(*item) for item in FILES.items()), form=form)
    archive.write_bytes(PACKERS[packer](data))
    into = archive.parent / "deep" / "into"
    assert unpack(archive, into) == [into / name for name in FILES]
    assert content_of(into) == FILES
    assert os.listdir(into.parent) == ["into"]


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_every_zip_comes_out_as_it_went_in(archive: Path, method: int) -> None:
    archive.write_bytes(zip_of(*FILES.items(), method=method))
    into = archive.parent / "into"
    assert unpack(archive, into) == [into / name for name in FILES]
    assert content_of(into) == FILES


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names(archive: Path, form: int) -> None:
    names = ["long/" * 60 + "x" * 200, "\u00e4\u00f6\u00fc/\u65e5\u672c", "./dot/./name", "a..b"]
    archive.write_bytes(tar_of(*(tar_entry(name, b"1") for name in names), form=form))
    files = unpack(archive, archive.parent / "into")
    assert [str(path.relative_to(archive.parent / "into")) for path in files] == [
        *names[:2],
        "dot/name",
        "a..b",
    ]
    assert all(path.read_bytes() == b"1" for path in files)


def test_ustar_prefix_counts_only_in_posix_headers(archive: Path) -> None:
    long = "p" * 90 + "/" + "n" * 90
    data = tar_of(tar_entry(long), form=tarfile.USTAR_FORMAT)
    archive.write_bytes(data)
    assert unpack(archive, archive.parent / "1") == [archive.parent / "1" / long]
    # GNU tar keeps the access time where POSIX has the rest of the name.
    head = bytearray(tar_of(tar_entry("name"), form=tarfile.GNU_FORMAT))
    head[345:357] = b"14477061372\0"
    archive.write_bytes(with_checksum(head))
    assert unpack(archive, archive.parent / "2") == [archive.parent / "2" / "name"]


def with_checksum(data: bytearray) -> bytes:
    """The tar with its first header's checksum made right."""
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


def test_a_tar_of_the_oldest_kind_is_known_by_its_checksum(archive: Path) -> None:
    head = bytearray(tar_of(tar_entry("old", b"7")))
    head[156], head[257:265] = 0, b"\0" * 8
    archive.write_bytes(with_checksum(head))
    assert unpack(archive, archive.parent / "into")[0].read_bytes() == b"7"


def test_the_system_tar_is_understood(archive: Path) -> None:
    folder = archive.parent / "made"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    try:
        command = ["tar", "-czf", str(archive), "-C", str(folder), "."]
        subprocess.run(command, check=True)
    except FileNotFoundError:
        pytest.skip("no tar on this machine")
    unpack(archive, archive.parent / "into")
    assert content_of(archive.parent / "into") == FILES


@BUILDERS
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_empty_folders_and_repeated_folders(archive: Path, build: Builder) -> None:
    entries: list[tuple[str, bytes | None]] = [
        (".", None), ("e", None), ("d/f", b"1"), ("d", None), ("d", None), ("./d/", None),
    ]  # fmt: skip
    archive.write_bytes(build(entries))
    into = archive.parent / "into"
    assert unpack(archive, into) == [into / "d" / "f"]
    assert sorted(os.listdir(into)) == ["d", "e"]


@BUILDERS
def test_strip(archive: Path, build: Builder) -> None:
    archive.write_bytes(build([("top", None), *FILES.items()]))
    into = archive.parent / "into"
    assert unpack(archive, into, strip=1) == [into / name.removeprefix("top/") for name in FILES]
    with pytest.raises(BenchwrightError, match="leaves no name for a file after strip=2"):
        unpack(archive, archive.parent / "other", strip=2)
    with pytest.raises(ValueError, match="strip"):
        unpack(archive, archive.parent / "other", strip=-1)


@BUILDERS
def test_strip_does_not_hide_what_is_wrong(archive: Path, build: Builder) -> None:
    refused(archive, build([("../top/a", b"")]), "climbs", strip=2)
    refused(archive, build([("/top/a", b"")]), "absolute", strip=1)
    refused(archive, build([("top/C:/a", b"")]), "drive letter", strip=1)
    refused(archive, build([("C:/top/a", b"")]), "drive letter", strip=1)
    refused(archive, build([("x/same", b"1"), ("y/same", b"2")]), "collides", strip=1)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_modes_are_plain(archive: Path, umask: int) -> None:
    modes = {"a": 0o777, "b": 0o600, "c": 0o7755, "d": 0o4711, "e": 0, "f": 0o011}
    expected = {"a": 0o755, "b": 0o644, "c": 0o755, "d": 0o755, "e": 0o644, "f": 0o644}
    folder = tar_entry("dir", None, mode=0o7700)
    tar = tar_of(folder, *(tar_entry(f"dir/{name}", mode=mode) for name, mode in modes.items()))
    entries = [zip_entry(f"dir/{n}", stat.S_IFREG | m) for n, m in modes.items()]
    before = os.umask(umask)
    try:
        for data in (tar, zip_of(*entries), zip_of(*entries[::-1])):
            archive.write_bytes(data)
            into = archive.parent / f"into{len(os.listdir(archive.parent))}"
            files = unpack(archive, into)
            found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files}
            assert found == expected
            assert stat.S_IMODE(into.stat().st_mode) == 0o755
            assert stat.S_IMODE((into / "dir").stat().st_mode) == 0o755
    finally:
        os.umask(before)


def test_times_and_owners_are_not_kept(archive: Path) -> None:
    info, content = tar_entry("a")
    info.mtime, info.uid, info.gid = 5, 12345, 12345
    archive.write_bytes(tar_of((info, content)))
    found = unpack(archive, archive.parent / "into")[0].stat()
    assert found.st_mtime > 1_000_000_000
    assert found.st_uid == os.getuid()


@pytest.mark.parametrize("packer", [*PACKERS, "zip"])
def test_progress_counts_the_archive(archive: Path, packer: str) -> None:
    zipped = packer == "zip"
    data = zip_of(*FILES.items()) if zipped else PACKERS[packer](make_tar([*FILES.items()]))
    archive.write_bytes(data)
    seen: list[tuple[int, int | None]] = []
    into = archive.parent / "into"
    unpack(archive, into, progress=lambda done, total: seen.append((done, total)))
    assert {total for _, total in seen} == {len(data)}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(data) * 0.9 < seen[-1][0] <= len(data)
    assert len(seen) > len(FILES)


# Where it goes


def test_progress_does_not_go_back_where_a_zip_lists_its_members_backwards(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in FILES.items():
            opened.writestr(name, content)
        opened.filelist.reverse()
    seen: list[int] = []
    unpack(archive, archive.parent / "into", progress=lambda done, total: seen.append(done))
    assert seen == sorted(seen)


def test_an_empty_folder_is_taken_and_anything_else_is_not(archive: Path) -> None:
    archive.write_bytes(make_zip([*FILES.items()]))
    into = archive.parent / "into"
    into.mkdir(mode=0o700)
    unpack(archive, into)
    assert content_of(into) == FILES
    with pytest.raises(BenchwrightError, match="not an empty folder"):
        unpack(archive, into)
    assert content_of(into) == FILES
    with pytest.raises(BenchwrightError, match="not an empty folder"):
        unpack(archive, archive)


def test_a_link_to_an_empty_folder_is_followed(archive: Path) -> None:
    archive.write_bytes(make_zip([*FILES.items()]))
    (archive.parent / "disk" / "real").mkdir(parents=True)
    link = archive.parent / "link"
    link.symlink_to("disk/real")
    assert unpack(archive, link)[0] == link / "top/a.txt"
    assert content_of(archive.parent / "disk" / "real") == FILES
    assert link.is_symlink()


def test_a_planted_staging_link_is_not_followed(archive: Path) -> None:
    archive.write_bytes(make_zip([*FILES.items()]))
    (archive.parent / "precious").mkdir()
    (archive.parent / "precious" / "mine").write_bytes(b"")
    (archive.parent / ".into.unpacking").symlink_to("precious")
    with pytest.raises(BenchwrightError):
        unpack(archive, archive.parent / "into")
    assert os.listdir(archive.parent / "precious") == ["mine"]


def test_two_at_once_do_not_mix(archive: Path) -> None:
    archive.write_bytes(make_tar([*FILES.items()]))
    into = archive.parent / "into"
    refusals: list[BenchwrightError] = []

    def second(done: int, total: int | None) -> None:
        if not refusals:
            with pytest.raises(BenchwrightError, match="another process") as caught:
                unpack(archive, into)
            refusals.append(caught.value)

    unpack(archive, into, progress=second)
    assert content_of(into) == FILES
    assert len(refusals) == 1


def run(code: str) -> subprocess.CompletedProcess[str]:
    head = """
        import os, resource, signal
        from pathlib import Path
        from benchwright.archive import unpack
        from benchwright.errors import BenchwrightError
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )


def test_a_killed_process_leaves_no_target_and_the_next_one_works(archive: Path) -> None:
    archive.write_bytes(make_tar([("stale", b""), *FILES.items()]))
    into = archive.parent / "into"
    done = run(f"""
        def kill(done, total):
            os.kill(os.getpid(), signal.SIGKILL)
        unpack(Path({str(archive)!r}), Path({str(into)!r}), progress=kill)
    """)
    assert done.returncode == -signal.SIGKILL
    assert not into.exists()
    assert os.listdir(archive.parent / ".into.unpacking") == ["stale"]
    archive.write_bytes(make_tar([*FILES.items()]))
    unpack(archive, into)
    assert content_of(into) == FILES
    assert sorted(os.listdir(archive.parent)) == [archive.name, "into"]


def test_a_disk_that_takes_no_more(archive: Path) -> None:
    archive.write_bytes(make_tar([*FILES.items()]))
    done = run(f"""
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            unpack(Path({str(archive)!r}), Path({str(archive.parent / "into")!r}))
        except BenchwrightError as error:
            print(error)
    """)
    assert "File too large" in done.stdout
    assert str(archive) in done.stdout
    assert os.listdir(archive.parent) == [archive.name]


def test_an_interruption_leaves_nothing(archive: Path) -> None:
    archive.write_bytes(make_tar([*FILES.items()]))

    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    (archive.parent / "into").mkdir()
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, archive.parent / "into", progress=interrupt)
    assert sorted(os.listdir(archive.parent)) == [archive.name, "into"]
    assert os.listdir(archive.parent / "into") == []


def test_the_callers_own_errors_are_not_called_damage(archive: Path) -> None:
    def fail(done: int, total: int | None) -> None:
        raise ValueError("mine")

    for data in (make_tar([("a", b"1")]), make_zip([("a", b"1")])):
        archive.write_bytes(data)
        with pytest.raises(ValueError, match="mine"):
            unpack(archive, archive.parent / "into", progress=fail)
        assert os.listdir(archive.parent) == [archive.name]


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    for missing in (tmp_path / "absent", tmp_path):
        with pytest.raises(BenchwrightError, match=str(missing)):
            unpack(missing, tmp_path / "into")
    assert os.listdir(tmp_path) == []


# Hostile names and kinds


@BUILDERS
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/passwd", "absolute"),
        ("//etc/passwd", "absolute"),
        ("../evil", "climbs"),
        ("a/../../evil", "climbs"),
        ("a/..", "climbs"),
        ("..", "climbs"),
        ("C:/evil", "drive letter"),
        ("c:evil", "drive letter"),
        ("./C:/evil", "drive letter"),
        ("a\nb", "character"),
        ("a\x1b[2Jb", "character"),
        ("a\x7f", "character"),
        ("a\x85", "character"),
        ("a\u2028b", "character"),
        (".", "no name"),
    ],
)
def test_hostile_names(archive: Path, build: Builder, name: str, why: str) -> None:
    text = refused(archive, build([("good", b"1"), (name, b"")]), why)
    assert repr(name) in text
    assert "\x1b" not in text


@BUILDERS
@pytest.mark.parametrize("name", ["/abs", "/", "../up", "a/../..", "C:", "a\nb"])
def test_hostile_folder_names(archive: Path, build: Builder, name: str) -> None:
    refused(archive, build([(name, None)]), "is refused")


@BUILDERS
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "a"),
        ("a", "A"),
        ("d/name", "d/./name"),
        ("d/name", "D/other"),
        ("stra\u00dfe", "STRASSE"),
        ("\u00e9", "e\u0301"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("a/b", "A"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_names_that_collide(archive: Path, build: Builder, first: str, second: str) -> None:
    text = refused(archive, build([(first, b"1"), (second, b"2")]), "collides with")
    assert repr(second) in text


@BUILDERS
def test_a_folder_cannot_take_a_files_place(archive: Path, build: Builder) -> None:
    refused(archive, build([("a", b"1"), ("a", None)]), "collides with")
    refused(archive, build([("a", b"1"), ("A", None)]), "collides with")
    refused(archive, build([("a", None), ("A", None)]), "collides with")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "named pipe"),
        (tarfile.GNUTYPE_SPARSE, "sparse"),
        (b"V", "neither a file nor a folder"),
        (b"M", "neither a file nor a folder"),
        (b"Z", "neither a file nor a folder"),
    ],
)
def test_tar_holds_files_and_folders_only(archive: Path, kind: bytes, why: str, form: int) -> None:
    data = tar_of(tar_entry("a.txt", b"1"), tar_entry("bad", kind=kind), form=form)
    assert "'bad'" in refused(archive, data, why)


def test_sparse_files_said_in_pax(archive: Path) -> None:
    info, content = tar_entry("GNUSparseFile.0/a", b"1")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.name": "a"}
    refused(archive, tar_of((info, content)), "sparse")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (stat.S_IFLNK, "symbolic link"),
        (stat.S_IFCHR, "device"),
        (stat.S_IFBLK, "device"),
        (stat.S_IFIFO, "named pipe"),
        (stat.S_IFSOCK, "socket"),
        (stat.S_IFDIR, "disagree"),
        (0o150000, "disagree"),
    ],
)
@pytest.mark.parametrize("system", [0, 3])
def test_zip_holds_files_and_folders_only(archive: Path, kind: int, why: str, system: int) -> None:
    info, content = zip_entry("bad", kind | 0o777, b"/etc/passwd")
    info.create_system = system
    assert "'bad'" in refused(archive, zip_of(("good", b""), (info, content)), why)


def test_zip_folders_that_are_none(archive: Path) -> None:
    refused(archive, zip_of(zip_entry("d/", stat.S_IFREG | 0o644)), "disagree")
    refused(archive, zip_of(("d/", b"content")), "a folder with content")


@pytest.mark.parametrize("bad", [b"..\\..\\a", b"a\0bbbb.", b"C:\\evil"])
def test_zip_names_with_backslash_or_nul(archive: Path, bad: bytes) -> None:
    data = zip_of(("P" * len(bad), b"1")).replace(b"P" * len(bad), bad)
    refused(archive, data, "a backslash or a NUL|cannot be read")


def test_zip_names_from_the_unicode_extra_field_are_held_to_the_rules(archive: Path) -> None:
    import struct
    import zlib

    info = zipfile.ZipInfo("safe")
    field = struct.pack("<BI", 1, zlib.crc32(b"safe")) + b"../evil"
    info.extra = struct.pack("<HH", 0x7075, len(field)) + field
    archive.write_bytes(zip_of((info, b"1")))
    into = archive.parent / "into"
    # Newer Pythons take that name, and then it is refused.
    with contextlib.suppress(BenchwrightError):
        assert unpack(archive, into) == [into / "safe"]
    assert not (archive.parent / "evil").exists()


@pytest.mark.parametrize("flag", [0x1, 0x41, 0x2001])
def test_encrypted_zips_are_said_to_be(archive: Path, flag: int) -> None:
    data = bytearray(zip_of(("secret", b"123")))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + at] |= flag & 0xFF
        data[data.index(signature) + at + 1] |= flag >> 8
    assert "'secret'" in refused(archive, bytes(data), "it is encrypted")


@pytest.mark.parametrize(
    "name", [b"d/", b"a\0/../../evil", b"../evil", b"/evil", b"a\xff", b"a\x07", b""]
)
@pytest.mark.parametrize("form", ["pax", "gnu"])
def test_names_from_tar_extensions_are_held_to_the_rules(
    archive: Path, name: bytes, form: str
) -> None:
    plain = tar_of(tar_entry("innocent", b"1"))
    kind = tarfile.XHDTYPE if form == "pax" else tarfile.GNUTYPE_LONGNAME
    payload = pax(b"path", name) if form == "pax" else name + b"\0"
    refused(archive, extension(kind, payload) + plain, "is refused")


def pax(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while len(b"%d" % length) + len(body) != length:
        length += 1
    return b"%d" % length + body


def extension(kind: bytes, payload: bytes) -> bytes:
    info = tarfile.TarInfo("extension")
    info.type, info.size = kind, len(payload)
    return info.tobuf(tarfile.USTAR_FORMAT) + payload + b"\0" * (-len(payload) % 512)


def test_pax_sizes_are_used_and_checked(archive: Path) -> None:
    plain = bytearray(tar_of(tar_entry("a", b"12345")))
    plain[124:136] = b"00000000000\0"
    data = with_checksum(plain)
    archive.write_bytes(extension(tarfile.XHDTYPE, pax(b"size", b"5")) + data)
    assert unpack(archive, archive.parent / "into")[0].read_bytes() == b"12345"
    for bad in (b"-5", b"", b"5x", b"9" * 25, b"9" * 18):
        archive.write_bytes(extension(tarfile.XHDTYPE, pax(b"size", bad)) + data)
        with pytest.raises(BenchwrightError):
            unpack(archive, archive.parent / "other")


@pytest.mark.parametrize(
    "payload",
    [b"0 a=b\n", b"3 a=\n", b"99 a=b\n", b"a=b\n", b"6 a=bc", b"7 =abc\n", b"-6 a=b\n", b"5 a=b"],
)
def test_pax_headers_that_are_none(archive: Path, payload: bytes) -> None:
    data = extension(tarfile.XHDTYPE, payload) + tar_of(tar_entry("a"))
    refused(archive, data, "a pax header that is none")


def test_headers_that_bend_what_follows(archive: Path) -> None:
    plain = tar_of(tar_entry("a"))
    comment = extension(tarfile.XGLTYPE, pax(b"comment", b"abc"))  # As git archive writes it.
    archive.write_bytes(comment + plain)
    assert len(unpack(archive, archive.parent / "fine")) == 1
    shutil.rmtree(archive.parent / "fine")
    refused(archive, extension(tarfile.XGLTYPE, pax(b"path", b"b")) + plain, "every member")
    refused(archive, extension(tarfile.XGLTYPE, pax(b"size", b"9")) + plain, "every member")
    dangling = extension(tarfile.XHDTYPE, pax(b"path", b"b")) + bytes(1024)
    refused(archive, dangling, "belongs to no member")
    huge = extension(tarfile.XHDTYPE, b"x" * (2 << 20)) + plain
    refused(archive, huge, "a header of 2097152 bytes")


# Damage


@pytest.mark.parametrize("packer", [*PACKERS, "zip"])
def test_no_cut_goes_unnoticed(archive: Path, packer: str) -> None:
    entries = {"a": NOISE[:3000], "d/b": NOISE[:700], "c": b""}.items()
    if packer == "zip":
        data = zip_of(*entries)
        end = len(data)
    else:
        plain = tar_of(*(tar_entry(*entry) for entry in entries))
        data = PACKERS[packer](plain)
        # A plain tar is whole once the first block of zeros has come.
        end = len(plain.rstrip(b"\0")) // 512 * 512 + 1024 if packer == "tar" else len(data)
    for length in {*range(0, end, 97), end - 1}:
        refused(archive, data[:length], "cannot be read|not an archive")


def test_a_damaged_header_is_not_taken_for_the_end(archive: Path) -> None:
    data = bytearray(tar_of(tar_entry("a", b"1"), tar_entry("b", b"2")))
    data[1024 + 10] ^= 1
    refused(archive, bytes(data), "no valid tar header at byte 1024")


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE])
def test_negative_sizes(archive: Path, kind: bytes) -> None:
    head = bytearray(tar_of(tar_entry("a", kind=kind)))
    head[124:136] = b"\xff" * 12
    refused(archive, with_checksum(head), "negative size|no valid tar header|not an archive")


def test_members_after_the_end_mark_are_not_lost_silently(archive: Path) -> None:
    one, two = tar_of(tar_entry("a", b"1")), tar_of(tar_entry("b", b"2"))
    refused(archive, one + two, "more data follows")
    archive.write_bytes(one + bytes(1 << 20))
    assert len(unpack(archive, archive.parent / "into")) == 1


@pytest.mark.parametrize("packer", ["gz", "bz2", "xz", "zip"])
def test_flipped_bits_are_noticed_by_what_carries_a_checksum(archive: Path, packer: str) -> None:
    zipped = packer == "zip"
    data = make_zip([*FILES.items()]) if zipped else PACKERS[packer](make_tar([*FILES.items()]))
    middle = bytearray(data)
    middle[len(data) // 2] ^= 0x10
    # bzip2 hands out a block before it has seen that block's checksum.
    refused(archive, bytes(middle), "cannot be read to its end|not an archive|is refused")


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"<html>not found</html>" * 99, b"\0" * 10240, b"PK\x03\x04",
     b"PK\x05\x06" + b"x" * 30, b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0",
     gzip.compress(b"text" * 999, mtime=0), gzip.compress(b"", mtime=0),
     b"Rar!\x1a\x07\x01\0" + b"x" * 999, b"7z\xbc\xaf\x27\x1c" + b"x" * 999],
)  # fmt: skip
def test_what_is_no_archive(archive: Path, data: bytes) -> None:
    refused(archive, data, "cannot be read|not an archive")


def test_an_empty_zip_is_empty(archive: Path) -> None:
    archive.write_bytes(zip_of())
    assert unpack(archive, archive.parent / "into") == []
    assert os.listdir(archive.parent / "into") == []


def test_zip_sizes_that_lie(archive: Path) -> None:
    data = zip_of(("a", b"x" * 1000), method=zipfile.ZIP_STORED)
    for lie in (0, 10, 2000):
        at = data.index(b"PK\x01\x02") + 24
        changed = data[:at] + lie.to_bytes(4, "little") + data[at + 4 :]
        refused(archive, changed, "cannot be read to its end")


def test_zip_methods_nobody_knows(archive: Path) -> None:
    data = bytearray(zip_of(("a", b"x")))
    for signature, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + at] = 97
    refused(archive, bytes(data), "cannot be read to its end")


# Limits


@BUILDERS
def test_limits_hold_at_their_edge(archive: Path, build: Builder) -> None:
    entries: list[tuple[str, bytes | None]] = [("d/a", b"12345"), ("d/b", b"123"), ("e", None)]
    archive.write_bytes(build(entries))
    exact = Limits(members=4, member_bytes=5, total_bytes=8)
    assert len(unpack(archive, archive.parent / "into", limits=exact)) == 2
    shutil.rmtree(archive.parent / "into")
    for limits in (Limits(members=3), Limits(member_bytes=4), Limits(total_bytes=7)):
        text = refused(archive, build(entries), "beyond the limit", limits=limits)
        assert "raise that limit" in text


@BUILDERS
def test_folders_made_for_deep_names_count_as_members(archive: Path, build: Builder) -> None:
    deep = build([("d/" * 50 + "a", b"")])
    refused(archive, deep, "members=50", limits=Limits(members=50))


@BUILDERS
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_folders_listed_again_count_as_members(archive: Path, build: Builder) -> None:
    refused(archive, build([("d", None)] * 9), "members=8", limits=Limits(members=8))


@pytest.mark.parametrize("packer", ["gz", "bz2", "xz", "zip"])
def test_bombs_are_stopped_by_what_they_write(archive: Path, packer: str) -> None:
    limits = Limits(ratio=20, ratio_floor=1 << 20)
    bomb: list[tuple[str, bytes | None]] = [("good", NOISE[:1000]), ("bomb", bytes(5 << 20))]
    small: list[tuple[str, bytes | None]] = [("good", NOISE[:1000]), ("tiny", bytes(1 << 19))]
    build = make_zip if packer == "zip" else lambda e: PACKERS[packer](make_tar(e))
    text = refused(archive, build(bomb), "ratio=20", limits=limits)
    assert "'bomb'" in text
    archive.write_bytes(build(small))
    unpack(archive, archive.parent / "into", limits=limits)


def test_zip_members_that_share_their_bytes_are_counted_each_time(archive: Path) -> None:
    # One stored kernel, listed many times by the directory at the end.
    data = zip_of(("a", bytes(1 << 20)))
    at, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry, tail = data[at:end], bytearray(data[end:])
    count = 40
    tail[8:10] = tail[10:12] = count.to_bytes(2, "little")
    tail[12:16] = (len(entry) * count).to_bytes(4, "little")
    bomb = data[:at] + entry * count + bytes(tail)
    refused(archive, bomb, "cannot be read|is refused")


def test_a_tar_of_little_but_headers_is_stopped(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_OVERHEAD", 1 << 20)
    plain = tar_of(tar_entry("a", b"1"))
    archive.write_bytes(gzip.compress(plain + bytes(1 << 19)))
    unpack(archive, archive.parent / "fine")
    shutil.rmtree(archive.parent / "fine")
    data = gzip.compress(plain + bytes(8 << 20))
    refused(archive, data, "far more headers and padding")
    chain = extension(tarfile.XHDTYPE, pax(b"comment", b"x" * 900_000)) * 9
    refused(archive, gzip.compress(chain + plain), "far more headers and padding")


# Whatever comes


PIECES = st.sampled_from(
    ["..", ".", "", "a", "A", "b", "C:", "dir", "x\\y", "\0", "\n", "\u00e9", "e\u0301", "~",
     "-rf", "con", " ", "\udcff", "\u202e", "*", "a" * 101, "etc", "proc", "\x1f"]
)  # fmt: skip
NAMES = st.one_of(
    st.lists(PIECES, min_size=1, max_size=5).map("/".join),
    st.text(max_size=20),
    st.text(alphabet="./\\aA:\0", max_size=12),
)
KINDS = st.sampled_from(["file", "file", "file", "folder", "symlink", "hardlink"])
MEMBERS = st.lists(st.tuples(NAMES, KINDS, st.binary(max_size=20)), min_size=1, max_size=5)


def tree(folder: str) -> set[str]:
    return {str(path) for path in Path(folder).rglob("*")}


def check_inside(data: bytes, contents: list[bytes] | None = None) -> None:
    """Unpack: everything inside and complete, or an explained refusal and nothing at all."""
    with tempfile.TemporaryDirectory() as scratch:
        inner = Path(scratch, "x", "y")
        inner.mkdir(parents=True)
        archive, into = inner / "archive", inner / "into"
        archive.write_bytes(data)
        before = tree(scratch)
        files: list[Path] | None = None
        with contextlib.suppress(BenchwrightError):
            files = unpack(archive, into)
        new = tree(scratch) - before
        if files is None:
            assert new == set()
            return
        assert all(path == str(into) or path.startswith(f"{into}/") for path in new)
        assert not any(os.path.islink(path) for path in new)
        assert {str(path) for path in files} == {path for path in new if os.path.isfile(path)}
        if contents is not None:
            assert [path.read_bytes() for path in files] == contents


@given(MEMBERS, st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
@settings(deadline=None, max_examples=150)
def test_no_tar_writes_outside(members: list[tuple[str, str, bytes]], form: int) -> None:
    kinds = {"folder": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE}
    entries = []
    for name, kind, content in members:
        info, body = tar_entry(name, content, kind=kinds.get(kind))
        info.linkname = "../../../x"
        info.size = len(body) if kind == "file" else 0
        entries.append((info, body))
    try:
        data = tar_of(*entries, form=form)
    except (ValueError, UnicodeError):
        return  # This form cannot say such a name.
    check_inside(data, [body for (_, kind, body) in members if kind == "file"])


@given(MEMBERS)
@settings(deadline=None, max_examples=150)
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_no_zip_writes_outside(members: list[tuple[str, str, bytes]]) -> None:
    kinds = {"file": stat.S_IFREG, "folder": stat.S_IFDIR, "symlink": stat.S_IFLNK, "hardlink": 0}
    entries = []
    for name, kind, content in members:
        info, _ = zip_entry("x", kinds[kind] | 0o644)
        info.filename = name + "/" if kind == "folder" else name
        entries.append((info, b"" if kind == "folder" else content))
    try:
        data = zip_of(*entries)
    except UnicodeError:
        return
    # In a zip a name that ends in "/" is a folder, whatever the mode says.
    files = [
        body
        for info, body in entries
        if info.external_attr >> 28 != 4 and not info.filename.endswith("/")
    ]
    check_inside(data, files)


SOUND = [
    make_tar([("d", None), ("d/a", b"1234" * 200), ("b", b"x")]),
    make_zip([("d", None), ("d/a", b"1234" * 200), ("b", b"x")]),
    gzip.compress(make_tar([("a", b"1234" * 200)])),
    lzma.compress(make_tar([("a", b"1234" * 200)])),
    bz2.compress(make_tar([("a", b"1234" * 200)])),
]


@given(
    st.sampled_from(SOUND),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4))),
)
@settings(deadline=None, max_examples=300)
def test_no_damage_is_more_than_an_error(data: bytes, edits: list[tuple[float, bytes]]) -> None:
    damaged = bytearray(data)
    for where, new in edits:
        at = int(where * len(damaged))
        damaged[at : at + len(new)] = new
    check_inside(bytes(damaged))


@given(
    st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0"]),
    st.binary(max_size=2000),
)
@settings(deadline=None)
def test_no_noise_is_more_than_an_error(start: bytes, data: bytes) -> None:
    check_inside(start + data)
