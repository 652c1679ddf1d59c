"""The summary table of a campaign's results, and its verdict as an exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchwright.build.artifact import INVALID, read_manifest
from benchwright.build.task import stale_reasons
from benchwright.errors import BenchwrightError, ExitCode
from benchwright.results import RunResult, load_result
from benchwright.steps.compliance import standing
from benchwright.steps.submission import FINDINGS_FILE

SHOWN_FINDINGS = 5


def print_summary(meta: Mapping[str, Any], *, changed: bool, show: bool) -> int:
    """The last words of the `report` task: the table when anything ran, findings, and as the
    last line the report's path. Returns FINDINGS when a run is INVALID or the check has errors."""
    recipe = meta["recipe"]
    folders = [Path(run.folder) for run in recipe.aside["runs"]]
    results = [standing(folder) for folder in folders]
    kept = sum(1 for folder in folders for _ in folder.parent.glob(f"{folder.name}{INVALID}*"))
    stale = {run.task for run in recipe.aside["runs"] if stale_reasons(run)}
    findings = _findings(Path(recipe.inputs["check"]).parent)
    errors = [item for item in findings if item["level"] == "error"]
    if show:
        if changed:
            print(table(results, stale))
            for line in _remarks(recipe.parameters, results, findings, errors):
                print(line)
            if kept:
                print(f"{kept} earlier INVALID results are kept: `benchwright results`")
        print(recipe.publish, flush=True)
    failed = any(not result.valid for result in results) or bool(errors)
    return int(ExitCode.FINDINGS if failed else ExitCode.OK)


def print_verdict(meta: Mapping[str, Any], *, changed: bool, show: bool) -> int:
    """The last words of a measured run, when it is INVALID: why. Returns FINDINGS then."""
    result = load_result(Path(meta["folder"]))
    if result.valid:
        return int(ExitCode.OK)
    if show:
        what = "FAILED" if result.test else "INVALID"
        print(f"{what}: {result.task}: {'; '.join(result.reasons)}", file=sys.stderr)
    return int(ExitCode.FINDINGS)


def _findings(folder: Path) -> list[dict[str, str]]:
    try:
        read_manifest(folder)
        found: list[dict[str, str]] = json.loads(
            (folder / FINDINGS_FILE).read_text(encoding="utf-8")
        )["findings"]
    except (BenchwrightError, OSError, ValueError, KeyError):
        return []
    return found


def _remarks(
    given: Mapping[str, Any],
    results: Sequence[RunResult],
    findings: Sequence[Mapping[str, str]],
    errors: Sequence[Any],
) -> list[str]:
    lines = []
    measured = (reason for result in results for reason in result.unofficial)
    if unofficial := dict.fromkeys([*given["unofficial"], *measured]):
        lines.append(f"not for submission: {', '.join(unofficial)}")
    notes = len(findings) - len(errors)
    verdict = f"{len(errors)} errors" if errors else "no errors"
    lines.append(f"submission: {given['tree']} ({verdict}, {notes} notes), packed beside it")
    for item in errors[:SHOWN_FINDINGS]:
        lines.append(f"  {item['path']}: {item['found']}; {item['fix']} [{item['rule']}]")
    if len(errors) > SHOWN_FINDINGS:
        lines.append(f"  and {len(errors) - SHOWN_FINDINGS} more: `benchwright check`")
    return lines


def table(results: Sequence[RunResult], stale: set[str] | frozenset[str] = frozenset()) -> str:
    """Scenario, metric, result, validity and accuracy against target, one line for each engine
    and scenario, and under it why a run is INVALID."""
    rows = [("benchmark", "scenario", "metric", "result", "valid", "accuracy")]
    reasons: dict[int, list[str]] = {}
    for key in dict.fromkeys((_engine(item), item.scenario) for item in results):
        runs = [item for item in results if (_engine(item), item.scenario) == key]
        performance = next((item for item in runs if item.mode == "performance"), None)
        accuracy = next((item for item in runs if item.mode == "accuracy"), None)
        failed = [item for item in runs if not item.valid]
        tests = [item.test for item in failed if item.test]
        reasons[len(rows)] = [
            f"{item.test or item.mode}: {reason}" for item in failed for reason in item.reasons
        ]
        verdict = "INVALID" if len(failed) > len(tests) else "VALID"
        marks = " (stale)" if any(item.task in stale for item in runs) else ""
        rows.append(
            (
                key[0],
                key[1],
                performance.metric or "" if performance else "",
                _value(performance),
                ", ".join([verdict, *(f"fails {test}" for test in tests)]) + marks,
                _accuracy(accuracy),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
        if number == 0:
            lines.append("  ".join("-" * width for width in widths))
        lines.extend(f"    {reason}" for reason in reasons.get(number, ()))
    return "\n".join(lines)


def earlier_lines(results: Sequence[RunResult]) -> list[str]:
    """What was measured before, was INVALID, and is kept beside its successor."""
    lines = [f"kept: {item.path} ({'; '.join(item.reasons)})" for item in results]
    return [f"{len(lines)} earlier results were INVALID or failed:", *lines] if lines else []


def _engine(result: RunResult) -> str:
    plus = "" if result.precision == "fp32" else f"+{result.precision}"
    return f"{result.benchmark}-{result.preset}/{result.backend}{plus}"


def _value(result: RunResult | None) -> str:
    if result is None:
        return "not run"
    if result.value is None:
        return "no estimate"
    return f"{significant(result.value)} {result.unit or ''}".strip()


def _accuracy(result: RunResult | None) -> str:
    if result is None or result.accuracy is None:
        return "not run"
    if result.accuracy_target is None:
        return f"{result.accuracy:.3f}"
    sign = ">=" if result.accuracy >= result.accuracy_target else "below"
    return f"{result.accuracy:.3f} {sign} {result.accuracy_target:.3f}"


def significant(value: float) -> str:
    """Four significant digits, thousands separated: `133,400`, `12.34`, `0.03214`."""
    if value == 0:
        return "0"
    from math import floor, log10

    digits = 3 - floor(log10(abs(value)))
    return f"{round(value, digits):,.{max(digits, 0)}f}"
