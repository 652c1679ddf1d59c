"""Pre-flight: what a submission of this campaign needs, and what would keep it from being accepted.

It looks at the plan alone, before the first run. Two weights: what is *rejected* in the campaign's
own division, and what is only to be *known* (a rehearsal, an allowance that has to be asked for).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from benchwright.campaign import DEFAULT_SUBMITTER
from benchwright.errors import UsageError
from benchwright.plan import Plan
from benchwright.planned import Engine
from benchwright.rounds import RoundModel

Weight = Literal["missing", "rejected", "note"]


class Remark(NamedTuple):
    """weight: `missing` (has to be added before the runs), `rejected` (the checkers of the round
    would not take it), `note`; what, and how to change it; where in the campaign."""

    weight: Weight
    what: str
    fix: str
    where: str

    def record(self) -> dict[str, str]:
        """As JSON."""
        return dict(self._asdict())

    def __str__(self) -> str:
        return f"{self.weight}: {self.what}; {self.fix} ({self.where})"


def remarks(plan: Plan) -> list[Remark]:
    """Everything that stands between this campaign and an accepted submission, what blocks it
    first; each once."""
    found = dict.fromkeys([*_campaign(plan), *_system(plan), *_engines(plan)])
    order = ("missing", "rejected", "note")
    return sorted(found, key=lambda item: order.index(item.weight))


def _campaign(plan: Plan) -> Iterator[Remark]:
    campaign = plan.campaign
    if campaign.duration != "official":
        seconds = plan.round.limits.min_duration_ms / 1000
        yield Remark(
            "rejected",
            f"duration {campaign.duration}: a run has to last {seconds:g} s",
            "set `duration: official`",
            campaign.where("duration"),
        )
    if campaign.submitter == DEFAULT_SUBMITTER:
        yield Remark(
            "note",
            f"the submitter is still `{campaign.submitter}`",
            "name yours: `submitter: …`",
            campaign.where("submitter"),
        )
    wanted = ("performance", "accuracy", *(["compliance"] if _closed(plan) else []))
    for mode in wanted:
        if mode not in plan.modes and not any(run.mode == mode for run in plan.campaign_runs()):
            yield Remark(
                "rejected",
                f"no {mode} run is made",
                f"add `{mode}` to `modes:`",
                campaign.where("modes"),
            )


def _closed(plan: Plan) -> bool:
    return plan.campaign.division == "closed"


def _system(plan: Plan) -> Iterator[Remark]:
    unstated = plan.unstated()
    if unstated:
        yield Remark(
            "missing",
            f"the system's description says nothing of {', '.join(unstated)}",
            plan.campaign.how_to_state,
            plan.campaign.where("system"),
        )


def _engines(plan: Plan) -> Iterator[Remark]:
    for engine in plan.campaign_engines():
        where = plan.campaign.where("benchmarks", engine.benchmark.name)
        yield from _engine(plan, engine, where)
        try:
            model = plan.round.resolve(engine.benchmark.name)
        except UsageError:
            yield Remark(
                "note",
                f"round {plan.round.name} has no model `{engine.benchmark.name}`",
                "map the name to one of the round's in model_mapping.json",
                where,
            )
            continue
        yield from _scenarios(plan, engine, model, where)
        yield from _samples(plan, engine, model, where)


def _engine(plan: Plan, engine: Engine, where: str) -> Iterator[Remark]:
    name = engine.preset.name
    if not engine.preset.official:
        yield Remark(
            "rejected" if _closed(plan) else "note",
            f"preset {name} of {engine.benchmark.name} is not the official model and data set",
            "set `preset: official`" if _closed(plan) else "open allows it, mapped to the official",
            where,
        )
    if engine.quantizer is not None:
        yield Remark(
            "rejected" if _closed(plan) else "note",
            f"{engine.precision} of {engine.benchmark.name} is calibrated on samples of the data "
            "set, not on those that the rules set aside",
            "submit it in open",
            where,
        )


def _scenarios(plan: Plan, engine: Engine, model: RoundModel, where: str) -> Iterator[Remark]:
    campaign = plan.campaign
    if not _closed(plan):
        return
    have = {run.scenario for run in plan.campaign_runs() if run.engine == engine}
    wanted = plan.round.scenarios(model, tuple(campaign.category))
    allowed = {*wanted, *plan.round.scenarios(model, tuple(campaign.category), optional=True)}
    inferred = plan.inferred(engine.benchmark.name)
    for scenario in sorted(set(wanted) - have - set(inferred)):
        yield Remark(
            "rejected",
            f"{engine.benchmark.name} needs {scenario} too, which is not run",
            "take `scenarios:` out, or add it",
            where,
        )
    for scenario in sorted(have - allowed):
        yield Remark(
            "rejected",
            f"{engine.benchmark.name} has no {scenario} in {' and '.join(campaign.category)}",
            "leave the scenario out, or change `category:`",
            where,
        )


def _samples(plan: Plan, engine: Engine, model: RoundModel, where: str) -> Iterator[Remark]:
    count = engine.preset.sample_count
    if count < model.performance_sample_count_min:
        yield Remark(
            "rejected",
            f"{engine.benchmark.name} loads {count:,} samples in a performance run, and the round "
            f"asks for {model.performance_sample_count_min:,}",
            "use a data set that has them",
            where,
        )
    elif count < model.dataset_size and plan.round.verdicts.dataset_size == "error":
        yield Remark(
            "rejected" if _closed(plan) else "note",
            f"{engine.benchmark.name} has {count:,} samples, the official data set "
            f"{model.dataset_size:,}",
            "use the whole data set; in open the official checker has --skip-dataset-size-check",
            where,
        )
