"""What several groups of rules ask of a folder of logs."""

from __future__ import annotations

from collections.abc import Iterable

from benchwright.harness.logs import SUMMARY_FILE, DetailLog
from benchwright_mlperf.check.files import Tree
from benchwright_mlperf.check.report import Report

_SHOWN = 3
_ONCE = ("effective_", "requested_", "result_", "early_stopping_", "qsl_reported_")
"""What keys begin with that loadgen writes once in a run."""


def file_differences(
    tree: Tree, folder: str, required: Iterable[str], tolerated: Iterable[str] = ()
) -> list[str]:
    """`no NAME` for each required file that is missing, `NAME too much` for each other one."""
    present = tree.files(folder)
    files = {name for name in present if tree.is_file(f"{folder}/{name}")}
    needed = set(required)
    missing = [f"no {name}" for name in sorted(needed - files)]
    extra = files - needed - set(tolerated)
    return missing + [f"{name} too much" for name in sorted(extra)]


def check_lines(tree: Tree, report: Report, rule: str, path: str) -> None:
    """Lines of a detail log that are no whole record. The official checkers stop at one that
    begins like a record and at bytes that are no text, and the newer one at a first line that is
    no record; other lines they pass over."""
    lines = tree.log_lines(path)
    told = [f"{lines.broken} records that are none, or not whole"] if lines.broken else []
    if not lines.text:
        told.append("bytes that are no UTF-8")
    fatal = bool(told)
    if not lines.first:
        fatal = fatal or report.round.verdicts.first_record == "error"
        told.append("a first line that is no record")
    elif lines.other:
        told.append(f"{lines.other} other lines")
    if told:
        tell = report.add if fatal else report.note
        tell(rule, path, ", ".join(told))


def check_once(report: Report, rule: str, path: str, log: DetailLog) -> None:
    """Settings and results that the log states twice, and not alike: the official checkers take
    the first, others the last."""
    keys = [key for key in log.contradicted if key.startswith(_ONCE)]
    if keys:
        more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        report.add(rule, path, ", ".join(f"`{key}`" for key in keys[:_SHOWN]) + more)


def check_summary(
    tree: Tree, report: Report, rule: str, folder: str, log: DetailLog | None = None
) -> None:
    """The summary, which people read and no official checker does. log: of the performance run
    that it has to agree with."""
    path = f"{folder}/{SUMMARY_FILE}"
    if not tree.is_file(path):
        return
    text = report.read(rule, path, tree.text)
    if text is None:
        return
    if not text.strip():
        report.add(rule, path, "an empty file")
        return
    stated: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        stated.setdefault(name.strip(), "".join(value.split()))
    keys = {"Scenario": "effective_scenario", "Result is": "result_validity"}
    for name, key in keys.items() if log is not None else ():
        logged = log.values.get(key) if log is not None else None
        if isinstance(logged, str) and stated.get(name) != logged:
            report.add(rule, path, f"{name}: {stated.get(name)}; the detail log has {logged}")


def check_errors(report: Report, rule: str, path: str, log: DetailLog) -> None:
    """Errors that loadgen logged, the first few of them in words."""
    if not log.errors:
        return
    texts = list(dict.fromkeys(" ".join(error.split()) for error in log.errors))
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    report.add(rule, path, "; ".join(f"“{text}”" for text in texts[:_SHOWN]) + more)
