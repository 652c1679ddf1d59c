"""Results against a kept baseline: how much faster or slower, and what cannot be compared.

A baseline is what `benchwright results --json` printed. Noise is not judged here: the tolerance
that is stated has to cover it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchwright.errors import UsageError

_SAME = ("mode", "benchmark", "preset", "backend", "precision", "scenario", "test")
"""What two results must have in common to be compared."""

_NEEDED = (*_SAME, "system", "value", "unit", "valid")

Record = Mapping[str, Any]
"""A result as `results --json` prints it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One performance result beside its baseline.

    change: relative, negative where it is slower (-0.05: 5 % fewer samples/s, or 5 % more latency);
    None where the two cannot be compared, and problem says why. new: there is no baseline for it.
    """

    task: str
    unit: str | None
    baseline: float | None
    value: float | None
    change: float | None = None
    problem: str | None = None
    new: bool = False

    def slower(self, tolerance: float) -> bool:
        """Whether it is slower by more than the tolerance (0.05: 5 %)."""
        return self.change is not None and self.change < -tolerance

    def record(self, tolerance: float | None) -> dict[str, Any]:
        """As `results --against FILE --json` prints it; slower is null without a tolerance."""
        return {
            "task": self.task,
            "unit": self.unit,
            "baseline": self.baseline,
            "value": self.value,
            "change": None if self.change is None else round(self.change, 6),
            "slower": None if tolerance is None else self.slower(tolerance),
            "problem": self.problem,
        }


def parse_percent(text: str, option: str) -> float:
    """`5%` as 0.05; UsageError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text.strip())
    if found is None or float(found[1]) >= 100:
        raise UsageError(
            f"`{text}` is no tolerance",
            where=option,
            fix="write a percentage below 100, such as 5%",
        )
    return float(found[1]) / 100


def load_baseline(path: Path) -> list[Record]:
    """The records that `results --json` wrote into a file; UsageError where they are none."""
    fix = f"make it with `benchwright results --json > {path.name}`, on the machine that compares"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError("there is no such baseline", where=str(path), fix=fix) from None
    except (OSError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        raise UsageError(
            "this baseline cannot be read", where=str(path), why=why, fix=fix
        ) from None
    records = found if isinstance(found, list) else [found]
    for record in records:
        missing = [name for name in _NEEDED if not isinstance(record, dict) or name not in record]
        if missing:
            why = f"a record has no {', '.join(missing)}"
            raise UsageError("this is no list of results", where=str(path), why=why, fix=fix)
    if not any(record["mode"] == "performance" for record in records):
        raise UsageError("this baseline holds no performance result", where=str(path), fix=fix)
    return records


def compare(results: Iterable[Record], baseline: Iterable[Record]) -> list[Comparison]:
    """Every performance result of either side, those of the baseline first."""
    now = {_key(record): record for record in results if record["mode"] == "performance"}
    before = {_key(record): record for record in baseline if record["mode"] == "performance"}
    found = [_compared(record, now.get(key)) for key, record in before.items()]
    for key, record in now.items():
        if key not in before:
            found.append(Comparison(_task(record), record["unit"], None, record["value"], new=True))
    return found


def _key(record: Record) -> tuple[Any, ...]:
    return tuple(record[name] for name in _SAME)


def _task(record: Record) -> str:
    plus = "" if record["precision"] == "fp32" else f"+{record['precision']}"
    test = f"/{record['test']}" if record["test"] else ""
    engine = f"{record['benchmark']}-{record['preset']}/{record['backend']}{plus}"
    return f"{record['mode']}:{engine}/{record['scenario']}{test}"


def _compared(before: Record, now: Record | None) -> Comparison:
    task, old = _task(before), before["value"]
    if now is None:
        return Comparison(task, before["unit"], old, None, problem="it has not been run")
    new, unit = now["value"], now["unit"]
    problem = None
    if not now["valid"] or not new:
        problem = "it is INVALID"
    elif not before["valid"] or not old:
        problem = "the baseline is INVALID"
    elif before["system"] != now["system"]:
        problem = f"the baseline is of another system, {before['system']}"
    elif before["unit"] != unit:
        problem = f"the baseline is in {before['unit']}"
    if problem:
        return Comparison(task, unit, old, new, problem=problem)
    # Of a time more is slower, of a rate less.
    change = (old - new) / old if unit == "ms" else (new - old) / old
    return Comparison(task, unit, old, new, change)
