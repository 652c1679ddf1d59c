"""Runs as a report lines them up: the performance, accuracy and compliance runs of one
benchmark, backend and scenario make one row. What the numbers mean is judged here, for display
only; how they look is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchwright.report.content import ReportContent
from benchwright.report.quantities import number
from benchwright.results import RunResult
from benchwright.rounds import SCENARIOS


@dataclass(slots=True)
class Row:
    """The runs that differ in nothing but what they measure."""

    benchmark: str
    series: str
    scenario: str
    performance: RunResult | None = None
    accuracy: RunResult | None = None
    tests: list[RunResult] = field(default_factory=list)

    def runs(self) -> Iterator[tuple[str, RunResult]]:
        """Each run with the word for it."""
        if self.performance:
            yield "performance", self.performance
        if self.accuracy:
            yield "accuracy", self.accuracy
        for run in self.tests:
            yield run.test or "compliance", run

    @property
    def curve(self) -> list[tuple[float, float]]:
        """(percentile, ms) of the performance run, rising; empty where it is not known."""
        return curve(self.performance) if self.performance else []

    def setting(self, name: str) -> float | None:
        """A number among the performance run's settings."""
        return number(part(self.performance, "settings").get(name)) if self.performance else None


@dataclass(frozen=True, slots=True)
class Bound:
    """One accuracy metric with what it must reach; met is None where nothing is required."""

    metric: str
    value: float | None
    low: float | None
    high: float | None

    @property
    def met(self) -> bool | None:
        if self.low is None and self.high is None:
            return None
        return (
            self.value is not None
            and (self.low is None or self.value >= self.low)
            and (self.high is None or self.value <= self.high)
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """The verdict at a glance, in numbers."""

    runs: int
    invalid: int
    judged: int
    missed: int
    stale: int
    errors: int
    notes: int

    @property
    def valid(self) -> int:
        return self.runs - self.invalid


def part(run: RunResult, name: str) -> Mapping[str, Any]:
    """A mapping among the run's details; empty when it is missing or something else."""
    value = run.details.get(name)
    return value if isinstance(value, Mapping) else {}


def listed(run: RunResult, name: str) -> list[Any]:
    """A list among the run's details; empty when it is missing, and a lone text is a list of it."""
    value = run.details.get(name)
    if isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, list | tuple) else []


def curve(run: RunResult) -> list[tuple[float, float]]:
    """The run's (percentile, ms), rising; what is no such pair is passed over."""
    points: dict[float, float] = {}
    for item in listed(run, "latency_ms"):
        if isinstance(item, list | tuple) and len(item) == 2:
            percentile, ms = number(item[0]), number(item[1])
            if percentile is not None and ms is not None and 0 <= percentile <= 100 and ms >= 0:
                points[percentile] = ms
    return sorted(points.items())


def benchmark_name(run: RunResult) -> str:
    """The benchmark with its preset."""
    return f"{run.benchmark} ({run.preset})" if run.preset else run.benchmark


def line_up(results: Sequence[RunResult]) -> list[Row]:
    """The rows: benchmarks and backends in the order of the results, scenarios in loadgen's."""
    many_systems = len({run.system for run in results}) > 1
    rows: dict[tuple[str, str, str, int], Row] = {}
    for run in results:
        series = f"{run.backend}+{run.precision}" if run.precision else run.backend
        if many_systems and run.system:
            series += f"@{run.system}"
        # A second run of the same kind gets a row of its own: nothing given is left out.
        again = 0
        while True:
            key = (benchmark_name(run), series, run.scenario, again)
            if _placed(rows.setdefault(key, Row(*key[:3])), run):
                break
            again += 1
    benchmarks = list(dict.fromkeys(row.benchmark for row in rows.values()))
    order = {name: at for at, name in enumerate(SCENARIOS)}
    return sorted(
        rows.values(),
        key=lambda row: (
            benchmarks.index(row.benchmark),
            order.get(row.scenario, len(order)),
            row.scenario,
        ),
    )


def _placed(row: Row, run: RunResult) -> bool:
    if run.test:
        row.tests.append(run)
    elif run.mode == "accuracy":
        if row.accuracy:
            return False
        row.accuracy = run
    elif row.performance:
        return False
    else:
        row.performance = run
    return True


def by_benchmark(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each benchmark, in order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.benchmark, []).append(row)
    return found


def bounds(run: RunResult) -> list[Bound]:
    """Every accuracy metric of an accuracy run, the primary one first where it stands alone."""
    found = [
        Bound(
            str(item.get("metric") or "accuracy"),
            number(item.get("value")),
            number(item.get("min")),
            number(item.get("max")),
        )
        for item in run.accuracies
        if isinstance(item, Mapping)
    ]
    primary, target = number(run.accuracy), number(run.accuracy_target)
    covered = any(bound.value == primary and bound.low in (target, None) for bound in found)
    if (primary is not None or target is not None) and not covered:
        found.insert(0, Bound(run.metric or "accuracy", primary, target, None))
    elif covered and target is not None and not any(bound.low == target for bound in found):
        at = next(i for i, bound in enumerate(found) if bound.value == primary)
        found[at] = Bound(found[at].metric, primary, target, found[at].high)
    return found


def accuracy_met(run: RunResult) -> bool | None:
    """Whether the run is valid and every bound is met; None where nothing is required."""
    judged = [bound.met for bound in bounds(run) if bound.met is not None]
    return (run.valid and all(judged)) if judged else None


def tally(content: ReportContent) -> Tally:
    """Counts over all runs and findings."""
    runs = content.results
    accuracy = [accuracy_met(run) for run in runs if run.mode == "accuracy" and not run.test]
    errors = sum(is_error(finding) for finding in content.findings)
    return Tally(
        runs=len(runs),
        invalid=sum(not run.valid for run in runs),
        judged=sum(met is not None for met in accuracy),
        missed=sum(met is False for met in accuracy),
        stale=sum(bool(run.task in content.stale) for run in runs),
        errors=errors,
        notes=len(content.findings) - errors,
    )


def is_error(finding: Mapping[str, str]) -> bool:
    """A finding without a known level counts as an error."""
    return finding.get("level") != "note"
