"""How a descriptor names its options model: by a function that imports it when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchwright.options import Options

LoadOptions = Callable[[], "type[Options]"]
"""Gives the typed model of what a user may set. Planning calls it only where what the user has
set, or the plugin, has changed: pydantic takes a third of a start's time."""


def no_options() -> type[Options]:
    """The model of what has no options."""
    from benchwright.options import Options

    return Options
