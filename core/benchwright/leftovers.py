"""What a campaign says but nothing would use is refused: nothing is ignored silently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchwright.errors import UsageError, did_you_mean
from benchwright.quantizing import check_names

if TYPE_CHECKING:
    from benchwright.campaign import Pins
    from benchwright.plan import Plan
    from benchwright.planned import Run

PINS_OF: Mapping[str, tuple[str, ...]] = {
    "SingleStream": ("expected_latency_ms", "threads", "token_latencies"),
    "MultiStream": ("expected_latency_ms", "instances", "threads"),
    "Server": (
        "target_qps",
        "batch",
        "instances",
        "threads",
        "deadline_us",
        "latency_bound_ms",
    ),
    "Offline": ("target_qps", "batch", "instances", "threads", "token_latencies"),
}
"""The settings that mean something in each scenario."""


def refuse_leftovers(plan: Plan) -> None:
    """Refuses what the campaign says but nothing would use."""
    campaign = plan.campaign
    datasets = {engine.preset.dataset_name for engine in plan.engines}
    for name in campaign.datasets:
        if name not in datasets:
            raise UsageError(
                f"no benchmark of this campaign uses a data set `{name}`; "
                f"{did_you_mean(name, datasets)}".rstrip("; "),
                where=campaign.where("datasets", name),
                why=_of_another_preset(plan, name),
            )
    quantizers = {item.quantizer.name for item in plan.engines if item.quantizer is not None}
    check_names(campaign, plan.registry, quantizers)
    if campaign.formatter is not None:
        _ = plan.formatter
    _refuse_fields(plan)
    for scenario in campaign.infer:
        if all(scenario not in plan.inferred(item.benchmark.name) for item in plan.engines):
            raise UsageError(
                f"{scenario} is inferred here, but round and category ask for it nowhere",
                where=campaign.where("infer", scenario),
                fix="take it out",
            )
    _refuse_pins(plan, campaign.settings, plan.runs, ("settings",))
    for name, settings in campaign.benchmarks.items():
        runs = [run for run in plan.runs if run.engine.benchmark.name == name]
        _refuse_pins(plan, settings.settings, runs, ("benchmarks", name, "settings"))


def _of_another_preset(plan: Plan, dataset: str) -> str | None:
    """Which presets of the campaign's benchmarks a data set is for."""
    found = [
        f"preset {preset.name} of {engine.benchmark.name}"
        for engine in plan.engines
        for preset in engine.benchmark.presets.values()
        if preset.dataset_name == dataset
    ]
    return f"{' and '.join(dict.fromkeys(found))} uses it" if found else None


def _refuse_fields(plan: Plan) -> None:
    """What the system's description has no place for."""
    campaign, fields = plan.campaign, plan.round.system_json
    known = {"name", *fields.required, *fields.optional}
    for name, value in campaign.system.items():
        where = campaign.where("system", name)
        if name not in known:
            meant = did_you_mean(name, known)
            what = f"the system description has no field `{name}`; {meant}"
            raise UsageError(what.rstrip("; "), where=where)
        allowed, stated = fields.enums.get(str(name), ()), str(value)
        if allowed and stated and stated not in allowed:
            meant = did_you_mean(stated, allowed)
            raise UsageError(f"`{name}` cannot be `{stated}`; {meant}", where=where)


def _refuse_pins(
    plan: Plan, settings: Mapping[Any, Pins], runs: Sequence[Run], prefix: tuple[str, ...]
) -> None:
    scenarios = {run.scenario for run in runs}
    judged = [run for run in runs if not run.engine.preset.preliminary]
    for scenario, pins in settings.items():
        if scenario not in scenarios:
            raise UsageError(
                f"{scenario} is pinned here, but is not among the scenarios to run",
                where=plan.campaign.where(*prefix, scenario),
                fix=f"add it to `scenarios:`, or take it out ({', '.join(sorted(scenarios))})",
            )
        for name in pins:
            if name not in PINS_OF[scenario]:
                raise UsageError(
                    f"{scenario} has no setting `{name}`; allowed: {', '.join(PINS_OF[scenario])}",
                    where=plan.campaign.where(*prefix, scenario, name),
                )
            if name == "latency_bound_ms" and judged:
                raise UsageError(
                    f"the latency bound of `{judged[0].engine.benchmark.name}` is the round's",
                    where=plan.campaign.where(*prefix, scenario, name),
                    why="only a model that is merely tried has none",
                    fix="take it out",
                )
