"""HTML from plain strings. Every string is escaped unless it is `Html` already, so that forgetting
something shows too much markup, never too little."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence

# What HTML and XML forbid: control characters but tab and line ends, and halves of surrogates.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

_CODE = re.compile(r"`([^`\n]+)`")

_VOID = frozenset({"br", "link", "meta"})


class Html(str):
    """Markup that is complete as it stands and is not escaped again."""

    __slots__ = ()


Child = str | None
Cells = Sequence["Child | Cell"]


class Cell:
    """A table's cell with attributes; `header` makes it the row's header."""

    __slots__ = ("attributes", "child", "header")

    def __init__(self, child: Child, *, header: bool = False, **attributes: str | None) -> None:
        self.child = child
        self.header = header
        self.attributes = attributes


def plain(value: object) -> str:
    """The value as text, with what HTML forbids replaced by U+FFFD."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(value))


def text(value: object) -> Html:
    """The value as escaped text; None is nothing."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else html.escape(plain(value), quote=True))


def join(children: Iterable[Child], between: Child = "") -> Html:
    """The children one after another."""
    return Html(text(between).join(text(child) for child in children))


def tag(name: str, /, *children: Child, **attributes: str | None) -> Html:
    """An element. Attributes that are None are left out; `class_` means `class`, and `aria_label`
    means `aria-label`."""
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{words}>")
    return Html(f"<{name}{words}>{join(children)}</{name}>")


def prose(value: object) -> Html:
    """Text in which `backquotes` mark code, as our messages have it."""
    parts = _CODE.split(plain(value))
    return join(tag("code", part) if at % 2 else part for at, part in enumerate(parts))


def bullets(items: Iterable[Child], **attributes: str | None) -> Html:
    """An unordered list."""
    return tag("ul", *(tag("li", item) for item in items), **attributes)


def fold(summary: Child, *children: Child, **attributes: str | None) -> Html:
    """What opens on a click."""
    return tag("details", tag("summary", summary), *children, **attributes)


def row(cells: Cells, heads: Sequence[str] = (), **attributes: str | None) -> Html:
    """A table's row. With `heads`, each cell names its column, for narrow screens."""
    made = []
    for at, cell in enumerate(cells):
        own = cell if isinstance(cell, Cell) else Cell(cell)
        label = heads[at] if at < len(heads) else None
        # Beside its label, a cell's content has to be one thing.
        child = tag("div", own.child) if label else own.child
        kind, scope = ("th", "row") if own.header else ("td", None)
        made.append(tag(kind, child, scope=scope, data_label=label, **own.attributes))
    return tag("tr", *made, **attributes)


def table(
    caption: str, heads: Sequence[Child | Cell], bodies: Iterable[Iterable[Html]], css: str = ""
) -> Html:
    """A table in a box that scrolls sideways when it must. `bodies` are groups of rows."""
    columns = [head if isinstance(head, Cell) else Cell(head) for head in heads]
    line = tag("tr", *(tag("th", c.child, scope="col", **c.attributes) for c in columns))
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption),
            tag("thead", line),
            *(Html("\n" + tag("tbody", join(rows, Html("\n")))) for rows in bodies),
            class_=css or None,
        ),
        class_="scroll",
        role="region",
        aria_label=caption,
        tabindex="0",
    )


def pairs(caption: str, heads: tuple[str, str], rows: Mapping[str, Child]) -> Html:
    """A table of names and values, in the mapping's order."""
    lines = [row([Cell(name, header=True), value]) for name, value in rows.items()]
    return table(caption, heads, [lines], "pairs")
