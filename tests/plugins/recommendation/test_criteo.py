"""The click log's reader: values in place, and every kind of wrong file named."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchwright.errors import BenchwrightError
from benchwright_recommendation import criteo, stored, trace
from benchwright_recommendation.criteo import DENSE_FILE, LABELS_FILE, SPARSE_FILE, ClickLog

from .conftest import SMALL, Day, write_day


def test_samples_are_the_rows_that_the_trace_names(day: Day) -> None:
    log = ClickLog(day.folder, SMALL)
    samples = list(log.read())
    assert log.samples == 3
    assert [len(sample.labels) for sample in samples] == [3, 1, 4]
    assert samples[2].dense.tolist() == day.dense[4:8].tolist()
    # All features' ids side by side, in the features' order.
    assert samples[2].ids.shape == (4, 214)
    assert samples[2].ids[1].tolist() == [value for bag in day.bags for value in bag[5]]
    assert samples[0].labels.tolist() == [0.0, 1.0, 0.0]
    assert log.labels(2).tolist() == [0.0, 1.0, 0.0, 1.0]
    assert [array.dtype.name for array in samples[0]] == ["float32", "int32", "float32"]


def test_chunks_cut_no_sample(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(ClickLog(day.folder, SMALL).read())
    for rows in (1, 3, 4, 5):
        monkeypatch.setattr(criteo, "_CHUNK_ROWS", rows)
        parts = list(ClickLog(day.folder, SMALL).read())
        assert len(parts) == 3
        for one, two in zip(whole, parts, strict=True):
            assert all(
                np.array_equal(first, second) for first, second in zip(one, two, strict=True)
            )


def test_without_a_trace_half_of_the_day_is_drawn(tmp_path: Path) -> None:
    folder = write_day(tmp_path, sizes=(1,), rows=801).folder
    (folder / trace.TRACE).unlink()
    # 401 of 801 rows, in the groups that the reference draws: 200, 200 and what is left.
    assert ClickLog(folder, SMALL).offsets.tolist() == [0, 200, 400, 401]


def test_a_link_to_a_trace_that_is_gone_is_no_missing_trace(day: Day) -> None:
    path = day.folder / trace.TRACE
    path.unlink()
    path.symlink_to(day.folder / "elsewhere.txt")
    with pytest.raises(BenchwrightError, match="this aggregation trace cannot be read"):
        ClickLog(day.folder, SMALL)


def test_arrays_are_mapped_where_they_lie(day: Day) -> None:
    (mapped,) = stored.map_npz(day.folder / SPARSE_FILE, ["20"])
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    assert mapped.tolist() == day.bags[20].tolist()


def test_column_order_is_understood(day: Day) -> None:
    np.save(day.folder / DENSE_FILE, np.asfortranarray(day.dense))
    found = next(ClickLog(day.folder, SMALL).read())
    assert found.dense.tolist() == day.dense[:3].tolist()
    assert found.dense.flags.c_contiguous


def _rewrite(day: Day, **changed: object) -> None:
    """Writes the day again with some of its bags replaced (by name) or left out (None)."""
    bags: dict[str, object] = {str(table): bag for table, bag in enumerate(day.bags)}
    bags.update(changed)
    kept = {name: bag for name, bag in bags.items() if bag is not None}
    np.savez(day.folder / SPARSE_FILE, **kept)  # type: ignore[arg-type]


def _wrong_id(day: Day, value: int) -> None:
    bag = day.bags[4].copy()
    bag[5, 3] = value
    _rewrite(day, **{"4": bag})


def _compressed(day: Day) -> None:
    np.savez_compressed(
        day.folder / SPARSE_FILE, **{str(table): bag for table, bag in enumerate(day.bags)}
    )  # type: ignore[arg-type]


def _pickled(day: Day) -> None:
    np.save(day.folder / DENSE_FILE, np.array([object()]), allow_pickle=True)


def _cut(name: str, count: int) -> Callable[[Day], None]:
    def cut(day: Day) -> None:
        os.truncate(day.folder / name, (day.folder / name).stat().st_size - count)

    return cut


def _dense(day: Day, value: float) -> None:
    changed = day.dense.copy()
    changed[7, 2] = value
    np.save(day.folder / DENSE_FILE, changed)


def _label(day: Day, value: int) -> None:
    changed = day.labels.copy()
    changed[6] = value
    np.save(day.folder / LABELS_FILE, changed)


def _damaged_header(day: Day) -> None:
    path = day.folder / SPARSE_FILE
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("7.npy").header_offset
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda day: (day.folder / DENSE_FILE).unlink(), f"has no {DENSE_FILE}"),
        (lambda day: (day.folder / SPARSE_FILE).unlink(), f"has no {SPARSE_FILE}"),
        (lambda day: (day.folder / LABELS_FILE).unlink(), f"has no {LABELS_FILE}"),
        (
            lambda day: np.save(day.folder / DENSE_FILE, day.dense.astype(np.float64)),
            rf"{DENSE_FILE}: this array is float64 \[10, 13\], not float32 \[10, 13\]",
        ),
        (
            lambda day: np.save(day.folder / LABELS_FILE, day.labels[:, 0]),
            rf"{LABELS_FILE}: this array is int32 \[10\], not int32 \[10, 1\]",
        ),
        (
            lambda day: np.save(day.folder / LABELS_FILE, day.labels[:9]),
            rf"{LABELS_FILE}: this array is int32 \[9, 1\], not int32 \[10, 1\]",
        ),
        (
            lambda day: _rewrite(day, **{"3": day.bags[3][:, :1]}),
            rf"{SPARSE_FILE}/3\.npy: this array is int32 \[10, 1\], not int32 \[10, 2\]",
        ),
        (
            lambda day: _rewrite(day, **{"3": day.bags[3].astype(np.int64)}),
            rf"{SPARSE_FILE}/3\.npy: this array is int64",
        ),
        (lambda day: _rewrite(day, **{"25": None}), "has no array 25.npy"),
        # Table 4 of the small model has 7 rows.
        (
            lambda day: _wrong_id(day, 7),
            rf"{SPARSE_FILE}/4\.npy: row 5 has the value 7\n.*has 7 rows",
        ),
        (lambda day: _wrong_id(day, -1), rf"{SPARSE_FILE}/4\.npy: row 5 has the value -1"),
        (lambda day: _dense(day, np.nan), rf"{DENSE_FILE}: row 7 has the value nan"),
        (lambda day: _label(day, 2), rf"{LABELS_FILE}: row 6 has the value 2"),
        (lambda day: _label(day, -1), rf"{LABELS_FILE}: row 6 has the value -1"),
        (_compressed, r"/0\.npy: this array is compressed"),
        (_pickled, rf"{DENSE_FILE}: this array cannot be read\n.*Python objects"),
        (_cut(DENSE_FILE, 1), rf"{DENSE_FILE}: this array cannot be read"),
        (_cut(SPARSE_FILE, 30), rf"{SPARSE_FILE}: this array cannot be read"),
        (_damaged_header, rf"{SPARSE_FILE}/7\.npy: this array cannot be read"),
        (
            lambda day: (day.folder / LABELS_FILE).write_bytes(b""),
            rf"{LABELS_FILE}: this array cannot be read",
        ),
    ],
)
def test_what_is_wrong_is_named(day: Day, spoil: Callable[[Day], object], told: str) -> None:
    spoil(day)
    with pytest.raises(BenchwrightError, match=told) as failure:
        list(ClickLog(day.folder, SMALL).read())
    assert str(day.folder) in str(failure.value)


def test_rows_outside_every_sample_are_not_looked_at(day: Day) -> None:
    changed = day.labels.copy()
    changed[9] = 5
    np.save(day.folder / LABELS_FILE, changed)
    assert len(list(ClickLog(day.folder, SMALL).read())) == 3
