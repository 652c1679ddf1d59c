"""The webhook against a real server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from benchwright_webhook import ADDRESS_VARIABLE, post, run_finished

from benchwright.errors import BenchwrightError
from benchwright.results import RunResult

RUN = {"task": "performance:net-tiny/chip/Offline", "scenario": "Offline"}
RESULT = RunResult(
    RUN["task"], "net", "tiny", "chip", "fp32", "s", "Offline", "performance", value=4.0
)


class Receiver(ThreadingHTTPServer):
    """Keeps what is posted; `answers` are given in turn, 204 when they are used up."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.posted: list[Any] = []
        self.answers: list[int] = []
        self.go_on = threading.Event()
        self.waits = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/secret"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def log_message(self, format: str, *args: object) -> None: ...

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.headers["Content-Type"], json.loads(body)))
        if self.server.waits:
            self.server.go_on.wait(60)
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv(ADDRESS_VARIABLE, server.address)
    yield server
    server.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_result_is_posted_as_json(receiver: Receiver) -> None:
    run_finished(RUN, RESULT)
    assert receiver.posted == [
        (
            "application/json",
            {
                "event": "run_finished",
                "run": RUN,
                "result": json.loads(json.dumps(RESULT.record())),
            },
        )
    ]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_is_not_taken_is_told(receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    with pytest.raises(BenchwrightError, match=f"it answered {status}") as caught:
        run_finished(RUN, RESULT)
    assert "127.0.0.1 did not take the result" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(receiver.posted) == 1, "no redirect is followed"


def test_who_does_not_answer_is_told(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "TIMEOUT_SECONDS", 0.2)
    receiver.waits = True
    with pytest.raises(BenchwrightError, match=r"no answer within 0\.2 s"):
        run_finished(RUN, RESULT)


def test_who_is_not_there_is_told(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, "http://127.0.0.1:9/secret")
    with pytest.raises(BenchwrightError, match="ConnectionError") as caught:
        run_finished(RUN, RESULT)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["http://results.example/", "file:///etc/passwd", "results.example", "https://", "http://[::1"],
)
def test_addresses_that_are_none(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, address)
    with pytest.raises(BenchwrightError, match="address cannot be used"):
        run_finished(RUN, RESULT)


def test_nothing_is_posted_without_an_address(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(ADDRESS_VARIABLE)
    run_finished(RUN, RESULT)
    assert receiver.posted == []
    assert "BENCHWRIGHT_WEBHOOK is not set" in capsys.readouterr().out
