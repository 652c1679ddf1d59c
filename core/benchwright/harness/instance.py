"""One engine instance answering batches: samples in, responses to loadgen out.

The same code runs in performance and accuracy mode and gives the same bytes.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchwright.contracts.benchmark import Encoder
from benchwright.contracts.program import Array, Driver, Output, Sessions, TokenDriver
from benchwright.errors import BenchwrightError
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

    first_token: loadgen's FirstTokenComplete where it takes token latencies: the driver then
    tells each sample's first token, and responses state how many tokens they are.
    """

    def __init__(
        self,
        driver: Driver,
        sessions: Sessions,
        encoder: Encoder,
        response: Callable[..., Any],
        complete: Complete,
        first_token: Complete | None = None,
    ) -> None:
        self._driver = driver
        self._sessions = sessions
        self._encoder = encoder
        self._response = response
        self._complete = complete
        self._first_token = first_token
        self._stream = None if first_token is None else _stream_of(driver)
        self._pool: list[Any] = []
        self._rows: Any = np.empty((0, 0), dtype=np.uint8)

    def answer_slice(
        self, ids: Sequence[int], samples: LoadedSamples, start: int, indices: Array
    ) -> None:
        """Answers samples that lie in consecutive places from `start` on; nothing is copied."""
        self.complete(ids, self.compute_slice(ids, samples, start), indices)

    def answer_gather(
        self,
        ids: Sequence[int],
        samples: LoadedSamples,
        places: NDArray[np.int64],
        indices: Array,
    ) -> None:
        """Answers samples in any places."""
        self.complete(ids, self.compute_gather(ids, samples, places), indices)

    def compute_slice(
        self, ids: Sequence[int] | NDArray[np.uint64], samples: LoadedSamples, start: int
    ) -> Sequence[Output]:
        """The program's outputs for samples in consecutive places, valid until the next call."""
        batch = samples.slice(start, start + len(ids))
        if self._stream is not None:
            return self._streamed(ids, batch)
        return self._driver(self._sessions, batch)

    def compute_gather(
        self,
        ids: Sequence[int] | NDArray[np.uint64],
        samples: LoadedSamples,
        places: NDArray[np.int64],
    ) -> Sequence[Output]:
        """The program's outputs for samples in any places, valid until the next call."""
        batch = samples.gather(places)
        if self._stream is not None:
            return self._streamed(ids, batch)
        return self._driver(self._sessions, batch)

    def _streamed(
        self, ids: Sequence[int] | NDArray[np.uint64], batch: Mapping[str, Any]
    ) -> Sequence[Output]:
        assert self._stream is not None
        assert self._first_token is not None
        tell = self._first_token

        def first_token(rows: Sequence[int], tokens: Array) -> None:
            kept = np.ascontiguousarray(tokens)
            step, place = kept.itemsize, kept.ctypes.data
            tell(
                [
                    self._response(int(ids[row]), place + step * number, step)
                    for number, row in enumerate(rows)
                ]
            )

        return self._stream(self._sessions, batch, first_token)

    def complete(self, ids: Sequence[int], outputs: Sequence[Output], indices: Array) -> None:
        """Encodes outputs and hands them to loadgen; indices: the samples' in the data set."""
        encoded = self._encoder(outputs, indices)
        if self._stream is not None:
            counts = [len(tokens) for tokens in outputs[0]]
            self._finish_each(ids, list(encoded), counts)
        elif isinstance(encoded, np.ndarray):
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

    def _finish_each(
        self, ids: Sequence[int], encoded: Sequence[Array], tokens: Sequence[int] | None = None
    ) -> None:
        kept = [np.ascontiguousarray(item) for item in encoded]
        counts: Iterable[tuple[int, ...]] = (
            itertools.repeat((), len(kept)) if tokens is None else ((count,) for count in tokens)
        )
        self._complete(
            [
                self._response(number, item.ctypes.data, item.nbytes, *count)
                for number, item, count in zip(ids, kept, counts, strict=True)
            ]
        )


def _stream_of(driver: Driver) -> Callable[..., Sequence[Output]]:
    if not isinstance(driver, TokenDriver):
        raise BenchwrightError(
            "this program cannot tell when a sample's first token is there",
            why=f"its driver ({type(driver).__name__}) has no `stream`",
            fix="leave `token_latencies` out, or take a benchmark that generates tokens",
        )
    return driver.stream


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
        self._items: list[tuple[int, int, list[Output]]] = []
        self._room = self.SAMPLES
        self._end = time.perf_counter() + self.SECONDS
        self._small: bool | None = None

    def put(self, start: int, stop: int, outputs: Sequence[Output]) -> bool:
        """Puts by the outputs of the query's samples from `start` up to `stop`. Returns whether
        it is time to take them out, before the engine's next call."""
        if self._small is None:
            whole = [output for output in outputs if isinstance(output, np.ndarray)]
            size = sum(output.nbytes for output in whole)
            self._small = len(whole) == len(outputs) and size <= self.BYTES * (stop - start)
        # What is not held is taken out before the next call can change it.
        kept = [output.copy() for output in outputs] if self._small else list(outputs)
        self._items.append((start, stop, kept))
        self._room -= stop - start
        return self._room <= 0 or not self._small or time.perf_counter() > self._end

    def take(self) -> Iterator[tuple[list[tuple[int, int]], list[Output]]]:
        """Takes everything out: spans of the query's samples, and their outputs. Batches whose
        outputs have one shape come together."""
        items, self._items, self._room = self._items, [], self.SAMPLES
        self._end = time.perf_counter() + self.SECONDS
        for _, group in itertools.groupby(items, key=lambda item: _kind(item[2])):
            alike = list(group)
            parts = zip(*(outputs for _, _, outputs in alike), strict=True)
            yield [(start, stop) for start, stop, _ in alike], [_join(part) for part in parts]


def _kind(outputs: Sequence[Output]) -> list[tuple[Any, ...]]:
    return [
        (output.dtype, *output.shape[1:]) if isinstance(output, np.ndarray) else ()
        for output in outputs
    ]


def _join(parts: Sequence[Output]) -> Output:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return list(itertools.chain.from_iterable(parts))
