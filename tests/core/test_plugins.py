"""Finding and guarding plugins: order, blocking, names that are taken, and hooks in turn.

What a broken plugin does to a whole command is in functional/test_plugins.py.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from benchwright.contracts.backend import BackendInfo, Capabilities
from benchwright.contracts.formatter import FormatterInfo
from benchwright.contracts.probe import Probe, ProbeInfo
from benchwright.contracts.program import FusedProgramInfo
from benchwright.errors import UsageError
from benchwright.hooks import INTERFACE, NAMESPACE, hookimpl
from benchwright.plugins import DISABLE_VARIABLE, Registry, lookup

Make = Callable[..., EntryPoint]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a plugin module of hook implementations, and its entry point."""
    made = []

    def plugin(name: str, point: str | None = None, **hooks: Any) -> EntryPoint:
        module = types.ModuleType(f"plugintest_{name}")
        module.BENCHWRIGHT_INTERFACE = INTERFACE  # type: ignore[attr-defined]
        for hook, function in hooks.items():
            setattr(module, hook, hookimpl(function))
        sys.modules[module.__name__] = module
        made.append(module.__name__)
        return EntryPoint(point or name, module.__name__, NAMESPACE)

    yield plugin
    for name in made:
        del sys.modules[name]


def backend(name: str, summary: str = "s") -> BackendInfo:
    return BackendInfo(name, summary, Capabilities(("onnx",)), lambda: pytest.fail("loaded"))


def test_what_is_installed() -> None:
    registry = Registry()
    assert registry.problems() == []
    built_in = {
        name for name, item in registry.plugins.items() if item.distribution == "benchwright"
    }
    assert built_in >= {"tasks", "onnxruntime", "vision", "linux", "mlperf"}
    assert registry.formatter("v3.1") is registry.formatter("v6.1")
    with pytest.raises(UsageError, match=r"round `v9\.9`"):
        registry.formatter("v9.9")


def test_plugins_come_by_name_and_the_first_keeps_a_name(make: Make) -> None:
    points = [
        make("zeta", backends=lambda: [backend("shared", "zeta's"), backend("zeta")]),
        make("alpha", backends=lambda: [backend("shared", "alpha's")]),
    ]
    registry = Registry(points)
    assert {name: item.summary for name, item in registry.backends.items()} == {
        "shared": "alpha's",
        "zeta": "s",
    }
    assert registry.problems() == [
        "plugin `zeta`: `shared` (backends) exists already; this one is left out"
    ]
    assert registry.plugins["zeta"].status == "active"


def test_a_hook_is_asked_once(make: Make) -> None:
    asked: list[str] = []

    def backends() -> list[BackendInfo]:
        asked.append("backends")
        return [backend("a")]

    registry = Registry([make("a", backends=backends)])
    assert asked == [], "nothing is asked before it is needed"
    assert registry.backends is registry.backends
    assert asked == ["backends"]


@pytest.mark.parametrize("value", ["a", "a,b", " a , b ", "a,,b,"])
def test_blocking_by_name(make: Make, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(DISABLE_VARIABLE, value)
    registry = Registry(
        [make(name, backends=lambda: [backend("x")]) for name in ("a", "c")]
        + [make("b", probes=lambda: [])]
    )
    assert registry.plugins["a"].status == "disabled"
    assert registry.plugins["b"].status == ("disabled" if "b" in value else "active")
    assert registry.plugins["c"].status == "active"
    assert registry.plugins["a"].hooks == ()
    assert list(registry.backends) == ["x"]
    assert registry.problems() == []


def test_blocking_what_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DISABLE_VARIABLE, "nobody")
    registry = Registry([])
    assert registry.plugins["nobody"].status == "missing"
    assert registry.problems() == [f"plugin `nobody`: {DISABLE_VARIABLE} names it; not installed"]


def test_an_entry_point_that_leads_nowhere() -> None:
    registry = Registry([EntryPoint("lost", "nowhere_to_be_found", NAMESPACE)])
    (problem,) = registry.problems()
    assert problem.startswith("plugin `lost`: ModuleNotFoundError: ")
    assert registry.plugins["lost"].status == "failed"


def test_an_entry_point_may_name_an_object(make: Make) -> None:
    point = make("holder")

    class Plugin:
        BENCHWRIGHT_INTERFACE = INTERFACE

        @hookimpl
        def backends(self) -> list[BackendInfo]:
            return [backend("from-object")]

    sys.modules["plugintest_holder"].plugin = Plugin()  # type: ignore[attr-defined]
    registry = Registry([EntryPoint("holder", f"{point.value}:plugin", NAMESPACE)])
    assert list(registry.backends) == ["from-object"]


def test_one_entry_point_name_twice(make: Make) -> None:
    points = [make("a", "same", backends=lambda: [backend("a")]),
              make("b", "same", backends=lambda: [backend("b")])]  # fmt: skip
    registry = Registry(points)
    assert len(registry.backends) == 1
    (problem,) = registry.problems()
    assert "the name `same` is taken by plugintest_" in problem


def test_a_plugin_that_failed_once_is_not_asked_again(make: Make) -> None:
    def backends() -> list[BackendInfo]:
        raise RuntimeError("first\n\tand second line")

    registry = Registry([make("a", backends=backends, probes=lambda: pytest.fail("asked again"))])
    assert registry.backends == {}
    assert registry.probes == {}
    assert registry.plugins["a"].problems == [
        "hook `backends` raised RuntimeError: first and second line"
    ]


def test_one_wrong_answer_fails_the_whole_answer(make: Make) -> None:
    registry = Registry([make("a", backends=lambda: [backend("good"), "bad"])])
    assert registry.backends == {}
    assert "handed over str, not BackendInfo" in registry.problems()[0]


def test_fused_programs_are_known_by_benchmark_and_backend(make: Make) -> None:
    def program(summary: str) -> FusedProgramInfo:
        return FusedProgramInfo("rnnt", "acme", summary, lambda: pytest.fail("loaded"))

    registry = Registry(
        [make("a", programs=lambda: [program("a")]), make("b", programs=lambda: [program("b")])]
    )
    assert {key: item.summary for key, item in registry.programs.items()} == {("rnnt", "acme"): "a"}
    assert "exists already" in registry.plugins["b"].problems[0]


def test_the_first_formatter_of_a_round_serves_it(make: Make) -> None:
    def formatter(name: str, *rounds: str) -> FormatterInfo:
        return FormatterInfo(name, "s", rounds, lambda: pytest.fail("loaded"), lambda facts: {})

    registry = Registry(
        [
            make("a", formatters=lambda: [formatter("a", "x1")]),
            make("b", formatters=lambda: [formatter("b", "x1", "x2")]),
        ]
    )
    assert registry.formatter("x1").name == "a"
    assert registry.formatter("x2").name == "b"


def test_probes_are_read_together(make: Make) -> None:
    class First(Probe):
        def identity(self) -> Any:
            return {"a": 1, "b": 1}

        def observation(self) -> Any:
            return {"now": 1}

    class Second(Probe):
        def identity(self) -> Any:
            return {"b": 2, "c": 2}

        def observation(self) -> Any:
            return {"now": 2, "then": 2}

    class Broken(Probe):
        def identity(self) -> Any:
            raise OSError("no bus")

        def observation(self) -> Any:
            return {"never": 0}

    registry = Registry(
        [
            make("a", probes=lambda: [ProbeInfo("first", "s", First)]),
            make("b", probes=lambda: [ProbeInfo("broken", "s", Broken)]),
            make("c", probes=lambda: [ProbeInfo("second", "s", Second)]),
        ]
    )
    reading = registry.read_system()
    assert (reading.identity, reading.observation) == ({"a": 1, "b": 1, "c": 2}, {})
    reading = registry.read_system(observe=True)
    assert reading.observation == {"now": 1, "then": 2}
    assert registry.plugins["b"].problems == ["probe `broken` raised OSError: no bus"], "told once"


def test_a_usage_error_passes_only_where_the_campaign_can_be_wrong(make: Make) -> None:
    def complain(**given: Any) -> Any:
        raise UsageError("the campaign is wrong", where="c.yaml:3")

    registry = Registry([make("a", backends=lambda: complain())])
    assert registry.backends == {}
    assert "the campaign is wrong" in registry.problems()[0]
    registry = Registry([make("b", tasks=lambda plan: complain(plan=plan))])
    with pytest.raises(UsageError, match="the campaign is wrong"):
        registry.call("tasks", plan=None)


def test_lookup() -> None:
    known = {"resnet50": 1, "bert": 2}
    assert lookup("benchmark", "bert", known) == 2
    with pytest.raises(UsageError) as caught:
        lookup("benchmark", "resnet", known, "c.yaml:3: benchmarks")
    assert str(caught.value) == (
        "c.yaml:3: benchmarks: unknown benchmark `resnet`; did you mean `resnet50`? "
        "(allowed: bert, resnet50)\n  fix: `benchwright plugins` lists the installed benchmarks"
    )
