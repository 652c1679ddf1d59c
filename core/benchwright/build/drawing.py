"""A task graph as text and as SVG: layers from what needs nothing to what needs all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from benchwright.build.graph import Graph
from benchwright.build.status import TaskStatus

_LETTER = 7.3
"""Pixels of a letter of the font below, at most."""
_ROW, _BOX, _GAP, _EDGE = 38, 26, 70, 16
_SWEEPS = 6

_STYLE = """\
text { font: 12px ui-monospace, 'DejaVu Sans Mono', monospace; fill: #1b1f24; }
rect { rx: 4; stroke-width: 1.2; }
.up-to-date rect { fill: #eef3ee; stroke: #6b8f71; }
.due rect { fill: #fff1d6; stroke: #b36b00; stroke-width: 2; }
.stale rect { fill: #f1ecf9; stroke: #6f4fa8; stroke-dasharray: 5 3; }
path { fill: none; stroke: #8a929c; stroke-width: 1.1; }
.ground { fill: #ffffff; }"""

MARKS = {"due": "*", "stale": "~", "up-to-date": " "}
LEGEND = "* due   ~ stale, kept"


def state(status: TaskStatus) -> str:
    """`due`, `stale` (a measured run that is kept) or `up-to-date`."""
    return "stale" if status.stale and not status.due else status.word


def as_text(graph: Graph) -> str:
    """One line a task: a mark, its name, and what it waits for, layer by layer."""
    graph = graph.reduced()
    needed = graph.needed()
    width = max((len(name) for name in graph.tasks), default=0)
    lines = []
    whole: dict[frozenset[str], str] = {}
    for number, layer in enumerate(graph.layers(), start=1):
        lines.append(f"layer {number}")
        for name in layer:
            mark = MARKS[state(graph.tasks[name])]
            waits = whole.get(frozenset(needed[name]), ", ".join(needed[name]))
            lines.append(f"  {mark} {name:{width}}  <- {waits}" if waits else f"  {mark} {name}")
        if len(layer) > 1:
            whole[frozenset(layer)] = f"all of layer {number}"
    return "\n".join([*lines, LEGEND])


def as_svg(graph: Graph) -> str:
    """An SVG picture, left to right. Tasks that are due have a mark and a heavy edge besides
    their colour; each box tells its reasons when pointed at."""
    graph = graph.reduced()
    layers = _arranged(graph)
    rows = max((len(layer) for layer in layers), default=0)
    place: dict[str, tuple[float, float, float]] = {}
    left = float(_EDGE)
    for layer in layers:
        width = max(len(name) + 2 for name in layer) * _LETTER + 16
        top = _EDGE + (rows - len(layer)) * _ROW / 2
        for number, name in enumerate(layer):
            place[name] = (left, top + number * _ROW, width)
        left += width + _GAP
    wide, high = left - _GAP + _EDGE, rows * _ROW + 2 * _EDGE + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high}" '
        f'width="{wide:.0f}" height="{high}" role="img">',
        f"<title>{len(graph.tasks)} tasks</title><style>{_STYLE}</style>",
        f'<rect class="ground" width="{wide:.0f}" height="{high}"/>',
        *(_edge(place[first], place[then]) for first, then in graph.edges),
        *(_box(graph.tasks[name], *place[name]) for layer in layers for name in layer),
        f'<text x="{_EDGE}" y="{high - 10}">{escape(LEGEND)}</text>',
        "</svg>\n",
    ]
    return "\n".join(parts)


def _arranged(graph: Graph) -> list[list[str]]:
    """The layers, each in an order that keeps edges short: every task goes to the middle of its
    neighbours in the layer that was arranged before, there and back a few times."""
    layers = graph.layers()
    neighbours: dict[str, list[str]] = {name: [] for name in graph.tasks}
    for first, then in graph.edges:
        neighbours[first].append(then)
        neighbours[then].append(first)
    for sweep in range(_SWEEPS):
        where = _heights(layers)
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            middle = {name: _middle(name, neighbours[name], where) for name in layer}
            layer.sort(key=middle.__getitem__)
            where.update(_heights([layer]))
    return layers


def _heights(layers: Sequence[Sequence[str]]) -> dict[str, float]:
    return {
        name: number - (len(layer) - 1) / 2 for layer in layers for number, name in enumerate(layer)
    }


def _middle(name: str, others: Sequence[str], where: Mapping[str, float]) -> float:
    return sum(where[other] for other in others) / len(others) if others else where[name]


def _edge(first: tuple[float, float, float], then: tuple[float, float, float]) -> str:
    x, y = first[0] + first[2], first[1] + _BOX / 2
    to_x, to_y = then[0], then[1] + _BOX / 2
    bend = _GAP / 2
    return (
        f'<path d="M{x:.1f} {y:.1f} C{x + bend:.1f} {y:.1f} '
        f'{to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"/>'
    )


def _box(status: TaskStatus, x: float, y: float, width: float) -> str:
    kind = state(status)
    told = "; ".join((*status.reasons, *status.stale)) or "up to date"
    return (
        f'<g class="{kind}"><title>{escape(f"{status.name}: {kind}: {told}")}</title>'
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_BOX}"/>'
        f'<text x="{x + 8:.1f}" y="{y + 17:.1f}">'
        f"{escape(f'{MARKS[kind]} {status.name}'.strip())}</text></g>"
    )
