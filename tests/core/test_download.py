"""`fetch` against a real local server: what it accepts, refuses, continues and reports."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import benchwright
from benchwright.download import Checksum, Download, fetch, file_checksum, tqdm_progress
from benchwright.download import part as module
from benchwright.errors import BenchwrightError
from core.http_server import Answer, Resource, Server, serving

CONTENT = bytes(range(256)) * 4096  # 1 MiB: several chunks
OTHER = CONTENT[::-1]
HALF = len(CONTENT) // 2
SOURCE = Path(benchwright.__file__).parents[1]


def sha256(content: bytes = CONTENT) -> Checksum:
    return Checksum("sha256", hashlib.sha256(content).hexdigest())


def wanted(
    *urls: str, checksum: Checksum | None = None, size: int | None = None, name: str = "model.onnx"
) -> Download:
    return Download(name, urls, checksum or sha256(), size)


def unverified(*urls: str) -> Download:
    return Download("model.onnx", urls, None)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


def leave_part(
    folder: Path, content: bytes, *, checksum: Checksum | None = None, **journal: object
) -> None:
    """What an interrupted process leaves behind."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx.part").write_bytes(content)
    if journal:
        said = {"checksum": checksum and str(checksum), **journal}
        (folder / "model.onnx.part.json").write_text(json.dumps(said))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Descriptions


def test_checksum_reads_and_writes_one_form() -> None:
    text = f"md5:{'Ab' * 16}"
    assert Checksum.parse(text) == Checksum("md5", "ab" * 16)
    assert str(Checksum.parse(text)) == text.lower()
    assert str(sha256()) == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ab" * 16,
        "md5:",
        "md5:" + "a" * 31,
        "md5:" + "a" * 33,
        "sha256:" + "a" * 32,
        "sha256:" + "g" * 64,
        "sha1:" + "a" * 40,
        "md5:" + "a" * 31 + "\n",
        "md5:" + "a" * 32 + "\n",
        "md5: " + "a" * 32,
        "md5:" + "\u0661" * 32,
    ],
)
def test_checksum_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BenchwrightError):
        Checksum.parse(text)


@given(
    st.from_regex(r"(md5|sha256|sha1)?:?([0-9a-fA-F]{32,33}|[0-9a-fA-F]{64}|.*)", fullmatch=True)
)
def test_checksum_parses_or_explains(text: str) -> None:
    with contextlib.suppress(BenchwrightError):
        assert str(Checksum.parse(text)) == text.lower()


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_file_checksum(tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "x").write_bytes(CONTENT)
    found = file_checksum(tmp_path / "x", algorithm)  # type: ignore[arg-type]
    assert found.value == hashlib.new(algorithm, CONTENT).hexdigest()


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "../a", "/a", "a\\b", "a\0b", "a\nb", "a.part", "a.part.json", "a.lock",
     "x" * 250, "\udcff"],
)  # fmt: skip
def test_only_plain_names_are_stored(name: str) -> None:
    with pytest.raises(BenchwrightError):
        Download(name, ("https://example.org/a",), sha256())


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org/a", "file:///etc/passwd", "/etc/passwd", "example.org/a", "https://",
     "https:///a", "https://example.org/a b", "https://example.org/a\r\nX: y", "http://[::1/a",
     "https://example.org:port/"],
)  # fmt: skip
def test_only_web_addresses_are_taken(url: str) -> None:
    with pytest.raises(BenchwrightError):
        wanted(url)


def test_plain_http_needs_a_checksum_unless_on_this_machine() -> None:
    with pytest.raises(BenchwrightError, match="plain http needs a checksum"):
        unverified("http://example.org/a")
    with pytest.raises(BenchwrightError, match="plain http needs a checksum"):
        unverified("http://localhost.example.org/a")
    wanted("http://example.org/a")
    unverified("http://127.0.0.1:8000/a", "http://localhost/a", "http://[::1]/a", "https://x/a")


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(BenchwrightError) as caught:
        unverified("http://user:secret@example.org/a")
    assert "secret" not in str(caught.value)


# The plain way


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_fetches_and_leaves_nothing_else(
    server: Server, tmp_path: Path, chunked: bool, size: int | None
) -> None:
    url = server.add("/name-of-the-server", Resource(CONTENT, chunked=chunked))
    seen: list[tuple[int, int | None]] = []
    notes: list[str] = []
    path = fetch(
        wanted(url, size=size),
        tmp_path / "new" / "folder",
        progress=lambda done, total: seen.append((done, total)),
        note=notes.append,
    )
    assert path == tmp_path / "new" / "folder" / "model.onnx"
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["model.onnx"]
    assert notes == []
    assert seen[0][0] == 0
    assert seen[-1] == (len(CONTENT), None if chunked and size is None else len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_an_empty_file_is_a_file(server: Server, tmp_path: Path) -> None:
    url = server.add("/a", Resource(b""))
    assert fetch(wanted(url, checksum=sha256(b""), size=0), tmp_path).read_bytes() == b""


def test_the_server_cannot_name_the_file(server: Server, tmp_path: Path) -> None:
    headers = {"Content-Disposition": 'attachment; filename="../evil"'}
    url = server.add("/..%2Fevil", Resource(CONTENT, headers=headers))
    fetch(wanted(url), tmp_path / "in")
    assert names(tmp_path) == ["in"]
    assert names(tmp_path / "in") == ["model.onnx"]


def test_a_file_already_there_costs_no_request(server: Server, tmp_path: Path) -> None:
    resource = Resource(CONTENT)
    url = server.add("/a", resource)
    (tmp_path / "model.onnx").write_bytes(CONTENT)
    md5 = Checksum("md5", hashlib.md5(CONTENT).hexdigest())
    fetch(wanted(url), tmp_path)
    fetch(wanted(url, checksum=md5, size=len(CONTENT)), tmp_path)
    assert resource.asked == []


def test_a_file_placed_by_hand_needs_no_address(tmp_path: Path) -> None:
    with pytest.raises(BenchwrightError, match="no public address is known"):
        fetch(wanted(), tmp_path)
    (tmp_path / "model.onnx").write_bytes(CONTENT)
    assert fetch(wanted(), tmp_path).read_bytes() == CONTENT


def test_a_wrong_file_there_is_replaced_and_said(server: Server, tmp_path: Path) -> None:
    url = server.add("/a", Resource(CONTENT))
    (tmp_path / "model.onnx").write_bytes(OTHER)
    notes: list[str] = []
    assert fetch(wanted(url), tmp_path, note=notes.append).read_bytes() == CONTENT
    assert any("replaced" in note for note in notes)


def test_a_wrong_file_there_stays_when_nothing_better_comes(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(OTHER)
    with pytest.raises(BenchwrightError):
        fetch(wanted(server.url("/absent")), tmp_path)
    assert (tmp_path / "model.onnx").read_bytes() == OTHER


def test_without_a_checksum_the_file_there_is_taken_if_its_size_is_right(
    server: Server, tmp_path: Path
) -> None:
    url = server.add("/a", Resource(CONTENT))
    (tmp_path / "model.onnx").write_bytes(OTHER[:-1])
    notes: list[str] = []
    path = fetch(unverified(url), tmp_path, note=notes.append)
    assert path.read_bytes() == OTHER[:-1]
    assert "as it is, unverified" in notes[0]
    sized = Download("model.onnx", (url,), None, len(CONTENT))
    assert fetch(sized, tmp_path, note=notes.append).read_bytes() == CONTENT


def test_the_file_is_on_the_disk_before_it_has_its_name(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.add("/a", Resource(CONTENT))
    real, synced = os.fsync, []

    def fsync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, (tmp_path / "model.onnx").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    path = fetch(wanted(url), tmp_path)
    assert synced == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


def test_a_folder_in_the_way_is_an_error(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").mkdir()
    with pytest.raises(BenchwrightError, match="in the way"):
        fetch(wanted(server.add("/a", Resource(CONTENT))), tmp_path)


def test_without_a_checksum_it_is_said_and_the_checksum_told(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = server.add("/a", Resource(CONTENT))
    notes: list[str] = []
    fetch(unverified(url), tmp_path, note=notes.append)
    assert len(notes) == 1
    assert "unverified" in notes[0]
    assert str(sha256()) in notes[0]
    fetch(unverified(url), tmp_path)
    assert "unverified" in caplog.text  # Nobody listens: the log does.


def test_without_length_and_checksum_a_cut_cannot_be_noticed_and_that_is_said(
    server: Server, tmp_path: Path
) -> None:
    url = server.add("/a", Resource(CONTENT, says_length=False))
    notes: list[str] = []
    fetch(unverified(url), tmp_path, note=notes.append)
    assert any("without its length" in note for note in notes)


def test_the_stored_bytes_are_the_sent_ones(server: Server, tmp_path: Path) -> None:
    import gzip

    packed = gzip.compress(CONTENT)
    resource = Resource(packed, headers={"Content-Encoding": "gzip"})
    url = server.add("/a.gz", resource)
    assert fetch(wanted(url, checksum=sha256(packed)), tmp_path).read_bytes() == packed
    assert resource.asked[0]["accept-encoding"] == "identity"


# Mirrors, attempts, errors


def test_the_next_mirror_is_tried_and_the_failure_told(server: Server, tmp_path: Path) -> None:
    url = server.add("/a", Resource(CONTENT))
    notes: list[str] = []
    fetch(wanted(server.url("/absent"), url), tmp_path, note=notes.append)
    assert len(notes) == 1
    assert "404" in notes[0]
    assert server.url("/absent") in notes[0]


def test_wrong_bytes_name_both_checksums_and_the_mirror(server: Server, tmp_path: Path) -> None:
    bad = Resource(OTHER)
    url = server.add("/bad", bad)
    with pytest.raises(BenchwrightError) as caught:
        fetch(wanted(url), tmp_path)
    for part in (str(sha256()), str(sha256(OTHER)), url):
        assert part in str(caught.value)
    assert names(tmp_path) == []
    assert len(bad.asked) == 1  # The same wrong file would come again.
    good = server.add("/good", Resource(CONTENT))
    assert fetch(wanted(url, good), tmp_path).read_bytes() == CONTENT


def test_when_all_fail_each_reason_and_the_way_by_hand_are_told(
    server: Server, tmp_path: Path, pauses: list[float]
) -> None:
    with serving() as other:
        closed = other.url("/a")
    busy = Resource(CONTENT, first=[Answer(503)] * 9)
    urls = (closed, server.add("/busy", busy), server.url("/absent"))
    with pytest.raises(BenchwrightError) as caught:
        fetch(wanted(*urls, size=len(CONTENT)), tmp_path, sleep=pauses.append)
    text = str(caught.value)
    for part in (*urls, "Connection refused", "503", "404", str(tmp_path / "model.onnx")):
        assert part in text
    assert "HTTPConnection" not in text  # The cause, not the layers around it.
    assert str(sha256()) in (caught.value.fix or "")
    assert f"{len(CONTENT)} bytes" in (caught.value.fix or "")
    assert len(busy.asked) == 3
    assert pauses == [1.0, 2.0, 1.0, 2.0]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_troubles_are_waited_out(
    server: Server, tmp_path: Path, pauses: list[float], status: int
) -> None:
    url = server.add("/a", Resource(CONTENT, first=[Answer(status), Answer(status)]))
    fetch(wanted(url), tmp_path, sleep=pauses.append)
    assert pauses == [1.0, 2.0]


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 410])
def test_lasting_troubles_are_not_asked_for_twice(
    server: Server, tmp_path: Path, pauses: list[float], status: int
) -> None:
    resource = Resource(CONTENT, first=[Answer(status)])
    url = server.add("/a", resource)
    with pytest.raises(BenchwrightError, match=str(status)):
        fetch(wanted(url), tmp_path, sleep=pauses.append)
    assert len(resource.asked) == 1
    assert pauses == []


def test_retry_after_in_seconds_and_as_a_date(
    server: Server, tmp_path: Path, pauses: list[float]
) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    past = "Fri, 31 Dec 1999 23:59:59 GMT"
    first = [Answer(429, {"Retry-After": text}) for text in ("7", soon, past, "nonsense", "-5")]
    url = server.add("/a", Resource(CONTENT, first=first))
    fetch(wanted(url), tmp_path, sleep=pauses.append, attempts=6)
    assert pauses[0] == 7.0
    assert 0 < pauses[1] <= 60
    assert pauses[2:] == [0.0, 8.0, 16.0]


def test_a_server_that_wants_hours_is_left(
    server: Server, tmp_path: Path, pauses: list[float]
) -> None:
    busy = server.add("/busy", Resource(CONTENT, first=[Answer(429, {"Retry-After": "7200"})]))
    good = server.add("/good", Resource(CONTENT))
    notes: list[str] = []
    fetch(wanted(busy, good), tmp_path, sleep=pauses.append, note=notes.append)
    assert pauses == []
    assert "7200 s" in notes[0]


def test_a_silent_server_times_out(server: Server, tmp_path: Path, pauses: list[float]) -> None:
    resource = Resource(CONTENT, stop_after=10)
    url = server.add("/slow", resource)
    with pytest.raises(BenchwrightError, match=r"(?i)timed out"):
        fetch(wanted(url), tmp_path, timeout=(5, 0.1), attempts=2, sleep=pauses.append)
    assert len(resource.asked) == 2


# Sizes


def test_a_file_of_another_size_is_not_even_read(server: Server, tmp_path: Path) -> None:
    url = server.add("/a", Resource(CONTENT))
    with pytest.raises(BenchwrightError, match=f"{len(CONTENT)} bytes, not 5"):
        fetch(wanted(url, size=5), tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("chunked", [False, True])
def test_more_bytes_than_known_are_never_written(
    server: Server, tmp_path: Path, chunked: bool
) -> None:
    url = server.add("/a", Resource(CONTENT, chunked=chunked, says_length=False))
    most = 0

    def watch(done: int, total: int | None) -> None:
        nonlocal most
        most = max(most, (tmp_path / "model.onnx.part").stat().st_size)

    with pytest.raises(BenchwrightError, match="more than 300000 bytes"):
        fetch(wanted(url, size=300_000), tmp_path, progress=watch)
    assert 0 < most <= 300_000
    assert names(tmp_path) == []


def test_a_disk_too_small_is_found_before_any_request(server: Server, tmp_path: Path) -> None:
    resource = Resource(CONTENT)
    url = server.add("/a", resource)
    with pytest.raises(BenchwrightError, match="no room") as caught:
        fetch(wanted(url, size=1 << 60), tmp_path)
    assert "1048576.0 TiB are needed" in str(caught.value)
    assert resource.asked == []


def test_a_disk_too_small_for_the_length_said(server: Server, tmp_path: Path) -> None:
    headers = {"Content-Length": str(1 << 60)}
    url = server.add("/a", Resource(b"x", says_length=False, headers=headers))
    with pytest.raises(BenchwrightError, match="no room"):
        fetch(wanted(url), tmp_path)


def test_a_full_disk_keeps_the_part(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk(io.FileIO):
        def write(self, data: object) -> int:
            if self.tell() >= HALF:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)  # type: ignore[arg-type]

    resource = Resource(CONTENT, etag='"1"')
    url = server.add("/a", resource)
    with monkeypatch.context() as full:
        full.setattr(module, "FileIO", FullDisk)
        with pytest.raises(BenchwrightError, match=r"no room for `model\.onnx`") as caught:
            fetch(wanted(url), tmp_path)
    assert "No space left on device; 512.0 KiB are needed" in str(caught.value)
    assert (tmp_path / "model.onnx.part").read_bytes() == CONTENT[:HALF]
    assert fetch(wanted(url), tmp_path).read_bytes() == CONTENT
    assert resource.ranges_asked == [None, f"bytes={HALF}-"]


# Continuing


@pytest.mark.parametrize("checksum", [True, False])
def test_a_cut_connection_is_continued(
    server: Server, tmp_path: Path, pauses: list[float], checksum: bool
) -> None:
    resource = Resource(CONTENT, etag='"1"', cuts=[HALF, 1000])
    url = server.add("/a", resource)
    seen: list[int] = []
    download = wanted(url) if checksum else unverified(url)
    path = fetch(
        download,
        tmp_path,
        sleep=pauses.append,
        note=lambda text: None,
        progress=lambda done, total: seen.append(done),
    )
    assert path.read_bytes() == CONTENT
    assert resource.ranges_asked == [None, f"bytes={HALF}-", f"bytes={HALF + 1000}-"]
    assert [headers.get("if-range") for headers in resource.asked] == [None, '"1"', '"1"']
    assert seen == sorted(seen)
    assert pauses == [1.0, 2.0]


def test_a_cut_is_an_error_when_attempts_run_out(
    server: Server, tmp_path: Path, pauses: list[float]
) -> None:
    url = server.add("/a", Resource(CONTENT, etag='"1"', cuts=[10, 10]))
    with pytest.raises(BenchwrightError):
        fetch(unverified(url), tmp_path, attempts=2, sleep=pauses.append)
    assert not (tmp_path / "model.onnx").exists()
    assert (tmp_path / "model.onnx.part").stat().st_size == 20


def test_a_server_without_ranges_starts_over(
    server: Server, tmp_path: Path, pauses: list[float]
) -> None:
    resource = Resource(CONTENT, etag='"1"', ranges=False, cuts=[HALF])
    url = server.add("/a", resource)
    assert fetch(wanted(url), tmp_path, sleep=pauses.append).read_bytes() == CONTENT
    assert resource.ranges_asked == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize("honest", [True, False])
@pytest.mark.parametrize("checksum", [True, False])
def test_versions_are_not_glued_together(
    server: Server, tmp_path: Path, pauses: list[float], honest: bool, checksum: bool
) -> None:
    resource = Resource(OTHER, etag='"old"', cuts=[HALF], honours_if_range=honest)
    url = server.add("/a", resource)

    def change(seconds: float) -> None:
        resource.content, resource.etag = CONTENT, '"new"'

    download = wanted(url) if checksum else unverified(url)
    path = fetch(download, tmp_path, sleep=change, note=lambda text: None)
    assert path.read_bytes() == CONTENT


def test_a_change_without_any_sign_is_found_by_the_checksum_and_blamed_on_nobody(
    server: Server, tmp_path: Path
) -> None:
    resource = Resource(OTHER, cuts=[HALF])
    url = server.add("/a", resource)

    def change(seconds: float) -> None:
        resource.content = CONTENT

    assert fetch(wanted(url), tmp_path, sleep=change).read_bytes() == CONTENT
    assert resource.ranges_asked == [None, f"bytes={HALF}-", None]


def test_a_last_modified_date_serves_where_the_etag_is_weak(
    server: Server, tmp_path: Path, pauses: list[float]
) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    resource = Resource(CONTENT, etag='W/"1"', modified=date, cuts=[HALF])
    url = server.add("/a", resource)
    fetch(unverified(url), tmp_path, sleep=pauses.append, note=lambda text: None)
    assert resource.asked[1]["if-range"] == date


def test_without_any_name_for_the_version_only_a_checksum_lets_continue(
    server: Server, tmp_path: Path, pauses: list[float]
) -> None:
    resource = Resource(CONTENT, cuts=[HALF])
    url = server.add("/a", resource)
    fetch(unverified(url), tmp_path / "1", sleep=pauses.append, note=lambda text: None)
    assert resource.ranges_asked == [None, None]
    resource.cuts, resource.asked = [HALF], []
    fetch(wanted(url), tmp_path / "2", sleep=pauses.append)
    assert resource.ranges_asked == [None, f"bytes={HALF}-"]


def test_a_part_of_another_mirror_is_continued_and_judged_by_the_checksum(
    server: Server, tmp_path: Path, pauses: list[float]
) -> None:
    first = server.add("/1", Resource(CONTENT, etag='"1"', cuts=[HALF]))
    second = Resource(CONTENT, etag='"2"')
    urls = (first, server.add("/2", second))
    fetch(wanted(*urls), tmp_path / "good", attempts=1, note=lambda text: None)
    assert second.ranges_asked == [f"bytes={HALF}-"]
    assert "if-range" not in second.asked[0]

    # The first mirror's half is wrong: the second is not blamed for it.
    server.add("/1", Resource(OTHER, etag='"1"', cuts=[HALF]))
    second.asked.clear()
    path = fetch(wanted(*urls), tmp_path / "bad", attempts=1, note=lambda text: None)
    assert path.read_bytes() == CONTENT
    assert second.ranges_asked == [f"bytes={HALF}-", None]


@pytest.mark.parametrize(
    "lie",
    ["bytes 0-9/1048576", "bytes */1048576", "", "bytes 524287-1048575/1048576",
     "bytes 524289-1048575/1048576", "pages 524288-1048575/1048576"],
)  # fmt: skip
def test_a_content_range_that_does_not_fit_starts_over(
    server: Server, tmp_path: Path, lie: str
) -> None:
    resource = Resource(CONTENT, etag='"1"', content_range=lie)
    url = server.add("/a", resource)
    leave_part(tmp_path, CONTENT[:HALF], url=url, etag='"1"', checksum=sha256())
    assert fetch(wanted(url), tmp_path).read_bytes() == CONTENT
    assert resource.ranges_asked == [f"bytes={HALF}-", None]


def test_a_range_nobody_asked_for_is_refused(server: Server, tmp_path: Path) -> None:
    answer = Answer(206, {"Content-Range": "bytes 5-9/10"}, b"fghij")
    url = server.add("/a", Resource(first=[answer, answer]))
    with pytest.raises(BenchwrightError, match="the whole was asked for"):
        fetch(unverified(url), tmp_path)
    leave_part(tmp_path, b"01234")
    with pytest.raises(BenchwrightError, match="the whole was asked for"):
        fetch(unverified(url), tmp_path)


@pytest.mark.parametrize("journal", [True, False])
def test_a_complete_part_is_only_checked(server: Server, tmp_path: Path, journal: bool) -> None:
    resource = Resource(CONTENT, etag='"1"')
    url = server.add("/a", resource)
    said = {"url": url, "etag": '"1"'} if journal else {}
    leave_part(tmp_path, CONTENT, checksum=sha256(), **said)
    assert fetch(wanted(url), tmp_path).read_bytes() == CONTENT
    assert resource.asked == []
    assert names(tmp_path) == ["model.onnx"]


def test_416_means_complete_or_start_over(server: Server, tmp_path: Path) -> None:
    resource = Resource(CONTENT, etag='"1"')
    url = server.add("/a", resource)
    leave_part(tmp_path / "whole", CONTENT, url=url, etag='"1"')
    fetch(unverified(url), tmp_path / "whole", note=lambda text: None)
    assert resource.ranges_asked == [f"bytes={len(CONTENT)}-"]
    assert (tmp_path / "whole" / "model.onnx").read_bytes() == CONTENT

    resource.asked.clear()
    leave_part(tmp_path / "long", CONTENT + b"more", checksum=sha256(), url=url, etag='"1"')
    fetch(wanted(url), tmp_path / "long")
    assert resource.ranges_asked == [f"bytes={len(CONTENT) + 4}-", None]
    assert (tmp_path / "long" / "model.onnx").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "journal",
    ["", "null", "[]", "{}", '{"url": 5, "checksum": null}', '{"surprise": 1}', "\0\0",
     '{"url": "x", "checksum": null, "etag": ["a"]}'],
)  # fmt: skip
def test_a_damaged_journal_is_no_reason_to_trust_the_part(
    server: Server, tmp_path: Path, journal: str
) -> None:
    resource = Resource(CONTENT, etag='"1"')
    url = server.add("/a", resource)
    leave_part(tmp_path, OTHER[:HALF])
    (tmp_path / "model.onnx.part.json").write_text(journal)
    fetch(unverified(url), tmp_path, note=lambda text: None)
    assert (tmp_path / "model.onnx").read_bytes() == CONTENT
    assert resource.ranges_asked == [None]


def test_a_part_of_another_version_or_too_long_is_dropped(server: Server, tmp_path: Path) -> None:
    resource = Resource(CONTENT, etag='"1"')
    url = server.add("/a", resource)
    leave_part(tmp_path / "1", OTHER[:HALF], checksum=sha256(OTHER), url=url, etag='"1"')
    fetch(wanted(url), tmp_path / "1")
    leave_part(tmp_path / "2", CONTENT + b"x", checksum=sha256(), url=url, etag='"1"')
    fetch(wanted(url, size=len(CONTENT)), tmp_path / "2")
    leave_part(tmp_path / "3", OTHER, checksum=sha256(), url=url, etag='"1"')
    fetch(wanted(url, size=len(CONTENT)), tmp_path / "3")
    assert resource.ranges_asked == [None, None, None]
    assert {(tmp_path / n / "model.onnx").read_bytes() for n in "123"} == {CONTENT}


def test_a_wrong_part_is_dropped_and_the_file_fetched_whole(server: Server, tmp_path: Path) -> None:
    resource = Resource(CONTENT, etag='"1"')
    url = server.add("/a", resource)
    leave_part(tmp_path, OTHER[:HALF], checksum=sha256(), url=url, etag='"1"')
    assert fetch(wanted(url), tmp_path, attempts=1).read_bytes() == CONTENT
    assert resource.ranges_asked == [f"bytes={HALF}-", None]


def test_ctrl_c_leaves_a_part_to_continue(server: Server, tmp_path: Path) -> None:
    resource = Resource(CONTENT, etag='"1"')
    url = server.add("/a", resource)

    def interrupt(done: int, total: int | None) -> None:
        if done >= HALF:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(wanted(url), tmp_path, progress=interrupt)
    assert names(tmp_path) == ["model.onnx.part", "model.onnx.part.json"]
    assert fetch(wanted(url), tmp_path).read_bytes() == CONTENT
    assert resource.ranges_asked[1] not in (None, "bytes=0-")


# Processes


def run_fetch(code: str, download: Download, folder: Path) -> subprocess.Popen[str]:
    """Start a process in which `fetch_it()` fetches; it prints its notes."""
    script = f"""
        import os, sys
        from pathlib import Path
        from benchwright.download import *
        from benchwright.errors import BenchwrightError
        import requests
        def say(text): print(text, flush=True)
        def fetch_it():
            wanted = Download({download.name!r}, {download.urls!r},
                              Checksum.parse({str(download.checksum)!r}), {download.size!r})
            return fetch(wanted, Path({str(folder)!r}), note=say)
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script) + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )


def wait_until_part_has(folder: Path, count: int) -> None:
    part = folder / "model.onnx.part"
    for _ in range(3000):
        if part.exists() and part.stat().st_size >= count:
            return
        time.sleep(0.01)
    raise AssertionError("the download does not get on")


def test_a_killed_process_is_continued(server: Server, tmp_path: Path) -> None:
    resource = Resource(CONTENT, etag='"1"', stop_after=HALF)
    url = server.add("/a", resource)
    with run_fetch("fetch_it()", wanted(url), tmp_path) as child:
        wait_until_part_has(tmp_path, HALF)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    assert not (tmp_path / "model.onnx").exists()
    resource.stop_after = None
    assert fetch(wanted(url), tmp_path).read_bytes() == CONTENT
    assert resource.ranges_asked == [None, f"bytes={HALF}-"]
    assert names(tmp_path) == ["model.onnx"]


def test_an_interrupted_process_is_continued(server: Server, tmp_path: Path) -> None:
    resource = Resource(CONTENT, etag='"1"', stop_after=HALF)
    url = server.add("/a", resource)
    # Started in the background, a process ignores SIGINT and hands that down.
    code = """
        import signal
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            fetch_it()
        except KeyboardInterrupt:
            sys.exit(130)
    """
    with run_fetch(code, wanted(url), tmp_path) as child:
        wait_until_part_has(tmp_path, HALF)
        child.send_signal(signal.SIGINT)
        assert child.wait() == 130
    assert names(tmp_path) == ["model.onnx.part", "model.onnx.part.json"]
    resource.stop_after = None
    assert fetch(wanted(url), tmp_path).read_bytes() == CONTENT
    assert resource.ranges_asked == [None, f"bytes={HALF}-"]


def test_of_processes_at_once_one_fetches_and_the_others_find_it(
    server: Server, tmp_path: Path
) -> None:
    resource = Resource(CONTENT, stop_after=HALF)
    url = server.add("/a", resource)
    code = "print(len(fetch_it().read_bytes()), flush=True)"
    with run_fetch(code, wanted(url), tmp_path) as first:
        assert resource.reached.wait(30)
        with (
            run_fetch(code, wanted(url), tmp_path) as second,
            run_fetch(code, wanted(url), tmp_path) as third,
        ):
            for waiting in (second, third):
                assert waiting.stdout is not None
                assert "waiting for it" in waiting.stdout.readline()
            resource.go_on.set()
            for child in (first, second, third):
                assert child.stdout is not None
                assert child.stdout.read() == f"{len(CONTENT)}\n"
                assert child.wait() == 0
    assert len(resource.asked) == 1
    assert names(tmp_path) == ["model.onnx"]


def test_a_lock_that_its_holder_deleted_is_taken_anew(server: Server, tmp_path: Path) -> None:
    url = server.add("/a", Resource(CONTENT))
    lock, waiting = tmp_path / "model.onnx.lock", threading.Event()
    locked: list[bool] = []

    def watch(done: int, total: int | None) -> None:
        with contextlib.suppress(FileNotFoundError), lock.open("rb") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                locked.append(True)

    def work() -> None:
        fetch(wanted(url), tmp_path, progress=watch, note=lambda text: waiting.set())

    with lock.open("wb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        thread = threading.Thread(target=work)
        thread.start()
        assert waiting.wait(30)
        lock.unlink()
    thread.join()
    assert locked
    assert names(tmp_path) == ["model.onnx"]


def test_many_threads_at_once_share_one_download(server: Server, tmp_path: Path) -> None:
    # The lock file is deleted by each holder: those who wait on a deleted one must notice.
    resource = Resource(CONTENT)
    url = server.add("/a", resource)
    results: list[bytes] = []

    def work() -> None:
        results.append(fetch(wanted(url), tmp_path, note=lambda text: None).read_bytes())

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 12
    assert len(resource.asked) == 1
    assert names(tmp_path) == ["model.onnx"]


def test_a_file_size_limit_keeps_the_part(server: Server, tmp_path: Path) -> None:
    resource = Resource(CONTENT, etag='"1"')
    url = server.add("/a", resource)
    code = f"""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, ({HALF + 5}, {HALF + 5}))
        try:
            fetch_it()
        except BenchwrightError as error:
            print(error)
    """
    with run_fetch(code, wanted(url), tmp_path) as child:
        said, _ = child.communicate()
        assert child.returncode == 0
    assert "no room for `model.onnx`" in said
    assert (tmp_path / "model.onnx.part").read_bytes() == CONTENT[: HALF + 5]
    assert fetch(wanted(url), tmp_path).read_bytes() == CONTENT
    assert resource.ranges_asked == [None, f"bytes={HALF + 5}-"]


def test_a_folder_that_may_not_be_written(server: Server, tmp_path: Path) -> None:
    url = server.add("/a", Resource(CONTENT))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    code = f"""
        os.chdir({str(closed)!r})
        if os.getuid() == 0:  # root may write anywhere
            os.setuid(65534)
        try:
            fetch_it()
        except BenchwrightError as error:
            print(error)
    """
    with run_fetch(code, wanted(url, size=len(CONTENT)), Path(".")) as child:
        said, _ = child.communicate()
        assert child.returncode == 0
    assert "model.onnx.lock: cannot store `model.onnx`" in said
    assert "Permission denied" in said
    assert "1.0 MiB are needed" in said


def test_a_folder_that_is_a_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    url = server.add("/a", Resource(CONTENT))
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(BenchwrightError, match=r"cannot store `model\.onnx`"):
            fetch(wanted(url), folder)


def test_a_link_planted_as_the_part_is_not_followed(server: Server, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    url = server.add("/a", Resource(CONTENT))
    for suffix in (".part", ".lock"):
        link = tmp_path / f"model.onnx{suffix}"
        link.symlink_to(precious)
        with pytest.raises(BenchwrightError):
            fetch(wanted(url, size=len(CONTENT)), tmp_path)
        assert precious.read_bytes() == b"mine"
        link.unlink(missing_ok=True)


# TLS, redirects, proxies, credentials


def test_a_certificate_that_nobody_vouches_for_is_refused(
    tmp_path: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    monkeypatch.setenv("CURL_CA_BUNDLE", "")
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    resource = Resource(CONTENT)
    with serving(tmp_path) as secure:
        url = secure.add("/a", resource)
        with pytest.raises(BenchwrightError, match=r"TLS: .*self-signed certificate"):
            fetch(wanted(url), tmp_path / "in", sleep=pauses.append)
    assert resource.asked == []
    assert pauses == []  # Asking again does not help.


def test_the_users_own_authority_is_honoured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as secure:
        url = secure.add("/a", Resource(CONTENT))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
        path = fetch(unverified(url), tmp_path / "in", note=lambda text: None)
        assert path.read_bytes() == CONTENT


def test_a_missing_authority_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as secure:
        url = secure.add("/a", Resource(CONTENT))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "absent.pem"))
        with pytest.raises(BenchwrightError, match=r"absent\.pem"):
            fetch(wanted(url), tmp_path / "in")


def test_no_redirect_from_https_to_http(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Resource(CONTENT)
    plain_url = server.add("/a?token=secret", plain)
    with serving(tmp_path) as secure:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
        url = secure.add("/a", Resource(redirect=plain_url))
        with pytest.raises(BenchwrightError, match="from https to plain http") as caught:
            fetch(wanted(url), tmp_path / "in")
        # The other way round is an improvement.
        up = server.add("/up", Resource(redirect=secure.add("/b", Resource(CONTENT))))
        assert fetch(wanted(up), tmp_path / "in").read_bytes() == CONTENT
    assert plain.asked == []
    assert "secret" not in str(caught.value)


def test_a_redirect_is_held_to_the_rules_of_an_address(server: Server, tmp_path: Path) -> None:
    for target in ("http://example.invalid/a", "file:///etc/passwd", "ftp://example.invalid/a"):
        url = server.add("/a", Resource(redirect=target))
        with pytest.raises(BenchwrightError, match="refused"):
            fetch(unverified(url), tmp_path)


def test_redirects_are_followed_but_not_for_ever(server: Server, tmp_path: Path) -> None:
    server.add("/deep/b%20c", Resource(CONTENT, etag='"1"', cuts=[HALF]))
    server.add("/deep/hop", Resource(redirect="b c"))
    url = server.add("/a", Resource(redirect="/deep/hop"))
    path = fetch(wanted(url), tmp_path, sleep=lambda seconds: None)
    assert path.read_bytes() == CONTENT
    loop = Resource(redirect="/loop")
    with pytest.raises(BenchwrightError, match="more than 10 redirects"):
        fetch(wanted(server.add("/loop", loop), name="other"), tmp_path)
    assert len(loop.asked) == 11


def test_a_redirect_to_nowhere_is_an_error(server: Server, tmp_path: Path) -> None:
    for location in ("http://[::1", "\xff\xfe", ""):
        url = server.add("/a", Resource(redirect=location))
        with pytest.raises(BenchwrightError):
            fetch(wanted(url), tmp_path)


def test_the_environments_proxy_is_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url(""))
    resource = Resource(CONTENT)
    server.add("http://models.invalid/a", resource)
    assert fetch(wanted("http://models.invalid/a"), tmp_path).read_bytes() == CONTENT
    assert len(resource.asked) == 1


def test_credentials_come_from_the_address_only_and_are_not_shown(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password netrc-secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    resource = Resource(CONTENT)
    url = server.add("/a", resource)
    fetch(wanted(url), tmp_path)
    assert "authorization" not in resource.asked[0]
    notes: list[str] = []
    named = url.replace("//", "//user:secret@")
    fetch(Download("b", (named,), None), tmp_path, note=notes.append)
    assert resource.asked[1]["authorization"] == "Basic dXNlcjpzZWNyZXQ="
    resource.first.append(Answer(403))
    with pytest.raises(BenchwrightError) as caught:
        fetch(Download("c", (named,), None), tmp_path)
    assert "secret" not in str(caught.value) + "".join(notes)


def test_importing_costs_no_network_library() -> None:
    code = "import sys, benchwright.download as d; print({'requests', 'tqdm'} & set(sys.modules))"
    env = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout == "set()\n"


# The bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_follows_and_goes_back() -> None:
    screen = Terminal()
    with tqdm_progress("model.onnx", None, stream=screen) as progress:
        progress(1024, 2048)
        progress(0, 2048)
        progress(2048, 2048)
    last = screen.getvalue().split("\r")[-1]
    assert "model.onnx: 100%" in last
    assert "2.00k/2.00k" in last


def test_no_bar_where_there_is_no_terminal(server: Server, tmp_path: Path) -> None:
    screen = io.StringIO()
    url = server.add("/a", Resource(CONTENT))
    with tqdm_progress("model.onnx", None, stream=screen) as progress:
        fetch(wanted(url), tmp_path, progress=progress)
    assert screen.getvalue() == ""
