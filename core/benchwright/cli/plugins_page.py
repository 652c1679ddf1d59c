"""What plugins bring as a page of documentation, from the declarations that all else uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_HEAD = """\
# What the plugins bring

`benchwright plugins --markdown` writes this page from what the plugins declare; with a name behind
it, the page of one plugin, yours for instance.
"""
_UNSHOWN = (
    "family",
    "name",
    "summary",
    "plugin",
    "options",
    "capabilities",
    "presets",
    "available",
)


def page(things: Iterable[Mapping[str, Any]], *, head: bool = True) -> str:
    """Markdown: a section for each thing, with its options and capabilities.

    things: as `benchwright plugins NAME --json` lists them under `brought`. What holds for this
    machine only is left out.
    """
    lines = [_HEAD] if head else []
    for thing in things:
        lines += [*_section(thing), ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(thing: Mapping[str, Any]) -> Iterator[str]:
    family = str(thing["family"]).replace("_", " ").removesuffix("s")
    yield f"## {thing['name']} ({family})"
    yield ""
    yield f"{_cell(thing['summary'])}. Plugin `{thing['plugin']}`."
    able = {**thing.get("capabilities", {}), **thing}
    rows = [(name.replace("_", " "), _value(able[name])) for name in able if name not in _UNSHOWN]
    rows += [(f"preset {name}", text) for name, text in thing.get("presets", {}).items()]
    yield from _table(("what it can", ""), [row for row in rows if row[1]])
    options = thing.get("options", ())
    yield from _table(
        ("option", "type", "default", "meaning"),
        [
            (f"`{item['name']}`", item["type"], f"`{item['default']}`", item["description"])
            for item in options
        ],
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    for cells in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(map(_cell, cells))} |"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")
