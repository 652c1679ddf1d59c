"""The table of results: one row for each benchmark, backend and scenario, and below a row what
stands against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchwright.report.content import ReportContent
from benchwright.report.markup import Cell, Child, Html, bullets, join, prose, row, table, tag, text
from benchwright.report.quantities import UNKNOWN, against, duration, number, significant, tidy
from benchwright.report.rows import Bound, Row, accuracy_met, bounds, by_benchmark, listed
from benchwright.results import RunResult

_HEADS = ("Scenario", "Backend", "Metric", "Result", "Verdict", "Accuracy", "Duration")
_NUMBERS = frozenset({"Result", "Duration"})


def results_table(content: ReportContent, rows: Sequence[Row]) -> Html:
    """The table, or a sentence where there is nothing to show."""
    if not rows:
        return tag(
            "p",
            "No run of this campaign has been made yet. ",
            tag("code", "benchwright run"),
            " makes them.",
            class_="empty",
        )
    heads: list[Child | Cell] = [
        Cell(head, class_="number" if head in _NUMBERS else None) for head in _HEADS
    ]
    bodies = [
        [_group(benchmark), *(line for each in own for line in _lines(content.stale, each))]
        for benchmark, own in by_benchmark(rows).items()
    ]
    return table("Results by benchmark and scenario", heads, bodies, "results cards quiet")


def pill(word: str, kind: str) -> Html:
    """A short verdict. kind: `good`, `bad`, `warn` or `dim`."""
    return tag("span", word, class_=f"pill {kind}")


def _group(benchmark: str) -> Html:
    cell = tag("th", benchmark, scope="rowgroup", colspan=str(len(_HEADS)))
    return tag("tr", cell, class_="group")


def _lines(stale: Mapping[str, Sequence[str]], each: Row) -> Iterator[Html]:
    run = each.performance
    cells: list[Child | Cell] = [
        Cell(each.scenario, header=True),
        each.series,
        run.metric if run else None,
        Cell(_result(run), class_="number"),
        _verdict(each, stale),
        _accuracy(each.accuracy),
        Cell(_durations(each), class_="number"),
    ]
    yield row(cells, _HEADS, class_="run")
    remarks = list(_remarks(each, stale))
    if remarks:
        cell = tag("td", bullets(remarks), colspan=str(len(_HEADS)))
        yield tag("tr", cell, class_="remarks")


def _result(run: RunResult | None) -> Html:
    value = number(run.value) if run else None
    if run is None or value is None:
        return tag("span", UNKNOWN, class_="dim")
    # The exact figure stays in reach of who copies from the page.
    shown = tag("data", significant(value), value=repr(value), title=repr(value))
    parts = [tag("strong", shown), tag("span", run.unit, class_="unit") if run.unit else None]
    return join(filter(None, [*parts, _power(run)]), " ")


def _power(run: RunResult) -> Html | None:
    found = [
        f"{tidy(value)} {unit}"
        for value, unit in ((number(run.power_w), "W"), (number(run.energy_j), "J"))
        if value is not None
    ]
    # No submission's power measurement: those are made with another instrument and protocol.
    return tag("span", f"{' · '.join(found)} (informative)", class_="second") if found else None


def _verdict(each: Row, stale: Mapping[str, Sequence[str]]) -> Html:
    pills = []
    if each.performance:
        pills.append(validity(each.performance))
    elif not each.tests:
        pills.append(pill("not measured", "dim"))
    for run in each.tests:
        word = "passed" if run.valid else "FAILED"
        pills.append(pill(f"{run.test} {word}", "good" if run.valid else "bad"))
    if any(run.task in stale for _, run in each.runs()):
        pills.append(pill("stale", "warn"))
    return join(pills, " ")


def validity(run: RunResult) -> Html:
    """VALID or INVALID, as loadgen spells it."""
    return pill("VALID", "good") if run.valid else pill("INVALID", "bad")


def _accuracy(run: RunResult | None) -> Html:
    if run is None:
        return tag("span", "not measured", class_="dim")
    lines = []
    for bound in bounds(run):
        lines.append(_bound(bound))
    met = accuracy_met(run)
    if met is not None:
        lines.append(pill("target met", "good") if met else pill("target MISSED", "bad"))
    if not run.valid:
        lines.append(pill("run failed", "bad"))
    return join(lines, " ") if lines else tag("span", "no value", class_="dim")


def _bound(bound: Bound) -> Html:
    value, limits = significant(bound.value), []
    for sign, edge in (("≥", bound.low), ("≤", bound.high)):
        if edge is None:
            continue
        if bound.value is None:
            limits.append(f"{sign} {significant(edge)}")
        else:
            shown, limit = against(bound.value, edge)
            value = max(value, shown, key=len)
            limits.append(f"{sign} {limit}")
    target = "target " + ", ".join(limits) if limits else "no target"
    unit = tag("span", target, class_="unit")
    return tag("div", tag("strong", value), " ", bound.metric, " ", unit)


def _durations(each: Row) -> Html:
    first = duration(number(each.performance.duration_s)) if each.performance else UNKNOWN
    seconds = number(each.accuracy.duration_s) if each.accuracy else None
    if seconds is None:
        return text(first)
    return join([first, tag("span", f"accuracy {duration(seconds)}", class_="second")], " ")


def _remarks(each: Row, stale: Mapping[str, Sequence[str]]) -> Iterator[Html]:
    for word, run in each.runs():
        fault = "INVALID" if word == "performance" else "failed"
        if not run.valid:
            for reason in run.reasons or ("no reason was recorded",):
                yield _remark(f"{word} {fault}", reason, "bad")
        else:
            for reason in run.reasons:
                yield _remark(word, reason, "warn")
        for reason in stale.get(run.task, ()) or (("",) if run.task in stale else ()):
            yield _remark(f"{word} is stale", reason, "warn")
        for warning in listed(run, "warnings"):
            yield _remark(f"{word} warning", str(warning), "warn")


def _remark(what: str, why: str, kind: str) -> Html:
    return join([tag("strong", what, class_=kind), prose(why)], ": " if why else "")
