"""Sessions stay open for as long as they may be asked for again."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from benchwright.harness.pool import SessionPool, most_instances


class Sessions(dict[str, Any]):
    """What a backend opens."""


def test_what_is_open_is_given_again() -> None:
    opened: list[int] = []

    def open_sessions(threads: int) -> Sessions:
        opened.append(threads)
        return Sessions()

    pool = SessionPool(open_sessions)
    (first,) = pool.take(1, 2)
    second = pool.take(2, 1)
    assert opened == [2, 1, 1]
    assert pool.take(1, 2)[0] is first
    again = pool.take(3, 1)
    assert opened == [2, 1, 1, 1]
    assert all(old is new for old, new in zip(second, again, strict=False))


def test_sessions_of_two_numbers_of_threads_stay() -> None:
    pool = SessionPool(lambda threads: Sessions())
    kept = [weakref.ref(pool.take(1, threads)[0]) for threads in (8, 1, 2)]
    gc.collect()
    assert [reference() is None for reference in kept] == [True, False, False]
    pool.take(1, 1)
    pool.take(1, 4)
    gc.collect()
    assert [reference() is None for reference in kept] == [True, False, True]


@pytest.mark.parametrize(("free", "count"), [(0, 1), (1999, 1), (20_000, 7), (200_000, 70)])
def test_memory_bounds_the_instances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, count: int
) -> None:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "main.onnx").write_bytes(bytes(400))
    (tmp_path / "main.data").write_bytes(bytes(600))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    assert most_instances(tmp_path) == count
