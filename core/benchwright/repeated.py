"""Sets of results beside each other: what differs in how they came about, and by how much in
result, measured against the noise of repeated runs.

A set is whatever one try or campaign has measured. Runs that differ in nothing but the time they
were made at are one *kind*; of each kind the means are compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from benchwright.results import RunResult

Kind = tuple[str, ...]
"""(benchmark, preset, backend, precision, scenario, mode, test) of runs of one kind."""

DEVIATIONS = 2
"""A change of fewer standard deviations than this is noise."""


class Spread(NamedTuple):
    """Several runs' results of one kind: their mean, its standard deviation from run to run as a
    share of the mean (None for a single run), and how many they are."""

    value: float
    noise: float | None
    runs: int


def spread(values: Iterable[float]) -> Spread | None:
    """Mean and noise; None of nothing."""
    known = list(values)
    if not known:
        return None
    middle = mean(known)
    noise = stdev(known) / abs(middle) if len(known) > 1 and middle else None
    return Spread(middle, noise, len(known))


@dataclass(frozen=True, slots=True)
class Pair:
    """One kind of run on both sides.

    change: relative, positive where the later one is better; None where they cannot be compared,
    and problem says why. noise: DEVIATIONS standard deviations of that change, None where no side
    was repeated. differences: what came about in another way, a sentence each.
    """

    before: str
    after: str
    unit: str | None
    old: Spread | None
    new: Spread | None
    change: float | None
    noise: float | None
    problem: str | None
    differences: tuple[str, ...]

    def slower(self, tolerance: float) -> bool:
        """Whether it is slower by more than the tolerance (0.05: 5 %)."""
        return self.change is not None and self.change < -tolerance

    @property
    def verdict(self) -> str:
        """The change in words."""
        if self.problem or self.change is None:
            return self.problem or "not comparable"
        told = f"{self.change:+.1%}"
        if self.noise is None:
            return f"{told} (noise unknown: measure with `--repeat`)"
        if abs(self.change) <= self.noise:
            return f"{told}, within the noise of ±{self.noise:.1%}"
        return f"{told}, beyond the noise of ±{self.noise:.1%}"

    def record(self, tolerance: float | None) -> dict[str, Any]:
        """As JSON."""
        found = asdict(self)
        for side in ("old", "new"):
            kept: Spread | None = getattr(self, side)
            found[side] = None if kept is None else kept._asdict()
        found["differences"] = list(self.differences)
        found["slower"] = None if tolerance is None else self.slower(tolerance)
        return found


def compare_sets(before: Sequence[RunResult], after: Sequence[RunResult]) -> list[Pair]:
    """Every kind of performance run of either side, those of the first in its order.

    Kinds of one name belong together. Of the rest, two belong together where a scenario has one
    left on each side: another model, backend or precision is then what is compared.
    """
    old, new = _kinds(before), _kinds(after)
    partners = {kind: kind for kind in old if kind in new}
    left = [kind for kind in old if kind not in partners]
    spare = [kind for kind in new if kind not in partners]
    for kind in left:
        same = [item for item in spare if item[4:] == kind[4:]]
        near = [item for item in same if sum(map(str.__eq__, item, kind)) >= len(kind) - 1]
        others = [item for item in left if item[4:] == kind[4:]]
        found = near if len(near) == 1 else same if len(same) == len(others) == 1 else []
        if found:
            partners[kind] = found[0]
            spare.remove(found[0])
    pairs = [_pair(kind, old, partners.get(kind), new) for kind in old]
    return [*pairs, *(_pair(None, old, kind, new) for kind in spare)]


def _kinds(results: Sequence[RunResult]) -> dict[Kind, list[RunResult]]:
    found: dict[Kind, list[RunResult]] = {}
    for run in results:
        if run.mode == "performance":
            kind = (
                run.benchmark,
                run.preset,
                run.backend,
                run.precision,
                run.scenario,
                run.mode,
                run.test or "",
            )
            found.setdefault(kind, []).append(run)
    return found


def _pair(
    before: Kind | None,
    old: Mapping[Kind, list[RunResult]],
    after: Kind | None,
    new: Mapping[Kind, list[RunResult]],
) -> Pair:
    was = old[before] if before is not None else []
    now = new[after] if after is not None else []
    names = [runs[0].task.partition(":")[2] if runs else "" for runs in (was, now)]
    first = spread(run.value for run in was if run.value is not None)
    last = spread(run.value for run in now if run.value is not None)
    unit = next((run.unit for run in (*was, *now)), None)
    problem, change, noise = _problem(was, now), None, None
    if problem is None and first is not None and last is not None and first.value:
        # Of a time more is worse, of a rate less.
        ratio = last.value / first.value
        change = 1 - ratio if unit == "ms" else ratio - 1
        noise = _noise(first, last)
    differences = tuple(_differences(was[0], now[0])) if was and now else ()
    return Pair(names[0], names[1], unit, first, last, change, noise, problem, differences)


def _problem(was: Sequence[RunResult], now: Sequence[RunResult]) -> str | None:
    if not was:
        return "only the second has it"
    if not now:
        return "only the first has it"
    for runs, which in ((was, "the first"), (now, "the second")):
        if any(not run.valid for run in runs):
            return f"{which} is INVALID"
        if any(run.value is None for run in runs):
            return f"{which} has no result"
    if was[0].unit != now[0].unit:
        return f"one is in {was[0].unit}, the other in {now[0].unit}"
    return None


def _noise(first: Spread, last: Spread) -> float | None:
    """What the difference of two means may be by chance."""
    known = [side for side in (first, last) if side.noise is not None]
    if not known:
        return None
    # A side that was not repeated is taken to be as noisy as the other.
    usual = mean(side.noise or 0.0 for side in known)
    noises = ((usual if side.noise is None else side.noise, side.runs) for side in (first, last))
    return DEVIATIONS * sqrt(sum(noise**2 / runs for noise, runs in noises))


# ---- what came about in another way


def _differences(was: RunResult, now: RunResult) -> Iterator[str]:
    before, after = lock_of(was), lock_of(now)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name}: {_change(before.get(name), after.get(name))}"


def lock_of(result: RunResult) -> dict[str, str]:
    """All that a result depends on, by name: the machine, the versions, the options and settings,
    and the content of what it was made from."""
    from benchwright.build.artifact import read_recipe
    from benchwright.build.recipe import flatten

    details = result.details
    found: dict[str, str] = {}
    for name in ("identity", "versions", "settings", "facts"):
        values = details.get(name)
        if isinstance(values, Mapping):
            title = {"identity": "machine", "versions": "version", "facts": "model"}.get(name, name)
            found |= {f"{title} {key}": value for key, value in flatten(values).items()}
    operation = details.get("operation")
    if isinstance(operation, Mapping):
        # Speeds are found anew in each run, and are no setting.
        kept = {name: operation[name] for name in OPERATION if name in operation}
        found |= {f"operation {key}": value for key, value in flatten(kept).items()}
    made = read_recipe(Path(result.path)) if result.path else {}
    for name, value in made.get("ingredients", {}).items():
        if name.startswith("option ") and not name.startswith(_TOLD):
            found[name] = str(value)
    found |= {f"content of {name}": str(value) for name, value in made.get("inputs", {}).items()}
    for name, value in (("precision", result.precision), ("backend", result.backend)):
        found[name] = value
    return found


OPERATION = ("instances", "threads", "batch", "deadline_us", "bound_s")
"""What of an operation is a choice."""

_TOLD = ("option identity", "option backend", "option precision", "option seeds", "option rules")
"""Options that are told by another name."""


def _change(was: str | None, now: str | None) -> str:
    lists = [_list(value) for value in (was, now)]
    if lists[0] is None or lists[1] is None:
        return f"{_brief(was)} -> {_brief(now)}"
    gone, come = (
        ", ".join(map(str, (item for item in one if item not in other)))
        for one, other in ((lists[0], lists[1]), (lists[1], lists[0]))
    )
    told = [f"{word} {items}" for word, items in (("without", gone), ("with", come)) if items]
    return "; ".join(told) or "in another order"


def _list(value: str | None) -> list[Any] | None:
    if value is None or not value.startswith("["):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, list) and len(found) > 4 else None


def _brief(value: str | None) -> str:
    if value is None:
        return "absent"
    text = value.strip('"')
    return text[:12] if len(text) == 64 else text
