"""A short calibration of an engine: which instances, threads and batch, and how fast that is.

It finds what loadgen must be told in advance (expected latency, target QPS) and what the harness
may choose, unless the campaign pins it. It takes seconds; the `tune` stage will take longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from enum import Enum, auto
from math import floor, log10
from statistics import median
from typing import Any

import numpy as np

from benchwright.harness.instance import Instance
from benchwright.harness.samples import LoadedSamples, SampleStore
from benchwright.harness.sut import ServerSut, StreamSut

OpenInstances = Callable[[int, int], list[Instance]]
"""Gives so many engine instances that compute with so many threads each, and opens what is not
open yet; their responses go nowhere."""

PROBE_SECONDS = 0.1
"""How long one configuration is tried."""

SLOW_SECONDS = 2.0
"""A query that takes longer is not asked a second time."""

TRIAL_SECONDS = 0.6
"""How long a rate of Server queries is tried, but for no fewer queries than TRIAL_QUERIES."""

TRIAL_QUERIES = 50

TRIAL_BOUND = 0.5
"""The share of the latency bound that a trial has to keep: a run is longer than a trial, and sees
more of what else the machine does."""

TRIAL_STEP = 0.8
"""A rate that was not kept up with is followed by this share of it, so many times at most:"""

TRIALS = 12

BEHIND = 0.1
"""A server is behind where so much of what came waits at the end of a trial, or where queries can
be handed over only so late. However long the bound is, that would grow beyond it in a run."""

GOLDEN = 0.6180339887498949
"""Multiples of it, modulo one, lie evenly between 0 and 1, however many they are."""

GAIN = 1.03
"""In Server, a larger batch must be this much faster to be taken: smaller ones answer sooner."""


WORTH = 1.2
"""Batches longer than a probe are made larger as long as each is this much faster."""

BOUND_SHARE = 10
"""Where no round has a latency bound for Server, it begins at so many times what a query takes
alone."""

UNBOUNDED_SHARE = 0.7
"""And queries are tried at this share of the throughput."""


@dataclass(frozen=True, slots=True)
class Operation:
    """How the harness runs an engine, and how fast that was in the calibration.

    samples_per_second: through the harness, all instances together (in Server, the highest rate
    of queries that kept the latency bound); latency_s: of one query of the scenario on one
    instance, median; batch_latency_s: of one full batch. bound_s: the latency bound of Server
    where it was chosen here, because no round sets one; else 0.
    """

    instances: int
    threads: int
    batch: int
    deadline_us: int = 0
    samples_per_second: float = 0.0
    latency_s: float = 0.0
    batch_latency_s: float = 0.0
    bound_s: float = 0.0

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Room:
    """What an engine may use of this machine: cores, and as many instances as memory holds."""

    cores: int
    instances: int


def layouts(room: Room, pins: Mapping[str, Any]) -> list[tuple[int, int]]:
    """(instances, threads) to try, with what is pinned kept."""
    cores, threads = room.cores, pins.get("threads")
    if threads and not pins.get("instances"):
        return [(max(1, min(cores // threads, room.instances)), threads)]
    return _pinned(room, pins) or _shares(room, [1, cores, cores // 4 if cores >= 8 else 1])


def stream_layouts(
    room: Room, samples_per_query: int, pins: Mapping[str, Any]
) -> list[tuple[int, int]]:
    """(instances, threads) to try where queries come one after another and the samples of each are
    shared out, with what is pinned kept."""
    if pins.get("threads"):
        return [(pins.get("instances") or 1, pins["threads"])]
    if pinned := _pinned(room, pins):
        return pinned
    shared = _shares(room, [1, min(room.cores, samples_per_query)])
    return shared if len(shared) > 1 else list(dict.fromkeys([*shared, (1, 1)]))


def _pinned(room: Room, pins: Mapping[str, Any]) -> list[tuple[int, int]]:
    instances = pins.get("instances")
    if not instances:
        return []
    return [(instances, pins.get("threads") or max(1, room.cores // instances))]


def _shares(room: Room, counts: Iterable[int]) -> list[tuple[int, int]]:
    """Cores shared out evenly among so many instances, or as many as there is room for."""
    fitting = (min(count, room.instances) for count in counts)
    return list(dict.fromkeys((count, room.cores // count) for count in fitting))


def calibrate_stream(
    open_instances: OpenInstances,
    store: SampleStore,
    samples_per_query: int,
    room: Room,
    pins: Mapping[str, Any],
) -> Operation:
    """The layout that answers queries one after another soonest."""
    best: Operation | None = None
    for instances, threads in stream_layouts(room, samples_per_query, pins):
        latency = _latency(open_instances(instances, threads), store, samples_per_query)
        rate = samples_per_query / latency
        found = Operation(instances, threads, samples_per_query, 0, rate, latency)
        if best is None or found.latency_s < best.latency_s:
            best = found
    assert best is not None
    return best


def calibrate_offline(
    open_instances: OpenInstances, store: SampleStore, room: Room, pins: Mapping[str, Any]
) -> Operation:
    """The instances, threads and batch of highest throughput over whole queries."""
    samples = store.load(_alike(store, min(store.count, 2048)))
    best: Operation | None = None
    for instances, threads in layouts(room, pins):
        opened = open_instances(instances, threads)
        # What was best in one layout is near the best in another.
        first = best.batch // 4 if best else 1
        for found in _throughputs(opened, samples, threads, pins, first):
            if best is None or found.samples_per_second > best.samples_per_second:
                best = found
    assert best is not None
    return best


def _alike(store: SampleStore, count: int) -> Sequence[int]:
    """The first samples, those of like size together: as Offline batches them."""
    sizes = store.sizes
    return range(count) if sizes is None else np.argsort(sizes[:count], kind="stable").tolist()


def calibrate_server(
    open_instances: OpenInstances,
    store: SampleStore,
    latency_bound_s: float,
    room: Room,
    pins: Mapping[str, Any],
) -> Operation:
    """The layout of fewest threads per instance whose batches take at most a third of the latency
    bound, and the highest rate of queries at which 99 % were answered within half the bound.

    Few threads use the cores best, and wait least for each other where other programs run.
    """
    operation, opened = _server_layout(open_instances, store, latency_bound_s, room, pins)
    rate, bound = operation.samples_per_second, latency_bound_s * TRIAL_BOUND
    if operation.batch_latency_s < bound:
        for _ in range(TRIALS):
            if try_rate(opened, store, operation, rate, bound) is Outcome.KEPT:
                break
            rate *= TRIAL_STEP
    return replace(operation, samples_per_second=rate)


def _server_layout(
    open_instances: OpenInstances,
    store: SampleStore,
    latency_bound_s: float,
    room: Room,
    pins: Mapping[str, Any],
) -> tuple[Operation, list[Instance]]:
    """The layout of Server, and its instances."""
    samples = store.load(range(min(store.count, 2048)))
    deadline = pins.get("deadline_us") or 0
    best: tuple[Operation, list[Instance]] | None = None
    for instances, threads in sorted(layouts(room, pins), key=lambda layout: layout[1]):
        opened = open_instances(instances, threads)
        found = _largest_fitting(_throughputs(opened, samples, threads, pins), latency_bound_s / 3)
        if best is None or found.batch_latency_s < best[0].batch_latency_s:
            best = replace(found, deadline_us=deadline), opened
        if found.batch_latency_s <= latency_bound_s / 3:
            break
    assert best is not None
    return best


def calibrate_unbounded_server(
    open_instances: OpenInstances,
    store: SampleStore,
    usual_s: float,
    room: Room,
    pins: Mapping[str, Any],
) -> Operation:
    """The operation of a server for which no round has a latency bound: the pinned bound counts as
    a round's would; otherwise queries come at a middling rate that the server keeps pace with, and
    the bound is the usual one or the next round figure that this rate keeps."""
    if pins.get("latency_bound_ms"):
        bound = float(pins["latency_bound_ms"]) / 1e3
        found = calibrate_server(open_instances, store, bound, room, pins)
        return replace(found, bound_s=bound)
    alone = _latency(open_instances(1, pins.get("threads") or 1), store, 1)
    bound = max(usual_s, _round_up(BOUND_SHARE * alone))
    operation, opened = _server_layout(open_instances, store, bound, room, pins)
    rate = operation.samples_per_second * UNBOUNDED_SHARE
    for _ in range(TRIALS):
        outcome = try_rate(opened, store, operation, rate, bound * TRIAL_BOUND)
        if outcome is Outcome.KEPT:
            break
        if outcome is Outcome.BEHIND:
            rate *= TRIAL_STEP
        else:
            bound = _round_up(bound * 1.01)
    return replace(operation, samples_per_second=rate, bound_s=bound)


def _round_up(seconds: float) -> float:
    """The next of … 1, 2, 5, 10 …"""
    power = 10.0 ** floor(log10(seconds))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= seconds)


def _largest_fitting(tries: Iterable[Operation], bound_s: float) -> Operation:
    """The fastest whose batch takes no longer than the bound; the smallest batch if none does.
    Tries come by growing batches, and the first that takes too long is the last."""
    fitting: Operation | None = None
    for found in tries:
        fits = found.batch_latency_s <= bound_s
        if fitting is None or (
            fits and found.samples_per_second > fitting.samples_per_second * GAIN
        ):
            fitting = found
        if not fits:
            break
    assert fitting is not None
    return fitting


class _Trial(ServerSut):
    """A server that notes which queries were answered late; a query's id is its place in `due`,
    the moments at which queries come."""

    def __init__(
        self,
        instances: Sequence[Instance],
        store: SampleStore,
        operation: Operation,
        due: Sequence[float],
        bound_s: float,
    ) -> None:
        self._due = due
        self._bound = bound_s
        self.late: list[int] = []
        super().__init__(instances, store, operation.batch, operation.deadline_us)

    @property
    def lost(self) -> bool:
        """Whether more than one in a hundred was late, or the engine failed."""
        return len(self.late) > len(self._due) // 100 or self.failure is not None

    def send(self, loaded: int, patience_s: float) -> int:
        """Hands the queries over as they come, and returns how many those were when it was lost
        or lagged so far behind; all, if neither."""
        for number, moment in enumerate(self._due):
            wait = moment - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            if self.lost or -wait > patience_s:
                return number
            self.issue([number], [number % loaded])
        return len(self._due)

    def _answer(self, instance: Instance, taken: list[tuple[int, int]]) -> None:
        super()._answer(instance, taken)
        latest = time.perf_counter() - self._bound
        self.late.extend(number for number, _ in taken if self._due[number] < latest)


class Outcome(Enum):
    """Of a trial: 99 % of the queries were answered within the bound; or fewer; or the server, or
    who hands queries over, does not keep pace."""

    KEPT = auto()
    LATE = auto()
    BEHIND = auto()


def try_rate(
    instances: Sequence[Instance],
    store: SampleStore,
    operation: Operation,
    rate: float,
    bound_s: float,
) -> Outcome:
    """How the server does with queries that come at this rate, as irregularly as loadgen's."""
    count = max(TRIAL_QUERIES, int(rate * TRIAL_SECONDS))
    loaded = min(store.count, 1024)
    gaps = np.random.default_rng(0).exponential(1 / rate, count)
    due = (time.perf_counter() + np.cumsum(gaps)).tolist()
    sut = _Trial(instances, store, operation, due, bound_s)
    sut.load(range(loaded))
    came = sut.send(loaded, BEHIND * count / rate)
    at_work = 3 * operation.batch * len(instances)
    behind = came - sut.answered > max(BEHIND * came, at_work) or (came < count and not sut.lost)
    while sut.answered < count and not (behind or sut.lost):
        time.sleep(0.001)
    sut.close()
    if sut.failure is not None:
        raise sut.failure
    if behind:
        return Outcome.BEHIND
    return Outcome.LATE if sut.lost else Outcome.KEPT


def glance(
    open_instances: OpenInstances,
    store: SampleStore,
    samples_per_query: int,
    room: Room,
    pins: Mapping[str, Any],
) -> Operation:
    """Enough for an accuracy run, whose speed is nobody's result: one instance, a middling batch,
    and the rate at which it answers."""
    instances, threads = layouts(room, pins)[0]
    batch = min(pins.get("batch") or samples_per_query, store.count)
    opened = open_instances(1, threads)
    seconds = _latency(opened, store, 1)
    if seconds > PROBE_SECONDS and not pins.get("batch"):
        return Operation(instances, threads, 1, 0, 1 / seconds, seconds)
    seconds = _latency(opened, store, batch)
    return Operation(instances, threads, batch, 0, batch / seconds, seconds)


def _latency(instances: Sequence[Instance], store: SampleStore, size: int) -> float:
    """Median seconds of one query of `size` consecutive samples."""
    loaded = min(store.count, max(8, size))
    size = min(size, loaded)
    ids = list(range(size))
    with closing(StreamSut(instances, store)) as sut:
        sut.load(range(loaded))

        def seconds(place: int) -> float:
            start = time.perf_counter()
            sut.issue(ids, list(range(place, place + size)))
            return time.perf_counter() - start

        if (first := seconds(0)) > SLOW_SECONDS:
            return first
        times: list[float] = []
        end = time.perf_counter() + PROBE_SECONDS
        while len(times) < 3 or (time.perf_counter() < end and len(times) < 5000):
            times.append(seconds(_place(loaded, store.sizes is not None, size, len(times))))
        return median(times)


def _place(loaded: int, ragged: bool, size: int, number: int) -> int:
    """Where the batch of a try begins. Samples that differ in size are taken from all over, since
    there may be time for a few only."""
    room = loaded - size + 1
    if ragged:
        return int(number * GOLDEN % 1 * room)
    return number * size % room if size > 1 else number % room


def _batches(pins: Mapping[str, Any], loaded: int) -> Iterator[int]:
    if pins.get("batch"):
        yield pins["batch"]
        return
    size = 1
    while size <= loaded:
        yield size
        size *= 4 if size < 16 else 2


def _throughputs(
    instances: Sequence[Instance],
    samples: LoadedSamples,
    threads: int,
    pins: Mapping[str, Any],
    first: int = 1,
) -> Iterator[Operation]:
    """Throughput by batch size, from about `first` on, growing until it no longer pays. Batches
    that may take longer than a probe are tried only where the last one was well worth it."""
    loaded = int((samples.slots >= 0).sum())
    best, gain, before, seconds = 0.0, WORTH, 0, 0.0
    for batch in _batches(pins, loaded):
        if batch < first and not pins.get("batch"):
            continue
        likely = seconds * batch / before if before else 0.0
        if likely > SLOW_SECONDS or (likely > PROBE_SECONDS and gain < WORTH):
            return
        rate, seconds = _throughput(instances, samples, batch, loaded)
        yield Operation(len(instances), threads, batch, 0, rate, seconds, seconds)
        if rate < best * 0.9:
            return
        gain = rate / best if best else WORTH
        best, before = max(best, rate), batch


def _throughput(
    instances: Sequence[Instance], samples: LoadedSamples, batch: int, loaded: int
) -> tuple[float, float]:
    """(samples per second of all instances at once, median seconds of a batch)."""
    from concurrent.futures import ThreadPoolExecutor

    size = min(batch, loaded)
    ids = list(range(size))
    indices = np.arange(size)

    def work(instance: Instance) -> tuple[int, float, float]:
        instance.answer_slice(ids, samples, 0, indices)
        times: list[float] = []
        begin = time.perf_counter()
        while not times or time.perf_counter() - begin < PROBE_SECONDS:
            start = time.perf_counter()
            instance.answer_slice(
                ids, samples, _place(loaded, samples.sizes is not None, size, len(times)), indices
            )
            times.append(time.perf_counter() - start)
        return len(times) * size, time.perf_counter() - begin, median(times)

    with ThreadPoolExecutor(len(instances)) as pool:
        results = list(pool.map(work, instances))
    return sum(done / seconds for done, seconds, _ in results), max(item[2] for item in results)
