"""Numbers as people read them: digits, units, durations and sizes."""

from __future__ import annotations

import json
import math
from typing import Any

UNKNOWN = "\N{EN DASH}"
"""Stands where a value is not known."""


def number(value: Any) -> float | None:
    """The value as a float where it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def significant(value: float | None, digits: int = 4) -> str:
    """At least `digits` significant digits, with thousands separated; no number is a dash.

    >>> [significant(v) for v in (1234567.8, 999.97, 12.3456, 0.0123456, 0)]
    ['1,234,568', '1,000', '12.35', '0.01235', '0']
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    # Rounding first, so that 999.97 counts as four digits before the point.
    rounded = f"{value:.{digits - 1}e}"
    size = int(rounded.partition("e")[2])
    decimals = max(0, digits - 1 - size)
    return rounded if decimals > 9 or size > 15 else f"{value:,.{decimals}f}"


def tidy(value: float | None, digits: int = 4) -> str:
    """`significant` without zeros at the end.

    >>> [tidy(v) for v in (15.0, 0.5, 1200.0)]
    ['15', '0.5', '1,200']
    """
    shown = significant(value, digits)
    return shown.rstrip("0").rstrip(".") if "." in shown and "e" not in shown else shown


def against(value: float, limit: float) -> tuple[str, str]:
    """Both numbers with as many digits as it takes to tell them apart.

    >>> against(75.6954, 75.6955)
    ('75.6954', '75.6955')
    """
    for digits in range(4, 17):
        shown = significant(value, digits), significant(limit, digits)
        if shown[0] != shown[1] or value == limit:
            break
    return shown


def duration(seconds: float | None) -> str:
    """A time span.

    >>> [duration(v) for v in (0.52, 61, 603.4, 7500)]
    ['0.520 s', '61.0 s', '10 min 3 s', '2 h 5 min']
    """
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 120:
        return f"{significant(seconds, 3)} s"
    if seconds < 7200:
        return f"{int(seconds) // 60} min {int(seconds) % 60} s"
    return f"{int(seconds) // 3600} h {int(seconds) % 3600 // 60} min"


def size(value: float) -> str:
    """Bytes in binary units.

    >>> [size(v) for v in (512, 33_000_000_000)]
    ['512 B', '30.73 GiB']
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{tidy(value)} {unit}"
        value /= 1024
    return f"{tidy(value)} TiB"


def value_text(value: Any) -> str:
    """Any JSON value on one line."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and not any(
        isinstance(v, list | tuple | dict) for v in value
    ):
        return ", ".join(value_text(item) for item in value)
    # Numbers stand as they were recorded: a seed or a setting is copied from here.
    return json.dumps(value, ensure_ascii=False, default=str)
