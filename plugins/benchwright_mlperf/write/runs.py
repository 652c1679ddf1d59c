"""The runs of a submission, put in order: one cell for each (system, benchmark, scenario).

Nothing is written here. `details` of a run is never trusted to hold anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchwright.contracts.formatter import Submission
from benchwright.errors import BenchwrightError, UsageError
from benchwright.results import RunResult
from benchwright.rounds import Round
from benchwright_mlperf.places import implementation, safe_name, system_folder


@dataclass(slots=True)
class Cell:
    """What becomes one scenario folder. benchmark is the folder's name, which is ours;
    inferred_from: the scenario whose runs stand for this one's, where it was not run."""

    system: str
    benchmark: str
    scenario: str
    performance: RunResult | None = None
    accuracy: RunResult | None = None
    tests: dict[str, RunResult] = field(default_factory=dict)
    inferred_from: str = ""

    @property
    def runs(self) -> list[RunResult]:
        """Its runs, the performance run first."""
        main = [run for run in (self.performance, self.accuracy) if run is not None]
        return main + [self.tests[name] for name in sorted(self.tests)]

    @property
    def first(self) -> RunResult:
        """The run that speaks for the others: they share the engine."""
        return self.runs[0]

    @property
    def implementation(self) -> str:
        """What the implementation is called."""
        return implementation(self.first)

    def names(self, **more: str) -> dict[str, str]:
        """The names that `Round.path` fills in."""
        return {
            "system": self.system,
            "benchmark": self.benchmark,
            "scenario": self.scenario,
            "implementation": self.implementation,
            **more,
        }


def cells(submission: Submission) -> list[Cell]:
    """All cells, in the order of their folders.

    Raises BenchwrightError when two runs claim the same place, such as those of two presets.
    """
    found: dict[tuple[str, str, str], Cell] = {}
    for run in sorted(submission.results, key=_order):
        system = system_folder(submission.system_name, run)
        key = (system, safe_name(run.benchmark), run.scenario)
        cell = found.setdefault(key, Cell(*key))
        if run.test is not None:
            _refuse_second(cell.tests.get(run.test), run)
            cell.tests[run.test] = run
        elif run.mode == "accuracy":
            _refuse_second(cell.accuracy, run)
            cell.accuracy = run
        else:
            _refuse_second(cell.performance, run)
            cell.performance = run
    for cell in [*found.values()]:
        for scenario in _inferred(submission, cell):
            key = (cell.system, cell.benchmark, scenario)
            again = replace(cell, scenario=scenario, inferred_from=cell.scenario)
            found.setdefault(key, again)
    return [found[key] for key in sorted(found)]


def _inferred(submission: Submission, cell: Cell) -> list[str]:
    """The scenarios of the cell's model for which its runs stand."""
    names = [name for name, source in submission.inferred.items() if source == cell.scenario]
    try:
        model = submission.round.resolve(cell.first.benchmark)
    except UsageError:
        return []
    kind = ",".join(submission.categories)
    known = {*model.required_scenarios(kind), *model.optional_scenarios(kind)}
    return [name for name in names if name in known]


def _order(run: RunResult) -> tuple[str, ...]:
    return (run.backend, run.precision, run.benchmark, run.scenario, run.mode, run.test or "")


def _refuse_second(first: RunResult | None, second: RunResult) -> None:
    if first is None:
        return
    raise BenchwrightError(
        "two runs claim the same place in the submission",
        where=f"{second.benchmark}, {second.scenario}",
        why=f"they are `{first.task}` and `{second.task}`",
        fix="give each its own campaign: a submission has one result for each system, "
        "benchmark and scenario",
    )


def reasons(runs: Iterable[RunResult]) -> list[str]:
    """Why these runs are not for submission, each reason once, in the order of the runs."""
    return list(dict.fromkeys(reason for run in runs for reason in run.unofficial))


def run_file(run: RunResult, name: str) -> Path:
    """A file of a run's folder. Raises BenchwrightError when it is gone."""
    path = Path(run.path) / name
    if not path.is_file():
        raise BenchwrightError(
            f"the run `{run.task}` has no {name} any more",
            where=str(path),
            fix=f"run it again: `benchwright run --rerun {run.task}`",
        )
    return path


def detail_text(details: Mapping[str, Any], key: str) -> str | None:
    """A detail as text, when it is there and says something."""
    value = details.get(key)
    if isinstance(value, (list, tuple)):
        value = ", ".join(str(item) for item in value)
    return " ".join(str(value).split()) or None if isinstance(value, (str, int, float)) else None


def detail_table(details: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A detail that is a mapping, by sorted keys; empty when it is not there."""
    value = details.get(key)
    if not isinstance(value, Mapping):
        return {}
    return {str(name): value[name] for name in sorted(value, key=str)}


def conf_key(round_: Round, run: RunResult) -> str:
    """The benchmark's key among loadgen's settings."""
    known = detail_text(run.details, "conf_key")
    if known:
        return known
    try:
        return round_.resolve(run.benchmark).conf_key
    except UsageError:
        return run.benchmark
