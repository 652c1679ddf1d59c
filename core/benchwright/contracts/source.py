"""Where the files of a data set or a model come from: descriptions; nothing is fetched here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self, cast, get_args
from urllib.parse import urlsplit

from benchwright.errors import BenchwrightError

Algorithm = Literal["sha256", "md5"]

_HEX_DIGITS = {"sha256": 64, "md5": 32}
OWN_SUFFIXES = (".part", ".part.json", ".lock")
"""What a download keeps beside a file while it works; no file may be named so."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """A hash of a whole file; `value` is hexadecimal (kept in lower case).

    `md5` is for files whose publisher gives nothing better: it finds damage, not a forger.
    """

    algorithm: Algorithm
    value: str

    def __post_init__(self) -> None:
        digits = _HEX_DIGITS.get(self.algorithm)
        if digits is None:
            known = ", ".join(get_args(Algorithm))
            raise BenchwrightError(
                f"unknown checksum algorithm `{self.algorithm}`", fix=f"use one of: {known}"
            )
        if not re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", self.value):
            raise BenchwrightError(
                f"`{self.value}` is not a {self.algorithm} checksum",
                why=f"it must be {digits} hexadecimal digits",
            )
        object.__setattr__(self, "value", self.value.lower())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `sha256:<64 digits>` or `md5:<32 digits>`; raises BenchwrightError."""
        algorithm, colon, value = text.partition(":")
        if not colon:
            raise BenchwrightError(
                f"`{text}` is not a checksum", fix="write it as `sha256:...` or `md5:...`"
            )
        return cls(cast(Algorithm, algorithm), value)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


@dataclass(frozen=True, slots=True)
class Download:
    """A file and where it can be had.

    name: the plain file name it is stored as; the server's own name is never used.
    urls: mirrors, best first; empty when a person must place the file (a licence, a login).
    checksum: None only where no publisher gives one; then every use says so.
    size: bytes, when known; more than that is never written.

    Raises BenchwrightError for a name that is not plain, a URL that is not http(s), and plain http
    without a checksum (except to this machine's loopback address).
    """

    name: str
    urls: tuple[str, ...]
    checksum: Checksum | None
    size: int | None = None

    def __post_init__(self) -> None:
        if why := name_fault(self.name):
            raise BenchwrightError(
                f"{self.name!r} cannot be the name of a download", why=why, fix="give a plain name"
            )
        for url in self.urls:
            if why := url_fault(url, verified=self.checksum is not None):
                raise BenchwrightError(
                    f"the URL of `{self.name}` is refused", where=shown(url), why=why
                )
        if self.size is not None and self.size < 0:
            raise BenchwrightError(f"the size of `{self.name}` is negative", why=str(self.size))


@dataclass(frozen=True, slots=True)
class Packaged:
    """A file that an installed import package ships: `path` below the package `package`."""

    name: str
    package: str
    path: str
    checksum: Checksum

    @classmethod
    def beside(cls, package: str, name: str, sha256: str) -> Self:
        """The file `name` that lies directly in `package`."""
        return cls(name=name, package=package, path=name, checksum=Checksum("sha256", sha256))


@dataclass(frozen=True, slots=True)
class Manual:
    """A file that may not be fetched without consent to a licence: the user places it by hand.

    instructions: one sentence that says where to get it.
    """

    name: str
    checksum: Checksum
    instructions: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Local:
    """A file of the user's own, used where it lies: `path`; it must still have this content."""

    name: str
    path: str
    checksum: Checksum
    size: int | None = None


Source = Download | Packaged | Manual | Local


def name_fault(name: str) -> str | None:
    """Why this cannot be the plain name of a downloaded file, or None."""
    if name in ("", ".", ".."):
        return "it names no file"
    if "/" in name or "\\" in name or any(ord(c) < 32 or ord(c) == 127 for c in name):
        return "it has a separator or a control character"
    if name.endswith(OWN_SUFFIXES):
        return f"{', '.join(OWN_SUFFIXES)} are for files kept while downloading"
    try:
        too_long = len(name.encode()) > 255 - len(".part.json.part")
    except UnicodeEncodeError:
        return "it is not valid text"
    return "it is too long" if too_long else None


def url_fault(url: str, *, verified: bool) -> str | None:
    """Why this address is refused, or None; verified: a checksum will judge what comes."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https") or not host:
        return "only http:// and https:// are fetched"
    if any(ord(c) <= 32 or ord(c) == 127 for c in url):
        return "it has a space or a control character"
    if parts.scheme == "http" and not verified and not _is_loopback(host):
        return "plain http needs a checksum, since anyone on the way can change the file"
    return None


def _is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def shown(url: str) -> str:
    """The URL without a password."""
    return re.sub(r"^(\w+://)[^/?#]*@", r"\1", url)
