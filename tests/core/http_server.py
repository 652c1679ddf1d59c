"""A real HTTP server on 127.0.0.1 whose files misbehave on request; for the download tests.

Each `Resource` is one address. Its fields say how it answers; tests change them between requests
and read `asked` (the headers of every request, in order) afterwards.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# Protects nothing: made for these tests, self-signed, for 127.0.0.1 and localhost.
PRIVATE_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDgJ0VVVwZ8p+f2/Q
qW+pdqPKLqVkE/9TsCSCpn3BiNmhRANCAAT/yjpWAgGxEhVapvRKDTFVAu7omc8m
lHMjfVrTTnX1SI9OLXK8Ubz9Ky8kVkUeL8hjXWUJukhC8UPAwdQVrEjf
-----END PRIVATE KEY-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIBATAKBggqhkjOPQQDAjAmMSQwIgYDVQQDDBt0aHJvdy1h
d2F5IHRlc3QgY2VydGlmaWNhdGUwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEw
MDAwMDBaMCYxJDAiBgNVBAMMG3Rocm93LWF3YXkgdGVzdCBjZXJ0aWZpY2F0ZTBZ
MBMGByqGSM49AgEGCCqGSM49AwEHA0IABP/KOlYCAbESFVqm9EoNMVUC7uiZzyaU
cyN9WtNOdfVIj04tcrxRvP0rLyRWRR4vyGNdZQm6SELxQ8DB1BWsSN+jXjBcMA8G
A1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgKEMB0GA1UdDgQWBBSELbYF6Hxz
Ktb+/5axNJTbtDkChDAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3QwCgYIKoZI
zj0EAwIDSAAwRQIgHy0N+KyiYLBDsNuKnxSV9opivf7hf6kpIGkM1mG/TSkCIQCr
4XSBDYnGJpyzjaCmyAvE8/7MVR3Mw5o2T0Uu3AVYtw==
-----END CERTIFICATE-----
"""


@dataclass
class Answer:
    """One canned answer that goes out before the resource's own behaviour."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Resource:
    content: bytes = b""
    etag: str | None = None
    modified: str | None = None
    ranges: bool = True
    honours_if_range: bool = True
    says_length: bool = True
    chunked: bool = False
    redirect: str | None = None
    content_range: str | None = None
    """Said instead of the true Content-Range."""
    headers: dict[str, str] = field(default_factory=dict)
    first: list[Answer] = field(default_factory=list)
    """Answers given before anything else, one per request."""
    cuts: list[int] = field(default_factory=list)
    """Per request: how many body bytes come before the connection is cut."""
    stop_after: int | None = None
    """Send so many body bytes, then wait for `go_on`."""
    go_on: threading.Event = field(default_factory=threading.Event)
    asked: list[dict[str, str]] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    posted: list[bytes] = field(default_factory=list)
    """The bodies of POST requests, which are answered with 204 after `first`."""

    @property
    def ranges_asked(self) -> list[str | None]:
        return [headers.get("range") for headers in self.asked]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: object) -> None: ...

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            self._answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with contextlib.suppress(OSError):
            resource = self.server.resources.get(self.path)
            if resource is None:
                self._send(Answer(404))
                return
            resource.posted.append(body)
            self._send(resource.first.pop(0) if resource.first else Answer(204))

    def _answer(self) -> None:
        resource = self.server.resources.get(self.path)
        if resource is None:
            self._send(Answer(404))
            return
        resource.asked.append({name.lower(): value for name, value in self.headers.items()})
        resource.reached.set()
        if resource.first:
            self._send(resource.first.pop(0))
        elif resource.redirect is not None:
            self._send(Answer(302, {"Location": resource.redirect}))
        else:
            self._file(resource)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _file(self, resource: Resource) -> None:
        content, start = resource.content, 0
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        changed = condition is not None and condition not in (resource.etag, resource.modified)
        if resource.ranges and wanted and not (changed and resource.honours_if_range):
            start = int(wanted[1])
            if start >= len(content):
                self._send(Answer(416, {"Content-Range": f"bytes */{len(content)}"}))
                return
            self.send_response(206)
            true = f"bytes {start}-{len(content) - 1}/{len(content)}"
            said = true if resource.content_range is None else resource.content_range
            self.send_header("Content-Range", said)
        else:
            self.send_response(200)
        body = content[start:]
        if resource.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif resource.says_length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        more = {"ETag": resource.etag, "Last-Modified": resource.modified, **resource.headers}
        for name, value in more.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self._body(resource, body)

    def _body(self, resource: Resource, body: bytes) -> None:
        if resource.cuts:
            self.wfile.write(body[: resource.cuts.pop(0)])
            self.close_connection = True
        elif resource.stop_after is not None:
            self.wfile.write(body[: resource.stop_after])
            self.wfile.flush()
            resource.go_on.wait(60)
            self.wfile.write(body[resource.stop_after :])
        elif resource.chunked:
            for at in range(0, len(body), 1000):
                piece = body[at : at + 1000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Serves `resources` by path; as a proxy, by whole URL."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.resources: dict[str, Resource] = {}
        self.scheme = "http"

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}{path}"

    def add(self, path: str, resource: Resource) -> str:
        """Serve the resource; returns its address."""
        self.resources[path] = resource
        return self.url(path)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests are about."""


@contextlib.contextmanager
def serving(tls_files: Path | None = None) -> Iterator[Server]:
    """A running server; https, with the certificate written to that folder, if one is given."""
    server = Server()
    if tls_files is not None:
        (tls_files / "key.pem").write_text(PRIVATE_KEY)
        (tls_files / "cert.pem").write_text(CERTIFICATE)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls_files / "cert.pem", tls_files / "key.pem")
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        server.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        for resource in server.resources.values():
            resource.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
