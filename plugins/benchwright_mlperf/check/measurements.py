"""What a result was measured with: settings, the implementation's description, code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from benchwright_mlperf.check.entry import Entry
from benchwright_mlperf.check.files import Tree, Unreadable, join
from benchwright_mlperf.check.report import Report, listed
from benchwright_mlperf.check.rules import V31

_QUANTISED = re.compile(r"(?<![a-z])(u?int ?[0-9]|[ui][48]\b|[mn][vx]?fp[468]|fp[48]\b)", re.I)


def check_measurements(
    tree: Tree, report: Report, entry: Entry, *, without: frozenset[str] = frozenset()
) -> None:
    """One scenario's measurement folder; `without` names files that are not needed here."""
    folder = entry.place("measurements")
    files = [f for f in report.round.required_files["measurements"] if f not in without]
    if not tree.is_folder(folder):
        report.add("measurements.missing", folder, tree.kind(folder), files=listed(files))
        return
    for name in files:
        path = join(folder, name)
        if not tree.is_file(path):
            report.add(
                "measurements.file-missing",
                folder,
                f"{tree.kind(path)} at {name}",
                files=listed(files),
                file=name,
            )
        elif tree.size(path) == 0:
            report.add("measurements.file-empty", path, "an empty file", file=name)
    _check_description(tree, report, entry, folder)


def _check_description(tree: Tree, report: Report, entry: Entry, folder: str) -> None:
    found = _description(tree, entry, folder)
    if found is None:
        expected = entry.place("implementation", implementation="<implementation>")
        report.add(
            "measurements.description-missing",
            folder,
            "no such file",
            file=PurePosixPath(expected).name,
            fields=listed(report.round.implementation_json),
        )
        return
    name, implementation = found
    _check_code(tree, report, entry, implementation)
    path = join(folder, name)
    fields = report.round.implementation_json
    texts = {"fields": listed(fields)}
    try:
        values = tree.json_object(path)
    except Unreadable as error:
        report.add("measurements.description-unreadable", path, str(error), **texts)
        return
    for field in fields:
        if field not in values:
            report.add("measurements.field-missing", path, f"no `{field}`", field=field, **texts)
        elif not values[field]:
            told = f"`{field}` is {values[field]!r}"
            report.add("measurements.field-empty", path, told, field=field, **texts)
    _check_calibration(tree, report, entry, path, values)


def _description(tree: Tree, entry: Entry, folder: str) -> tuple[str, str] | None:
    """(file name, implementation) as the round's checker finds them; the implementation is empty
    where the layout does not name it."""
    expected = PurePosixPath(entry.place("implementation", implementation="*")).name
    if "*" not in expected:
        return (expected, "") if tree.is_file(join(folder, expected)) else None
    system, suffix = entry.system.name, f"_{entry.folder}.json"
    names = [n for n in tree.names(folder) if n.startswith(system) and n.endswith(".json")]
    names = [name for name in names if tree.is_file(join(folder, name))]
    # The official checker takes either form, whichever the disk lists first.
    for name in sorted(names, key=lambda name: not name.endswith(suffix)):
        end = suffix if name.endswith(suffix) else ".json"
        return name, name.removeprefix(system).removesuffix(end).removeprefix("_")
    return None


def _check_code(tree: Tree, report: Report, entry: Entry, implementation: str) -> None:
    """The code of this implementation, of the model, or (v6) of the submitter."""
    names = {"implementation": implementation or "implementation"}
    wanted = entry.place("code", **names)
    if report.round.layout != V31:
        root = join(entry.home, PurePosixPath(report.round.path("code", **_blank())).parts[0])
        if not tree.is_folder(root):
            told = tree.kind(root)
            report.add("measurements.code-missing", root, told, folder=root)
        return
    of_model = str(PurePosixPath(wanted).parent)
    if tree.is_file(of_model):
        # A file in the folder's place names the folder to use.
        other = report.read("measurements.code-missing", of_model, tree.text)
        of_model = join(str(PurePosixPath(of_model).parent), (other or "").strip())
        wanted = join(of_model, implementation)
    if tree.mode(wanted) == 0 and tree.mode(of_model) == 0:
        report.add("measurements.code-missing", wanted, "nothing", folder=wanted)


def _blank() -> dict[str, str]:
    return {"system": "_", "benchmark": "_", "scenario": "_", "implementation": "_"}


def _check_calibration(
    tree: Tree, report: Report, entry: Entry, path: str, values: Mapping[str, Any]
) -> None:
    types = str(values.get("weight_data_types", ""))
    if not _QUANTISED.search(types):
        return
    place = PurePosixPath(report.round.path("calibration"))
    folders = {entry.home, join(entry.home, str(place.parent))}
    if any(name.startswith(place.stem) for folder in folders for name in tree.names(folder)):
        return
    file = join(entry.home, str(place))
    report.add("measurements.calibration-missing", path, f"weights in {types}", file=file)
