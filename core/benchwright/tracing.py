"""`BENCHWRIGHT_TRACE_PLUGINS=1`: every call into a plugin as a line on standard error.

pluggy's own monitoring sees a hook as one call of all plugins; here each plugin is called by
itself, so that each has its own time and its own failure, and calls that are no hooks (a probe's
reading, a meter's start) are traced as well.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping
from typing import Any

TRACE_VARIABLE = "BENCHWRIGHT_TRACE_PLUGINS"
"""Environment variable: anything but nothing and `0` switches the trace on."""

_SHOWN = 4
"""So many things of a list are shown."""


def wanted() -> bool:
    """Whether calls are to be traced."""
    return os.environ.get(TRACE_VARIABLE, "0") not in ("", "0")


def trace(
    plugin: str, what: str, arguments: Mapping[str, Any], seconds: float, outcome: str
) -> None:
    """Writes one line: plugin, call, arguments in short, duration, and what came of it."""
    from benchwright.build.console import person

    given = ", ".join(f"{name}={brief(value)}" for name, value in arguments.items())
    print(
        f"trace: {plugin}: {what}({given}) {seconds * 1e3:.1f} ms {outcome}",
        file=person(),
        flush=True,
    )


def brief(value: Any) -> str:
    """Any value on one line of moderate length."""
    try:
        return " ".join(_brief(value).split())
    except Exception as error:
        # Somebody else's __repr__.
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


def _brief(value: Any) -> str:
    if isinstance(value, list):
        shown = [_one(item) for item in value[:_SHOWN]]
        more = [f"{len(value) - _SHOWN} more"] if len(value) > _SHOWN else []
        return f"[{', '.join(shown + more)}]"
    return _one(value)


def _one(value: Any) -> str:
    name = getattr(value, "name", None)
    if isinstance(name, str):
        return f"{type(value).__name__} {name}"
    if isinstance(value, dict) and "basename" in value:
        return ":".join(str(value[key]) for key in ("basename", "name") if value.get(key))
    text_of: Any = type(value).__repr__
    if text_of is object.__repr__:
        return f"<{type(value).__name__}>"
    return reprlib.repr(value)
