"""One fetch's conversation with its mirrors: requests, ranges, redirects, retries.

What comes is written by `part`; nothing here touches the disk by itself.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from benchwright.contracts.source import shown, url_fault
from benchwright.download.part import Journal, Part, expected_text
from benchwright.errors import BenchwrightError

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int | None], None]
"""Called with the bytes on disk so far and the bytes there will be (None: not known)."""

_CHUNK = 1 << 17
_REDIRECTS = 10
_LONGEST_PAUSE_S = 30.0
_LONGEST_RETRY_AFTER_S = 120.0


class _Failed(Exception):
    """A mirror did not give the file; `again`: it may on another attempt, after `wait` seconds."""

    def __init__(self, reason: str, *, again: bool = False, wait: float | None = None) -> None:
        super().__init__(reason)
        self.again = again
        self.wait = wait


class _StartOver(Exception):
    """The part cannot be continued from this mirror."""


class Mirrors:
    """One `fetch`'s conversation with its mirrors; everything it gets goes into `part`."""

    def __init__(
        self,
        part: Part,
        progress: Progress | None,
        note: Callable[[str], None],
        timeout: tuple[float, float],
        attempts: int,
        sleep: Callable[[float], None],
    ) -> None:
        self.part = part
        self.download = part.download
        self.progress: Progress = progress or (lambda done, total: None)
        self.note = note
        self.timeout = timeout
        self.attempts = max(attempts, 1)
        self.sleep = sleep

    def fill(self) -> None:
        """Leave the whole, verified file in the part, from the first mirror that gives it."""
        download, part = self.download, self.part
        part.load()
        if download.checksum is not None and part.offset and part.is_right():
            return
        if part.offset == download.size:
            part.drop()
        if download.urls:
            part.check_room()

        import requests

        reasons: list[str] = []
        with requests.Session() as session:
            for url in download.urls:
                try:
                    self._from_mirror(session, url)
                except _Failed as failure:
                    reasons.append(f"{shown(url)}: {failure}")
                    if len(reasons) < len(download.urls):
                        self.note(f"`{download.name}`: {reasons[-1]}; trying the next mirror")
                    continue
                if download.checksum is None:
                    self.note(
                        f"`{download.name}` came unverified from {shown(url)}: no checksum is"
                        f" known for it (what came is {part.checksum()}, {part.offset} bytes)"
                    )
                return
        why = "every mirror failed" if reasons else "no public address is known"
        raise BenchwrightError(
            f"`{download.name}` could not be downloaded",
            where=str(part.target.parent),
            why="\n    ".join([why, *reasons]),
            fix=f"get it yourself, place it as {part.target} ({expected_text(download)}) "
            "and run again",
        )

    def _from_mirror(self, session: requests.Session, url: str) -> None:
        part = self.part
        tried, pieced, second_chance = 0, part.offset > 0, True
        while True:
            try:
                self._transfer(session, url)
            except _StartOver:
                part.drop()
                continue
            except _Failed as failure:
                tried += 1
                if not failure.again or tried >= self.attempts:
                    raise
                pause = min(2.0 ** (tried - 1), _LONGEST_PAUSE_S)
                self.sleep(pause if failure.wait is None else failure.wait)
                pieced = pieced or part.offset > 0
                continue
            if part.is_right():
                return
            found = part.checksum()
            part.drop()
            if not (pieced and second_chance):
                raise _Failed(f"wrong checksum: expected {self.download.checksum}, found {found}")
            # Pieces of two versions, or of two mirrors, say nothing about this mirror's file.
            second_chance = False

    def _transfer(self, session: requests.Session, url: str) -> None:
        """One request: continue the part or begin it anew, up to the end of the answer."""
        download, part = self.download, self.part
        ranged = part.range_headers(url)
        with contextlib.closing(self._request(session, url, ranged)) as response:
            if response.status_code == 416 and part.offset:
                _, total = _content_range(response.headers)
                if total == part.offset and part.is_right():
                    return
                raise _StartOver
            if response.status_code not in (200, 206):
                raise _status_failure(response)
            fresh = Journal(
                url=shown(url),
                checksum=str(download.checksum) if download.checksum else None,
                etag=response.headers.get("ETag"),
                modified=response.headers.get("Last-Modified"),
                total=_total(response),
            )
            if download.size is not None and fresh.total not in (None, download.size):
                raise _Failed(f"the file there has {fresh.total} bytes, not {download.size}")
            if response.status_code == 206:
                if not ranged:
                    raise _Failed("a part of the file came where the whole was asked for")
                start, _ = _content_range(response.headers)
                if start != part.offset or not fresh.agrees(part.journal):
                    raise _StartOver
            elif part.offset:
                part.drop()
            part.total = download.size if fresh.total is None else fresh.total
            part.check_room()
            encoding = response.headers.get("Content-Encoding", "identity")
            if encoding.lower() != "identity":
                self.note(f"{shown(url)} came as {encoding}; stored as it came")
            if part.total is None and download.checksum is None:
                self.note(f"{shown(url)} came without its length: a cut could not be noticed")
            self._stream(response, fresh)
        if part.total is not None and part.offset < part.total:
            raise _Failed(f"cut after {part.offset} of {part.total} bytes", again=True)

    def _stream(self, response: requests.Response, fresh: Journal) -> None:
        from urllib3.exceptions import HTTPError

        part = self.part
        with part.opened() as stream:
            part.record(fresh)
            self.progress(part.offset, part.total)
            try:
                for chunk in response.raw.stream(_CHUNK, decode_content=False):
                    limit = part.total
                    if limit is not None and part.offset + len(chunk) > limit:
                        part.drop()
                        raise _Failed(f"more than {limit} bytes came")
                    part.append(stream, chunk)
                    self.progress(part.offset, part.total)
            except HTTPError as error:
                raise _Failed(_cause(error), again=True) from error

    def _request(
        self, session: requests.Session, url: str, ranged: Mapping[str, str]
    ) -> requests.Response:
        """Ask for what is missing and follow redirects, each held to the same rules as the URL."""
        import ssl

        import requests
        from urllib3.exceptions import HTTPError

        # Compressed on the way, neither the length nor a range would be the file's own.
        headers = {"Accept-Encoding": "identity", **ranged}
        for _ in range(_REDIRECTS + 1):
            try:
                response = session.get(
                    url,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=self.timeout,
                    auth=_url_credentials,
                )
            except requests.exceptions.SSLError as error:
                refused = isinstance(_innermost(error), ssl.SSLCertVerificationError)
                raise _Failed(f"TLS: {_cause(error)}", again=not refused) from error
            except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
                raise _Failed(_cause(error), again=True) from error
            except (OSError, ValueError, HTTPError) as error:
                # OSError: the base of requests' own; a bad REQUESTS_CA_BUNDLE raises it bare.
                raise _Failed(_cause(error)) from error
            if not response.is_redirect:
                return response
            response.close()
            try:
                location = session.get_redirect_target(response) or ""
                target = urljoin(url, requests.utils.requote_uri(location))
            except ValueError as error:
                raise _Failed(f"redirect that cannot be read: {error}") from error
            why = url_fault(target, verified=self.download.checksum is not None)
            if why is None and urlsplit(url).scheme == "https" != urlsplit(target).scheme:
                why = "from https to plain http"
            if why is not None:
                # Without the query: redirects often carry signed tokens there.
                raise _Failed(f"redirect to {shown(target).partition('?')[0]} refused: {why}")
            url = target
        raise _Failed(f"more than {_REDIRECTS} redirects")


def _url_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    # An auth of our own keeps requests from sending ~/.netrc's to any mirror that it names.
    from requests.auth import HTTPBasicAuth
    from requests.utils import get_auth_from_url

    user, password = get_auth_from_url(request.url or "")
    return HTTPBasicAuth(user, password)(request) if user or password else request


def _content_range(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """(first byte, length of the whole file) of a Content-Range; None where not said."""
    pattern = r"\s*bytes\s+(?:(\d{1,19})-\d{1,19}|\*)/(\d{1,19}|\*)\s*"
    found = re.fullmatch(pattern, headers.get("Content-Range", ""))
    if found is None:
        return None, None
    start, total = found.groups()
    return int(start) if start else None, int(total) if total != "*" else None


def _total(response: requests.Response) -> int | None:
    if response.status_code == 206:
        return _content_range(response.headers)[1]
    length = response.headers.get("Content-Length", "")
    chunked = "Transfer-Encoding" in response.headers
    return int(length) if re.fullmatch(r"\d{1,19}", length) and not chunked else None


def _status_failure(response: requests.Response) -> _Failed:
    reason = f"{response.status_code} {response.reason}"
    if response.status_code not in (408, 429) and response.status_code < 500:
        return _Failed(reason)
    wait = _retry_after(response.headers.get("Retry-After"))
    if wait is not None and wait > _LONGEST_RETRY_AFTER_S:
        return _Failed(f"{reason}; asks to come back in {wait:.0f} s")
    return _Failed(reason, again=True, wait=wait)


def _retry_after(text: str | None) -> float | None:
    if text is None:
        return None
    if re.fullmatch(r"\d{1,9}", text.strip()):
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def _innermost(error: BaseException) -> BaseException:
    """The cause that requests and urllib3 wrapped, layer by layer."""
    inner = getattr(error, "reason", None)
    if not isinstance(inner, BaseException):
        inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
    return error if inner is None else _innermost(inner)


def _cause(error: BaseException) -> str:
    inner = _innermost(error)
    text = re.sub(r"^(<.*?>|\w*Connection\w*\(.*?\)): ", "", str(inner))
    return text or type(inner).__name__
