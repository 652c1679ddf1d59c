"""Reading loadgen's accuracy log, whole, empty, laid out otherwise, and damaged."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchwright.errors import BenchwrightError
from benchwright.harness import accuracy_log
from benchwright.harness.accuracy_log import Entry, read_accuracy
from benchwright.harness.logs import ACCURACY_FILE
from core.harness.loadgen_runs import RESPONSE, TOTAL, make

Run = Callable[[str], Path]


@pytest.fixture(scope="session")
def loadgen_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return lambda name: make(name, tmp_path_factory)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / ACCURACY_FILE
        path.write_text(text)
        return path

    return write


def text_of(entries: list[Entry]) -> list[dict[str, object]]:
    """Entries as loadgen writes them."""
    return [
        {"seq_id": e.seq_id, "qsl_idx": e.qsl_idx, "data": e.data.hex().upper()}
        | ({} if e.token_count is None else {"token_data": "AB", "token_count": e.token_count})
        for e in entries
    ]


@pytest.mark.parametrize("name", ["accuracy", "accuracy-sets"])
def test_an_accuracy_run(name: str, loadgen_run: Run) -> None:
    entries = list(read_accuracy(loadgen_run(name) / ACCURACY_FILE))
    assert sorted(entry.qsl_idx for entry in entries) == list(range(TOTAL))
    assert sorted(entry.seq_id for entry in entries) == list(range(TOTAL))
    assert [entry.qsl_idx for entry in entries] != list(range(TOTAL))
    assert {entry.data for entry in entries} == {RESPONSE.tobytes()}
    assert array("f", entries[0].data).tolist() == [1.5, -2.5]
    assert {entry.token_count for entry in entries} == {None}


def test_counted_tokens(loadgen_run: Run) -> None:
    entries = list(read_accuracy(loadgen_run("accuracy-tokens") / ACCURACY_FILE))
    assert len(entries) == TOTAL
    assert {entry.token_count for entry in entries} == {3}
    assert {entry.data for entry in entries} == {RESPONSE.tobytes()}


def test_a_performance_run_logs_nothing(loadgen_run: Run) -> None:
    path = loadgen_run("offline") / ACCURACY_FILE
    assert path.stat().st_size > 0
    assert list(read_accuracy(path)) == []


def test_an_audit_samples_the_responses(loadgen_run: Run) -> None:
    entries = list(read_accuracy(loadgen_run("audited") / ACCURACY_FILE))
    assert 0 < len(entries) < 128
    assert {entry.data for entry in entries} == {RESPONSE.tobytes()}


ENTRIES = [Entry(0, 5, b""), Entry(1, 2, b"\x00\xff"), Entry(2, 0, bytes(300), token_count=7)]


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "layout",
    [
        lambda value: json.dumps(value),
        lambda value: json.dumps(value, separators=(",", ":")),
        lambda value: json.dumps(value, indent=4),
        lambda value: " \r\n\t" + json.dumps(value).replace(", {", "\n\n,\n{") + "\n\n",
    ],
)
def test_any_layout(
    layout: Callable[[object], str],
    chunk: int,
    written: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accuracy_log, "_CHUNK", chunk)
    assert list(read_accuracy(written(layout(text_of(ENTRIES))))) == ENTRIES


@pytest.mark.parametrize("text", ["[]", "[\n]\n", " [ ] "])
def test_no_entries(text: str, written: Callable[[str], Path]) -> None:
    assert list(read_accuracy(written(text))) == []


def test_a_large_entry_takes_few_reads(
    written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Entry(0, 0, bytes(range(256)) * 4096)
    path = written(json.dumps(text_of([entry])))
    monkeypatch.setattr(accuracy_log, "_CHUNK", 1024)
    reads: list[int] = []
    more = accuracy_log._Reader._more

    def counted(reader: accuracy_log._Reader) -> bool:
        reads.append(1)
        return more(reader)

    monkeypatch.setattr(accuracy_log._Reader, "_more", counted)
    assert list(read_accuracy(path)) == [entry]
    assert len(reads) < 20  # it doubles: 2,048 chunks of that size would be quadratic


def test_a_long_log_is_not_held(
    written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accuracy_log, "_CHUNK", 1 << 14)
    path = written(
        "[" + ",\n".join(['{ "seq_id" : 0, "qsl_idx" : 1, "data" : "00" }'] * 40_000) + "]"
    )
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_accuracy(path)) == 40_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < path.stat().st_size / 4


LINE = '{ "seq_id" : 0, "qsl_idx" : 1, "data" : "0aFF" }'


@pytest.mark.parametrize(
    ("text", "line", "why", "whole"),
    [
        ("", 1, "ends where `[`", 0),
        ("\n\n", 3, "ends where `[`", 0),
        ("hello", 1, "`[` is due, but `h`", 0),
        ("[", 1, "ends where `{`", 0),
        (f"[\n{LINE}", 2, "ends where `]`", 1),
        (f"[\n{LINE},\n", 3, "ends where `{{`", 1),
        (f"[\n{LINE},\n]\n", 3, "`{{` is due, but `]`", 1),
        (f"[\n{LINE}\n{LINE}\n]\n", 3, "`]` is due, but `{{`", 1),
        (f"[\n{LINE},\n{LINE[:30]}", 3, "ends within an entry", 1),
        (f"[\n{LINE},\n{LINE[:30]}\n]", 3, "ends within an entry", 1),
        (f"[\n{LINE}\n]\n]", 4, "more after", 1),
        ("[\n1]", 2, "`{{` is due, but `1`", 0),
        (f"[\n{LINE},\n" + LINE.replace("0aFF", "0aF"), 3, "ValueError", 1),
        (f"[\n{LINE},\n" + LINE.replace("0aFF", "0axy"), 3, "ValueError", 1),
        ("[\n" + LINE.replace('"0aFF"', "7"), 2, "hexadecimal", 0),
        ("[\n" + LINE.replace('"data"', '"dat"'), 2, "data", 0),
        ("[\n" + LINE.replace("1", "-1"), 2, "qsl_idx", 0),
        ("[\n" + LINE.replace("1", "true"), 2, "qsl_idx", 0),
        ("[\n" + LINE.replace("1", "1.5"), 2, "qsl_idx", 0),
        ("[\n" + LINE.replace(" }", ', "token_count" : "x" }'), 2, "token_count", 0),
        ("[\n" + LINE.replace("1,", "1"), 2, "JSONDecodeError", 0),
    ],
)
def test_damage_is_told_with_its_line(
    text: str, line: int, why: str, whole: int, written: Callable[[str], Path]
) -> None:
    path = written(text)
    entries = read_accuracy(path)
    for _ in range(whole):
        assert next(entries) == Entry(0, 1, b"\x0a\xff")
    with pytest.raises(BenchwrightError, match="damaged") as caught:
        next(entries)
    assert caught.value.where == f"{path}:{line}"
    assert why.replace("{{", "{") in (caught.value.why or "")
    assert caught.value.fix


def test_a_missing_log_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BenchwrightError, match="there is no accuracy log"):
        read_accuracy(tmp_path / ACCURACY_FILE)


@settings(max_examples=100, deadline=None)
@given(
    entries=st.lists(
        st.builds(
            Entry,
            st.integers(0, 2**64),
            st.integers(0, 2**64),
            st.binary(max_size=40),
            st.none() | st.integers(0, 9),
        )
    ),
    indent=st.none() | st.integers(0, 3),
    cut=st.floats(0, 1),
)
def test_what_is_written_is_read(
    entries: list[Entry], indent: int | None, cut: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.json"
    text = json.dumps(text_of(entries), indent=indent)
    path.write_text(text)
    assert list(read_accuracy(path)) == entries
    path.write_text(text[: int(cut * (len(text) - 1))])
    found: list[Entry] = []
    with pytest.raises(BenchwrightError):
        found.extend(entry for entry in read_accuracy(path))
    assert found == entries[: len(found)]


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=80), start=st.sampled_from([b"", b"[", b"[{", b'[{"data":"']))
def test_any_bytes_are_read_or_refused(
    data: bytes, start: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(start + data)
    with contextlib.suppress(BenchwrightError):
        assert len(list(read_accuracy(path))) == len(json.loads(start + data))
