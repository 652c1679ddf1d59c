"""What a plugin must be: built for an interface we have, its hooks spelt right and marked, what
it hands over usable, its probes prompt."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from benchwright import hooks, loading
from benchwright.contained import LIMIT_VARIABLE
from benchwright.contracts.backend import BackendInfo, Capabilities
from benchwright.contracts.benchmark import BenchmarkInfo
from benchwright.contracts.formatter import FormatterInfo
from benchwright.contracts.power import PowerMeterInfo
from benchwright.contracts.probe import Probe, ProbeInfo
from benchwright.contracts.program import FusedProgramInfo
from benchwright.hooks import NAMESPACE, hookimpl
from benchwright.plugins import Registry
from benchwright.tracing import TRACE_VARIABLE, brief

Write = Callable[..., EntryPoint]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a plugin's module as a vendor would, and gives its entry point."""
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def module(name: str, source: str) -> EntryPoint:
        (tmp_path / f"loadtest_{name}.py").write_text(dedent(source), encoding="utf-8")
        made.append(f"loadtest_{name}")
        return EntryPoint(name, made[-1], NAMESPACE)

    yield module
    for name in made:
        sys.modules.pop(name, None)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """For what hangs, with a short limit; ends it with the test."""
    monkeypatch.setenv(LIMIT_VARIABLE, "0.1")
    event = threading.Event()
    yield event
    event.set()


def with_hooks(name: str, **functions: Any) -> EntryPoint:
    module = types.ModuleType(f"loadtest_{name}")
    module.BENCHWRIGHT_INTERFACE = hooks.INTERFACE  # type: ignore[attr-defined]
    for hook, function in functions.items():
        setattr(module, hook, hookimpl(function))
    sys.modules[module.__name__] = module
    return EntryPoint(name, module.__name__, NAMESPACE)


HOOK = """
    from benchwright.hooks import hookimpl

    @hookimpl
    def backends():
        return []
    """


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        (
            "",
            "it does not say which interface it was built for: add `BENCHWRIGHT_INTERFACE = 3` to "
            "`loadtest_acme` (docs/hooks.md)",
        ),
        (
            "BENCHWRIGHT_INTERFACE = 1",
            "it was built for interface 1, and Benchwright 0.1.0 takes 2 at the oldest: upgrade "
            "the plugin (`pip install --upgrade benchwright-acme`)",
        ),
        ("BENCHWRIGHT_INTERFACE = 2", ""),
        ("BENCHWRIGHT_INTERFACE = 3", ""),
        (
            "BENCHWRIGHT_INTERFACE = 4",
            "it was built for interface 4, and Benchwright 0.1.0 has 3: upgrade Benchwright "
            "(`pip install --upgrade benchwright`), or install an older `benchwright-acme`",
        ),
        ("BENCHWRIGHT_INTERFACE = '3'", "BENCHWRIGHT_INTERFACE is '3', not a whole number"),
        ("BENCHWRIGHT_INTERFACE = True", "BENCHWRIGHT_INTERFACE is True, not a whole number"),
    ],
)
def test_interfaces(
    write: Write, monkeypatch: pytest.MonkeyPatch, declared: str, problem: str
) -> None:
    monkeypatch.setattr(loading, "INTERFACE", 3)
    monkeypatch.setattr(loading, "OLDEST_INTERFACE", 2)
    monkeypatch.setattr(loading, "__version__", "0.1.0")
    registry = Registry([])
    registry._load(write("acme", dedent(HOOK) + declared), "benchwright-acme", "1", set())
    status = registry.plugins["acme"]
    assert [text.startswith(problem) for text in status.problems] == ([True] if problem else [])
    assert status.status == ("failed" if problem else "active")
    assert status.hooks == (() if problem else ("backends",))
    assert status.file.endswith("loadtest_acme.py")
    if not problem:
        assert status.interface == int(declared[-1])


def test_what_is_built_in_declares_the_interface_itself() -> None:
    """As a number, as a vendor does: an import of ours would always agree with us."""
    registry = Registry()
    for status in registry.plugins.values():
        if status.distribution == "benchwright":
            assert status.interface == hooks.INTERFACE
            source = Path(status.file).read_text(encoding="utf-8")
            assert f"\nBENCHWRIGHT_INTERFACE = {hooks.INTERFACE}\n" in source


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "@hookimpl\ndef backend(): return []",
            "unknown hook `backend`; did you mean `backends`?",
        ),
        (
            "@hookimpl\ndef backends(): return []\n@hookimpl\ndef run_finish(run, result): pass",
            "unknown hook `run_finish`; did you mean `run_finished`?",
        ),
        (
            "@hookimpl\ndef backends(): return []\ndef probes(): return []",
            "`probes` is not marked as a hook: put `@hookimpl` above it",
        ),
        ("def backends(): return []", "`backends` is not marked as a hook"),
        ("x = 1", "it implements no hook (docs/hooks.md lists them)"),
        ("from loadtest_other import backends", "it implements no hook"),
        (
            "class P:\n BENCHWRIGHT_INTERFACE = 1\n def backends(self): return []",
            "`backends` is not marked as a hook",
        ),
    ],
)
def test_hooks_that_are_none(write: Write, source: str, problem: str) -> None:
    write("other", "def backends(): return []")
    head = "from benchwright.hooks import hookimpl\nBENCHWRIGHT_INTERFACE = 1\n"
    point = write("acme", head + source + "\nplugin = P()" * ("class P" in source))
    if "class P" in source:
        point = EntryPoint("acme", f"{point.value}:plugin", NAMESPACE)
    good = with_hooks("good", backends=lambda: [BACKEND])
    registry = Registry([point, good])
    (told,) = registry.plugins["acme"].problems
    assert told.startswith(problem)
    assert registry.plugins["acme"].status == "failed"
    assert list(registry.backends) == ["b"]


def load() -> Any:
    raise AssertionError("loaded")


BACKEND = BackendInfo("b", "s", Capabilities(("onnx",)), load)
BENCHMARK = BenchmarkInfo("b", "s", "f", {}, load)
METER = PowerMeterInfo("m", "s", lambda: True, load)
FORMATTER = FormatterInfo("f", "s", ("v",), load, lambda facts: {})


@pytest.mark.parametrize(
    ("hook", "item", "problem"),
    [
        ("backends", "acme", "str, not BackendInfo"),
        ("backends", BACKEND.__class__, "type, not BackendInfo"),
        ("backends", replace(BACKEND, name=""), "a BackendInfo whose `name` is ''; names are made"),
        ("backends", replace(BACKEND, name="../x"), "a BackendInfo whose `name` is '../x'"),
        ("backends", replace(BACKEND, name=4), "a BackendInfo whose `name` is 4"),
        ("backends", replace(BACKEND, load=None), "`b`, whose `load` cannot be called"),
        ("backends", replace(BACKEND, load_options={}), "`b`, whose `load_options` cannot be"),
        (
            "backends",
            replace(BACKEND, capabilities=("onnx",)),
            "`b`, whose `capabilities` is tuple, not Capabilities",
        ),
        ("benchmarks", replace(BENCHMARK, family="a/b"), "a BenchmarkInfo whose `family` is 'a/b'"),
        ("benchmarks", replace(BENCHMARK, presets=[]), "`b`, whose `presets` is list"),
        ("programs", FusedProgramInfo("b", "", "s", load), "a FusedProgramInfo whose `backend`"),
        ("programs", FusedProgramInfo("b", "x", "s", 1), "`b`, whose `load` cannot be called"),  # type: ignore[arg-type]
        ("power_meters", replace(METER, available=True), "`m`, whose `available` cannot be called"),
        ("formatters", replace(FORMATTER, describe_system={}), "`f`, whose `describe_system`"),
    ],
)
def test_descriptors_that_are_none(hook: str, item: Any, problem: str) -> None:
    good = {"backends": BACKEND, "benchmarks": BENCHMARK, "power_meters": METER,
            "programs": FusedProgramInfo("b", "x", "s", load), "formatters": FORMATTER}  # fmt: skip
    registry = Registry(
        [
            with_hooks("bad", **{hook: lambda: [item]}),
            with_hooks("good", **{hook: lambda: [good[hook]]}),
        ]
    )
    assert list(getattr(registry, hook).values()) == [good[hook]]
    (told,) = registry.plugins["bad"].problems
    assert told.startswith(f"hook `{hook}` handed over {problem}")
    assert registry.plugins["bad"].status == "failed"


def test_a_hook_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchwright.plugins.MOST", 100)

    def backends() -> Iterator[BackendInfo]:
        while True:
            yield BACKEND

    registry = Registry([with_hooks("endless", backends=backends)])
    assert registry.backends == {}
    assert registry.plugins["endless"].problems == [
        "hook `backends` handed over more than 100 things"
    ]


def test_a_hook_that_raises_midway() -> None:
    def backends() -> Iterator[BackendInfo]:
        yield BACKEND
        raise GeneratorExit("midway")

    registry = Registry([with_hooks("midway", backends=backends)])
    assert registry.backends == {}
    assert registry.plugins["midway"].problems == ["hook `backends` raised GeneratorExit: midway"]


def test_a_hook_that_prints() -> None:
    def backends() -> list[BackendInfo]:
        print("hello")
        return [BACKEND]

    registry = Registry([with_hooks("talks", backends=backends)])
    assert list(registry.backends) == ["b"]
    assert registry.plugins["talks"].status == "active"
    assert registry.plugins["talks"].problems == [
        "backends printed to standard output: 'hello'; it went to standard error"
    ]


def test_what_hangs_is_named_and_left_out(gate: threading.Event, write: Write) -> None:
    asked = []

    def hanging(what: str) -> Any:
        asked.append(what)
        gate.wait()
        return []

    class Slow(Probe):
        def identity(self) -> Any:
            return {"chip": 1}

        def observation(self) -> Any:
            return hanging("observation")

    class Deaf(Probe):
        def identity(self) -> Any:
            return hanging("identity")

        def observation(self) -> Any:
            return hanging("observation of the deaf")

    class Right(Probe):
        def identity(self) -> Any:
            return {"cpu": 1}

        def observation(self) -> Any:
            return {"load": 1}

    importing = write("importing", "import threading\nthreading.Event().wait(20)")
    registry = Registry(
        [
            importing,
            with_hooks("listing", backends=lambda: hanging("backends")),
            with_hooks("deaf", probes=lambda: [ProbeInfo("deaf", "s", Deaf)]),
            with_hooks("slow", probes=lambda: [ProbeInfo("slow", "s", Slow)]),
            with_hooks("loads", probes=lambda: [ProbeInfo("loads", "s", lambda: hanging("load"))]),
            with_hooks("right", probes=lambda: [ProbeInfo("right", "s", Right)]),
        ]
    )
    assert registry.backends == {}
    for _ in range(2):
        reading = registry.read_system(observe=True)
        assert reading.identity == {"chip": 1, "cpu": 1}
        assert reading.observation == {"load": 1}
    assert sorted(asked) == ["backends", "identity", "load", "observation"], "none is asked again"
    hung = (
        "did not answer within 0.1 s and was given up (BENCHWRIGHT_PLUGIN_TIMEOUT sets the limit)"
    )
    assert registry.problems() == [
        f"plugin `deaf`: probe `deaf` {hung}",
        f"plugin `importing`: its import {hung}",
        f"plugin `listing`: hook `backends` {hung}",
        f"plugin `loads`: probe `loads` {hung}",
        f"plugin `slow`: probe `slow` {hung}",
    ]
    assert registry.plugins["slow"].status == "active", "what it said in time stands"


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        (None, "NoneType, not a dict of facts"),
        ([("cpu", 1)], "list, not a dict of facts"),
        ({1: 1}, "the fact 1 as int, which is no JSON value"),
        ({"cpu": {1, 2}}, "the fact 'cpu' as set, which is no JSON value"),
        ({"cpu": [{"core": object()}]}, "the fact 'cpu' as list, which is no JSON value"),
    ],
)
def test_facts_that_are_none(facts: Any, problem: str) -> None:
    class Wrong(Probe):
        def identity(self) -> Any:
            return facts

        def observation(self) -> Any:
            return {}

    registry = Registry([with_hooks("wrong", probes=lambda: [ProbeInfo("w", "s", Wrong)])])
    assert registry.read_system(observe=True).identity == {}
    assert registry.plugins["wrong"].problems == [f"probe `w` handed over {problem}"]


def test_only_what_a_run_takes_is_loaded(write: Write) -> None:
    points = [
        with_hooks("chip", backends=lambda: [BACKEND]),
        with_hooks("net", benchmarks=lambda: [replace(BENCHMARK, name="net")]),
        with_hooks("fused", programs=lambda: [FusedProgramInfo("net", "b", "s", load)]),
        with_hooks("other", programs=lambda: [FusedProgramInfo("net", "c", "s", load)]),
        write("raises", "raise SystemExit('not for you')"),
    ]
    assert Registry(points).plugins_of("net", "b") == ["chip", "fused", "net"]
    few = Registry(points, only=["chip", "net", "fused"])
    assert sorted(few.plugins) == ["chip", "fused", "net"]
    assert few.problems() == []
    assert few.plugins_of("net", "b") == ["chip", "fused", "net"]


def test_the_trace(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def backends() -> list[BackendInfo]:
        return [replace(BACKEND, name=f"b{number}") for number in range(6)]

    def run_started(run: Any) -> None:
        raise OSError("no\nserver")

    points = [with_hooks("a", backends=backends), with_hooks("b", run_started=run_started)]
    registry = Registry(points)
    _ = registry.backends
    assert capsys.readouterr().err == ""
    monkeypatch.setenv(TRACE_VARIABLE, "1")
    registry = Registry(points)
    _ = registry.backends
    registry.run_started({"task": "performance:x"})
    lines = [
        " ".join("_ ms" if part == "ms" else part for part in line.split() if not _number(part))
        for line in capsys.readouterr().err.splitlines()
    ]
    assert lines == [
        "trace: a: import() _ ms -> <module 'loadtest_a'>",
        "trace: b: import() _ ms -> <module 'loadtest_b'>",
        "trace: a: backends() _ ms -> [BackendInfo b0, BackendInfo b1, BackendInfo b2, "
        "BackendInfo b3, more]",
        "trace: b: run_started(run={'task': 'performance:x'}) _ ms raised OSError: no server",
    ]


def _number(text: str) -> bool:
    return text.replace(".", "").isdigit()


def test_anything_can_be_traced() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("no text")

    assert brief(Shy()).startswith("<Shy instance at")
    assert brief([Shy()]).startswith("[<Shy instance at")

    class Hostile:
        @property
        def name(self) -> str:
            raise RuntimeError("no name")

    assert brief(Hostile()) == "<Hostile, whose repr raised RuntimeError>"
    assert brief(object()) == "<object>"
    assert brief("a\nb") == "'a\\nb'"
    assert len(brief({str(number): "x" * 1000 for number in range(100)})) < 300
    assert brief([{"basename": "engine", "name": "x"}, {"basename": "report"}]) == (
        "[engine:x, report]"
    )
