"""The pages of a submission that people read: how each result was made, and what it is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchwright.contracts.formatter import Submission
from benchwright.results import RunResult
from benchwright_mlperf.write.runs import Cell, detail_table, detail_text, reasons

CAMPAIGN = "campaign.yaml"
"""The campaign file's name in a submission."""


def measurements_readme(submission: Submission, cell: Cell) -> str:
    """Commands, settings, versions and outcome of one scenario's runs."""
    official = submission.official and all(run.official for run in cell.runs)
    lines = [] if official else [not_for_submission(submission, cell.runs), ""]
    lines += [f"# {cell.benchmark}, {cell.scenario}, on {cell.implementation}", ""]
    if cell.inferred_from:
        lines += [
            f"{cell.scenario} was not run. Its result is inferred from {cell.inferred_from}, whose",
            "logs lie here, as the rules of the round allow in edge.",
            "",
        ]
    lines += _commands(submission, cell)
    for run in cell.runs:
        lines += _run(run)
    details = cell.first.details
    lines += _section("Harness", _rows(detail_table(details, "operation")))
    lines += _section("Versions", _rows(detail_table(details, "versions")))
    lines += _section("loadgen", _rows(detail_table(details, "loadgen")))
    lines += _section("loadgen's settings", _rows(detail_table(details, "settings")))
    lines += _section("Machine", _rows(detail_table(details, "identity")))
    return "\n".join(lines).rstrip("\n") + "\n"


def not_for_submission(submission: Submission, runs: Iterable[RunResult]) -> str:
    """The sentence that marks a result as a rehearsal."""
    why = reasons(runs) or reasons(submission.results) or ["it was not measured by the rules"]
    return f"Not for submission: {'; '.join(why)}."


def _commands(submission: Submission, cell: Cell) -> list[str]:
    commands = [submission.command]
    for run in cell.runs:
        command = detail_text(run.details, "command")
        if command and command not in commands:
            commands.append(command)
    lines = [
        "This command reproduces all results of this submission. The campaign file that it reads"
    ]
    lines += [f"lies beside the code, as `{CAMPAIGN}`:", "", f"    {commands[0]}", ""]
    if len(commands) > 1:
        lines += ["The runs of this folder were made with:", ""]
        lines += [f"    {command}" for command in commands[1:]] + [""]
    return lines


def _run(run: RunResult) -> list[str]:
    what = run.test or run.mode
    facts: dict[str, Any] = {"task": run.task, "started": run.details.get("started")}
    if run.value is not None:
        facts[run.metric or "result"] = f"{run.value:.6g} {run.unit or ''}".strip()
    if run.accuracy is not None:
        facts["accuracy"] = f"{run.accuracy:.6g}"
    if run.accuracy_target is not None:
        facts["accuracy required"] = f"{run.accuracy_target:.6g}"
    facts["duration in s"] = run.duration_s
    facts["valid"] = "yes" if run.valid else f"no: {'; '.join(run.reasons)}".rstrip(": ")
    facts["samples in the data set"] = run.details.get("sample_count")
    latency = _latency(run.details)
    if latency:
        facts["latency in ms by percentile"] = latency
    return _section(f"The {what} run", _rows(facts))


def _latency(details: Mapping[str, Any]) -> str:
    points = details.get("latency_ms")
    if not isinstance(points, (list, tuple)):
        return ""
    pairs = [p for p in points if isinstance(p, (list, tuple)) and len(p) == 2]
    numbers = [p for p in pairs if all(isinstance(x, (int, float)) for x in p)]
    return ", ".join(f"p{percentile:g}: {ms:.6g}" for percentile, ms in numbers)


def _section(title: str, rows: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *rows, ""] if rows else []


def _rows(values: Mapping[str, Any]) -> list[str]:
    return [f"- {name}: {_shown(value)}" for name, value in values.items() if value is not None]


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(value[name])}" for name in sorted(value, key=str))
    return " ".join(str(value).split())


def code_readme(submission: Submission, cell: Cell) -> str:
    """What the implementation is and how it is built and run."""
    run = cell.first
    versions = detail_table(run.details, "versions")
    lines = [
        f"# {cell.benchmark} on {cell.implementation}",
        "",
        f"Backend `{run.backend}`, precision {run.precision or 'as the model has it'}, model and",
        f"data of the preset `{run.preset}`, built and run by Benchwright. `{CAMPAIGN}` in this",
        "folder is the whole input. This command fetches and builds what it names and measures it:",
        "",
        f"    {submission.command}",
        "",
    ]
    lines += _section("Versions that were used", _rows(versions))
    return "\n".join(lines).rstrip("\n") + "\n"


def calibration(cells: Sequence[Cell], suffix: str) -> str:
    """What was done to the weights, for each implementation. suffix: `.md` or `.adoc`."""
    mark = "=" if suffix == ".adoc" else "#"
    lines = [f"{mark} Calibration and quantisation", ""]
    seen = set()
    for cell in cells:
        run = cell.first
        key = (cell.benchmark, cell.implementation)
        if key in seen:
            continue
        seen.add(key)
        types = detail_text(run.details, "weight_data_types") or run.precision or "not stated"
        change = detail_text(run.details, "weight_transformations") or "not stated"
        lines.append(
            f"* {cell.benchmark} on {cell.implementation}: weights in {types}; "
            f"transformations of the weights: {change}."
        )
        how = detail_text(run.details, "calibration")
        if how:
            lines.append(f"  Quantised {how}.")
    return "\n".join(lines) + "\n"


def warning(submission: Submission) -> str:
    """The page beside the division folder of a tree that must not be handed in."""
    lines = ["# Not for submission", "", "This tree is a rehearsal. Its results do not count:", ""]
    why = reasons(submission.results) or ["it was not measured by the rules"]
    lines += [f"- {reason}" for reason in why]
    if submission.missing:
        lines += ["", "Runs of the campaign that are missing:", ""]
        lines += [f"- {task}" for task in sorted(submission.missing)]
    return "\n".join(lines) + "\n"
