"""Results of MLCommons' endpoints harness, which some models of v6.1 may bring in loadgen's place.

Only their form is looked at: the files, the model, and audits that say of themselves that they
failed.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import yaml

from benchwright.harness.logs import DETAIL_FILE
from benchwright_mlperf.check.entry import Entry
from benchwright_mlperf.check.files import Tree, Unreadable, join
from benchwright_mlperf.check.measurements import check_measurements
from benchwright_mlperf.check.report import Report, listed

_REQUIRED_AUDITS = {"TEST04": "output_caching_test"}
"""Tests whose audit file the official checker asks for."""


def is_endpoints(tree: Tree, entry: Entry) -> bool:
    """No log of loadgen, and a file of the endpoints harness instead."""
    form = entry.round.endpoints
    if form is None:
        return False
    logs = (join(entry.place(kind), DETAIL_FILE) for kind in ("performance", "accuracy"))
    if any(tree.is_file(path) for path in logs):
        return False
    folder = _folder(entry)
    return any(tree.is_file(join(folder, name)) for name in form.files)


def _folder(entry: Entry) -> str:
    return str(PurePosixPath(entry.place("performance")).parent.parent)


def check_endpoints(tree: Tree, report: Report, entry: Entry) -> None:
    """One scenario folder of that form."""
    form = report.round.endpoints
    if form is None:
        return
    folder = _folder(entry)
    check_measurements(tree, report, entry, without=frozenset({"user.conf"}))
    if entry.model is not None and entry.model.name not in form.models:
        report.add("endpoints.model", folder, entry.model.name, allowed=listed(form.models))
    for name in form.files:
        path = join(folder, name)
        if not tree.is_file(path):
            report.add(
                "endpoints.file-missing",
                folder,
                f"{tree.kind(path)} at {name}",
                files=listed(form.files),
                file=name,
            )
        else:
            report.read("endpoints.unreadable", path, lambda p: _parse(tree, p))
    if report.division != "open":
        _check_audits(tree, report, entry, join(folder, "audit"))
    report.add("endpoints.not-verified", folder, "results of the endpoints harness")


def _parse(tree: Tree, path: str) -> Any:
    if path.endswith(".json"):
        return tree.json_object(path)
    try:
        return yaml.safe_load(tree.text(path))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"it is no YAML: {error}") from error


def _check_audits(tree: Tree, report: Report, entry: Entry, folder: str) -> None:
    needed = entry.model.compliance if entry.model is not None else ()
    required = [
        f"audit_{_REQUIRED_AUDITS[test]}.json" for test in needed if test in _REQUIRED_AUDITS
    ]
    present = [name for name in tree.files(folder) if name.startswith("audit_")]
    for name in sorted({*required, *present}):
        path = join(folder, name)
        if not tree.is_file(path):
            files = listed(required)
            report.add("endpoints.file-missing", folder, f"no {name}", files=files, file=name)
            continue
        audit = report.read("endpoints.unreadable", path, tree.json_object)
        if audit is not None and audit.get("passed") is not True:
            report.add("endpoints.audit-failed", path, f"passed is {audit.get('passed')!r}")
