"""A server on 127.0.0.1 that speaks as much of a hub's API as fetching a model takes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" * 6 + "c0ff"
OLDER = "01d000" * 6 + "0000"


@dataclass
class Hub:
    """revisions: the files of each commit by name; names: branches and tags by commit. gated: the
    token that is asked for, where one is; asked: the paths of all requests, with their ranges."""

    repo: str
    revisions: dict[str, dict[str, bytes]]
    names: dict[str, str] = field(default_factory=dict)
    gated: str | None = None
    cut_after: int | None = None
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    endpoint: str = ""

    def commit(self, revision: str) -> str | None:
        revision = self.names.get(revision, revision)
        return revision if revision in self.revisions else None


@contextlib.contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            return

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            hub.asked.append((self.command, self.path, self.headers.get("Range")))
            path = self.path.partition("?")[0]
            api = re.fullmatch(rf"/api/models/{hub.repo}(?:/(?:revision|tree)/([^/]+))?", path)
            file = re.fullmatch(rf"/{hub.repo}/resolve/([^/]+)/(.+)", path)
            if api is None and file is None:
                return self.refuse(404, "RepoNotFound", "Repository not found", body)
            if hub.gated and self.headers.get("Authorization") != f"Bearer {hub.gated}":
                return self.refuse(403, "GatedRepo", "Access to this model is restricted", body)
            found = api or file
            assert found is not None
            commit = hub.commit(found[1] or "main")
            if commit is None:
                return self.refuse(404, "RevisionNotFound", "Invalid rev id", body)
            files = hub.revisions[commit]
            if api is not None and "/tree/" in path:
                entries = [
                    {
                        "type": "file",
                        "path": name,
                        "size": len(content),
                        "oid": hashlib.sha1(content).hexdigest(),
                    }
                    for name, content in files.items()
                ]
                text = json.dumps(entries)
                return self.send(200, text.encode(), {"Content-Type": "application/json"}, body)
            if api is not None:
                siblings = [{"rfilename": name} for name in files]
                text = json.dumps({"id": hub.repo, "sha": commit, "siblings": siblings})
                return self.send(200, text.encode(), {"Content-Type": "application/json"}, body)
            assert file is not None
            content = files.get(file[2])
            if content is None:
                return self.refuse(404, "EntryNotFound", "Entry not found", body)
            headers = {
                "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
                "X-Repo-Commit": commit,
                "Accept-Ranges": "bytes",
            }
            begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            if begin is None:
                return self.send(200, content, headers, body)
            start = int(begin[1])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send(206, content[start:], headers, body)

        def refuse(self, status: int, code: str, message: str, body: bool) -> None:
            headers = {"X-Error-Code": code, "X-Error-Message": message}
            self.send(status, b"{}", headers, body)

        def send(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if not body:
                return
            if hub.cut_after is not None and status in (200, 206) and len(content) > hub.cut_after:
                self.wfile.write(content[: hub.cut_after])
                hub.cut_after = None
                self.close_connection = True
                return
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
