"""How consecutive user-item pairs are grouped into samples: the aggregation trace.

A trace file has one line for each sample: `start, end, count`, rows of the day counted from 0,
`end` exclusive. Where there is none, the groups are drawn as the reference draws them. Groups are
handed on as offsets: int64 [samples + 1], sample i being the rows offsets[i] up to offsets[i + 1].
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchwright.errors import BenchwrightError

TRACE = "dlrm_trace_of_aggregated_samples.txt"

QUANTILES = (
    100, 100, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 300, 300, 400, 500, 600,
    700,
)  # fmt: skip
"""Sizes of groups, each as likely as the others (recommendation/dlrm_v2, dist_quantile.txt)."""

_FIX = "get the published trace again, or take the file away: the groups are then drawn"
_SEED = 123
_BLOCK = 4096

Offsets = NDArray[np.int64]


def draw(rows: int) -> Offsets:
    """The reference's groups over `rows` rows; the last one may be cut short.

    For the 89,137,319 rows of the official half day these are the 330,067 groups of the
    published trace.
    """
    if rows < 1:
        raise BenchwrightError("there are no rows to group into samples", why=f"{rows} rows")
    # The legacy generator, which gives the same numbers in every version of NumPy.
    random = np.random.RandomState(_SEED)
    ends: list[Offsets] = [np.zeros(1, np.int64)]
    while ends[-1][-1] < rows:
        sizes = np.asarray(QUANTILES, np.int64)[random.randint(0, len(QUANTILES), _BLOCK)]
        ends.append(ends[-1][-1] + np.cumsum(sizes))
    offsets = np.concatenate(ends)
    count = int(np.searchsorted(offsets, rows))
    offsets[count] = rows
    return offsets[: count + 1]


def read(path: Path, rows: int) -> Offsets:
    """The groups of a trace file over a day of `rows` rows."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchwrightError(
            "this aggregation trace cannot be read", where=str(path), why=str(error), fix=_FIX
        ) from error
    offsets = np.zeros(len(lines) + 1, np.int64)
    end = 0
    for number, line in enumerate(lines, start=1):
        end = _end(line, end, rows, f"{path}:{number}")
        offsets[number] = end
    if not lines:
        raise BenchwrightError("this aggregation trace is empty", where=str(path), fix=_FIX)
    return offsets


def _end(line: str, start: int, rows: int, where: str) -> int:
    """Where the group of one line ends; it must begin at `start`."""
    try:
        first, end, count = (int(part) for part in line.split(","))
    except ValueError:
        raise BenchwrightError(
            "this line is not `start, end, count`", where=where, why=f"it reads {line[:80]!r}"
        ) from None
    why = None
    if first != start:
        why = f"it starts at row {first}; the line before ends at {start}"
    elif end - first != count or count < 1:
        why = f"rows {first} to {end} are {end - first}, the line says {count}"
    elif end > rows:
        why = f"it ends at row {end}; the day has {rows} rows"
    if why is not None:
        raise BenchwrightError(
            "this line does not fit the ones before or the data",
            where=where,
            why=why,
            fix="use the trace that belongs to these files; without one it is drawn",
        )
    return end


def write(path: Path, offsets: Offsets) -> None:
    """Writes a trace file."""
    pairs = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    lines = [f"{start}, {end}, {end - start}\n" for start, end in pairs]
    path.write_text("".join(lines), encoding="ascii")
