"""The two plots: latency over the percentiles, and throughput side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchwright.report import svg
from benchwright.report.markup import Html, plain
from benchwright.report.quantities import tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = ("●", "■", "▲", "◆", "▼", "★")
"""The marks of the series as text, in the order of `_MARKERS`."""

_MARKERS = ("o", "s", "^", "D", "v", "*")
_WIDTH = 4.4
_LOG_ABOVE = 12.0
_TAIL = 0.7


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a latency plot: its number on the page, its name, and its rising
    (percentile, ms)."""

    series: int
    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: the group it stands in, its series' number and name, its length, what is written
    at its end, and whether it is worked out rather than measured, or does not count."""

    group: str
    series: int
    name: str
    value: float
    label: str
    derived: bool = False
    invalid: bool = False


def latency(
    plot_id: str,
    title: str,
    lines: Sequence[Line],
    limits: Sequence[float] = (),
    percentile: float | None = None,
) -> Html:
    """ms over percentile, stretched so that each further nine takes the same room. limits: lines
    in ms that must not be crossed at `percentile`, which is marked."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        known = sorted({p for line in lines for p, _ in line.points})
        place = _stretch(known)
        _percentile_axis(axes, known, place)
        values = [ms for line in lines for _, ms in line.points] + list(limits)
        _ms_axis(axes, values)
        if percentile in place:
            axes.axvline(place[percentile], color=svg.MUTED, linewidth=0.8, dashes=(2, 3))
        for limit in limits:
            axes.axhline(limit, color=svg.LIMIT, linewidth=1.2, dashes=(5, 3))
            axes.annotate(
                f"limit {tidy(limit)} ms",
                (0, limit),
                xycoords=("axes fraction", "data"),
                xytext=(3, 3),
                textcoords="offset points",
                color=svg.LIMIT,
            )
        for line in lines:
            axes.plot(
                [place[p] for p, _ in line.points],
                [ms for _, ms in line.points],
                color=svg.series_color(line.series),
                marker=_MARKERS[line.series % len(_MARKERS)],
                markeredgewidth=0,
                clip_on=False,
                zorder=3,
            )

    return svg.draw(plot_id, title, (_WIDTH, 2.7), paint)


def _stretch(percentiles: Sequence[float]) -> dict[float, float]:
    """Where each percentile stands: equal room for 0 to 90, 90 to 99, 99 to 99.9, and so on. 100
    would be infinitely far out and comes a little after the one before it."""
    place = {p: -math.log10(1 - p / 100) for p in percentiles if p < 100}
    if 100 in percentiles:
        place[100] = max(place.values(), default=0.0) + _TAIL
    return place


def _percentile_axis(axes: Axes, known: Sequence[float], place: dict[float, float]) -> None:
    low, high = min(place.values(), default=0.0), max(place.values(), default=1.0)
    room = max(high - low, 1e-9)
    shown: list[float] = []
    # The whole nines first: where two labels would touch, the later one gives way.
    for p in sorted(known, key=lambda p: (p not in (0, 50, 90, 99, 99.9, 100), p)):
        if all(abs(place[p] - place[other]) > room * 0.075 for other in shown):
            shown.append(p)
    names = {0.0: "min", 100.0: "max"}
    axes.set_xticks([place[p] for p in shown], [names.get(p, f"{p:g}") for p in shown])
    axes.set_xlim(low - room * 0.03, high + room * 0.03)
    axes.set_xlabel("percentile")
    axes.grid(visible=False, axis="x")


def _ms_axis(axes: Axes, values: Sequence[float]) -> None:
    high = max(values, default=1.0) or 1.0
    low = min(values, default=0.0)
    axes.set_ylabel("ms")
    if low <= 0 or high / low <= _LOG_ABOVE:
        axes.set_ylim(0, high * 1.12)
        ticks = [tick for tick in axes.get_yticks() if tick <= high * 1.12]
    else:
        axes.set_yscale("log")
        low, high = low / 1.25, high * 1.35
        axes.set_ylim(low, high)
        ticks = _ticks_125(low, high)
        axes.minorticks_off()
    axes.set_yticks(ticks, [tidy(tick, 3) for tick in ticks])


def _ticks_125(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, … within the bounds; whole powers, or fewer, where that would be too many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    ticks = [tick for tick in fine if low <= tick <= high]
    if len(ticks) > 8:
        ticks = [10.0**power for power in powers if low <= 10.0**power <= high]
    return ticks[:: math.ceil(len(ticks) / 8)] if ticks else [low, high]


def throughput(plot_id: str, title: str, unit: str, bars: Sequence[Bar]) -> Html:
    """Bars from zero, in the order given, grouped."""
    height = 0.62
    groups: dict[str, list[Bar]] = {}
    for bar in bars:
        groups.setdefault(bar.group, []).append(bar)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        y = 0.0
        ticks: dict[str, float] = {}
        for group, members in groups.items():
            ticks[group] = y + (len(members) - 1) / 2
            for bar in members:
                axes.barh(y, bar.value, **_bar_style(bar, height))
                _bar_label(axes, bar, y)
                y += 1
            y += 0.5
        axes.set_yticks(list(ticks.values()), [plain(group)[:40] for group in ticks])
        axes.tick_params(axis="y", labelcolor=svg.INK)
        axes.set_ylim(y - 1, -0.6)
        longest = max((len(bar.label) for bar in bars), default=0)
        top = max((bar.value for bar in bars), default=0.0) or 1.0
        # Room for the labels, which stand right of the bars.
        axes.set_xlim(0, top * (1.06 + 0.022 * longest))
        axes.locator_params(axis="x", nbins=4)
        axes.xaxis.set_major_formatter(lambda value, _: tidy(value, 3))
        axes.set_xlabel(unit)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)

    inches = (_WIDTH, 0.55 + 0.24 * len(bars) + 0.12 * len(groups))
    return svg.draw(plot_id, title, inches, paint)


def _bar_style(bar: Bar, height: float) -> dict[str, Any]:
    color = svg.series_color(bar.series)
    if bar.invalid:
        return {"height": height, "facecolor": "none", "edgecolor": color, "linestyle": "--"}
    return {"height": height, "color": color, "alpha": 0.45 if bar.derived else 1}


def _bar_label(axes: Axes, bar: Bar, y: float) -> None:
    axes.annotate(
        plain(bar.label)[:40],
        (bar.value, y),
        xytext=(4, 0),
        textcoords="offset points",
        va="center_baseline",
        color=svg.LIMIT if bar.invalid else svg.INK,
    )
