"""One section for each benchmark: its throughput side by side, its latencies by percentile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchwright.report import plots
from benchwright.report.markup import Cell, Child, Html, join, row, table, tag
from benchwright.report.plots import Bar, Line
from benchwright.report.quantities import number, significant, tidy
from benchwright.report.rows import Row
from benchwright.report.svg import SERIES

_SAMPLES = ("samples/s", "queries/s")
_PREFIX = {
    "SingleStream": "single_stream",
    "MultiStream": "multi_stream",
    "Server": "server",
}


def series_numbers(rows: Sequence[Row]) -> dict[str, int]:
    """Each series' number: the same colour and mark all over the page."""
    return {name: at for at, name in enumerate(dict.fromkeys(each.series for each in rows))}


def benchmark_section(
    anchor: str, name: str, rows: Sequence[Row], numbers: Mapping[str, int]
) -> Html:
    """A benchmark's plots and percentile table; says so where no run left anything to plot."""
    figures = join([*_bars(anchor, name, rows, numbers), *_latencies(anchor, name, rows, numbers)])
    if not figures:
        figures = tag("p", "No performance run has left figures to plot.", class_="empty")
    else:
        figures = join([_legend(rows, numbers), tag("div", figures, class_="figures")])
    return tag(
        "section",
        tag("h2", name, id=f"{anchor}-title"),
        figures,
        _percentiles(name, rows),
        id=anchor,
        aria_labelledby=f"{anchor}-title",
    )


def _legend(rows: Sequence[Row], numbers: Mapping[str, int]) -> Html:
    items = [
        tag("li", mark(numbers[name]), " ", name) for name in dict.fromkeys(r.series for r in rows)
    ]
    return tag("ul", *items, class_="legend", aria_label="Series")


def mark(number_: int) -> Html:
    """The coloured mark of a series."""
    color = f"s{number_ % SERIES + 1}"
    return tag("span", plots.MARKS[number_ % SERIES], class_=color, aria_hidden="true")


# ---- throughput


def _bars(
    anchor: str, name: str, rows: Sequence[Row], numbers: Mapping[str, int]
) -> Iterator[Html]:
    # Tokens and samples do not compare: where there are tokens, they are what is asked for.
    tokens = any(each.performance and each.performance.unit == "tokens/s" for each in rows)
    pace = [bar for each in rows if (bar := _bar(each, numbers[each.series], tokens))]
    if len(pace) < 2:
        return
    unit = "tokens per second" if tokens else "samples per second"
    said = "; ".join(f"{bar.group}, {bar.name}: {bar.label}" for bar in pace)
    plot = plots.throughput(f"{anchor}-bars", f"Throughput of {name}. {said}", unit, pace)
    remarks = []
    if any(bar.derived for bar in pace):
        remarks.append(
            "Pale bars are worked out: samples of a query divided by the reported latency."
        )
    if any(bar.invalid for bar in pace):
        remarks.append("Dashed bars are of runs that do not count.")
    yield _figure("Throughput", plot, remarks)


def _bar(each: Row, series: int, tokens: bool) -> Bar | None:
    """The run's throughput, where it has one or the latency tells it."""
    run = each.performance
    value = number(run.value) if run else None
    if run is None or value is None or value <= 0:
        return None
    derived = run.unit == "ms" and not tokens
    if derived:
        size = each.setting("multi_stream_samples_per_query") or 0.0
        value = (size if each.scenario == "MultiStream" else 1.0) * 1000 / value
    elif run.unit not in (("tokens/s",) if tokens else _SAMPLES):
        return None
    if value == 0:
        return None
    label = significant(value) + ("" if run.valid else " INVALID")
    return Bar(each.scenario, series, each.series, value, label, derived, not run.valid)


# ---- latency


def _latencies(
    anchor: str, name: str, rows: Sequence[Row], numbers: Mapping[str, int]
) -> Iterator[Html]:
    for at, scenario in enumerate(dict.fromkeys(each.scenario for each in rows)):
        drawn = [each for each in rows if each.scenario == scenario and each.curve]
        if not drawn:
            continue
        prefix = _PREFIX.get(scenario, "")
        counts = {
            round(value * 100, 6)
            for each in drawn
            if (value := each.setting(f"{prefix}_target_latency_percentile"))
        }
        percentile = counts.pop() if len(counts) == 1 else None
        limits = sorted(_limits(drawn)) if scenario == "Server" else []
        plot = plots.latency(
            f"{anchor}-l{at}",
            _spoken(name, scenario, drawn),
            [Line(numbers[each.series], each.series, each.curve) for each in drawn],
            limits,
            percentile,
        )
        yield _figure(f"{scenario}: latency", plot, _remarks(scenario, limits, percentile))


def _limits(drawn: Sequence[Row]) -> set[float]:
    found = (each.setting("server_target_latency_ns") for each in drawn)
    return {ns / 1e6 for ns in found if ns}


def _spoken(name: str, scenario: str, drawn: Sequence[Row]) -> str:
    """The plot in words, for who cannot see it; the table below has every figure."""
    lines = []
    for each in drawn:
        points = each.curve
        few = [(p, ms) for p, ms in points if p in (50, 90, 99, 100)] or points[-1:]
        said = ", ".join(f"{_percentile_name(p)} {significant(ms, 3)} ms" for p, ms in few)
        lines.append(f"{each.series}: {said}")
    return f"Latency by percentile of {name}, {scenario}. " + "; ".join(lines)


def _remarks(scenario: str, limits: Sequence[float], percentile: float | None) -> list[str]:
    if scenario == "Offline":
        return ["A sample's latency counts from the start of the run, which is one query."]
    counts = f"p{percentile:g}" if percentile is not None else ""
    if limits and counts:
        told = " or ".join(f"{tidy(limit)} ms" for limit in limits)
        return [f"{counts} (dotted) has to stay below {told} (dashed)."]
    return [f"{counts} (dotted) is the percentile that is reported."] if counts else []


def _figure(title: str, plot: Html, remarks: Sequence[str]) -> Html:
    small = tag("small", " ".join(remarks)) if remarks else None
    return tag("figure", tag("figcaption", tag("strong", title), " ", small), plot)


# ---- the percentile table


def _percentiles(name: str, rows: Sequence[Row]) -> Html | None:
    drawn = [each for each in rows if each.curve]
    if not drawn:
        return None
    known = sorted({p for each in drawn for p, _ in each.curve})
    heads: list[Child | Cell] = ["Scenario", "Backend"]
    heads += [Cell(_percentile_name(p), class_="number") for p in known]
    lines = []
    for each in drawn:
        values = dict(each.curve)
        cells = [Cell(significant(values.get(p), 3), class_="number") for p in known]
        lines.append(row([Cell(each.scenario, header=True), each.series, *cells]))
    caption = f"Latency of {name} in ms, by percentile"
    found = table(caption, heads, [lines], "percentiles quiet")
    return join([tag("h3", "Latency in ms, by percentile"), found])


def _percentile_name(percentile: float) -> str:
    return {0.0: "min", 100.0: "max"}.get(percentile, f"p{percentile:g}")
