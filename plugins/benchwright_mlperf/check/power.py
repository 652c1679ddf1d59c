"""Power logs: their files and form. Whether the measurement itself was in order is told by the
official power checker, which knows the analyzers and the measuring software."""

from __future__ import annotations

import re
from datetime import datetime
from fnmatch import fnmatch
from pathlib import PurePosixPath

import yaml

from benchwright.harness.logs import DETAIL_FILE
from benchwright_mlperf.check.entry import Entry
from benchwright_mlperf.check.files import Tree, Unreadable, join
from benchwright_mlperf.check.logs import file_differences
from benchwright_mlperf.check.report import Report, listed

_TIME = "%m-%d-%Y %H:%M:%S.%f"
_SAMPLE = re.compile(r"Time,([^,]+),Watts,([0-9.eE+-]+),")


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
    if tree.is_file(join(ranging, DETAIL_FILE)):
        report.read("power.unreadable", join(ranging, DETAIL_FILE), tree.detail)
    _check_samples(tree, report, entry)
    _check_beside(tree, report, entry)
    _check_nameplate(tree, report, entry)
    report.add("power.not-verified", folder, "power logs, whose form alone was looked at")


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
    limits = _moment(str(begin)), _moment(str(end))
    inside = 0
    for line in text.splitlines():
        match = _SAMPLE.match(line)
        moment = _moment(match[1]) if match else None
        if match is None or moment is None or limits[0] is None or limits[1] is None:
            continue
        inside += limits[0] < moment < limits[1] and _positive(match[2])
    if not inside:
        report.add("power.samples", path, "no sample above zero in it", begin=begin, end=end)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _TIME)
    except ValueError:
        return None


def _positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


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
        yaml.safe_load(tree.text(path))
    except (Unreadable, yaml.YAMLError, ValueError, RecursionError) as error:
        report.add("power.nameplate", path, f"it cannot be read: {error}", file=path)
