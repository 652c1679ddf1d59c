"""Calls into other people's code: what they raise, print, fork, and how long they take."""

from __future__ import annotations

import contextvars
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from textwrap import dedent

import pytest

from benchwright import contained
from benchwright.contained import LIMIT_VARIABLE, Fault, Hung, limit_seconds
from benchwright.errors import UsageError


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Ends, with the test, what hangs in it."""
    event = threading.Event()
    yield event
    event.set()


def test_an_answer_comes_back_from_a_thread_with_the_caller_s_context() -> None:
    told = contextvars.ContextVar("told", default="nothing")
    told.set("something")
    answer = contained.call(
        lambda: (threading.current_thread() is threading.main_thread(), told.get()), 60, who="x"
    )
    assert answer == (False, "something")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("a\n  b"), "ValueError: a b"),
        (SystemExit(7), "SystemExit: 7"),
        (KeyboardInterrupt(), "KeyboardInterrupt:"),
        (GeneratorExit("over"), "GeneratorExit: over"),
        (BaseException("anything"), "BaseException: anything"),
    ],
)
def test_whatever_is_raised_is_a_fault(error: BaseException, text: str) -> None:
    def raising() -> None:
        raise error

    with pytest.raises(Fault) as caught:
        contained.call(raising, 60, who="x")
    assert str(caught.value) == text
    assert caught.value.error is error


def test_an_error_that_cannot_be_told_is_told_by_its_type() -> None:
    class Shy(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def raising() -> None:
        raise Shy

    with pytest.raises(Fault, match=r"^Shy$"):
        contained.call(raising, 60, who="x")


def test_what_does_not_answer_is_given_up(gate: threading.Event) -> None:
    with pytest.raises(Hung, match=r"did not answer within 0\.05 s.*BENCHWRIGHT_PLUGIN_TIMEOUT"):
        contained.call(gate.wait, 0.05, who="x")


def test_a_thread_that_is_given_up_does_not_hold_up_the_exit() -> None:
    code = """
        import time
        from benchwright import contained
        try:
            contained.call(lambda: time.sleep(3600), 0.05, who="x")
        except contained.Hung:
            print("given up")
        """
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "given up\n", "")


def test_printing_goes_to_standard_error_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    printed: list[str] = []

    def talking() -> int:
        print("hello\n" + "x" * 200)
        sys.stdout.writelines(["and ", "more\n"])
        sys.stdout.flush()
        return 1

    before = sys.stdout
    assert contained.call(talking, 60, who="x", printed=printed.append) == 1
    assert sys.stdout is before
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("hello\n")
    assert told.err.endswith("and more\n")
    assert printed == ["hello\n" + "x" * 74]
    assert contained.call(lambda: 2, 60, who="x", printed=printed.append) == 2
    assert len(printed) == 1
    contained.call(talking, 60, who="x")
    assert capsys.readouterr().out.startswith("hello\n"), "only where it is asked for"


def test_others_print_where_they_did(capsys: pytest.CaptureFixture[str]) -> None:
    """Also inside a call, and after one was given up."""

    def inner() -> None:
        print("inner")

    def outer() -> None:
        other = threading.Thread(target=print, args=("another's",))
        other.start()
        other.join()
        contained.call(inner, 60, who="inner", printed=lambda text: None)

    contained.call(outer, 60, who="outer", printed=lambda text: None)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("another's\n", "inner\n")


def test_a_thread_that_is_given_up_still_does_not_print_to_standard_output(
    capsys: pytest.CaptureFixture[str], gate: threading.Event
) -> None:
    late = threading.Event()

    def talking() -> None:
        gate.wait()
        print("late")
        late.set()

    before = sys.stdout
    try:
        with pytest.raises(Hung):
            contained.call(talking, 0.05, who="x", printed=lambda text: None)
        print("ours")
        gate.set()
        assert late.wait(60)
    finally:
        sys.stdout = before
    told = capsys.readouterr()
    assert (told.out, told.err) == ("ours\n", "late\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("then", ["return 1", "raise OSError"])
def test_a_copy_that_comes_back_is_ended(then: str) -> None:
    code = f"""
        import os, warnings
        from benchwright import contained
        warnings.simplefilter("ignore")
        def forking():
            if os.fork() == 0:
                {then}
            os.wait()
            return 2
        print(contained.call(forking, 60, who="plugin `x`"), flush=True)
        """
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "2\n")
    assert done.stderr == (
        "plugin `x` forked this process; the copy came back from the call, and is ended\n"
    )


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "1e400"])
def test_a_limit_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, text)
    with pytest.raises(UsageError, match=f"{LIMIT_VARIABLE}: `{text}` is no number of seconds"):
        limit_seconds()


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LIMIT_VARIABLE, raising=False)
    assert limit_seconds() == contained.LIMIT_SECONDS
    monkeypatch.setenv(LIMIT_VARIABLE, "2.5")
    assert limit_seconds() == 2.5
