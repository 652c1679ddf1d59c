"""What a round uses: the product's parts, opened as a campaign's run opens them, and a bare
onnxruntime session beside them. Imported in the round's process only."""

from __future__ import annotations

import itertools
import os
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnxruntime

from benchwright.contracts.program import Array, Session, Sessions
from benchwright.harness.calibrate import Operation
from benchwright.harness.child import import_loadgen, make_sut, run_test
from benchwright.harness.instance import Instance
from benchwright.harness.logs import DETAIL_FILE, DetailLog, read_detail
from benchwright.harness.samples import SampleStore
from benchwright.harness.settings import Request, apply, test_settings
from benchwright.plugins import Registry, lookup
from benchwright.rounds import load_round

ROUND = "v3.1"


class Kit:
    """The parts of one round, by its specification."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        registry = Registry()
        self._backend = lookup("backend", "onnxruntime", registry.backends)
        self._benchmark = lookup("benchmark", "resnet50", registry.benchmarks).load()
        self._program = self._benchmark.program(spec["preset"])
        self._spec = spec
        self._loadgen = import_loadgen(None)
        self.store = SampleStore.open(Path(spec["samples"]))
        (tensor,) = self._program.inputs
        self.input_name = tensor.name

    def sessions(self, threads: int) -> Sessions:
        """One engine instance, opened by the product's backend with its default options."""
        options = self._backend.load_options()().model_dump(mode="json")
        engine = Path(self._spec["engine"])
        return self._backend.load().open(self._program, engine, options, threads)

    def instance(self, sessions: Sessions) -> Instance:
        """The product's instance over some sessions."""
        return Instance(
            self._program.load_driver(),
            sessions,
            self._benchmark.encoder(self._spec["preset"]),
            self._loadgen.QuerySampleResponse,
            self._loadgen.QuerySamplesComplete,
        )

    def bare(self, threads: int) -> Bare:
        """onnxruntime's own session on the same engine file, as one would open it by hand."""
        options = onnxruntime.SessionOptions()
        # The engine file holds the graph as it was optimised when it was built.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        path = str(Path(self._spec["engine"], "main.onnx"))
        return Bare(onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]))

    def images(self) -> Array:
        """All samples in memory, [count, …]: what the bare loop takes its slices of."""
        return self.store.load(range(self.store.count)).fixed[self.input_name]

    def test(
        self,
        scenario: str,
        instances: list[Instance],
        operation: Operation,
        pins: Mapping[str, Any] | None = None,
        **overrides: Any,
    ) -> DetailLog:
        """One loadgen test by the round's rules for resnet50, `overrides` apart; its log.

        At most once in a process.
        """
        request = Request(
            scenario, "performance", "quick", "resnet50", self.store.count, pins or {}
        )
        values = {**test_settings(load_round(ROUND), request, operation), **overrides}
        sut = make_sut(scenario, instances, self.store, operation)
        settings = self._loadgen.TestSettings()
        folder = Path(self._spec["scratch"])
        apply(settings, self._loadgen, values, folder)
        run_test(self._loadgen, sut, settings, self.store.count, str(folder), _give_up)
        return read_detail(folder / DETAIL_FILE)


def loop(
    sessions: Sequence[Session], input_name: str, images: Array, total: int, batch: int
) -> float:
    """The bare loop: seconds in which the sessions, a thread each, compute `total` samples."""
    turns = itertools.count()

    def work(session: Session) -> None:
        for turn in turns:
            if turn * batch >= total:
                return
            start = turn * batch % len(images)
            session.run({input_name: images[start : start + batch]})

    threads = [threading.Thread(target=work, args=(session,)) for session in sessions]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def _give_up(error: BaseException) -> NoReturn:
    traceback.print_exception(error)
    os._exit(3)


class Bare:
    """onnxruntime's own session behind the product's interface."""

    def __init__(self, session: Any) -> None:
        self._run = session.run

    def run(self, inputs: Mapping[str, Array]) -> Any:
        """Computes one batch."""
        return self._run(["ArgMax:0"], inputs)


class Stopwatch:
    """A session that notes the seconds spent in another, and when that began and ended."""

    def __init__(self, session: Session) -> None:
        self._run = session.run
        self.reset()

    def reset(self) -> None:
        """Forgets what was noted."""
        self.inside = 0.0
        self.first = 0.0
        self.last = 0.0

    def run(self, inputs: Mapping[str, Array]) -> Any:
        """Computes one batch."""
        begin = time.perf_counter()
        outputs = self._run(inputs)
        self.last = time.perf_counter()
        self.inside += self.last - begin
        if not self.first:
            self.first = begin
        return outputs


class Null:
    """A session that computes nothing: the labels were there before."""

    def __init__(self, most: int) -> None:
        self._labels = np.ones(most, dtype=np.int64)

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Labels for one batch."""
        (images,) = inputs.values()
        return [self._labels[: len(images)]]
