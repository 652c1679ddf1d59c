"""The table of a try: model by backend by scenario, one line for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchwright.build.display import size
from benchwright.errors import ExitCode
from benchwright.repeated import spread
from benchwright.results import RunResult, load_result
from benchwright.steps.summary import significant
from benchwright.tried.figures import Figures, by_kind, figures

_HEADS = (
    "model",
    "backend",
    "scenario",
    "result",
    "QPS",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "samples/s",
)
_TOKEN_HEADS = ("tokens/s", "TTFT ms", "TPOT ms")
_LAST = ("memory", "model size", "")


def print_summary(meta: Mapping[str, Any], *, changed: bool, show: bool) -> int:
    """The last words of a try's `report` task: the table, and as the last line the report's path.
    Returns FINDINGS when a run is INVALID."""
    recipe = meta["recipe"]
    results = [load_result(Path(run.folder)) for run in recipe.aside["runs"]]
    if show:
        if changed:
            print(table(results))
        print(recipe.publish, flush=True)
    failed = any(not result.valid for result in results)
    return int(ExitCode.FINDINGS if failed else ExitCode.OK)


def table(results: Sequence[RunResult]) -> str:
    """One line for each kind of run; of repeated runs the mean, with the noise."""
    kinds = by_kind(results)
    tokens = any(figures(run).tokens_per_s for run in results)
    rows = [(*_HEADS, *(_TOKEN_HEADS if tokens else ()), *_LAST)]
    reasons: dict[int, Sequence[str]] = {}
    for (model, backend, precision, scenario), runs in kinds.items():
        invalid = [run for run in runs if not run.valid]
        if invalid:
            reasons[len(rows)] = list(dict.fromkeys(r for run in invalid for r in run.reasons))
        middle = _middle([figures(run) for run in runs])
        plus = "" if precision == "fp32" else f"+{precision}"
        rows.append(
            (
                model,
                f"{backend}{plus}",
                scenario,
                _result(runs),
                *(_shown(value) for value in (middle.qps, middle.p50, middle.p90, middle.p99)),
                _shown(middle.samples_per_s),
                *(
                    map(_shown, (middle.tokens_per_s, middle.ttft_ms, middle.tpot_ms))
                    if tokens
                    else ()
                ),
                size(middle.peak_memory_bytes) if middle.peak_memory_bytes else "",
                size(middle.model_bytes) if middle.model_bytes else "",
                "INVALID" if invalid else "VALID",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        lines.append(
            "  ".join(
                cell.ljust(width) if column < 3 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
        )
        if number == 0:
            lines.append("  ".join("-" * width for width in widths).rstrip())
        lines.extend(f"    {reason}" for reason in reasons.get(number, ()))
    return "\n".join(lines)


def _middle(items: Sequence[Figures]) -> Figures:
    """The means of several runs' figures."""
    columns: list[Any] = []
    for values in zip(*items, strict=True):
        found = spread([value for value in values if value is not None])
        columns.append(None if found is None else found.value)
    return Figures(*columns)


def _result(runs: Sequence[RunResult]) -> str:
    found = spread([run.value for run in runs if run.value is not None])
    if found is None:
        return "no estimate"
    noise = "" if found.noise is None else f" ±{found.noise:.1%}"
    metric = runs[0].metric or ""
    plain = " (plain)" if metric.startswith("plain") else ""
    latency = metric.removeprefix("plain ").split(" ")[0] + " " if runs[0].unit == "ms" else ""
    if "first token" in metric:
        latency = f"TTFT {latency}"
    return f"{latency}{significant(found.value)} {runs[0].unit or ''}{noise}{plain}".strip()


def _shown(value: float | None) -> str:
    return "" if value is None else significant(value)
