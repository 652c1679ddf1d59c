"""What a benchmark found, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Result:
    """One benchmark's result; the field names are those of the JSON.

    value and baseline are in `unit` and ratio is the first over the second, each the median over
    the rounds (so that value / baseline may differ a little from ratio). better: the direction in
    which value is better. goal bounds `ratio` where it is a share of the baseline, else `value`;
    spread is (smallest, largest) over the rounds of whatever goal bounds.
    """

    name: str
    value: float
    unit: str
    baseline: float
    ratio: float
    better: Literal["higher", "lower"]
    goal: float
    met: bool
    spread: tuple[float, float]


def digits(value: float) -> float:
    """Four significant digits below 1,000, whole numbers from there on."""
    return float(f"{value:.4g}") if abs(value) < 1000 else float(round(value))


def judged(
    name: str,
    *,
    value: float,
    unit: str,
    baseline: float,
    ratio: float,
    better: Literal["higher", "lower"],
    goal: float,
    bounded: Sequence[float],
) -> Result:
    """A result, judged by the median of `bounded`, which holds what goal bounds, round by round."""
    from statistics import median

    found = median(bounded)
    return Result(
        name=name,
        value=digits(value),
        unit=unit,
        baseline=digits(baseline),
        ratio=digits(ratio),
        better=better,
        goal=goal,
        met=found >= goal if better == "higher" else found <= goal,
        spread=(digits(min(bounded)), digits(max(bounded))),
    )


def bounded_seconds(name: str, seconds: Sequence[float], goal: float) -> Result:
    """A result in seconds that are to be at most `goal`; nothing else is measured beside them."""
    from statistics import median

    value = median(seconds)
    return judged(
        name,
        value=value,
        unit="s",
        baseline=goal,
        ratio=value / goal,
        better="lower",
        goal=goal,
        bounded=seconds,
    )


def table(results: Sequence[Result]) -> str:
    """The results for people to read, a line each."""
    rows = [("benchmark", "value", "baseline", "ratio", "goal", "spread", "")]
    for item in results:
        sign = "≥" if item.better == "higher" else "≤"
        rows.append(
            (
                item.name,
                f"{item.value:,g} {item.unit}",
                f"{item.baseline:,g}",
                f"{item.ratio:g}",
                f"{sign} {item.goal:,g}",
                f"{item.spread[0]:,g} … {item.spread[1]:,g}",
                "met" if item.met else "NOT MET",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
