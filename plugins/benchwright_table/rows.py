"""One row for each performance result: the accuracy and compliance runs beside it fill columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchwright.contracts.formatter import Submission
from benchwright.errors import UsageError
from benchwright.harness.logs import DETAIL_FILE, DetailLog, read_detail
from benchwright.results import RunResult
from benchwright_table.columns import SYSTEM, UNITS, columns

_MULTISTREAM = 8
"""Samples of a MultiStream query."""

Row = dict[str, str | int | float | None]


def rows(submission: Submission) -> list[Row]:
    """The table's rows, in the order of system, model and scenario."""
    found: list[Row] = []
    cells: dict[tuple[str, ...], dict[str, RunResult]] = {}
    for run in sorted(submission.results, key=lambda run: run.task):
        key = (run.backend, run.precision, run.benchmark, run.preset, run.scenario)
        cells.setdefault(key, {})[run.test or run.mode] = run
    for runs in cells.values():
        if "performance" not in runs:
            continue
        row = _row(submission, runs)
        found.append(row)
        found += _inferred(submission, runs["performance"], row)
    return sorted(found, key=lambda row: [str(row[n]) for n in ("Platform", "Model", "Scenario")])


def _row(submission: Submission, runs: Mapping[str, RunResult]) -> Row:
    run, round_ = runs["performance"], submission.round
    system = submission.system
    plain = run.precision in ("", "fp32")
    name = run.backend if plain else f"{run.backend}-{run.precision}"
    platform = f"{submission.system_name}-{name}"
    try:
        model = round_.resolve(run.benchmark)
    except UsageError:
        model = None
    needed = () if model is None else model.compliance
    place = f"{submission.division}/{submission.submitter}/results"
    accelerators = _text(system.get("accelerators_per_node"))
    nodes = _text(system.get("number_of_nodes")) or "1"
    values: Row = {
        "Organization": submission.submitter,
        "Availability": _text(system.get("status")),
        "Division": submission.division,
        "SystemType": ",".join(sorted(submission.categories)),
        "SystemName": _text(system.get("system_name")) or platform,
        "Platform": platform,
        "Model": run.benchmark,
        "MlperfModel": run.benchmark if model is None else model.name,
        "Scenario": run.scenario,
        "Result": run.value,
        "Accuracy": _accuracy(runs.get("accuracy"), named="weight_data_types" in columns(round_)),
        **{name: _text(system.get(name)) for name in SYSTEM},
        "Location": f"{place}/{platform}/{run.benchmark}/{run.scenario}",
        "framework": _text(system.get("framework")) or run.backend,
        "operating_system": _text(system.get("operating_system")),
        "notes": ". ".join(filter(None, [*_notes(system), *run.unofficial])),
        "compliance": int(all(t in runs and runs[t].valid for t in needed)),
        "errors": sum(not item.valid for item in runs.values()),
        "version": round_.name,
        "inferred": 0,
        "has_power": 0,
        "Units": UNITS.get(run.unit or "", run.unit or ""),
        "weight_data_types": _text(run.details.get("weight_data_types")),
        "total_accelerators": _product(accelerators, nodes),
        "design_power_watts": None,
        "PrivateID": None,
    }
    return {name: values[name] for name in columns(round_)}


def _inferred(submission: Submission, run: RunResult, row: Row) -> list[Row]:
    """Rows of the scenarios for which this one's run stands, by the rules of inference."""
    try:
        model = submission.round.resolve(run.benchmark)
    except UsageError:
        return []
    kind = ",".join(submission.categories)
    known = {*model.required_scenarios(kind), *model.optional_scenarios(kind)}
    wanted = [
        name
        for name, source in submission.inferred.items()
        if source == run.scenario and name in known
    ]
    found = []
    for name in wanted:
        log = read_detail(Path(run.path) / DETAIL_FILE)
        value, unit = _INFERENCES[name, run.scenario](log)
        place = str(row["Location"]).rpartition("/")[0]
        more: Row = {"Scenario": name, "Result": value, "Units": unit, "inferred": 1}
        found.append({**row, **more, "Location": f"{place}/{name}"})
    return found


def _offline_of_single(log: DetailLog) -> tuple[float | None, str]:
    return log.number("result_qps_without_loadgen_overhead"), "Samples/s"


def _offline_of_multi(log: DetailLog) -> tuple[float | None, str]:
    mean = log.number("result_mean_query_latency_ns")
    return (_MULTISTREAM * 1e9 / mean if mean else None), "Samples/s"


def _multi_of_single(log: DetailLog) -> tuple[float | None, str]:
    latency = log.number("early_stopping_latency_ms")
    return (_MULTISTREAM * latency / 1e6 if latency else None), "Latency (ms)"


_INFERENCES: Mapping[tuple[str, str], Callable[[DetailLog], tuple[float | None, str]]] = {
    ("Offline", "SingleStream"): _offline_of_single,
    ("Offline", "MultiStream"): _offline_of_multi,
    ("MultiStream", "SingleStream"): _multi_of_single,
}
"""(scenario, that of the run) → how the result is computed from the run's log."""


def _accuracy(run: RunResult | None, *, named: bool) -> str | float | None:
    """The primary metric as a number; in later rounds every metric by name."""
    if run is None:
        return None
    if not named:
        return run.accuracy
    pairs = [f"{item.get('metric')}: {item.get('value')}" for item in run.accuracies]
    return "  ".join(pairs)


def _notes(system: Mapping[str, Any]) -> Sequence[str | None]:
    return [_text(system.get(name)) for name in ("hw_notes", "sw_notes")]


def _product(*numbers: str | None) -> int | None:
    found = 1
    for text in numbers:
        if text is None or not re.fullmatch(r"\d+", text):
            return None
        found *= int(text)
    return found


def _text(value: object) -> str | None:
    if value is None or isinstance(value, (bool, list, dict)):
        return None
    return " ".join(str(value).split())
