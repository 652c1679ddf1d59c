"""Aggregation traces: drawn as the reference draws them, read with every line checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.errors import BenchwrightError
from benchwright_recommendation import trace

OFFICIAL_ROWS = 89_137_319


def test_the_official_day_is_drawn_into_its_330067_samples() -> None:
    offsets = trace.draw(OFFICIAL_ROWS)
    assert len(offsets) - 1 == 330_067
    assert offsets[-1] == OFFICIAL_ROWS
    sizes = np.diff(offsets)
    # The published trace begins with 0, 200, 200 and 200, 400, 200; its last group is cut.
    assert offsets[:3].tolist() == [0, 200, 400]
    assert set(sizes[:-1].tolist()) == {100, 200, 300, 400, 500, 600, 700}
    assert sizes[-1] == 19
    assert sizes.mean() == pytest.approx(270, abs=0.1)


@pytest.mark.parametrize("rows", [1, 199, 200, 201, 1_200_000])
def test_every_row_is_drawn_once_and_fewer_rows_give_the_same_groups(rows: int) -> None:
    offsets = trace.draw(rows)
    assert offsets[0] == 0
    assert offsets[-1] == rows
    assert (np.diff(offsets) > 0).all()
    more = trace.draw(rows + 1_000)
    assert offsets[:-1].tolist() == more[: len(offsets) - 1].tolist()


def test_no_rows_cannot_be_drawn() -> None:
    with pytest.raises(BenchwrightError, match="no rows"):
        trace.draw(0)


@given(st.lists(st.integers(1, 700), min_size=1, max_size=50), st.integers(0, 5))
def test_what_is_written_is_read(sizes: list[int], spare: int) -> None:
    import tempfile

    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, trace.TRACE)
        trace.write(path, offsets)
        found = trace.read(path, int(offsets[-1]) + spare)
    assert found.tolist() == offsets.tolist()


@given(st.text(max_size=60))
def test_any_text_is_read_or_explained(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, trace.TRACE)
        path.write_text(text, encoding="utf-8")
        try:
            offsets = trace.read(path, 1000)
        except BenchwrightError as error:
            told = str(error)
        else:
            told = str(path)
            assert (np.diff(offsets) > 0).all()
        assert told.startswith(str(path))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "0, 200, 200\n300, 400, 100\n",
            r":2: .*\n.*starts at row 300; the line before ends at 200",
        ),
        ("1, 200, 199\n", r":1: .*\n.*starts at row 1; the line before ends at 0"),
        ("0, 200, 100\n", r":1: .*\n.*rows 0 to 200 are 200, the line says 100"),
        ("0, 0, 0\n", r":1: .*\n.*the line says 0"),
        ("0, 700, 700\n700, 1400, 700\n", r":2: .*\n.*ends at row 1400; the day has 1000 rows"),
        ("0, 200\n", r":1: this line is not `start, end, count`"),
        ("0, 200, 200\n\n", r":2: this line is not `start, end, count`"),
        ("0, x, 200\n", r":1: this line is not"),
        ("", "is empty"),
    ],
)
def test_lines_that_do_not_run_on_are_named(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / trace.TRACE
    path.write_text(text)
    with pytest.raises(BenchwrightError, match=told):
        trace.read(path, 1000)


def test_a_trace_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / trace.TRACE
    path.write_bytes(b"\xff\xfe0, 1, 1\n")
    with pytest.raises(BenchwrightError, match="cannot be read") as failure:
        trace.read(path, 1000)
    assert str(path) in str(failure.value)
