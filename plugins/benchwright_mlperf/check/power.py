"""Power logs: their files and form. Whether the measurement itself was in order is told by the
official power checker, which knows the analyzers and the measuring software."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any

import yaml

from benchwright.harness.logs import DETAIL_FILE
from benchwright_mlperf.check.entry import Entry
from benchwright_mlperf.check.files import Tree, Unreadable, join
from benchwright_mlperf.check.logs import check_lines, file_differences
from benchwright_mlperf.check.report import Report, listed
from benchwright_mlperf.check.rules import V31

_TIME = "%m-%d-%Y %H:%M:%S.%f"
_WATTS = 3
"""The field of a sample that holds its watts: `Time,<moment>,Watts,<watts>,…`."""

_BY_QUERY = ("SingleStream", "MultiStream")
"""Scenarios whose power result is the energy of a query."""


def check_power(tree: Tree, report: Report, entry: Entry) -> None:
    """Everything that a scenario with power logs needs beyond the others."""
    if not entry.power:
        return
    rules = report.round.required_files
    folder, ranging = entry.place("power"), entry.place("ranging")
    # run_1 is compared with the other rules of the performance run.
    for place, required in (
        (folder, rules["power"]),
        (ranging, (*rules["performance"], *rules["power_run"])),
    ):
        tolerated = report.round.tolerated_files["performance"]
        differences = file_differences(tree, place, required, tolerated)
        if differences:
            report.add("power.file-list", place, ", ".join(differences), files=listed(required))
    _check_records(tree, report, folder)
    _check_ranging(tree, report, join(ranging, DETAIL_FILE))
    _check_samples(tree, report, entry)
    _check_beside(tree, report, entry)
    _check_nameplate(tree, report, entry)
    report.add("power.not-verified", folder, "power logs, whose form alone was looked at")


def _check_ranging(tree: Tree, report: Report, path: str) -> None:
    """The log of the run that found the ranges: the newer checker does not read it."""
    log = report.read("power.unreadable", path, tree.detail) if tree.is_file(path) else None
    if log is None:
        return
    if report.round.layout == V31:
        check_lines(tree, report, "power.ranging", path)
    key = report.round.metric_keys.get(str(log.values.get("effective_scenario")))
    if key is None or log.number(key) is None:
        tell = report.add if report.round.layout == V31 else report.note
        tell("power.ranging", path, f"no `{key}` in it" if key else "no scenario in it")


def _check_records(tree: Tree, report: Report, folder: str) -> None:
    for name in ("client.json", "server.json"):
        path = join(folder, name)
        if not tree.is_file(path):
            continue
        record = report.read("power.unreadable", path, tree.json_object)
        if record is not None and record.get("debug") is True:
            report.add("power.debug", path, "debug is true")


def _check_samples(tree: Tree, report: Report, entry: Entry) -> None:
    """At least one sample above zero between the run's begin and end."""
    run = entry.place("performance")
    path = join(run, report.round.required_files["power_run"][0])
    if not tree.is_file(path) or not tree.is_file(join(run, DETAIL_FILE)):
        return
    try:
        log = tree.detail(join(run, DETAIL_FILE))
    except Unreadable:
        return
    begin, end = (log.values.get(key) for key in ("power_begin", "power_end"))
    text = report.read("power.unreadable", path, tree.text) or ""
    first, last = _moment(str(begin)), _moment(str(end))
    inside, damaged = 0, []
    for line in text.splitlines():
        if report.round.layout != V31 and not line.startswith("Time"):
            # Only the newer checker passes over other lines.
            continue
        fields = line.split(",")
        moment = _moment(fields[1]) if len(fields) > _WATTS else None
        if moment is None:
            damaged.append(line)
        elif first is not None and last is not None and first < moment < last:
            watts = _number(fields[_WATTS])
            inside += watts is not None and watts > 0
            damaged += [line] if watts is None else []
    if damaged:
        told = f"{len(damaged)} other lines, such as “{damaged[0]}”"
        report.add("power.damaged-lines", path, told)
    if not inside:
        report.add("power.samples", path, "no sample above zero in it", begin=begin, end=end)
    if entry.scenario in _BY_QUERY and not log.integer("result_query_count"):
        told = f"`result_query_count` is {log.values.get('result_query_count')!r}"
        detail = join(run, DETAIL_FILE)
        report.add("performance.incomplete", detail, told, key="result_query_count")


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _TIME)
    except ValueError:
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _check_beside(tree: Tree, report: Report, entry: Entry) -> None:
    """The analyzer's table and the settings, at the scenario's level or one of three above."""
    folder = PurePosixPath(entry.place("measurements"))
    levels = [str(level) for level in (folder, *folder.parents[:3])]
    for pattern in report.round.required_files["power_measurements"]:
        paths = [
            join(level, name)
            for level in levels
            for name in tree.files(level)
            if fnmatch(name, pattern)
        ]
        if not any(tree.size(path) > 0 for path in paths):
            found = "only an empty file" if paths else "no such file"
            report.add("power.measurement-files", str(folder), found, file=pattern)


def _check_nameplate(tree: Tree, report: Report, entry: Entry) -> None:
    """The capacity of the power supplies, where the round asks for it."""
    if "nameplate_power" not in report.round.paths:
        return
    path = entry.place("nameplate_power")
    if entry.system.fields.get("system_power_capacity"):
        return
    if not tree.is_file(path):
        report.note("power.nameplate", path, "neither of the two", file=path)
        return
    try:
        content = yaml.safe_load(tree.text(path))
        watts = _capacity(content)
    except (Unreadable, yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        report.add("power.nameplate", path, f"it cannot be read: {error}", file=path)
        return
    if content is None:
        report.add("power.nameplate", path, "nothing in it", file=path)
    elif not watts:
        report.note("power.nameplate", path, "no capacity in it", file=path)


def _capacity(content: Any) -> float:
    """Watts of the power supplies that have to run at once, the largest of each component.
    TypeError where one is no number."""
    if isinstance(content, list):
        return sum(_capacity(item) for item in content)
    if not isinstance(content, dict):
        return 0
    if not all(isinstance(name, str) for name in content):
        raise TypeError("a component's name is no text")
    fields = {name.lower(): value for name, value in content.items()}
    if not {"psus", "min psus needed"} <= fields.keys():
        return sum(_capacity(value) for value in content.values())
    supplies, least = fields["psus"], fields["min psus needed"]
    if not isinstance(supplies, list) or not all(isinstance(item, dict) for item in supplies):
        raise TypeError("PSUs is no list of power supplies")
    watts = [item.get("PowerCapacityWatts", 0) for item in supplies]
    if not all(type(value) in (int, float) for value in watts) or type(least) is not int:
        raise TypeError("PowerCapacityWatts and Min PSUs Needed are numbers")
    return float(sum(sorted(watts, reverse=True)[:least]))
