"""Every hook: a plugin's implementation is called, its answer used, and its documentation exact."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import threading
import types
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from benchwright import yamlfile
from benchwright.build.recipe import Recipe
from benchwright.build.task import product
from benchwright.campaign import parse_campaign
from benchwright.contracts.backend import BackendInfo, Capabilities
from benchwright.contracts.benchmark import BenchmarkInfo
from benchwright.contracts.executor import ExecutorInfo
from benchwright.contracts.formatter import FormatterInfo
from benchwright.contracts.power import PowerMeterInfo
from benchwright.contracts.probe import JSON, Probe, ProbeInfo
from benchwright.contracts.program import FusedProgramInfo
from benchwright.contracts.quantizer import QuantizerInfo
from benchwright.embed import plan_tasks
from benchwright.errors import BenchwrightError, UsageError
from benchwright.hooks import INTERFACE, LISTING_HOOKS, NAMESPACE, Hooks, hookimpl
from benchwright.plan import Plan
from benchwright.plugins import DISABLE_VARIABLE, Registry
from benchwright.results import RunResult

DOCUMENT = Path(__file__).parents[2] / "docs" / "hooks.md"
HOOKS = sorted(name for name, item in vars(Hooks).items() if inspect.isfunction(item))


def unused() -> Any:
    raise AssertionError("a descriptor's load must not be called by listing")


DESCRIPTORS: dict[str, Any] = {
    "benchmarks": BenchmarkInfo("acme", "s", "acme", {}, unused),
    "programs": FusedProgramInfo("resnet50", "acme", "s", unused),
    "backends": BackendInfo("acme", "s", Capabilities(("onnx",)), unused),
    "quantizers": QuantizerInfo("acme", "s", "int8", ("acme",), unused),
    "probes": ProbeInfo("acme", "s", unused),
    "formatters": FormatterInfo("acme", "s", ("acme-1",), unused, lambda facts: {}),
    "power_meters": PowerMeterInfo("acme", "s", lambda: True, unused),
    "executors": ExecutorInfo("acme", "s", unused),
}

Install = Callable[..., EntryPoint]


@pytest.fixture
def install() -> Iterator[Install]:
    """Makes a module with the given hook implementations, and its entry point."""
    made: list[str] = []

    def make(name: str = "acme", **implementations: Any) -> EntryPoint:
        module = types.ModuleType(f"hooktest_{name}")
        module.BENCHWRIGHT_INTERFACE = INTERFACE  # type: ignore[attr-defined]
        for hook, function in implementations.items():
            setattr(module, hook, hookimpl(function))
        sys.modules[module.__name__] = module
        made.append(module.__name__)
        return EntryPoint(name, module.__name__, NAMESPACE)

    yield make
    for name in made:
        del sys.modules[name]


def test_the_listing_hooks_are_those_without_arguments() -> None:
    bare = [name for name in HOOKS if len(inspect.signature(getattr(Hooks, name)).parameters) == 1]
    assert sorted(LISTING_HOOKS) == bare
    assert sorted(DESCRIPTORS) == bare


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_exact_signature(hook: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    signature = str(inspect.signature(getattr(Hooks, hook))).replace("'", "")
    assert f"\n## {hook}\n" in text
    section = text.split(f"\n## {hook}\n", 1)[1].split("\n## ", 1)[0]
    assert f"```python\ndef {hook}{signature}\n```" in section
    assert f"@hookimpl\ndef {hook}(" in section
    assert "Called" in section


def test_the_interface_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert f"This Benchwright has interface **{INTERFACE}**" in text
    assert f"\nBENCHWRIGHT_INTERFACE = {INTERFACE}\n" in text


@pytest.mark.parametrize("hook", sorted(DESCRIPTORS))
def test_a_listing_hook_s_descriptor_reaches_the_registry(hook: str, install: Install) -> None:
    registry = Registry([install(**{hook: lambda: iter([DESCRIPTORS[hook]])})])
    found = getattr(registry, hook)
    key = ("resnet50", "acme") if hook == "programs" else "acme"
    assert found == {key: DESCRIPTORS[hook]}
    assert registry.plugins["acme"].hooks == (hook,)
    assert registry.problems() == []


@pytest.mark.parametrize("hook", sorted(DESCRIPTORS))
def test_a_listing_hook_that_raises_or_answers_wrongly_is_contained(
    hook: str, install: Install
) -> None:
    def broken() -> Any:
        raise RuntimeError("no chip")

    good = install("good", **{hook: lambda: [DESCRIPTORS[hook]]})
    registry = Registry(
        [install("bad", **{hook: broken}), install("wrong", **{hook: lambda: ["text"]}), good]
    )
    assert list(getattr(registry, hook).values()) == [DESCRIPTORS[hook]]
    assert registry.plugins["bad"].status == "failed"
    assert "no chip" in registry.plugins["bad"].problems[0]
    assert registry.plugins["wrong"].status == "failed"
    assert "handed over str" in registry.plugins["wrong"].problems[0]
    assert registry.plugins["good"].status == "active"


@pytest.mark.parametrize("hook", sorted(set(DESCRIPTORS) - {"programs"}))
def test_a_name_that_exists_is_left_out_and_told(hook: str, install: Install) -> None:
    registry = Registry(
        [
            install("a", **{hook: lambda: [DESCRIPTORS[hook]]}),
            install("b", **{hook: lambda: [DESCRIPTORS[hook]]}),
        ]
    )
    assert len(getattr(registry, hook)) == 1
    assert registry.plugins["a"].problems == []
    assert "`acme`" in registry.plugins["b"].problems[0]


def make_plan(registry: Registry) -> Plan:
    text = "benchmarks: [resnet50]\nbackends: [onnxruntime]\nscenarios: [Offline]\n"
    return Plan(parse_campaign(yamlfile.parse(text, "t.yaml")), registry)


def test_tasks_are_asked_with_the_plan_and_join_the_build(install: Install) -> None:
    seen: list[Plan] = []

    def tasks(plan: Plan) -> list[dict[str, Any]]:
        seen.append(plan)
        made = Recipe("sheet", "hooktest_acme:write", f"{plan.layout.root}/sheet")
        return [product(made, doc="a data sheet")]

    registry = Registry()
    registry._load(install(tasks=tasks), "benchwright-acme", "1", set())
    plan = make_plan(registry)
    found = plan_tasks(plan)
    assert seen == [plan]
    assert {"sheet", "engine", "report"} <= {task["basename"] for task in found}


def test_tasks_that_raise_leave_the_other_stages_but_a_usage_error_is_the_users(
    install: Install,
) -> None:
    def broken(plan: Plan) -> list[dict[str, Any]]:
        raise KeyError("chip")

    registry = Registry()
    registry._load(install(tasks=broken), "", "", set())
    assert {"engine", "report"} <= {task["basename"] for task in plan_tasks(make_plan(registry))}
    assert registry.plugins["acme"].status == "failed"

    def refusing(plan: Plan) -> list[dict[str, Any]]:
        raise UsageError("the chip has no such mode")

    registry = Registry()
    registry._load(install("other", tasks=refusing), "", "", set())
    with pytest.raises(UsageError, match="no such mode"):
        plan_tasks(make_plan(registry))


def result() -> RunResult:
    return RunResult("performance:x", "b", "tiny", "acme", "fp32", "s", "Offline", "performance")


def test_run_events_reach_every_plugin_and_cannot_change_the_result(install: Install) -> None:
    told: list[tuple[str, Any]] = []

    def started(run: Any) -> None:
        told.append(("started", run["task"]))

    def finished(run: Any, result: RunResult) -> None:
        told.append(("finished", result.task))
        with pytest.raises(AttributeError):
            result.value = 1.0  # type: ignore[misc]

    def broken(run: Any, result: RunResult) -> None:
        raise OSError("webhook is gone")

    registry = Registry(
        [
            install("bad", run_finished=broken),
            install("good", run_started=started, run_finished=finished),
        ]
    )
    registry.run_started({"task": "performance:x"})
    registry.run_finished({"task": "performance:x"}, result())
    assert told == [("started", "performance:x"), ("finished", "performance:x")]
    assert "webhook is gone" in registry.plugins["bad"].problems[0]


def test_a_misspelt_hook_and_a_wrong_argument_are_errors(install: Install) -> None:
    registry = Registry(
        [
            install("a", backend=lambda: []),
            install("b", tasks=lambda campaign: []),
        ]
    )
    assert registry.plugins["a"].status == "failed"
    assert "did you mean `backends`" in registry.plugins["a"].problems[0]
    assert registry.plugins["b"].status == "failed"
    assert "campaign" in registry.plugins["b"].problems[0]


def test_a_module_that_cannot_be_imported_is_named() -> None:
    registry = Registry([EntryPoint("gone", "hooktest_not_there", NAMESPACE)])
    assert registry.plugins["gone"].status == "failed"
    assert "hooktest_not_there" in registry.problems()[0]


def test_plugins_are_blocked_by_name(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DISABLE_VARIABLE, "acme, absent")
    registry = Registry([install(backends=lambda: [DESCRIPTORS["backends"]])])
    assert registry.backends == {}
    assert registry.plugins["acme"].status == "disabled"
    assert "not installed" in registry.plugins["absent"].problems[0]


class TwoFacts(Probe):
    def __init__(self, model: str) -> None:
        self._model = model

    def identity(self) -> dict[str, JSON]:
        return {"cpu.model": self._model}

    def observation(self) -> dict[str, JSON]:
        return {"cpu.load": 1}


def test_probes_add_up_and_one_that_raises_is_told(install: Install) -> None:
    def broken() -> Probe:
        raise BenchwrightError("no chip")

    registry = Registry(
        [
            install("a", probes=lambda: [ProbeInfo("one", "s", lambda: TwoFacts("first"))]),
            install("b", probes=lambda: [ProbeInfo("two", "s", lambda: TwoFacts("second"))]),
            install("c", probes=lambda: [ProbeInfo("three", "s", broken)]),
        ]
    )
    reading = registry.read_system(observe=True)
    assert reading.identity == {"cpu.model": "first"}
    assert reading.observation == {"cpu.load": 1}
    assert any("no chip" in problem for problem in registry.problems())
    assert registry.read_system().observation == {}


def test_each_plugin_has_its_own_copy_of_an_event(install: Install) -> None:
    seen: list[Any] = []

    def spoiling(run: Any, result: Any) -> None:
        run["task"] = "mine"
        result.details["settings"]["seed"] = 0
        object.__setattr__(result, "value", 1e9)

    def seeing(run: Any, result: Any) -> None:
        seen.append((run["task"], result.value, result.details["settings"]["seed"]))

    run = {"task": "performance:x"}
    given = dataclasses.replace(result(), value=1.0, details={"settings": {"seed": 7}})
    registry = Registry(
        [install(name, run_finished=spoiling if name != "b" else seeing) for name in "abc"]
    )
    assert registry.run_finished(run, given) == []
    assert seen == [("performance:x", 1.0, 7)]
    assert run == {"task": "performance:x"}
    assert given.value == 1.0
    assert given.details["settings"]["seed"] == 7


def test_who_raises_is_told_of_the_next_event_and_who_hangs_is_not(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHWRIGHT_PLUGIN_TIMEOUT", "0.1")
    told: list[str] = []
    gate = threading.Event()

    def raising(run: Any) -> None:
        told.append("raising")
        raise SystemExit("no server")

    def hanging(run: Any) -> None:
        told.append("hanging")
        gate.wait()

    registry = Registry(
        [install("raises", run_started=raising), install("hangs", run_started=hanging)]
    )
    raised = "plugin `raises`: hook `run_started` raised SystemExit: no server"
    hung = "plugin `hangs`: hook `run_started` did not answer within 0.1 s"
    try:
        first, second = (sorted(registry.run_started({"task": "x"})) for _ in range(2))
    finally:
        gate.set()
    assert first[1] == raised
    assert first[0].startswith(hung)
    assert second == [raised]
    assert sorted(told) == ["hanging", "raising", "raising"]
    assert registry.plugins["raises"].status == "active"
    assert registry.plugins["hangs"].status == "failed"
