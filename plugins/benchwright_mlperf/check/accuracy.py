"""The accuracy run: what accuracy.txt states, the truncated log, and the run's detail log."""

from __future__ import annotations

import hashlib
import re

from benchwright.harness.logs import ACCURACY_FILE, DETAIL_FILE
from benchwright.rounds import Round
from benchwright_mlperf.check.entry import Entry
from benchwright_mlperf.check.files import Tree, join
from benchwright_mlperf.check.logs import (
    check_errors,
    check_lines,
    check_once,
    check_summary,
    file_differences,
)
from benchwright_mlperf.check.report import Report, listed

TEXT = "accuracy.txt"
_SHA256 = re.compile("[0-9a-fA-F]{64}")


def stated(round_: Round, metric: str, text: str) -> list[float | str]:
    """The values of a metric in an accuracy.txt; what is no number is left as text."""
    pattern = re.compile(round_.accuracy_patterns[metric])
    found: list[float | str] = []
    for line in text.splitlines():
        if match := pattern.match(line):
            try:
                found.append(float(match[1]))
            except ValueError:
                found.append(match[1])
    return found


def check_accuracy(tree: Tree, report: Report, entry: Entry) -> None:
    """One scenario's accuracy folder."""
    folder = entry.place("accuracy")
    path = join(folder, TEXT)
    if not tree.is_file(path):
        # Nothing else of the run counts without it, in any division.
        report.add("accuracy.no-text", path, tree.kind(path))
    else:
        text = report.read("accuracy.no-text", path, tree.text)
        if text is not None:
            _check_metrics(report, entry, path, text)
            _check_hash(tree, report, folder, text)
    if not tree.is_folder(folder):
        return
    required = report.round.required_files["accuracy"]
    tolerated = report.round.tolerated_files["performance"]
    differences = file_differences(tree, folder, required, tolerated)
    # Of what is missing, the three that count have rules of their own.
    own = {f"no {name}" for name in (TEXT, ACCURACY_FILE, DETAIL_FILE)}
    differences = [item for item in differences if item not in own]
    if differences:
        told = ", ".join(differences)
        report.add("accuracy.file-list", folder, told, files=listed(required))
    check_summary(tree, report, "accuracy.summary", folder)
    _check_log(tree, report, join(folder, ACCURACY_FILE))
    _check_detail(tree, report, entry, join(folder, DETAIL_FILE))


def _check_metrics(report: Report, entry: Entry, path: str, text: str) -> None:
    if entry.model is None:
        return
    for metric, target in entry.model.accuracy_minimum_for(entry.scenario).items():
        values = stated(report.round, metric, text)
        numbers = [value for value in values if isinstance(value, float)]
        words = [f"`{value}`" for value in values if isinstance(value, str)]
        if words:
            report.add("accuracy.metric-number", path, words[0], metric=metric)
        elif not numbers:
            report.add("accuracy.metric-missing", path, "no such line", metric=metric)
        elif min(numbers) < target:
            told = f"{metric} of {min(numbers):g}"
            report.add("accuracy.below-target", path, told, metric=metric, target=target)
    for metric, limit in entry.model.accuracy_upper_limit.items():
        values = stated(report.round, metric, text)
        above = [value for value in values if isinstance(value, float) and value > limit]
        if above:
            told = f"{metric} of {max(above):g}"
            report.add("accuracy.above-limit", path, told, metric=metric, target=limit)


def _check_hash(tree: Tree, report: Report, folder: str, text: str) -> None:
    path = join(folder, TEXT)
    pattern = re.compile(report.round.accuracy_hash_pattern)
    hashes = [match[1] for line in text.splitlines() if (match := pattern.match(line))]
    if not hashes:
        report.add("accuracy.no-hash", path, "no such line")
        return
    if not _SHA256.fullmatch(hashes[-1]):
        report.add("accuracy.hash-form", path, f"hash={hashes[-1]}")
        return
    log = join(folder, ACCURACY_FILE)
    if tree.is_file(log) and tree.size(log) < report.round.limits.truncate_chars:
        try:
            content = tree.path(log).read_bytes()
        except OSError:
            return
        digest = hashlib.sha256(content).hexdigest()
        if digest not in [value.lower() for value in hashes]:
            report.add("accuracy.hash-mismatch", path, f"hash={hashes[-1]}; the log has {digest}")


def _check_log(tree: Tree, report: Report, path: str) -> None:
    limit = report.round.limits.max_accuracy_json_bytes
    if not tree.is_file(path):
        report.add("accuracy.log-missing", path, tree.kind(path))
    elif tree.size(path) == 0:
        report.note("accuracy.log-empty", path, "an empty file")
    elif tree.size(path) > limit:
        report.add("accuracy.log-too-large", path, f"{tree.size(path)} bytes", limit=limit)


def _check_detail(tree: Tree, report: Report, entry: Entry, path: str) -> None:
    if tree.mode(path) == 0:
        report.add("accuracy.detail-missing", path, "nothing is there")
        return
    log = report.read("accuracy.detail-unreadable", path, tree.detail)
    if log is None:
        return
    check_lines(tree, report, "accuracy.damaged-lines", path)
    check_once(report, "accuracy.contradiction", path, log)
    check_errors(report, "accuracy.loadgen-error", path, log)
    if log.mode == "PerformanceOnly":
        report.add("accuracy.wrong-mode", path, f"a run in mode {log.mode}")
    if entry.model is None:
        return
    required = entry.model.accuracy_samples_for(entry.scenario)
    counted = log.integer("effective_accuracy_sample_count")
    counted = log.qsl_total_count if counted is None else counted
    if counted != required:
        told = "no number of samples" if counted is None else f"{counted} samples"
        report.add("accuracy.dataset-size", path, told, required=required)
