"""Stages `submission`, `check`, `package` and `report`: what is made of the campaign's runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchwright.build.artifact import MANIFEST
from benchwright.build.recipe import Recipe
from benchwright.build.task import product
from benchwright.distributions import tool_versions
from benchwright.plan import Plan
from benchwright_tasks.runs import recipe_of


def tasks(plan: Plan) -> Iterator[dict[str, Any]]:
    """Tree, check, packed tree and report of the whole campaign."""
    runs = [recipe_of(plan, run) for run in plan.campaign_runs()]
    if not runs:
        return
    # What is merely tried enters no tree.
    candidates = [
        recipe_of(plan, run) for run in plan.campaign_runs() if not run.engine.preset.preliminary
    ]
    if candidates:
        yield _submission(plan, candidates)
        yield _check(plan)
        yield _package(plan)
    yield _report(plan, runs, tree=bool(candidates))


def _common(plan: Plan, runs: list[Recipe]) -> dict[str, Any]:
    campaign = plan.campaign
    return {
        "name": campaign.name,
        "round": plan.round.name,
        "division": campaign.division,
        "categories": list(campaign.category),
        "submitter": campaign.submitter,
        "campaign": campaign.document.text,
        "command": plan.command,
        "official": not plan.unofficial(),
        "runs": [run.folder for run in runs],
    }


def _submission(plan: Plan, runs: list[Recipe]) -> dict[str, Any]:
    formatter = plan.formatter
    made = Recipe(
        task="submission",
        call="benchwright.steps.submission:write",
        folder=plan.layout.submission_artifact,
        publish=plan.layout.submission,
        parameters={
            **_common(plan, runs),
            "formatter": formatter.name,
            "system_name": plan.system_name,
            "system": {k: v for k, v in plan.campaign.system.items() if k != "name"},
            "files": plan.campaign.files,
            "inferred": dict(plan.campaign.infer),
        },
        inputs={
            **{f"run {run.task}": f"{run.folder}/{MANIFEST}" for run in runs},
            "system": f"{plan.layout.system}/{MANIFEST}",
        },
        sources=(*formatter.sources, "benchwright.rounds", "benchwright.harness.compliance"),
        log=plan.layout.log("submission"),
    )
    return product(
        made,
        doc=f"submission tree of round {plan.round.name}, {plan.campaign.division} division",
        targets=[plan.layout.submission],
    )


def _check(plan: Plan) -> dict[str, Any]:
    formatter = plan.formatter
    made = Recipe(
        task="check",
        call="benchwright.steps.submission:check",
        folder=plan.layout.check,
        parameters={
            "round": plan.round.name,
            "formatter": formatter.name,
            "tree": plan.layout.submission,
            "rehearsal": bool(plan.unofficial()),
        },
        inputs={"submission": f"{plan.layout.submission_artifact}/{MANIFEST}"},
        sources=(*formatter.sources, "benchwright.rounds"),
        log=plan.layout.log("check"),
    )
    return product(made, doc="check of the submission tree", files=["findings.json"])


def _package(plan: Plan) -> dict[str, Any]:
    made = Recipe(
        task="package",
        call="benchwright.steps.package:pack",
        folder=plan.layout.package_artifact,
        publish=plan.layout.package,
        parameters={"tree": plan.layout.submission, "file": plan.layout.package},
        inputs={"submission": f"{plan.layout.submission_artifact}/{MANIFEST}"},
        log=plan.layout.log("package"),
    )
    return product(made, doc="the submission tree as one file", targets=[plan.layout.package])


def _report(plan: Plan, runs: list[Recipe], *, tree: bool) -> dict[str, Any]:
    layout = plan.layout
    inputs = {f"run {run.task}": f"{run.folder}/{MANIFEST}" for run in runs}
    inputs["system"] = f"{layout.system}/{MANIFEST}"
    if tree:
        inputs["check"] = f"{layout.check}/{MANIFEST}"
    inputs["loadgen"] = f"{layout.loadgen}/{MANIFEST}"
    for engine in plan.campaign_engines():
        inputs[f"engine {engine.subject}"] = f"{layout.engine(engine.subject)}/{MANIFEST}"
        inputs[f"model {engine.family}"] = f"{layout.model(engine.family)}/{MANIFEST}"
        inputs[f"samples {engine.family}"] = f"{layout.samples(engine.family)}/{MANIFEST}"
    made = Recipe(
        task="report",
        call="benchwright.steps.submission:report",
        folder=layout.report_artifact,
        publish=layout.report,
        parameters={
            **_common(plan, runs),
            "duration": plan.campaign.duration,
            "unofficial": plan.unofficial(),
            "tree": layout.submission if tree else "",
            # A run that has gone stale is told in the report.
            "run_keys": {run.task: run.key() for run in runs},
        },
        inputs=inputs,
        tools=tool_versions("matplotlib"),
        sources=("benchwright.report",),
        log=layout.log("report"),
        aside={"runs": runs},
    )
    return product(
        made,
        doc="report page of the campaign",
        targets=[layout.report],
        seconds=3.0,
        epilogue="benchwright.steps.summary:print_summary"
        if tree
        else "benchwright.tried.table:print_summary",
    )
