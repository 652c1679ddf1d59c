"""The plan: a campaign resolved against what is installed, before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from benchwright import yamlfile
from benchwright.campaign import parse_campaign
from benchwright.contracts.backend import BackendInfo, Capabilities
from benchwright.contracts.probe import JSON
from benchwright.embed import name_of, plan_tasks
from benchwright.errors import UsageError
from benchwright.plan import Plan
from benchwright.plugins import Registry
from benchwright.rounds import SCENARIOS
from benchwright.subjects import parse_task

BASE = "benchmarks: [resnet50]\nbackends: [onnxruntime]\n"
SUBJECT = "resnet50-tiny/onnxruntime"


class Fixed(Registry):
    """The installed plugins, on a machine of which only this is known."""

    facts: Mapping[str, JSON] = {
        "cpu.model": "Acme(R) Core(TM) i9 CPU @ 3.00GHz",
        "cpu.threads": 8,
        "cpu.features": ["a", "b"],
        "memory.bytes": 1,
        "storage.bytes": 2,
    }

    def read_system(self, *, observe: bool = False) -> Any:
        return super().read_system()._replace(identity=self.facts)


def plan_of(text: str = BASE, registry: Registry | None = None, **options: Any) -> Plan:
    campaign = parse_campaign(yamlfile.parse(text, "c.yaml"))
    return Plan(campaign, registry or Fixed(), **options)


def with_backend(**capabilities: Any) -> Registry:
    """A registry with one more backend, `acme`."""
    registry = Fixed()
    info = BackendInfo("acme", "s", Capabilities(**{"forms": ("onnx",), **capabilities}), lambda: 1)  # type: ignore[arg-type, return-value]
    registry.__dict__["backends"] = {**registry.backends, "acme": info}
    return registry


def scenarios(plan: Plan) -> list[str]:
    return [run.scenario for run in plan.runs if run.mode == "performance"]


# Subjects and runs


def test_engines_and_runs() -> None:
    plan = plan_of(BASE + "scenarios: [Offline, SingleStream]\n")
    (engine,) = plan.engines
    assert (engine.family, engine.subject) == ("resnet50-tiny", SUBJECT)
    assert [run.task for run in plan.runs] == [
        f"{mode}:{SUBJECT}/{scenario}"
        for scenario in ("SingleStream", "Offline")
        for mode in ("performance", "accuracy")
    ]
    assert plan.campaign_runs() == plan.runs
    assert plan.campaign_engines() == plan.engines
    assert plan.outside_tasks() == set()
    assert engine._replace(precision="int8").subject == f"{SUBJECT}+int8"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("division: closed\n", ["performance", "accuracy", "TEST01", "TEST04", "TEST05"]),
        ("division: closed\nround: v6.1\n", ["performance", "accuracy", "TEST01", "TEST04"]),
        ("modes: [compliance]\n", ["performance", "accuracy", "TEST01", "TEST04", "TEST05"]),
        ("division: closed\nmodes: [accuracy]\n", ["accuracy"]),
        ("", ["performance", "accuracy"]),
    ],
)
def test_compliance_comes_with_what_it_is_compared_with(more: str, expected: list[str]) -> None:
    plan = plan_of(BASE + "scenarios: [Offline]\ncategory: edge\n" + more)
    assert [run.test or run.mode for run in plan.runs] == expected
    tests = [run.task for run in plan.runs if run.test]
    assert all(task == f"compliance:{SUBJECT}/Offline/{task[-6:]}" for task in tests)


def test_inferred_scenarios_are_not_run() -> None:
    edge = BASE + "category: edge\n"
    plan = plan_of(edge + "infer: {Offline: SingleStream}\n")
    assert scenarios(plan) == ["SingleStream", "MultiStream"]
    assert plan.inferred("resnet50") == {"Offline": "SingleStream"}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("category: edge\ninfer: {SingleStream: Offline}", "SingleStream cannot be inferred from"),
        ("category: edge\ninfer: {MultiStream: Offline}", "it can from SingleStream"),
        ("infer: {Offline: SingleStream}", "in edge alone"),
        ("category: edge\nscenarios: MultiStream\ninfer: {Offline: SingleStream}",
         "Offline is inferred from SingleStream, which is not among"),
        ("category: edge\ninfer: {Ofline: SingleStream}", "did you mean `Offline`?"),
    ],
)  # fmt: skip
def test_what_cannot_be_inferred(more: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_of(f"{BASE}{more}\n")
    assert told in str(caught.value)


def test_a_compliance_test_outside_the_campaign_brings_its_runs() -> None:
    plan = plan_of(BASE + "scenarios: [Server]\n", extra=[f"compliance:{SUBJECT}/Offline/TEST04"])
    assert plan.outside_tasks() == {
        f"performance:{SUBJECT}/Offline",
        f"compliance:{SUBJECT}/Offline/TEST04",
    }
    tasks = {name_of(task): task for task in plan_tasks(plan)}
    needed = tasks[f"compliance:{SUBJECT}/Offline/TEST04"]["task_dep"]
    assert f"performance:{SUBJECT}/Offline" in needed
    assert f"accuracy:{SUBJECT}/Offline" not in needed


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", list(SCENARIOS)),
        ("category: edge\n", ["SingleStream", "MultiStream", "Offline"]),
        ("category: datacenter\n", ["Server", "Offline"]),
        ("category: edge\nscenarios: [Server]\n", ["Server"]),
        ("scenarios: [Server, Offline, SingleStream]\n", ["SingleStream", "Server", "Offline"]),
    ],
)
def test_scenarios_come_from_round_and_category_or_are_named(
    more: str, expected: list[str]
) -> None:
    assert sorted(scenarios(plan_of(BASE + more)), key=SCENARIOS.index) == expected
    assert scenarios(plan_of(BASE + more)) == expected


def test_a_benchmarks_own_settings_win() -> None:
    plan = plan_of(
        "benchmarks: {resnet50: {scenarios: [Server], settings: {Server: {target_qps: 5}}}}\n"
        "backends: [onnxruntime]\n"
        "scenarios: [Offline]\n"
        "modes: [performance]\n"
        "settings: {Server: {target_qps: 7, batch: 3}}\n"
    )
    (run,) = plan.runs
    assert (run.scenario, run.pins) == ("Server", {"target_qps": 5.0, "batch": 3})


def test_options_that_change_the_engine() -> None:
    plan = plan_of("benchmarks: [resnet50]\nbackends: {onnxruntime: {spinning: true}}\n")
    (engine,) = plan.engines
    assert engine.options["spinning"] is True
    assert engine.engine_options == {"graph_optimization": "all"}


def test_two_backends_share_data_and_model() -> None:
    text = BASE.replace("[onnxruntime]", "[onnxruntime, acme]") + "scenarios: [Offline]\n"
    plan = plan_of(text, with_backend())
    assert len(plan.engines) == 2
    assert [engine.family for engine in plan.families()] == ["resnet50-tiny"]
    names = [name_of(task) for task in plan_tasks(plan)]
    assert len(names) == len(set(names))
    assert names.count("model:resnet50-tiny") == 1
    assert {"engine:resnet50-tiny/onnxruntime", "engine:resnet50-tiny/acme"} <= set(names)


@pytest.mark.parametrize(
    ("capabilities", "told"),
    [
        ({"forms": ("other",)}, "it takes other, the model comes as onnx, torch"),
        ({"dtypes": ("float32",)}, "it does not take int64"),
        ({"dynamic_axes": False}, "it cannot do dynamic shapes"),
    ],
)
def test_a_backend_that_cannot_is_refused(capabilities: dict[str, Any], told: str) -> None:
    text = BASE.replace("[onnxruntime]", "[onnxruntime, acme]")
    with pytest.raises(UsageError) as caught:
        plan_of(text, with_backend(**capabilities))
    expected = "c.yaml:2: backends.acme: backend `acme` cannot run benchmark `resnet50`: "
    assert str(caught.value).startswith(expected + told)


# Official or not


def test_a_precision_that_nothing_makes_is_refused() -> None:
    text = BASE.replace("[onnxruntime]", "[acme]") + "precision: int4\n"
    with pytest.raises(UsageError, match="no installed quantizer makes int4 for backend `acme`"):
        plan_of(text, with_backend(precisions=("fp32", "int4")))


def test_what_is_not_for_submission_says_why() -> None:
    assert plan_of().unofficial() == ["preset tiny", "duration quick"]
    assert plan_of(BASE + "duration: 30\n").unofficial() == ["preset tiny", "duration 30"]
    assert plan_of(BASE + "preset: official\nduration: official\n").unofficial() == []
    plan = plan_of(BASE + "preset: official\n")
    assert [plan.run_unofficial(run) for run in plan.runs[:2]] == [["duration quick"], []]


# The machine


def test_the_system_has_a_name_for_folders() -> None:
    assert plan_of().system_name == "Acme-Core-i9-8c"
    assert plan_of(BASE + "system: {name: My box/2}\n").system_name == "My-box-2"
    bare = Fixed()
    bare.facts = {}  # type: ignore[misc]
    assert plan_of(BASE, bare).system_name == "unknown-1c"


def test_facts_by_name_or_by_prefix() -> None:
    plan = plan_of()
    assert plan.identity_of(["memory.bytes", "nothing"]) == {"memory.bytes": 1}
    assert set(plan.identity_of(["cpu."])) == {"cpu.model", "cpu.threads", "cpu.features"}
    assert plan.identity_of(["cpu"]) == {}


# Tasks outside the campaign


def test_a_run_outside_the_campaign() -> None:
    task = f"accuracy:{SUBJECT}/Server"
    plan = plan_of(BASE + "scenarios: [Offline]\nmodes: [performance]\n", extra=[task])
    assert [run.task for run in plan.runs] == [f"performance:{SUBJECT}/Offline", task]
    assert [run.scenario for run in plan.campaign_runs()] == ["Offline"]
    assert plan.outside_tasks() == {task}
    assert plan.unofficial() == ["preset tiny", "duration quick"]


def test_an_engine_outside_the_campaign_brings_what_it_needs() -> None:
    plan = plan_of(extra=["engine:resnet50-official/onnxruntime"])
    assert [engine.family for engine in plan.families()] == ["resnet50-tiny", "resnet50-official"]
    assert plan.outside_tasks() == {
        "engine:resnet50-official/onnxruntime",
        "dataset:resnet50-official",
        "preprocess:resnet50-official",
        "model:resnet50-official",
    }
    assert [engine.family for engine in plan.campaign_engines()] == ["resnet50-tiny"]


@pytest.mark.parametrize("stage", ["dataset", "preprocess", "model"])
def test_data_and_models_outside_the_campaign(stage: str) -> None:
    task = f"{stage}:resnet50-official"
    plan = plan_of(extra=[task])
    assert task in plan.outside_tasks()
    assert task in {name_of(item) for item in plan_tasks(plan)}


def test_what_the_campaign_has_is_not_outside() -> None:
    inside = [f"engine:{SUBJECT}", f"performance:{SUBJECT}/Offline", "model:resnet50-tiny"]
    plan = plan_of(extra=inside)
    assert plan.outside_tasks() == set()
    assert len(plan.runs) == 8
    assert plan_of(extra=["report", "engine", "build/x", "nonsense:a/b/c"]).outside_tasks() == set()


@pytest.mark.parametrize(
    ("task", "found"),
    [
        (f"performance:{SUBJECT}/Offline",
         ("resnet50", "tiny", "onnxruntime", "Offline", "performance", None)),
        (f"compliance:{SUBJECT}/Offline/TEST01",
         ("resnet50", "tiny", "onnxruntime", "Offline", "compliance", "TEST01")),
        (f"compliance:{SUBJECT}/Offline", None),
        (f"engine:{SUBJECT}", ("resnet50", "tiny", "onnxruntime", None, None, None)),
        ("model:resnet50-tiny", ("resnet50", "tiny", None, None, None, None)),
        ("engine:resnet50-tiny", None),
        ("engine:resnet50-big/onnxruntime", None),
        ("report", None),
        ("report:resnet50-tiny", None),
        ("", None),
    ],
)  # fmt: skip
def test_names_of_tasks(task: str, found: object) -> None:
    assert parse_task(task, Fixed()) == found


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (f"performance:{SUBJECT}/Sever", "unknown scenario `Sever`; did you mean `Server`?"),
        ("engine:resnet50-tiny/onnxrunter", "unknown backend `onnxrunter`; did you mean `onnxru"),
        (f"compliance:{SUBJECT}/Offline/TEST02", "for no test `TEST02`; did you mean `TEST0"),
    ],
)
def test_near_misses_outside_the_campaign(task: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_of(extra=[task])
    assert told in str(caught.value)


# Tasks


def test_runs_that_are_asked_for_again() -> None:
    task = f"performance:{SUBJECT}/Offline"
    by_name = {name_of(item): item for item in plan_tasks(plan_of(rerun=[task]))}
    assert [name for name, item in by_name.items() if item["uptodate"][0][1][-1] is True] == [task]


def test_tasks_depend_on_each_other_by_files() -> None:
    tasks = {name_of(item): item for item in plan_tasks(plan_of())}
    producer = {target: name for name, item in tasks.items() for target in item["targets"]}

    def needs(name: str) -> set[str]:
        files = {producer[path] for path in tasks[name]["file_dep"] if path in producer}
        return files | set(tasks[name]["task_dep"])

    assert needs("preprocess:resnet50-tiny") == {"dataset:resnet50-tiny"}
    assert needs(f"engine:{SUBJECT}") == {"model:resnet50-tiny"}
    assert needs(f"performance:{SUBJECT}/Offline") == {
        "loadgen", "system", "preprocess:resnet50-tiny", f"engine:{SUBJECT}",
    }  # fmt: skip
    runs = {name for name in tasks if name.startswith(("performance:", "accuracy:"))}
    assert needs("submission") == {*runs, "system"}
    assert needs("check") == {"submission"}
    assert needs("package") == {"submission"}
    assert {"check", *runs} <= needs("report")


def test_a_campaign_without_a_formatter_for_its_round_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BENCHWRIGHT_DISABLE_PLUGINS", "mlperf,table")
    with pytest.raises(UsageError, match=r"no installed formatter writes or checks round `v3\.1`"):
        plan_tasks(plan_of())


# Power


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("power: rapl\n", {"meter": "rapl", "options": {"interval_ms": 200}}),
        ("power: [rapl]\n", {"meter": "rapl", "options": {"interval_ms": 200}}),
        ("power: {rapl: }\n", {"meter": "rapl", "options": {"interval_ms": 200}}),
        ("power: {rapl: {interval_ms: 50}}\n", {"meter": "rapl", "options": {"interval_ms": 50}}),
        ("power: auto\n", {"meter": "auto", "options": {}}),
    ],
)
def test_a_power_meter_is_no_part_of_what_is_measured(text: str, expected: Any) -> None:
    plan = plan_of(BASE + text)
    assert plan.power == expected
    recipes = [task["meta"]["benchwright"]["recipe"] for task in plan_tasks(plan)]
    runs = {recipe.task: recipe for recipe in recipes if recipe.call.endswith("steps.run:measure")}
    assert len(runs) == 8
    assert {str(recipe.aside["power"]) for recipe in runs.values()} == {str(expected)}
    plain = {task["meta"]["benchwright"]["recipe"].task: task["meta"]["benchwright"]["recipe"]
             for task in plan_tasks(plan_of())}  # fmt: skip
    for name, recipe in runs.items():
        assert recipe.key() == plain[name].key(), "no run goes stale because of a meter"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("power: rpal", "c.yaml:3: power.rpal: unknown power meter `rpal`; did you mean `rapl`?"),
        (
            "power: {rapl: {interval: 5}}",
            "c.yaml:3: power.rapl.interval: unknown key `interval`; did you mean `interval_ms`?",
        ),
        (
            "power: {rapl: {interval_ms: 5}}",
            "c.yaml:3: power.rapl.interval_ms: input should be greater than or equal to 10",
        ),
        ("power: {auto: {interval_ms: 50}}", "c.yaml:3: power.auto.interval_ms: unknown key"),
        ("power: [rapl, auto]", "c.yaml:3: power: a run has one power meter"),
        ("power: true", "c.yaml:3: power: input should be a valid dictionary"),
    ],
)
def test_a_power_meter_that_is_none(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_of(BASE + text)
    assert told in str(caught.value)
