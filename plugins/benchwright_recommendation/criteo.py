"""Click logs in the form of MLPerf's multi-hot Criteo data: files of one day, and its samples.

A folder holds `day_23_dense.npy` float32 [rows, 13], `day_23_sparse_multi_hot.npz` with arrays
`0.npy` … `25.npy` int32 [rows, ids of that feature] and `day_23_labels.npy` int32 [rows, 1]; a row
is a user-item pair. Samples are runs of consecutive rows, as the aggregation trace says. Without a
trace file the first half of the rows (rounded up) is used, grouped as the reference draws it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchwright.errors import BenchwrightError, absent
from benchwright_recommendation import trace
from benchwright_recommendation.architecture import DENSE, Architecture
from benchwright_recommendation.stored import Mapped, map_npy, map_npz

DENSE_FILE = "day_23_dense.npy"
SPARSE_FILE = "day_23_sparse_multi_hot.npz"
LABELS_FILE = "day_23_labels.npy"

_CHUNK_ROWS = 1 << 15


class Pairs(NamedTuple):
    """User-item pairs: dense float32 [pairs, 13], ids int32 [pairs, ids of all features side by
    side], labels float32 [pairs] (1 clicked, 0 not)."""

    dense: NDArray[np.float32]
    ids: NDArray[np.int32]
    labels: NDArray[np.float32]


class ClickLog:
    """A day of clicks, memory-mapped. Opening checks the files' form, reading their values."""

    def __init__(self, folder: Path, architecture: Architecture) -> None:
        self._folder = folder
        self._hot = architecture.hot
        self._limits = np.repeat(np.asarray(architecture.rows, np.uint32), architecture.hot)
        for name in (DENSE_FILE, SPARSE_FILE, LABELS_FILE):
            if not (folder / name).is_file():
                raise BenchwrightError(
                    f"this data set has no {name}",
                    where=str(folder),
                    why=absent(folder / name),
                    fix=f"a folder with {DENSE_FILE}, {SPARSE_FILE} and {LABELS_FILE} is needed",
                )
        self._dense = map_npy(folder / DENSE_FILE)
        rows = len(self._dense) if self._dense.ndim else 0
        self._check(DENSE_FILE, self._dense, "float32", (rows, DENSE))
        self._labels = map_npy(folder / LABELS_FILE)
        self._check(LABELS_FILE, self._labels, "int32", (rows, 1))
        names = [str(table) for table in range(len(self._hot))]
        self._bags = map_npz(folder / SPARSE_FILE, names)
        for name, bag, hot in zip(names, self._bags, self._hot, strict=True):
            self._check(f"{SPARSE_FILE}/{name}.npy", bag, "int32", (rows, hot))
        given = folder / trace.TRACE
        there = given.exists() or given.is_symlink()
        self.offsets = trace.read(given, rows) if there else trace.draw(rows // 2 + rows % 2)
        """Sample i is the rows from offsets[i] up to offsets[i + 1]."""

    @property
    def samples(self) -> int:
        """How many samples the day's rows make."""
        return len(self.offsets) - 1

    def labels(self, sample: int) -> NDArray[np.float32]:
        """The labels of one sample's pairs, float32 [pairs]."""
        start, stop = self.offsets[sample : sample + 2]
        return self._labels[start:stop, 0].astype(np.float32)

    def read(self) -> Iterator[Pairs]:
        """All samples in order. Raises BenchwrightError that names the array and row at fault."""
        first = 0
        while first < self.samples:
            wanted = self.offsets[first] + _CHUNK_ROWS
            last = max(first + 1, int(np.searchsorted(self.offsets, wanted, "right")) - 1)
            pairs = self._rows(int(self.offsets[first]), int(self.offsets[last]))
            ends = (self.offsets[first : last + 1] - self.offsets[first]).tolist()
            for start, stop in itertools.pairwise(ends):
                part = slice(start, stop)
                yield Pairs(pairs.dense[part], pairs.ids[part], pairs.labels[part])
            first = last

    def _rows(self, start: int, stop: int) -> Pairs:
        dense = np.ascontiguousarray(self._dense[start:stop])
        self._check_rows(DENSE_FILE, start, np.isfinite(dense), dense, "it is not finite")
        labels = self._labels[start:stop, 0]
        self._check_rows(LABELS_FILE, start, (labels & ~1) == 0, labels, "a label is 0 or 1")
        ids = np.concatenate([bag[start:stop] for bag in self._bags], axis=1)
        # A negative id is a large unsigned one.
        if not (inside := ids.view(np.uint32) < self._limits).all():
            column = int(np.flatnonzero(~inside.all(axis=0))[0])
            table = int(np.searchsorted(np.cumsum(self._hot), column, "right"))
            self._check_rows(
                f"{SPARSE_FILE}/{table}.npy",
                start,
                inside[:, column],
                ids[:, column],
                f"its embedding table has {self._limits[column]} rows, counted from 0",
            )
        return Pairs(dense, ids, labels.astype(np.float32))

    def _check_rows(
        self, array: str, start: int, good: NDArray[np.bool_], values: Mapped, why: str
    ) -> None:
        if good.all():
            return
        place = tuple(int(axis[0]) for axis in np.nonzero(~good))
        raise BenchwrightError(
            f"row {start + place[0]} has the value {values[place]}",
            where=str(self._folder / array),
            why=why,
            fix="replace the file by an undamaged copy, or the one that belongs to this model",
        )

    def _check(self, name: str, array: Mapped, dtype: str, shape: Sequence[int]) -> None:
        if array.dtype == np.dtype(dtype) and array.shape == tuple(shape) and array.size:
            return
        raise BenchwrightError(
            f"this array is {array.dtype} {list(array.shape)}, not {dtype} {list(shape)}",
            where=str(self._folder / name),
            why=f"rows are counted by {DENSE_FILE}; the model fixes the rest",
        )


def write(
    folder: Path,
    dense: NDArray[np.float32],
    bags: Sequence[NDArray[np.int32]],
    labels: NDArray[np.int32],
    offsets: trace.Offsets,
) -> None:
    """Writes a folder of this form; arrays as the files hold them, labels [rows, 1]."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / DENSE_FILE, dense)
    np.save(folder / LABELS_FILE, labels)
    arrays = {str(table): bag for table, bag in enumerate(bags)}
    np.savez(folder / SPARSE_FILE, **arrays)  # type: ignore[arg-type]
    trace.write(folder / trace.TRACE, offsets)
