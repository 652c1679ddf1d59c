"""A matplotlib figure as inline SVG: small, in the page's own colours, with ids of its own.

A drawing names its colours by role (`INK`, `series_color`); they leave here as the style sheet's
variables, so that one drawing suits a light page, a dark one and paper.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from benchwright.report.markup import Html, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SERIES = 6
"""Colours and marks repeat after so many series."""

# Near-blacks that no drawing means literally, each standing for a variable.
INK, MUTED, GRID, LIMIT = "#010101", "#010102", "#010103", "#010104"
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--line", LIMIT: "--bad"}
_VARIABLES |= {f"#0102{at:02d}": f"--s{at + 1}" for at in range(SERIES)}

_COLOR = re.compile(r"#010[12]\d\d\b")
_FRACTION = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"#([A-Za-z][\w.-]*)")
_FONTS = re.compile(r"\s*font-family:[^;]*;?")

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchwright",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.size": 8.5,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.unicode_minus": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
}


def series_color(at: int) -> str:
    """The colour of the series with this number, from zero."""
    return f"#0102{at % SERIES:02d}"


def draw(
    plot_id: str, title: str, inches: tuple[float, float], paint: Callable[[Figure], None]
) -> Html:
    """What `paint` draws on an empty figure. plot_id: unique in the page; title: what a reader
    who cannot see the plot hears."""
    from matplotlib.figure import Figure

    file = io.BytesIO()
    with _own_style(), warnings.catch_warnings():
        # Letters that the measuring font lacks are the browser's to draw.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=inches, layout="constrained")
        paint(figure)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _inline(file.getvalue().decode("utf-8"), plot_id, title)


@contextmanager
def _own_style() -> Iterator[None]:
    """Our settings and matplotlib's defaults, whatever the user's own configuration says."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def _inline(document: str, plot_id: str, title: str) -> Html:
    root = ElementTree.fromstring(document)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.text = element.text if element.tag == "text" else None
        element.tail = None
        for key in list(element.attrib):
            element.set(key.rpartition("}")[2], _short(element.attrib.pop(key)))
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
    _own_ids(root, plot_id)
    _flatten(root)
    view = root.get("viewBox", "")
    root.attrib.clear()
    # Not a <title>: browsers would show that over the plot.
    root.attrib |= {"viewBox": view, "role": "img", "aria-label": plain(title)}
    return Html(ElementTree.tostring(root, encoding="unicode"))


def _short(value: str) -> str:
    value = _COLOR.sub(lambda found: f"var({_VARIABLES[found[0]]})", value)
    value = _FRACTION.sub(lambda found: f"{float(found[0]):.2f}", value)
    return _FONTS.sub("", value).replace("\n", "").strip()


def _own_ids(root: ElementTree.Element, plot_id: str) -> None:
    """Keeps the ids that something refers to, under names that no other plot has."""
    used: dict[str, str] = {}
    for element in root.iter():
        for key, value in element.attrib.items():
            if key != "id":
                for name in _REFERENCE.findall(value):
                    used.setdefault(name, f"{plot_id}-{len(used) + 1}")
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            if key != "id":
                element.set(key, _REFERENCE.sub(lambda found: f"#{used[found[1]]}", value))
            elif value in used:
                element.set(key, used[value])
            else:
                del element.attrib[key]


def _flatten(parent: ElementTree.Element) -> None:
    """Drops what says nothing: metadata, the style sheet of its own, empty and bare groups."""
    kept: list[Any] = []
    for child in parent:
        _flatten(child)
        if child.tag in ("metadata", "style") or (child.tag in ("g", "defs") and not len(child)):
            continue
        if child.tag == "g" and not child.attrib:
            kept.extend(child)
        elif not (child.tag == "path" and child.get("style") == "fill: none"):
            kept.append(child)
    parent[:] = kept
