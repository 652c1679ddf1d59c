"""The results of one system: which models and scenarios there are, and every group of rules on
each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from benchwright.errors import did_you_mean
from benchwright.rounds import SCENARIO_FOLDERS, Round, RoundModel
from benchwright_mlperf.check import (
    accuracy,
    compliance,
    endpoints,
    measurements,
    performance,
    power,
)
from benchwright_mlperf.check.entry import Entry
from benchwright_mlperf.check.files import Tree, join
from benchwright_mlperf.check.models import check_model
from benchwright_mlperf.check.report import Report, listed
from benchwright_mlperf.check.systems import System

STRICT = ("closed", "network")
"""Divisions whose scenarios and compliance tests are prescribed."""


def check_system_results(
    tree: Tree, report: Report, home: str, system: System, mapping: Mapping[str, str]
) -> None:
    """Every model folder of one system."""
    results = join(home, "results", system.name)
    for benchmark in tree.folders(results):
        path = join(results, benchmark)
        model = check_model(report, path, benchmark, mapping, system.system_type)
        found = _scenarios(tree, report, path)
        if report.division in STRICT and model is not None and system.system_type is not None:
            _check_set(report, path, model, system.system_type, found)
        for folder, scenario in found.items():
            entry = Entry(report.round, home, system, benchmark, folder, scenario, model)
            report.guard(join(path, folder), partial(check_entry, tree, report, entry))


def scenario_names(round_: Round) -> dict[str, str]:
    """Folder name → scenario: as loadgen spells it, in lower case, and the endpoints' own."""
    known = {name: name for name in SCENARIO_FOLDERS if name in round_.metric_keys}
    others = dict(round_.endpoints.scenario_folders) if round_.endpoints is not None else {}
    return {**known, **{name.lower(): name for name in known}, **others}


def _scenarios(tree: Tree, report: Report, path: str) -> dict[str, str]:
    names = scenario_names(report.round)
    found: dict[str, str] = {}
    for folder in tree.folders(path):
        if folder in names:
            if names[folder] in found.values():
                twice = f"{names[folder]} a second time"
                report.add("scenario.repeated", join(path, folder), twice)
            found[folder] = names[folder]
            continue
        known = sorted(set(names.values()))
        near = did_you_mean(folder, known)
        hint = f"; {near}" if near.startswith("did you mean") else ""
        report.add(
            "scenario.unknown",
            join(path, folder),
            f"a folder `{folder}`",
            allowed=listed(known),
            hint=hint,
        )
    return found


def _check_set(
    report: Report, path: str, model: RoundModel, system_type: str, found: Mapping[str, str]
) -> None:
    """The scenarios that the checker's own list asks for; see `RoundModel.required_scenarios`."""
    if not model.in_suite(system_type):
        return
    required = model.required_scenarios(system_type)
    allowed = (*required, *model.optional_scenarios(system_type))
    have = set(found.values())
    for scenario in required:
        if scenario not in have:
            report.add(
                "scenario.missing",
                path,
                f"no {scenario}",
                allowed=f"for {model.name} on a system of type {system_type}: {listed(required)}",
            )
    for folder, scenario in found.items():
        if scenario not in allowed:
            place = join(path, folder)
            report.add("scenario.not-allowed", place, scenario, allowed=listed(allowed))
    one_of = report.round.one_of_scenarios(model, system_type)
    if one_of and not have & set(one_of):
        report.add("scenario.one-of", path, "none of them", allowed=listed(one_of))


def check_entry(tree: Tree, report: Report, entry: Entry) -> None:
    """Every group of rules on one scenario folder."""
    if endpoints.is_endpoints(tree, entry):
        groups: list[Callable[[Tree, Report, Entry], None]] = [endpoints.check_endpoints]
    else:
        entry = replace(entry, power=tree.is_folder(entry.place("power")))
        groups = [measurements.check_measurements, accuracy.check_accuracy]
        groups += [performance.check_performance, power.check_power]
        if report.division in STRICT:
            groups.append(compliance.check_compliance)
    where = str(PurePosixPath(entry.place("performance")).parent.parent)
    for group in groups:
        report.guard(where, partial(group, tree, report, entry))
