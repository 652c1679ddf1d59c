"""Stages `performance`, `accuracy` and `compliance`: one measured run for each engine and scenario,
and of compliance one for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchwright.build.artifact import MANIFEST
from benchwright.build.recipe import Recipe
from benchwright.build.task import measurement
from benchwright.distributions import tool_versions
from benchwright.harness import INTERFACE
from benchwright.plan import Plan
from benchwright.planned import Engine, Run
from benchwright.quantizing import CALIBRATION_SAMPLES
from benchwright.requirements import of_engine

RESULT_FACTS = ("cpu.", "memory.bytes", "accelerator.", "os.")
"""The facts of the machine that a result depends on."""

_FILES = {
    "performance": ["result.json", "mlperf_log_summary.txt", "mlperf_log_detail.txt", "user.conf"],
    "accuracy": ["result.json", "mlperf_log_accuracy.json", "accuracy.txt", "user.conf"],
    "compliance": ["result.json", "mlperf_log_summary.txt", "mlperf_log_detail.txt", "user.conf"],
}


def tasks(plan: Plan) -> Iterator[dict[str, Any]]:
    """The measured runs of a plan."""
    for run in plan.runs:
        made = recipe_of(plan, run)
        what = f"{run.test} run" if run.test else f"{run.mode} run"
        yield measurement(
            made,
            doc=f"{what}, {run.scenario}, {expected_seconds(plan, run):.0f} s",
            files=_FILES[run.mode],
            task_dep=[
                "loadgen",
                "system",
                f"preprocess:{run.engine.family}",
                f"engine:{run.engine.subject}",
                *(beside.task for beside in _compared_with(plan, run).values()),
            ],
            seconds=expected_seconds(plan, run),
            rerun=run.task in plan.rerun,
            resources={"memory": run.engine.preset.memory_bytes},
            epilogue="benchwright.steps.summary:print_verdict",
        )


def recipe_of(plan: Plan, run: Run) -> Recipe:
    """How a run is made. Its key holds engine, data, settings, loadgen, machine and the harness's
    interface; Benchwright's own source is recorded, not keyed."""
    engine, campaign, layout = run.engine, plan.campaign, plan.layout
    inputs = {
        "engine": f"{layout.engine(engine.subject)}/{MANIFEST}",
        "samples": f"{layout.samples(engine.family)}/{MANIFEST}",
        "loadgen": f"{layout.loadgen}/{MANIFEST}",
    }
    for name, beside in _compared_with(plan, run).items():
        inputs[name] = f"{layout.run(beside.subject, beside.mode)}/{MANIFEST}"
    if run.mode == "accuracy" or "accuracy" in inputs:
        inputs["dataset"] = f"{layout.dataset(engine.family)}/{MANIFEST}"
    conf_key = plan.conf_key(engine.benchmark.name)
    settings = {
        "benchmark": engine.benchmark.name,
        "preset": engine.preset.name,
        "backend": engine.backend.name,
        "precision": engine.precision,
        "options": dict(engine.options),
        "round": plan.round.name,
        "scenario": run.scenario,
        "mode": run.mode,
        "duration": campaign.duration,
        "strict": campaign.strict_duration,
        # No round says how fast a server of this has to answer.
        "own_bound": engine.preset.preliminary and run.scenario == "Server",
        "conf_key": conf_key,
        "rules": plan.round.conf(conf_key, run.scenario),
        "seeds": plan.round.seeds_of(run.test)._asdict(),
        "pins": dict(run.pins),
        "identity": plan.identity_of(RESULT_FACTS),
        "harness": INTERFACE,
    }
    if run.test is not None:
        settings["test"] = run.test
        settings["audit"] = plan.round.audit_settings(run.test, conf_key)
    return Recipe(
        task=run.task,
        call="benchwright.steps.run:measure",
        folder=layout.run(run.subject, run.mode, run.test),
        parameters=settings,
        inputs=inputs,
        tools=tool_versions(*engine.backend.tools),
        log=layout.log(run.task),
        keyed_by_source=False,
        requires=of_engine(engine),
        aside={
            "system": plan.system_name,
            "unofficial": plan.run_unofficial(run),
            "expected_seconds": expected_seconds(plan, run),
            "command": f"benchwright run{plan.campaign.option} {run.task}",
            "power": plan.power,
            "campaign": {
                "name": campaign.name,
                "file": campaign.document.name,
                "text": campaign.document.text,
            },
            "calibration": _calibration(engine),
            "announce": {
                "benchmark": engine.benchmark.name,
                "preset": engine.preset.name,
                "backend": engine.backend.name,
                "precision": engine.precision,
                "scenario": run.scenario,
                "mode": run.mode,
                **({"test": run.test} if run.test else {}),
            },
        },
    )


def _calibration(engine: Engine) -> str | None:
    """How the model was quantised; None where it was not."""
    if engine.quantizer is None:
        return None
    options = ", ".join(f"{name} {value}" for name, value in engine.quantizer_options.items())
    return (
        f"by the quantizer {engine.quantizer.name}" + (f" ({options})" if options else "") + ", "
        f"offered the first {CALIBRATION_SAMPLES} samples of the data set for calibration"
    )


def _compared_with(plan: Plan, run: Run) -> dict[str, Run]:
    """Mode → the run of that mode that a compliance test is compared with; empty for others."""
    if run.test is None:
        return {}
    modes = ["performance", *(["accuracy"] if plan.compares_responses(run.test) else [])]
    return {mode: run.of(mode) for mode in modes}


def expected_seconds(plan: Plan, run: Run) -> float:
    """An estimate: calibration and start take a few seconds, a performance run its duration."""
    if run.mode == "accuracy":
        # Official data sets: a guess of 10 ms a sample, which a fast machine will undercut.
        return 2.5 + (run.engine.preset.sample_count * 0.01 if run.engine.preset.official else 0)
    if plan.campaign.duration == "quick":
        return 11.0 if run.scenario == "Server" else 5.0
    if plan.campaign.duration == "official":
        return plan.round.limits.min_duration_ms / 1000 * 1.15
    return float(plan.campaign.duration) * 1.15 + 4
