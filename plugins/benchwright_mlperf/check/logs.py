"""What several groups of rules ask of a folder of logs."""

from __future__ import annotations

from collections.abc import Iterable

from benchwright.harness.logs import DetailLog
from benchwright_mlperf.check.files import Tree
from benchwright_mlperf.check.report import Report
from benchwright_mlperf.check.rules import V31

_SHOWN = 3
_MARK = b":::MLLOG"


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


def check_lines(tree: Tree, report: Report, rule: str, path: str, log: DetailLog) -> None:
    """Lines of a detail log that are no whole record. The official checkers stop at one that
    begins like a record, and the newer one at a first line that does not; other lines they pass
    over."""
    if not log.skipped_lines:
        return
    broken, first = tree.log_lines(path, _MARK)
    fatal = broken or (report.round.layout != V31 and not first)
    tell = report.add if fatal else report.note
    what = f"{broken} of them cut short" if broken else "none of them a record cut short"
    tell(rule, path, f"{log.skipped_lines} other lines, {what}")


def check_errors(report: Report, rule: str, path: str, log: DetailLog) -> None:
    """Errors that loadgen logged, the first few of them in words."""
    if not log.errors:
        return
    texts = list(dict.fromkeys(" ".join(error.split()) for error in log.errors))
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    report.add(rule, path, "; ".join(f"“{text}”" for text in texts[:_SHOWN]) + more)
