"""The systems under test: how each scenario's queries reach the engine instances.

SingleStream goes straight through on the issuing thread, and so does MultiStream unless several
instances share a query out. Offline cuts its one query into batches that the instances' threads
take in turn. Server batches what has queued.

Where samples differ in size, a batch is as large as its largest sample lets it be (what a program
pads, it pads to that one), and Offline puts samples of like size together.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from benchwright.harness.instance import Held, Instance
from benchwright.harness.samples import LoadedSamples, SampleStore


class Sut(ABC):
    """A system under test over some engine instances.

    loadgen calls `load`, `unload` and `issue`. An exception on any thread goes to `on_failure`,
    because loadgen itself would wait for ever for the answers that will not come.
    """

    def __init__(self, instances: Sequence[Instance], store: SampleStore) -> None:
        self._instances = list(instances)
        self._store = store
        self.on_failure: Callable[[BaseException], None] | None = None
        self._samples = LoadedSamples({}, {}, np.empty(0, np.int64))
        self._places: list[int] = []
        self.failure: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """Keeps the first failure and tells whoever runs the test."""
        if self.failure is None:
            self.failure = error
            if self.on_failure is not None:
                self.on_failure(error)

    def load(self, indices: Sequence[int]) -> None:
        """Loads the samples loadgen is about to use, in its order."""
        self._samples = self._store.load(indices)
        self._places = self._samples.slots.tolist()

    def unload(self, indices: Sequence[int]) -> None:
        """Drops the loaded samples."""
        self._samples = LoadedSamples({}, {}, np.empty(0, np.int64))

    @abstractmethod
    def issue(self, ids: list[int], indices: list[int]) -> None:
        """Takes one query: response ids and sample indices, of equal length."""

    def close(self) -> None:
        """Ends the threads, where there are any."""
        return


class StreamSut(Sut):
    """SingleStream and MultiStream: no queue; a query is answered when `issue` returns.

    One instance answers on the issuing thread. Several share the samples of a query out among
    them: the first on the issuing thread, each other on a thread of its own.
    """

    def __init__(self, instances: Sequence[Instance], store: SampleStore) -> None:
        super().__init__(instances, store)
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._parts: list[SimpleQueue[tuple[list[int], list[int]] | None]] = [
            SimpleQueue() for _ in self._instances[1:]
        ]
        self._threads = [
            threading.Thread(target=self._work, args=pair, daemon=True)
            for pair in zip(self._instances[1:], self._parts, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def issue(self, ids: list[int], indices: list[int]) -> None:
        if not self._threads:
            self._answer(self._instances[0], ids, indices)
            return
        share = -(-len(ids) // len(self._instances))
        starts = range(share, len(ids), share)
        for start, queue in zip(starts, self._parts, strict=False):
            queue.put((ids[start : start + share], indices[start : start + share]))
        self._answer(self._instances[0], ids[:share], indices[:share])
        for _ in starts:
            if (error := self._done.get()) is not None:
                raise error

    def _work(
        self, instance: Instance, parts: SimpleQueue[tuple[list[int], list[int]] | None]
    ) -> None:
        while (part := parts.get()) is not None:
            try:
                self._answer(instance, *part)
            except BaseException as error:
                self._done.put(error)
            else:
                self._done.put(None)

    def _answer(self, instance: Instance, ids: list[int], indices: list[int]) -> None:
        first = self._places[indices[0]]
        count = len(ids)
        if count == 1:
            instance.answer_slice(ids, self._samples, first, np.asarray(indices))
            return
        places = [self._places[index] for index in indices]
        if places == list(range(first, first + count)):
            instance.answer_slice(ids, self._samples, first, np.asarray(indices))
        else:
            instance.answer_gather(ids, self._samples, np.asarray(places), np.asarray(indices))

    def close(self) -> None:
        for queue in self._parts:
            queue.put(None)
        for thread in self._threads:
            thread.join(timeout=10)


class OfflineSut(Sut):
    """Offline: the whole query at once, in batches shared out among the instances' threads.

    The threads live until the end: loadgen crashes now and then when a thread that completed
    samples ends while the test goes on.
    """

    def __init__(self, instances: Sequence[Instance], store: SampleStore, batch: int) -> None:
        super().__init__(instances, store)
        self._batch = batch
        self._queues: list[SimpleQueue[_Query | None]] = [SimpleQueue() for _ in instances]
        self._threads = [
            threading.Thread(target=self._work, args=pair, daemon=True)
            for pair in zip(self._instances, self._queues, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def issue(self, ids: list[int], indices: list[int]) -> None:
        query = _Query(ids, indices, self._samples, self._batch)
        for queue in self._queues:
            queue.put(query)

    def _work(self, instance: Instance, queue: SimpleQueue[_Query | None]) -> None:
        try:
            while (query := queue.get()) is not None:
                self._answer(instance, query)
        except BaseException as error:
            self.fail(error)

    def _answer(self, instance: Instance, query: _Query) -> None:
        held = Held()
        samples = query.samples
        for start, stop, place in query.batches:
            if self.failure is not None:
                return
            ids = query.ids[start:stop]
            if place >= 0:
                outputs = instance.compute_slice(ids, samples, place)
            else:
                outputs = instance.compute_gather(ids, samples, query.places[start:stop])
            if held.put(start, stop, outputs):
                query.complete(instance, held)
        query.complete(instance, held)

    def close(self) -> None:
        for queue in self._queues:
            queue.put(None)
        for thread in self._threads:
            thread.join(timeout=10)


class _Query:
    """Offline's one query, cut into batches that threads take in turn.

    What can be worked out for all samples at once is worked out here. `batches` gives (start,
    stop, place): the batch's samples in the query, and the place of the first where they lie in
    consecutive places, else -1. Samples that differ in size are sorted, the largest first, so
    that the threads end at about the same time.
    """

    def __init__(
        self, ids: list[int], indices: list[int], samples: LoadedSamples, size: int
    ) -> None:
        total = len(ids)
        self.samples = samples
        # Numbers in an array stay together; a list's lie all over the memory when they are used.
        self.ids = np.fromiter(ids, dtype=np.uint64, count=total)
        self.index = np.fromiter(indices, dtype=np.int64, count=total)
        self.places = samples.slots.take(self.index)
        starts = np.arange(0, total, size)
        if samples.sizes is not None:
            sizes = samples.sizes.take(self.places)
            order = np.argsort(-sizes, kind="stable")
            self.ids, self.index = self.ids[order], self.index[order]
            self.places = self.places[order]
            starts = _batch_starts(sizes[order], samples.budget(size))
        # jumps[k]: how many places up to k do not follow their predecessor.
        jumps = np.zeros(total, dtype=np.int64)
        np.cumsum(np.diff(self.places) != 1, out=jumps[1:])
        stops = np.append(starts[1:], total)[: starts.size]
        firsts = np.where(jumps[starts] == jumps[stops - 1], self.places[starts], -1)
        # Iterators over lists may be shared by threads: each item goes to one of them.
        self.batches = iter(
            list(zip(starts.tolist(), stops.tolist(), firsts.tolist(), strict=True))
        )

    def complete(self, instance: Instance, held: Held) -> None:
        """Completes what is held."""
        for spans, outputs in held.take():
            ids = np.concatenate([self.ids[start:stop] for start, stop in spans])
            index = np.concatenate([self.index[start:stop] for start, stop in spans])
            instance.complete(ids.tolist(), outputs, index)


def _batch_starts(sizes: NDArray[np.int64], budget: float) -> NDArray[np.int64]:
    """Where batches begin in samples sorted by size, the largest first: count times largest size
    stays within the budget, or a batch is one sample."""
    starts = []
    start = 0
    while start < sizes.size:
        starts.append(start)
        start += max(1, int(budget // max(1, sizes[start])))
    return np.asarray(starts, dtype=np.int64)


class ServerSut(Sut):
    """Server: queries queue up; each instance's thread takes what has queued, up to a size.

    deadline_us lets the first query of a batch wait for more; 0 runs at once what is there, and
    batches then form by themselves while the engines are busy.
    """

    def __init__(
        self,
        instances: Sequence[Instance],
        store: SampleStore,
        batch: int,
        deadline_us: int = 0,
    ) -> None:
        super().__init__(instances, store)
        self._batch = batch
        self._budget = 0.0
        self._deadline = deadline_us / 1e6
        self._queue: deque[tuple[int, int]] = deque()
        self._idle: deque[threading.Lock] = deque()
        self._taking = threading.Lock()
        self._closing = False
        self.answered = 0
        self._threads = [
            threading.Thread(target=self._work, args=(instance,), daemon=True)
            for instance in self._instances
        ]
        for thread in self._threads:
            thread.start()

    def issue(self, ids: list[int], indices: list[int]) -> None:
        if len(ids) == 1:
            self._queue.append((ids[0], indices[0]))
        else:
            self._queue.extend(zip(ids, indices, strict=True))
        if self._idle:
            self._wake()

    def _wake(self) -> None:
        try:
            self._idle.popleft().release()
        except IndexError:
            # Another thread woke the last idle worker between the check and here.
            return

    def _wait(self, sleep: threading.Lock) -> None:
        """Sleeps until a query comes; the order of the steps leaves no gap to miss one."""
        self._idle.append(sleep)
        if (self._queue or self._closing) and self._withdraw(sleep):
            return
        sleep.acquire()

    def _withdraw(self, sleep: threading.Lock) -> bool:
        try:
            self._idle.remove(sleep)
        except ValueError:
            return False
        return True

    def load(self, indices: Sequence[int]) -> None:
        super().load(indices)
        if self._samples.sizes is not None:
            self._budget = self._samples.budget(self._batch)

    def _take(self) -> list[tuple[int, int]]:
        with self._taking:
            queue = self._queue
            if self._samples.sizes is not None:
                return self._take_ragged(self._samples.sizes)
            return [queue.popleft() for _ in range(min(len(queue), self._batch))]

    def _take_ragged(self, sizes: NDArray[np.int64]) -> list[tuple[int, int]]:
        """What has queued, in its order, as long as it stays within the budget."""
        taken: list[tuple[int, int]] = []
        largest = 1
        while self._queue:
            largest = max(largest, int(sizes[self._places[self._queue[0][1]]]))
            if taken and largest * (len(taken) + 1) > self._budget:
                break
            taken.append(self._queue.popleft())
        return taken

    def _work(self, instance: Instance) -> None:
        sleep = threading.Lock()
        sleep.acquire()
        try:
            while not self._closing:
                if not self._queue:
                    self._wait(sleep)
                    continue
                if self._deadline:
                    self._gather_until_deadline()
                taken = self._take()
                if not taken:
                    continue
                if self._queue and self._idle:
                    self._wake()
                self._answer(instance, taken)
        except BaseException as error:
            self.fail(error)

    def _gather_until_deadline(self) -> None:
        end = time.perf_counter() + self._deadline
        while len(self._queue) < self._batch and (left := end - time.perf_counter()) > 0:
            time.sleep(min(left, self._deadline / 4))

    def _answer(self, instance: Instance, taken: list[tuple[int, int]]) -> None:
        ids, indices = zip(*taken, strict=True)
        index = np.asarray(indices)
        places = self._samples.slots.take(index)
        if len(ids) == 1:
            instance.answer_slice(ids, self._samples, int(places[0]), index)
        else:
            instance.answer_gather(ids, self._samples, places, index)
        self.answered += len(ids)

    def close(self) -> None:
        self._closing = True
        while self._idle:
            self._wake()
        for thread in self._threads:
            thread.join(timeout=10)
