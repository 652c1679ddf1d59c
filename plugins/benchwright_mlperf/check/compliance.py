"""The compliance tests that closed and network submissions carry."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from benchwright.harness.logs import ACCURACY_FILE, DETAIL_FILE
from benchwright_mlperf.check.accuracy import stated
from benchwright_mlperf.check.entry import Entry
from benchwright_mlperf.check.files import Tree, Unreadable, join
from benchwright_mlperf.check.logs import file_differences
from benchwright_mlperf.check.performance import check_run
from benchwright_mlperf.check.report import Report, listed

_PASS = "TEST PASS"
_PERFORMANCE, _ACCURACY = "verify_performance.txt", "verify_accuracy.txt"
_RUN, _SCORES = "performance/run_1", "accuracy"
_AUDITED = ("accuracy_log_sampling_target", "performance_issue_unique", "performance_issue_same")
"""Settings of audit files that loadgen logs; a switch is logged as true or false."""

_TOKEN_CHECKS = (
    ("First token check pass: True", "First token check pass: Skipped"),
    ("EOS check pass: True",),
    ("Sample length check pass: True",),
)
"""Of TEST06: each row needs one of its lines."""


def check_compliance(tree: Tree, report: Report, entry: Entry) -> None:
    """Every test that the model needs, in one scenario."""
    if entry.model is None:
        return
    folders = {test: entry.place("compliance", test=test) for test in entry.model.compliance}
    there = {test: folder for test, folder in folders.items() if tree.is_folder(folder)}
    tests = listed(folders)
    if len(folders) > 1 and not there:
        place = str(PurePosixPath(next(iter(folders.values()))).parent)
        report.add("compliance.missing", place, f"none of {tests}", tests=tests)
        return
    for test, folder in folders.items():
        if test in there:
            _check_test(tree, report, entry, test, folder)
        else:
            report.add("compliance.missing", folder, tree.kind(folder), tests=tests)


def _check_test(tree: Tree, report: Report, entry: Entry, test: str, folder: str) -> None:
    files = report.round.audit[test].files
    # Folders that must hold exactly their files are compared as a whole.
    wholes = (f"{_RUN}/", f"{_SCORES}/") if test == "TEST01" else (f"{_RUN}/",)
    for name in files:
        if not name.startswith(wholes) and not tree.is_file(join(folder, name)):
            report.add(
                "compliance.file-missing",
                folder,
                f"{tree.kind(join(folder, name))} at {name}",
                files=listed(files),
                file=name,
            )
    if any(name.startswith(f"{_RUN}/") for name in files):
        run = join(folder, _RUN)
        _check_files(tree, report, run, report.round.required_files["performance"])
        check_run(tree, report, entry, run, test)
        _check_audited(tree, report, entry, test, join(run, DETAIL_FILE))
    if _PERFORMANCE in files:
        _check_pass(tree, report, join(folder, _PERFORMANCE))
    if test == "TEST01":
        _check_accuracy(tree, report, entry, folder)
    elif test == "TEST06":
        _check_tokens(tree, report, join(folder, _ACCURACY))
    else:
        for name in files:
            if name.startswith("verify_") and name != _PERFORMANCE:
                _check_pass(tree, report, join(folder, name), whole_line=test == "TEST08")


def _check_audited(tree: Tree, report: Report, entry: Entry, test: str, path: str) -> None:
    """Whether the run was made under the test's settings, as far as its log tells."""
    if entry.model is None or not tree.is_file(path):
        return
    try:
        log = tree.detail(path)
    except Unreadable:
        return
    for name, required in report.round.audit_settings(test, entry.model.conf_key).items():
        found = log.values.get(f"effective_{name}")
        if name in _AUDITED and found is not None and found != required:
            told = f"effective_{name} is {json.dumps(found)}"
            report.add("compliance.not-audited", path, told, setting=name, required=required)


def _check_files(tree: Tree, report: Report, folder: str, required: tuple[str, ...]) -> None:
    tolerated = report.round.tolerated_files["performance"]
    tolerated = tuple(name for name in tolerated if name not in required)
    differences = file_differences(tree, folder, required, tolerated)
    if differences:
        report.add("compliance.file-list", folder, ", ".join(differences), files=listed(required))


def _lines(tree: Tree, report: Report, path: str) -> list[str] | None:
    """The lines of a verification's output; None where that has been told already."""
    if not tree.is_file(path):
        return None
    text = report.read("compliance.test-failed", path, tree.text)
    return None if text is None else [line.strip() for line in text.splitlines()]


def _passed(lines: list[str], *, whole_line: bool) -> bool:
    return _PASS in lines if whole_line else any(_PASS in line for line in lines)


def _check_pass(tree: Tree, report: Report, path: str, *, whole_line: bool = False) -> None:
    lines = _lines(tree, report, path)
    if lines is not None and not _passed(lines, whole_line=whole_line):
        report.add("compliance.test-failed", path, _last(lines))


def _last(lines: list[str]) -> str:
    return next((f"“{line}”" for line in reversed(lines) if line), "no text")


def _check_accuracy(tree: Tree, report: Report, entry: Entry, folder: str) -> None:
    """TEST01: equal bytes, or equal accuracies where the system is not deterministic."""
    lines = _lines(tree, report, join(folder, _ACCURACY))
    if lines is None:
        return
    audit = report.round.audit["TEST01"]
    passed = _passed(lines, whole_line=report.round.layout != "v3.1")
    needed = (*audit.files, *(() if passed else audit.baseline_files))
    scores = join(folder, _SCORES)
    required = tuple(
        name.removeprefix(f"{_SCORES}/") for name in needed if name.startswith(f"{_SCORES}/")
    )
    _check_files(tree, report, scores, required)
    log, limit = join(scores, ACCURACY_FILE), report.round.limits.max_accuracy_json_bytes
    if tree.size(log) > limit:
        report.add("compliance.log-too-large", log, f"{tree.size(log)} bytes", limit=limit)
    if not passed:
        _check_scores(tree, report, entry, join(folder, _ACCURACY), scores)


def _check_scores(tree: Tree, report: Report, entry: Entry, path: str, folder: str) -> None:
    """The two accuracies that stand in for equal bytes; missing files are told already."""
    if entry.model is None:
        return
    texts = []
    for name in ("baseline_accuracy.txt", "compliance_accuracy.txt"):
        place = join(folder, name)
        if not tree.is_file(place):
            return
        texts.append(report.read("compliance.accuracy-failed", place, tree.text) or "")
    for metric in entry.model.accuracy_minimum_for(entry.scenario):
        limit = report.round.accuracy_delta_percent(entry.model, metric)
        pair = [stated(report.round, metric, text) for text in texts]
        values = [v[-1] for v in pair if v and isinstance(v[-1], float) and v[-1] > 0]
        if len(values) < 2:
            told = f"no test passed, and not both files state {metric}"
            report.add("compliance.accuracy-failed", path, told, limit=limit)
            continue
        baseline, compliance = (float(value) for value in values)
        delta = abs(1 - baseline / compliance) * 100
        if delta > limit:
            told = f"{metric} of {baseline:g} and {compliance:g}: {delta:.3g} percent apart"
            report.add("compliance.accuracy-failed", path, told, limit=limit)


def _check_tokens(tree: Tree, report: Report, path: str) -> None:
    lines = _lines(tree, report, path)
    if lines is None:
        return
    failed = [row[0] for row in _TOKEN_CHECKS if not set(row) & set(lines)]
    if failed:
        report.add("compliance.token-checks", path, f"without: {'; '.join(failed)}")
