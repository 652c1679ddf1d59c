"""One engine instance answering batches: samples in, responses to loadgen out.

The same code runs in performance and accuracy mode and gives the same bytes.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchwright.contracts.benchmark import Encoder
from benchwright.contracts.program import Array, Driver, Sessions
from benchwright.harness.samples import LoadedSamples

Complete = Callable[[list[Any]], None]
"""loadgen's QuerySamplesComplete: copies the responses' bytes before it returns."""


POOL = 64
"""Response objects that are made once and used in turn: few, so that they stay in the cache."""


class Instance:
    """Runs batches on one engine instance and completes them. Used by one thread at a time.

    Response objects are made once and used again: only their ids change while responses have one
    size, because the encoded rows are copied into a buffer that stays where it is. This keeps
    the cost of a response near loadgen's own (0.3 µs instead of 0.7).
    """

    def __init__(
        self,
        driver: Driver,
        sessions: Sessions,
        encoder: Encoder,
        response: Callable[[int, int, int], Any],
        complete: Complete,
    ) -> None:
        self._driver = driver
        self._sessions = sessions
        self._encoder = encoder
        self._response = response
        self._complete = complete
        self._pool: list[Any] = []
        self._rows: Any = np.empty((0, 0), dtype=np.uint8)

    def answer_slice(
        self, ids: Sequence[int], samples: LoadedSamples, start: int, indices: Array
    ) -> None:
        """Answers samples that lie in consecutive places from `start` on; nothing is copied."""
        self.complete(ids, self.compute_slice(samples, start, start + len(ids)), indices)

    def answer_gather(
        self,
        ids: Sequence[int],
        samples: LoadedSamples,
        places: NDArray[np.int64],
        indices: Array,
    ) -> None:
        """Answers samples in any places."""
        self.complete(ids, self.compute_gather(samples, places), indices)

    def compute_slice(self, samples: LoadedSamples, start: int, stop: int) -> Sequence[Array]:
        """The program's outputs for samples in consecutive places, valid until the next call."""
        return self._driver(self._sessions, samples.slice(start, stop))

    def compute_gather(self, samples: LoadedSamples, places: NDArray[np.int64]) -> Sequence[Array]:
        """The program's outputs for samples in any places, valid until the next call."""
        return self._driver(self._sessions, samples.gather(places))

    def complete(self, ids: Sequence[int], outputs: Sequence[Array], indices: Array) -> None:
        """Encodes outputs and hands them to loadgen; indices: the samples' in the data set."""
        encoded = self._encoder(outputs, indices)
        if isinstance(encoded, np.ndarray):
            self._finish_rows(ids, encoded)
        else:
            self._finish_each(ids, encoded)

    def _finish_rows(self, ids: Sequence[int], encoded: Array) -> None:
        count = len(ids)
        rows = encoded.reshape(count, -1).view(np.uint8)
        if rows.shape[1] != self._rows.shape[1]:
            self._prepare(rows.shape[1])
        if count <= POOL:
            self._finish_pool(ids, rows)
            return
        for start in range(0, count, POOL):
            self._finish_pool(ids[start : start + POOL], rows[start : start + POOL])

    def _finish_pool(self, ids: Sequence[int], rows: Array) -> None:
        count = len(ids)
        self._rows[:count] = rows
        pool = self._pool[:count]
        for response, number in zip(pool, ids, strict=True):
            response.id = number
        self._complete(pool)

    def _prepare(self, width: int) -> None:
        self._rows = np.empty((POOL, width), dtype=np.uint8)
        first = self._rows.ctypes.data
        self._pool = [self._response(0, first + width * row, width) for row in range(POOL)]

    def _finish_each(self, ids: Sequence[int], encoded: Sequence[Array]) -> None:
        kept = [np.ascontiguousarray(item) for item in encoded]
        self._complete(
            [
                self._response(number, item.ctypes.data, item.nbytes)
                for number, item in zip(ids, kept, strict=True)
            ]
        )


class Held:
    """Outputs of several batches, put by to be encoded and completed together.

    An engine leaves the processor's caches cold, so that whatever runs between two of its calls
    takes some twenty times as long as in a loop of its own. Where nobody waits for a response,
    that work is better done rarely, for many samples at once.
    """

    SAMPLES = 2048
    """So many are enough to make the cost of the work's beginning small."""

    SECONDS = 0.1
    """A slow engine's outputs are not held for longer: there would be nothing to gain."""

    BYTES = 64
    """Outputs of more bytes a sample are not held: copying them would cost more than it saves."""

    def __init__(self) -> None:
        self._items: list[tuple[int, int, list[Array]]] = []
        self._room = self.SAMPLES
        self._end = time.perf_counter() + self.SECONDS
        self._small: bool | None = None

    def put(self, start: int, stop: int, outputs: Sequence[Array]) -> bool:
        """Copies the outputs of the query's samples from `start` up to `stop`. Returns whether
        it is time to take them out."""
        if self._small is None:
            size = sum(output.nbytes for output in outputs)
            self._small = size <= self.BYTES * (stop - start)
        self._items.append((start, stop, [output.copy() for output in outputs]))
        self._room -= stop - start
        return self._room <= 0 or not self._small or time.perf_counter() > self._end

    def take(self) -> Iterator[tuple[list[tuple[int, int]], list[Array]]]:
        """Takes everything out: spans of the query's samples, and their outputs. Batches whose
        outputs have one shape come together."""
        items, self._items, self._room = self._items, [], self.SAMPLES
        self._end = time.perf_counter() + self.SECONDS
        for _, group in itertools.groupby(items, key=lambda item: _kind(item[2])):
            alike = list(group)
            parts = zip(*(outputs for _, _, outputs in alike), strict=True)
            yield [(start, stop) for start, stop, _ in alike], [np.concatenate(p) for p in parts]


def _kind(outputs: Sequence[Array]) -> list[tuple[Any, ...]]:
    return [(output.dtype, *output.shape[1:]) for output in outputs]
