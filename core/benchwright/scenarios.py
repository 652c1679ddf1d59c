"""Which scenarios a campaign runs of a benchmark, and which results are inferred from others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchwright.errors import UsageError
from benchwright.rounds import SCENARIOS

if TYPE_CHECKING:
    from benchwright.campaign import Campaign
    from benchwright.planned import Engine
    from benchwright.rounds import Round


def scenarios_of(campaign: Campaign, round_: Round, engine: Engine) -> tuple[str, ...]:
    """What a campaign runs of an engine's benchmark, in loadgen's order; UsageError where round or
    benchmark do not have what it asks for."""
    settings = campaign.benchmarks[engine.benchmark.name]
    chosen: Sequence[str] | None = settings.scenarios or campaign.scenarios
    where = (
        campaign.where("benchmarks", engine.benchmark.name, "scenarios")
        if settings.scenarios
        else campaign.where("scenarios")
    )
    if chosen is None:
        chosen = _rounds_own(campaign, round_, engine)
        where = campaign.where("category")
    taken = inferred(campaign, round_, engine.benchmark.name)
    for name, source in taken.items():
        if source not in chosen:
            raise UsageError(
                f"{name} is inferred from {source}, which is not among the scenarios to run",
                where=campaign.where("infer", name),
                fix=f"add it to `scenarios:`, or infer it from another ({', '.join(chosen)})",
            )
    chosen = [name for name in chosen if name not in taken]
    impossible = [name for name in chosen if name not in engine.benchmark.scenarios]
    if impossible:
        raise UsageError(
            f"benchmark `{engine.benchmark.name}` cannot run {', '.join(impossible)}; "
            f"it can run {', '.join(engine.benchmark.scenarios)}",
            where=where,
        )
    return tuple(name for name in SCENARIOS if name in chosen)


def inferred(campaign: Campaign, round_: Round, benchmark: str) -> dict[str, str]:
    """Scenario → the one from whose runs its result is inferred, for a benchmark.

    Raises UsageError where the rules do not allow it.
    """
    for name, source in campaign.infer.items():
        where = campaign.where("infer", name)
        if tuple(campaign.category) != ("edge",):
            raise UsageError(
                "results may be inferred in edge alone",
                where=where,
                fix="set `category: edge`, or run the scenario",
            )
        allowed = round_.inferable.get(name, ())
        if source not in allowed:
            raise UsageError(
                f"{name} cannot be inferred from {source}; "
                + (f"it can from {', '.join(allowed)}" if allowed else "it has to be run"),
                where=where,
            )
    try:
        model = round_.resolve(benchmark)
    except UsageError:
        return {}
    known = {
        *round_.scenarios(model, "edge"),
        *round_.scenarios(model, "edge", optional=True),
    }
    return {name: source for name, source in campaign.infer.items() if name in known}


def _rounds_own(campaign: Campaign, round_: Round, engine: Engine) -> tuple[str, ...]:
    """What round and category ask for; all that the benchmark can run where it is not in
    the round (possible only outside closed)."""
    name = engine.benchmark.name
    try:
        model = round_.resolve(name)
    except UsageError:
        if campaign.division == "closed":
            raise UsageError(
                f"benchmark `{name}` is not in round {round_.name}",
                where=campaign.where("benchmarks", name),
                fix="choose another round, or division: open",
            ) from None
        return engine.benchmark.scenarios
    scenarios = round_.scenarios(model, tuple(campaign.category))
    if not scenarios:
        raise UsageError(
            f"round {round_.name} has no {' or '.join(campaign.category)} scenario "
            f"for benchmark `{name}`",
            where=campaign.where("category"),
            fix="choose another category, or name `scenarios:` yourself",
        )
    return scenarios
