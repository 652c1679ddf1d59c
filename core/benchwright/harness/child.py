"""The process of one run: opens the engine, calibrates, and lets loadgen test it.

Started by `benchwright.harness.launch` as `python -m benchwright.harness.child SPEC`. A run has
a process of its own because loadgen keeps global state, because native code may crash, and so
that the measured process does nothing else.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from benchwright.contained import end_copy
from benchwright.errors import BenchwrightError
from benchwright.harness.watch import threads_that_raise, threads_that_raise_no_more

if TYPE_CHECKING:
    from benchwright.contracts.program import Sessions
    from benchwright.harness.calibrate import Operation
    from benchwright.harness.instance import Complete, Instance
    from benchwright.harness.samples import SampleStore
    from benchwright.harness.sut import Sut

ACCURACY_BATCH = 32
"""Batch of an accuracy run in the scenarios that batch."""

OUTCOME = "outcome.json"
FAILURE = "failure.json"
NOTICE = "notice.txt"
"""What the person who waits is to know before the test begins."""


def die_with_parent(parent: int) -> None:
    """Asks the kernel to end this process when its parent ends (Linux)."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    set_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
    ctypes.CDLL(None, use_errno=True).prctl(set_death_signal, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    """Runs the specification named on the command line."""
    spec_path = Path(sys.argv[1])
    spec = json.loads(spec_path.read_text(encoding="utf-8"))
    # loadgen's loop is native: only the default action lets Ctrl-C end it at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with_parent(spec["parent"])
    folder = spec_path.parent
    process = os.getpid()

    def give_up(error: BaseException) -> NoReturn:
        end_copy(process, who_runs(spec))
        _write_failure(folder, error)
        os._exit(3)

    threads_that_raise(give_up, spec["task"])
    try:
        outcome = run(spec, give_up)
        end_copy(process, who_runs(spec))
        threads_that_raise_no_more()
        (folder / OUTCOME).write_text(json.dumps(outcome), encoding="utf-8")
    except BaseException as error:
        give_up(error)


def who_runs(spec: Mapping[str, Any]) -> str:
    """Whose code it is that a run's process calls."""
    return f"the backend `{spec['backend']}` or the benchmark `{spec['benchmark']}`"


def _write_failure(folder: Path, error: BaseException) -> None:
    traceback.print_exception(error)
    sys.stderr.flush()
    if isinstance(error, BenchwrightError):
        told = {"what": error.what, "where": error.where, "why": error.why, "fix": error.fix}
    else:
        told = {"what": f"{type(error).__name__}: {error}"}
    (folder / FAILURE).write_text(json.dumps(told), encoding="utf-8")


def import_loadgen(path: str | None) -> Any:
    """loadgen's Python module: the installed one, or the one built into the folder `path`."""
    if path is not None:
        sys.path.insert(0, path)
    import mlperf_loadgen

    if path is not None and not str(mlperf_loadgen.__file__).startswith(path):
        raise BenchwrightError(
            "the loadgen that was built for this campaign was not the one imported",
            where=str(mlperf_loadgen.__file__),
            why=f"it should lie in {path}",
            fix="run the `loadgen` task again",
        )
    return mlperf_loadgen


def run(spec: Mapping[str, Any], give_up: Any) -> dict[str, Any]:
    """Opens, calibrates, tests; returns what is to be recorded."""
    loadgen = import_loadgen(spec["loadgen"])

    from benchwright.harness.instance import Instance
    from benchwright.harness.pool import SessionPool
    from benchwright.harness.samples import SampleStore
    from benchwright.harness.settings import Request, apply, seconds_of_least, test_settings
    from benchwright.harness.watch import Forks, check_sessions
    from benchwright.harness.window import timed
    from benchwright.plugins import Registry, lookup
    from benchwright.rounds import load_round

    process, forks = os.getpid(), Forks(Instance, who_runs(spec))
    registry = Registry(only=spec["plugins"])
    info = lookup("benchmark", spec["benchmark"], registry.benchmarks)
    benchmark = info.load()
    backend = lookup("backend", spec["backend"], registry.backends).load()
    fused = registry.programs.get((spec["benchmark"], spec["backend"]))
    preset = spec["preset"]
    program = fused.load(preset) if fused is not None else benchmark.program(preset)
    driver = program.load_driver()
    store = SampleStore.open(Path(spec["samples"]))
    request = Request(**spec["request"])

    engine = Path(spec["engine"])

    def open_sessions(threads: int) -> Sessions:
        sessions = backend.open(program, engine, spec["options"], threads)
        end_copy(process, who_runs(spec))
        check_sessions(sessions, [graph.name for graph in program.graphs], spec["backend"])
        return sessions

    pool = SessionPool(open_sessions)

    def open_instances(
        instances: int, threads: int, complete: Complete, first_token: Complete | None = None
    ) -> list[Instance]:
        response = loadgen.QuerySampleResponse
        return [
            Instance(driver, sessions, benchmark.encoder(preset), response, complete, first_token)
            for sessions in pool.take(instances, threads)
        ]

    round_ = load_round(spec["round"])
    operation = spec.get("operation")
    found = (
        _calibrate(spec, request, round_, store, open_instances)
        if operation is None
        else _operation(operation)
    )
    values = test_settings(round_, request, found)
    first_token = _first_token(loadgen) if "use_token_latencies" in values else None
    instances = open_instances(
        found.instances, found.threads, loadgen.QuerySamplesComplete, first_token
    )
    sut = make_sut(request.scenario, instances, store, found)
    settings = loadgen.TestSettings()
    unreported = apply(settings, loadgen, values, Path(spec["scratch"]))
    least = 0.0 if request.mode == "accuracy" else seconds_of_least(values, found)
    _give_notice(Path(spec["scratch"]), values, least)
    forked = forks.count
    run_test(
        loadgen,
        sut,
        settings,
        store.count,
        spec["logs"],
        give_up,
        audit=spec["audit"] or "",
        window=timed(spec["gate"]),
    )
    return {
        "settings": values,
        "unreported": list(unreported),
        "operation": found.record(),
        "program": "fused" if fused is not None else "plain",
        "loadgen_file": str(loadgen.__file__),
        "forks": forks.count - forked,
        "peak_memory_bytes": peak_memory(),
        "problems": registry.problems(),
    }


def _give_notice(folder: Path, values: Mapping[str, Any], least_s: float) -> None:
    """Says when the fewest queries take longer than the duration that was asked for."""
    asked_s, count = values["min_duration_ms"] / 1e3, values["min_query_count"]
    if least_s <= 1.5 * asked_s:
        return
    text = (
        f"{values['scenario']} needs {count} queries at the least: about {least_s:.0f} s, longer "
        f"than the {asked_s:g} s asked for; "
    )
    text += (
        "it stops on time, and will not be VALID"
        if values["max_duration_ms"]
        else "it runs to that minimum"
    )
    partial = folder / f".{NOTICE}"
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / NOTICE)


def peak_memory() -> int:
    """The most bytes that this process has had in memory."""
    import resource

    # Linux counts the peak of the process that started this one into `ru_maxrss`.
    with suppress(OSError), open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _first_token(loadgen: Any) -> Complete:
    told: Complete | None = getattr(loadgen, "FirstTokenComplete", None)
    if told is None:
        raise BenchwrightError(
            "this loadgen takes no token latencies",
            where=str(loadgen.__file__),
            why="it is older than 4.0",
            fix="take a newer one (`loadgen:` in the campaign), or leave `token_latencies` out",
        )
    return told


def _operation(values: Mapping[str, Any]) -> Operation:
    from benchwright.harness.calibrate import Operation

    return Operation(**values)


def _calibrate(
    spec: Mapping[str, Any], request: Any, round_: Any, store: Any, open_instances: Any
) -> Any:
    from benchwright.harness import calibrate
    from benchwright.harness.pool import most_instances

    def discard(responses: list[Any]) -> None:
        return

    def quiet(instances: int, threads: int) -> Any:
        return open_instances(instances, threads, discard)

    room = calibrate.Room(spec["cores"], most_instances(Path(spec["engine"])))
    conf = round_.conf(request.conf_key, request.scenario)
    size = int(conf.get("samples_per_query", 1))
    if request.mode == "accuracy":
        batch = ACCURACY_BATCH if request.scenario in ("Offline", "Server") else size
        return calibrate.glance(quiet, store, batch, room, request.pins)
    if request.scenario == "Offline":
        return calibrate.calibrate_offline(quiet, store, room, request.pins)
    if request.scenario == "Server":
        bound = float(conf["target_latency"]) / 1e3
        if not spec.get("own_bound"):
            return calibrate.calibrate_server(quiet, store, bound, room, request.pins)
        return calibrate.calibrate_unbounded_server(quiet, store, bound, room, request.pins)
    return calibrate.calibrate_stream(quiet, store, size, room, request.pins)


def make_sut(
    scenario: str, instances: Sequence[Instance], store: SampleStore, operation: Operation
) -> Sut:
    """The system under test that a scenario takes."""
    from benchwright.harness import sut

    if scenario == "Offline":
        return sut.OfflineSut(instances, store, operation.batch)
    if scenario == "Server":
        return sut.ServerSut(instances, store, operation.batch, operation.deadline_us)
    return sut.StreamSut(instances, store)


def run_test(
    loadgen: Any,
    sut: Sut,
    settings: Any,
    sample_count: int,
    logs: str,
    give_up: Callable[[BaseException], NoReturn],
    *,
    audit: str = "",
    window: AbstractContextManager[None] | None = None,
) -> None:
    """One loadgen test, to the end of the system under test's threads.

    At most one in a process: loadgen keeps global state, and crashed now and then in a process
    that had run tests before. settings: loadgen's TestSettings; sample_count: of the whole data
    set; logs: the folder for loadgen's logs; give_up: ends the process with an error; audit: a
    compliance test's file; window: entered just before the test begins, and left just after it
    has ended.

    An exception that reached loadgen's native frames would end the process without a word, so
    every callback catches its own.
    """
    sut.on_failure = give_up
    issue, load, unload = sut.issue, sut.load, sut.unload

    def guarded_issue(ids: list[int], indices: list[int]) -> None:
        try:
            issue(ids, indices)
        except BaseException as error:
            give_up(error)

    def guarded_load(indices: list[int]) -> None:
        try:
            load(indices)
        except BaseException as error:
            give_up(error)

    output = loadgen.LogOutputSettings()
    output.outdir = logs
    output.copy_summary_to_stdout = False
    log = loadgen.LogSettings()
    log.log_output = output
    log.enable_trace = False
    handle = loadgen.ConstructFastSUT(guarded_issue, lambda: None)
    library = loadgen.ConstructQSL(
        sample_count, settings.performance_sample_count_override, guarded_load, unload
    )
    calm()
    with window or nullcontext():
        loadgen.StartTestWithLogSettings(handle, library, settings, log, audit)
    loadgen.DestroyQSL(library)
    loadgen.DestroyFastSUT(handle)
    sut.close()


def calm() -> None:
    """Keeps this process's own doings out of what is measured: a pause of the collector, or a 5 ms
    turn of another thread, would count as latency."""
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(5e-4)


if __name__ == "__main__":
    main()
